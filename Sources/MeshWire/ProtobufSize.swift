import MeshBasics

/// Reckons how many bytes `ProtobufWriter` makes of a message, without making them and without allocating.
struct ProtobufSize: FieldVisitor {
  private var count = 0

  /// The length of the protobuf form of `message`.
  static func of(_ message: some WireMessage) -> Int {
    var size = ProtobufSize()
    var copy = message
    // Reckoning never throws; the signature is the visitors' common one.
    try? copy.visit(&size)
    return size.count
  }

  mutating func text(_ number: Int, _ name: String, _ value: inout String, _ rule: TextRule) {
    if !value.utf8.isEmpty { chunk(number, value.utf8.count) }
  }

  mutating func bytes(_ number: Int, _ name: String, _ value: inout [UInt8], max: Int) {
    if !value.isEmpty { chunk(number, value.count) }
  }

  mutating func optionalBytes(_ number: Int, _ name: String, _ value: inout [UInt8]?, max: Int) {
    if let value { chunk(number, value.count) }
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
    if value != 0 { count &+= tag(number) &+ 8 }
  }

  mutating func fixed64s(_ number: Int, _ name: String, _ value: inout [UInt64], count: Int) {
    if !value.isEmpty { chunk(number, value.count &* 8) }
  }

  mutating func texts(_ number: Int, _ name: String, _ value: inout [String], _ rule: TextRule, max: Int) {
    for item in value { chunk(number, item.utf8.count) }
  }

  mutating func state(_ number: Int, _ name: String, _ value: inout MemberState) {
    number64(number, UInt64(value.rawValue))
  }

  mutating func labels(_ number: Int, _ name: String, _ value: inout [Label]) {
    for label in value { message(number, LabelEntry(key: label.key, value: label.value)) }
  }

  mutating func required<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M) { message(number, value) }

  mutating func embedded<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M) {
    let size = ProtobufSize.of(value)
    if size > 0 { chunk(number, size) }
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
    if value != 0 { count &+= tag(number) &+ varint(value) }
  }

  private mutating func message(_ number: Int, _ message: some WireMessage) { chunk(number, ProtobufSize.of(message)) }

  private mutating func chunk(_ number: Int, _ size: Int) {
    count &+= tag(number) &+ varint(UInt64(clamping: size)) &+ size
  }

  private func tag(_ number: Int) -> Int { varint(UInt64(clamping: number) << 3) }

  /// Seven bits a byte; zero takes one.
  private func varint(_ value: UInt64) -> Int { (70 &- (value | 1).leadingZeroBitCount) / 7 }
}
