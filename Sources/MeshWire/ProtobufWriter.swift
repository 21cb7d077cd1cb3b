import MeshBasics

/// Writes a message as protobuf (proto3): fields in the order of their numbers, zeros left out, so that one value has
/// one encoding. Everything goes into one buffer: the length of a message inside another is filled in behind it.
struct ProtobufWriter: FieldVisitor {
  private(set) var output: [UInt8] = []

  /// The protobuf form of `message`. WireLimits are the reader's business: nothing is refused here.
  static func write(_ message: some WireMessage) -> [UInt8] {
    var writer = ProtobufWriter()
    writer.fields(message)
    return writer.output
  }

  private mutating func fields(_ message: some WireMessage) {
    var copy = message
    // Writing never throws; the signature is the visitors' common one.
    try? copy.visit(&self)
  }

  mutating func text(_ number: Int, _ name: String, _ value: inout String, _ rule: TextRule) {
    if !value.utf8.isEmpty { chunk(number, value.utf8) }
  }

  mutating func bytes(_ number: Int, _ name: String, _ value: inout [UInt8], max: Int) {
    if !value.isEmpty { chunk(number, value) }
  }

  mutating func optionalBytes(_ number: Int, _ name: String, _ value: inout [UInt8]?, max: Int) {
    if let value { chunk(number, value) }
  }

  mutating func bool(_ number: Int, _ name: String, _ value: inout Bool) { number64(number, value ? 1 : 0) }

  mutating func uint32(_ number: Int, _ name: String, _ value: inout UInt32, max: UInt32) {
    number64(number, UInt64(value))
  }

  mutating func uint64(_ number: Int, _ name: String, _ value: inout UInt64) { number64(number, value) }

  mutating func int64(_ number: Int, _ name: String, _ value: inout Int64) {
    number64(number, UInt64(bitPattern: value))
  }

  mutating func fixed64(_ number: Int, _ name: String, _ value: inout UInt64) {
    guard value != 0 else { return }
    tag(number, .fixed64)
    eightBytes(value)
  }

  mutating func fixed64s(_ number: Int, _ name: String, _ value: inout [UInt64], count: Int) {
    guard !value.isEmpty else { return }
    tag(number, .chunk)
    varint(UInt64(value.count &* 8))
    for item in value { eightBytes(item) }
  }

  mutating func texts(_ number: Int, _ name: String, _ value: inout [String], _ rule: TextRule, max: Int) {
    for item in value { chunk(number, item.utf8) }
  }

  mutating func state(_ number: Int, _ name: String, _ value: inout MemberState) {
    number64(number, UInt64(value.rawValue))
  }

  mutating func labels(_ number: Int, _ name: String, _ value: inout [Label]) {
    for label in value { message(number, LabelEntry(key: label.key, value: label.value)) }
  }

  mutating func required<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M) { message(number, value) }

  mutating func embedded<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M) {
    let start = output.count
    if message(number, value) == 0 { output.removeSubrange(start...) }
  }

  mutating func optional<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M?, max: Int) {
    if let value { message(number, value) }
  }

  mutating func shared<M: WireMessage>(_ number: Int, _ name: String, _ value: inout Shared<M>?, max: Int) {
    if let value { message(number, value.value) }
  }

  mutating func repeated<M: WireMessage>(_ number: Int, _ name: String, _ value: inout [M], max: Int) {
    for item in value { message(number, item) }
  }

  mutating func choice<Union, M: WireMessage>(
    _ number: Int, _ name: String, _ union: inout Union?, get: (Union) -> M?, make: (M) -> Union
  ) {
    if let union, let found = get(union) { message(number, found) }
  }

  private mutating func number64(_ number: Int, _ value: UInt64) {
    guard value != 0 else { return }
    tag(number, .varint)
    varint(value)
  }

  /// Returns the length of the message.
  @discardableResult
  private mutating func message(_ number: Int, _ message: some WireMessage) -> Int {
    tag(number, .chunk)
    let place = output.count
    // One byte holds the length of most; the body of a longer one moves up to make room.
    output.append(0)
    fields(message)
    let length = output.count &- place &- 1
    var rest = length
    var index = place
    while rest >= 0x80 {
      output[index] = UInt8(truncatingIfNeeded: rest) | 0x80
      index &+= 1
      output.insert(0, at: index)
      rest >>= 7
    }
    output[index] = UInt8(truncatingIfNeeded: rest)
    return length
  }

  private mutating func chunk(_ number: Int, _ body: some Collection<UInt8>) {
    tag(number, .chunk)
    varint(UInt64(body.count))
    output.append(contentsOf: body)
  }

  private mutating func tag(_ number: Int, _ wire: WireType) {
    varint(UInt64(number) << 3 | UInt64(wire.rawValue))
  }

  private mutating func eightBytes(_ value: UInt64) {
    withUnsafeBytes(of: value.littleEndian) { output.append(contentsOf: $0) }
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
