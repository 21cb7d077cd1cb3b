/// Writes JSON text straight into bytes, without a tree and without white space. It places the commas; the caller
/// closes what it opens and gives each member of an object its name first.
///
/// Characters stand for themselves in UTF-8 but for `"`, `\` and the controls below U+0020, which OmniRelay's readers
/// accept as well as its own wider escaping (contracts: http §1).
public struct JSONWriter: Sendable {
  /// The text so far.
  public private(set) var bytes: [UInt8] = []
  /// Whether a value stands before the next one.
  private var follows = false

  /// An empty text.
  public init() {}

  /// Opens an object: `{`.
  public mutating func beginObject() { open(UInt8(ascii: "{")) }

  /// Closes the innermost object: `}`.
  public mutating func endObject() { close(UInt8(ascii: "}")) }

  /// Opens an array: `[`.
  public mutating func beginArray() { open(UInt8(ascii: "[")) }

  /// Closes the innermost array: `]`.
  public mutating func endArray() { close(UInt8(ascii: "]")) }

  /// The name of the member whose value is written next.
  public mutating func name(_ name: String) {
    separate()
    quote(name)
    bytes.append(UInt8(ascii: ":"))
    follows = false
  }

  /// A string.
  public mutating func string(_ value: String) {
    separate()
    quote(value)
  }

  /// A whole number.
  public mutating func integer(_ value: Int64) { plain(value.description) }

  /// A number, as the shortest text that reads back as the same; JSON has no NaN and no infinities: they are `null`.
  public mutating func double(_ value: Double) {
    guard value.isFinite else { return null() }
    let text = value.description
    // OmniRelay writes whole numbers without a fraction.
    plain(text.hasSuffix(".0") ? String(text.dropLast(2)) : text)
  }

  /// `true` or `false`.
  public mutating func bool(_ value: Bool) { plain(value ? "true" : "false") }

  /// `null`.
  public mutating func null() { plain("null") }

  /// A value that was written before, as it is.
  public mutating func written(_ value: [UInt8]) {
    separate()
    bytes.append(contentsOf: value)
  }

  private mutating func open(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    follows = false
  }

  private mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    follows = true
  }

  private mutating func plain(_ text: String) {
    separate()
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func separate() {
    if follows { bytes.append(UInt8(ascii: ",")) }
    follows = true
  }

  private mutating func quote(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    // Nearly all texts need no escape, and are copied at once.
    let isPlain = text.utf8.withContiguousStorageIfAvailable { text in
      let isPlain = text.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
      if isPlain { bytes.append(contentsOf: text) }
      return isPlain
    }
    if isPlain != true { for byte in text.utf8 { append(byte) } }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func append(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): escape("\\\"")
    case UInt8(ascii: "\\"): escape("\\\\")
    case 0x08: escape("\\b")
    case 0x09: escape("\\t")
    case 0x0A: escape("\\n")
    case 0x0C: escape("\\f")
    case 0x0D: escape("\\r")
    case ..<0x10:
      escape("\\u000")
      escape(String(byte, radix: 16, uppercase: true))
    case ..<0x20:
      escape("\\u00")
      escape(String(byte, radix: 16, uppercase: true))
    default: bytes.append(byte)
    }
  }

  private mutating func escape(_ text: String) { bytes.append(contentsOf: text.utf8) }
}
