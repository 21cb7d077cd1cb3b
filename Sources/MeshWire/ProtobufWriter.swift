import MeshBasics

/// Writes a message as protobuf (proto3): fields in the order of their numbers, zeros left out, so that one value has
/// one encoding. What becomes of it is the sink's: its bytes, or their number alone. Limits are the reader's business:
/// nothing is refused here.
struct ProtobufWriter<Sink: ProtobufSink>: FieldVisitor {
  private var sink = Sink()

  /// All that the protobuf form of `message` leaves in a sink.
  static func write(_ message: some WireMessage) -> Sink {
    var writer = ProtobufWriter()
    writer.fields(message)
    return writer.sink
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

  mutating func manyBytes(_ number: Int, _ name: String, _ value: inout [[UInt8]], max: Int) {
    for item in value { chunk(number, item) }
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
    sink.eightBytes(value)
  }

  mutating func fixed64s(_ number: Int, _ name: String, _ value: inout [UInt64], count: Int) {
    guard !value.isEmpty else { return }
    tag(number, .chunk)
    sink.varint(UInt64(value.count &* 8))
    for item in value { sink.eightBytes(item) }
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
    // Written only where it says anything.
    if ProtobufLength.of(value) > 0 { message(number, value) }
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
    sink.varint(value)
  }

  private mutating func message(_ number: Int, _ message: some WireMessage) {
    tag(number, .chunk)
    let place = sink.beginMessage()
    fields(message)
    sink.endMessage(begunAt: place)
  }

  private mutating func chunk(_ number: Int, _ body: some Collection<UInt8>) {
    tag(number, .chunk)
    sink.varint(UInt64(body.count))
    sink.append(body)
  }

  private mutating func tag(_ number: Int, _ wire: WireType) {
    sink.varint(UInt64(number) << 3 | UInt64(wire.rawValue))
  }
}
