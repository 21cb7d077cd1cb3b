/// What a protobuf form is written into.
protocol ProtobufSink {
  init()
  /// Seven bits a byte, the low ones first; zero takes one.
  mutating func varint(_ value: UInt64)
  /// Little end first.
  mutating func eightBytes(_ value: UInt64)
  mutating func append(_ bytes: some Collection<UInt8>)
  /// A message inside another begins: its length goes before it, which only its end tells. Returns the place.
  mutating func beginMessage() -> Int
  /// The message begun at `place` ends here.
  mutating func endMessage(begunAt place: Int)
}

/// The bytes of a form, in one buffer.
struct ProtobufBytes: ProtobufSink {
  private(set) var bytes: [UInt8] = []

  /// The protobuf form of `message`.
  static func of(_ message: some WireMessage) -> [UInt8] { ProtobufWriter<ProtobufBytes>.write(message).bytes }

  mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func eightBytes(_ value: UInt64) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ more: some Collection<UInt8>) { bytes.append(contentsOf: more) }

  mutating func beginMessage() -> Int {
    // One byte holds the length of most; the body of a longer one moves up to make room.
    bytes.append(0)
    return bytes.count
  }

  mutating func endMessage(begunAt place: Int) {
    var rest = bytes.count &- place
    var index = place &- 1
    while rest >= 0x80 {
      bytes[index] = UInt8(truncatingIfNeeded: rest) | 0x80
      index &+= 1
      bytes.insert(0, at: index)
      rest >>= 7
    }
    bytes[index] = UInt8(truncatingIfNeeded: rest)
  }
}

/// How many bytes a form takes, without making them and without allocating.
struct ProtobufLength: ProtobufSink {
  private(set) var count = 0

  /// The length of the protobuf form of `message`.
  static func of(_ message: some WireMessage) -> Int { ProtobufWriter<ProtobufLength>.write(message).count }

  mutating func varint(_ value: UInt64) { count &+= (70 &- (value | 1).leadingZeroBitCount) / 7 }

  mutating func eightBytes(_ value: UInt64) { count &+= 8 }

  mutating func append(_ bytes: some Collection<UInt8>) { count &+= bytes.count }

  mutating func beginMessage() -> Int { count }

  mutating func endMessage(begunAt place: Int) { varint(UInt64(clamping: count &- place)) }
}
