/// One key of the configuration, as the table declares it: what bindings and the reference need to know.
public struct ConfigurationKey: Sendable {
  /// The path as it is written, such as `mesh:gossip:interval`. Paths match in any case.
  public let path: String
  /// What happens when nobody sets the key.
  public let defaultText: String
  /// What the key means, in one line.
  public let meaning: String
  /// Whether the key changes what a node does; OmniRelay's other keys are accepted with a notice.
  public let hasEffect: Bool
  /// Whether the value is never shown.
  public let isSecret: Bool
  /// What the value may be.
  let type: ValueType

  /// The type in one word: boolean, integer, number, duration, text, address, path, base64, list, map or any.
  public var typeName: String { type.name }
  /// What is allowed, in words.
  public var allowed: String { type.allowed }
  /// The path in lower case, by which keys are found.
  var lookup: String { Text.lowercased(path) }

  init(
    _ path: String, _ type: ValueType, default defaultText: String, _ meaning: String, hasEffect: Bool = true,
    isSecret: Bool = false
  ) {
    self.path = path
    self.type = type
    self.defaultText = defaultText
    self.meaning = meaning
    self.hasEffect = hasEffect
    self.isSecret = isSecret
  }

  /// A key of OmniRelay's that is checked and then has no effect; `why` says so.
  static func accepted(_ path: String, _ type: ValueType, default text: String, why: String) -> ConfigurationKey {
    ConfigurationKey(path, type, default: text, why, hasEffect: false)
  }
}
