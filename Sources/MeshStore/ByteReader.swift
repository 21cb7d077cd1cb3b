/// Reads a byte array from front to back; nil in place of running past its end.
struct ByteReader {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  var isAtEnd: Bool { rest.isEmpty }

  /// The next `count` bytes.
  mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count >= 0, count <= rest.count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  /// The number in the next `count` bytes (at most 8), little end first.
  mutating func number(_ count: Int) -> UInt64? {
    take(count)?.reversed().reduce(0) { ($0 << 8) | UInt64($1) }
  }
}

extension [UInt8] {
  /// Appends the lowest `count` bytes of `number`, little end first.
  mutating func append(littleEndian number: UInt64, count: Int) {
    for position in 0..<count { append(UInt8(truncatingIfNeeded: number >> UInt64(8 &* position))) }
  }
}
