/// Writes a message as protobuf (proto3): fields in the order of their numbers, zeros left out, so that one value has
/// one encoding.
struct ProtobufWriter: FieldVisitor {
  private(set) var output: [UInt8] = []

  /// The protobuf form of `message`. WireLimits are the reader's business: nothing is refused here.
  static func write(_ message: some WireMessage) -> [UInt8] {
    var writer = ProtobufWriter()
    var copy = message
    // Writing never throws; the signature is the visitors' common one.
    try? copy.visit(&writer)
    return writer.output
  }

  mutating func text(_ number: Int, _ name: String, _ value: inout String, _ rule: TextRule) {
    if !value.utf8.isEmpty { chunk(number, value.utf8) }
  }

  mutating func bytes(_ number: Int, _ name: String, _ value: inout [UInt8], max: Int) {
    if !value.isEmpty { chunk(number, value) }
  }

  mutating func bool(_ number: Int, _ name: String, _ value: inout Bool) { number64(number, value ? 1 : 0) }

  mutating func uint32(_ number: Int, _ name: String, _ value: inout UInt32) { number64(number, UInt64(value)) }

  mutating func uint64(_ number: Int, _ name: String, _ value: inout UInt64) { number64(number, value) }

  mutating func int64(_ number: Int, _ name: String, _ value: inout Int64) {
    number64(number, UInt64(bitPattern: value))
  }

  mutating func fixed64(_ number: Int, _ name: String, _ value: inout UInt64) {
    guard value != 0 else { return }
    tag(number, .fixed64)
    withUnsafeBytes(of: value.littleEndian) { output.append(contentsOf: $0) }
  }

  mutating func state(_ number: Int, _ name: String, _ value: inout MemberState) {
    number64(number, UInt64(value.rawValue))
  }

  mutating func labels(_ number: Int, _ name: String, _ value: inout [Label]) {
    for label in value {
      var entry = ProtobufWriter()
      var label = label
      entry.text(1, "key", &label.key, .labelKey)
      entry.text(2, "value", &label.value, .labelValue)
      chunk(number, entry.output)
    }
  }

  mutating func required<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M) {
    chunk(number, ProtobufWriter.write(value))
  }

  mutating func embedded<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M) {
    let body = ProtobufWriter.write(value)
    if !body.isEmpty { chunk(number, body) }
  }

  mutating func optional<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M?, max: Int) {
    if let value { chunk(number, ProtobufWriter.write(value)) }
  }

  mutating func repeated<M: WireMessage>(_ number: Int, _ name: String, _ value: inout [M], max: Int) {
    for item in value { chunk(number, ProtobufWriter.write(item)) }
  }

  mutating func choice<Union, M: WireMessage>(
    _ number: Int, _ name: String, _ union: inout Union?, get: (Union) -> M?, make: (M) -> Union
  ) {
    if let union, let message = get(union) { chunk(number, ProtobufWriter.write(message)) }
  }

  private mutating func number64(_ number: Int, _ value: UInt64) {
    guard value != 0 else { return }
    tag(number, .varint)
    varint(value)
  }

  private mutating func chunk(_ number: Int, _ body: some Collection<UInt8>) {
    tag(number, .chunk)
    varint(UInt64(body.count))
    output.append(contentsOf: body)
  }

  private mutating func tag(_ number: Int, _ wire: WireType) {
    varint(UInt64(number) << 3 | UInt64(wire.rawValue))
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    output.append(UInt8(truncatingIfNeeded: rest))
  }
}
