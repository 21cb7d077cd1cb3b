/// .NET's format `O` of a DateTimeOffset: `2025-11-24T10:00:00.1234567+00:00`, always seven digits of fraction.
enum RoundTripTime {
  private static let shape = "0000-00-00T00:00:00"

  /// Rewrites an ISO 8601 time with an offset; nil when `text` is none.
  static func format(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    guard bytes.count > shape.utf8.count, matches(bytes.prefix(shape.utf8.count), shape) else { return nil }
    var rest = bytes.dropFirst(shape.utf8.count)
    var fraction = ""
    if rest.first == UInt8(ascii: ".") {
      let digits = rest.dropFirst().prefix { isDigit($0) }
      guard (1...7).contains(digits.count) else { return nil }
      fraction = String(decoding: digits, as: UTF8.self)
      rest = rest.dropFirst(digits.count &+ 1)
    }
    let offset = String(decoding: rest, as: UTF8.self)
    guard offset == "Z" || matches(rest, "+00:00") || matches(rest, "-00:00") else { return nil }
    let padding = String(repeating: "0", count: 7 &- fraction.count)
    return String(text.prefix(shape.count)) + ".\(fraction)\(padding)" + (offset == "Z" ? "+00:00" : offset)
  }

  /// Whether `bytes` follow `shape`, where `0` stands for any digit.
  private static func matches(_ bytes: ArraySlice<UInt8>, _ shape: String) -> Bool {
    bytes.count == shape.utf8.count
      && zip(bytes, shape.utf8).allSatisfy { $1 == UInt8(ascii: "0") ? isDigit($0) : $0 == $1 }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
