/// The fields of one message as nghttp2 and nghttp3 take them: all names and values behind each other, and the length
/// of each. So the fields of an answer cost two pieces of memory, and not one or more each.
struct FieldBlock {
  private var text: [UInt8] = []
  private var lengths: [(name: Int, value: Int)] = []
  /// Most answers have no more.
  private static let usual = (fields: 10, bytes: 320)

  /// No fields.
  init() {
    text.reserveCapacity(FieldBlock.usual.bytes)
    lengths.reserveCapacity(FieldBlock.usual.fields)
  }

  /// `fields` as they are.
  init(_ fields: [HTTPField]) {
    self.init()
    for field in fields { append(field.name, field.value) }
  }

  /// Adds a field as it is.
  mutating func append(_ name: String, _ value: String) {
    HTTP1Syntax.withBytes(of: name) { text.append(contentsOf: $0) }
    finish(name, value)
  }

  /// Adds a field whose name may have capital letters, which HTTP/2 and HTTP/3 forbid (RFC 9113 §8.2, RFC 9114 §4.2).
  mutating func append(lowercasing name: String, _ value: String) {
    let start = text.count
    HTTP1Syntax.withBytes(of: name) { text.append(contentsOf: $0) }
    for place in start..<text.count { text[place] = HTTP1Syntax.lowercased(text[place]) }
    finish(name, value)
  }

  private mutating func finish(_ name: String, _ value: String) {
    HTTP1Syntax.withBytes(of: value) { text.append(contentsOf: $0) }
    lengths.append((name.utf8.count, value.utf8.count))
  }

  /// Lends the fields for the call, each as `make` does it of the addresses and the lengths of its name and value.
  mutating func withPairs<Pair: BitwiseCopyable, R>(
    _ make: (_ name: UnsafeMutablePointer<UInt8>, Int, _ value: UnsafeMutablePointer<UInt8>, Int) -> Pair,
    _ body: (UnsafePointer<Pair>?, Int) -> R
  ) -> R {
    // So that they have an address even where there is not one byte.
    if text.isEmpty { text.append(0) }
    let lengths = lengths
    return text.withUnsafeMutableBufferPointer { bytes in
      withUnsafeTemporaryAllocation(of: Pair.self, capacity: max(1, lengths.count)) { pairs in
        guard var place = bytes.baseAddress else { return body(nil, 0) }
        for (index, length) in lengths.enumerated() {
          pairs.initializeElement(at: index, to: make(place, length.name, place + length.name, length.value))
          place += length.name + length.value
        }
        return body(UnsafePointer(pairs.baseAddress), lengths.count)
      }
    }
  }
}
