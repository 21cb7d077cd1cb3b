/// What goes with a call of gRPC beside its messages: names with values, from its caller, or from its method before
/// the first message (leading) and after the last (trailing).
///
/// A name may come several times; its values keep their order. Names are in lower case. The values of those that end in
/// `-bin` are bytes, all others are printable ASCII.
public struct CallMetadata: Equatable, Sendable {
  /// One name with one value.
  public struct Entry: Equatable, Sendable {
    /// The name.
    public let name: String
    /// The value, decoded where it is binary.
    public let value: [UInt8]
  }

  /// All that there is, in its order.
  public private(set) var entries: [Entry] = []

  /// No metadata.
  public init() {}

  /// The pairs, in this order.
  public init(_ pairs: [(name: String, text: String)]) { for pair in pairs { add(pair.name, pair.text) } }

  /// Whether the values of `name` are bytes.
  public static func isBinary(_ name: String) -> Bool { name.hasSuffix("-bin") }

  /// Adds a value to those of `name`.
  public mutating func add(_ name: String, _ value: [UInt8]) { entries.append(Entry(name: name, value: value)) }

  /// Adds a text to the values of `name`.
  public mutating func add(_ name: String, _ text: String) { add(name, Array(text.utf8)) }

  /// The values of `name`, in their order.
  public subscript(name: String) -> [[UInt8]] { entries.filter { $0.name == name }.map(\.value) }

  /// The first value of `name`, which must not be binary; nil where there is none.
  public func text(_ name: String) -> String? {
    entries.first { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
  }
}
