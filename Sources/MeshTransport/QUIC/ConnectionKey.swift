/// A QUIC connection id as a key without an allocation: at most 20 bytes (RFC 9000 §17.2).
struct ConnectionKey: Hashable {
  /// The length of the ids that we hand out; short headers do not say theirs.
  static let ownLength = 16

  private let length: UInt8
  private let words: (UInt64, UInt64, UInt32)

  /// The id in `bytes`; nil when it is longer than QUIC allows.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count <= 20 else { return nil }
    var storage: (UInt64, UInt64, UInt32) = (0, 0, 0)
    withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: bytes) }
    words = storage
    length = UInt8(bytes.count)
  }

  static func == (left: ConnectionKey, right: ConnectionKey) -> Bool {
    left.length == right.length && left.words == right.words
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(length)
    hasher.combine(words.0)
    hasher.combine(words.1)
    hasher.combine(words.2)
  }
}
