import MeshRuntime

extension JSONMember {
  /// Whether its name is `name`, in any case of the letters A to Z.
  func isNamed(_ name: String) -> Bool { self.name.lowercased() == name.lowercased() }
}

extension JSONValue {
  /// The member `name` of an object, its name compared without case; the last one wins.
  func member(_ name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.isNamed(name) }?.value
  }

  /// The text of a string.
  var text: String? {
    if case .string(let text) = self { return text }
    return nil
  }

  /// The value of a number, or of a number in quotes.
  var number: Double? {
    switch self {
    case .number(let text), .string(let text): return Double(text)
    default: return nil
    }
  }

  /// An object of these members, in their order.
  static func members(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
    .object(members.map { JSONMember($0.key, $0.value) })
  }

  /// `text`, or null for none.
  static func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }

  /// This object with the value of the member `name` replaced.
  func replacing(_ name: String, with value: JSONValue) -> JSONValue {
    guard case .object(let members) = self else { return self }
    return .object(members.map { $0.isNamed(name) ? JSONMember($0.name, value) : $0 })
  }
}

/// Writes a JSON tree without white space; members that are null are left out, as OmniRelay's CLI does.
enum JSONText {
  /// An object of these members, in their order.
  static func object(_ members: KeyValuePairs<String, JSONValue>) -> String {
    compact(.members(members))
  }

  static func compact(_ value: JSONValue) -> String {
    switch value {
    case .null: return "null"
    case .bool(let flag): return flag ? "true" : "false"
    case .number(let text): return text
    case .string(let text): return quoted(text)
    case .array(let items): return "[" + items.map(compact).joined(separator: ",") + "]"
    case .object(let members):
      let present = members.filter { $0.value != .null }
      return "{" + present.map { "\(quoted($0.name)):\(compact($0.value))" }.joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var writer = JSONWriter()
    writer.string(text)
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}
