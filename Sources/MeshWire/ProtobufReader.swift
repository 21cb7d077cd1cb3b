import MeshBasics

/// How the bytes of a field end (protobuf encoding, "Message Structure"). Groups, 3 and 4, are refused.
enum WireType: UInt8 {
  case varint = 0
  case fixed64 = 1
  case chunk = 2
  case fixed32 = 5
}

/// Reads a message from protobuf: one pass over the bytes, no recursion beyond what the schema declares.
///
/// Each field that arrives is shown to the message's declaration, which knows where it goes; at the end the declaration
/// is shown once more, so that fields which didn't arrive become zero or, when required, are refused. The last of a
/// repeated scalar wins; a message that may be there once but comes twice is refused rather than merged, since no
/// writer does that and merging would let cheap bytes buy dear work. Unknown fields are skipped, a known field of the
/// wrong wire type is refused.
struct ProtobufReader: FieldVisitor {
  private let input: [UInt8]
  private var position: Int
  private let end: Int
  /// The field that has just arrived; 0 at the end.
  private var field = 0
  private var wire = WireType.varint
  /// Whether the declaration knew the field.
  private var taken = false
  /// One bit for each field number that has arrived, below 64.
  private var arrived: UInt64 = 0

  private init(_ input: [UInt8], from start: Int, to end: Int) {
    self.input = input
    self.position = start
    self.end = end
  }

  /// The message that `bytes` are. `name` and `max` are for the error when they are too many.
  static func read<M: WireMessage>(
    _ type: M.Type, _ bytes: [UInt8], _ name: String, max: Int
  ) throws(WireError) -> M {
    guard bytes.count <= max else { throw WireError("\(name): \(bytes.count) bytes, allowed are \(max)") }
    var message = M()
    var reader = ProtobufReader(bytes, from: 0, to: bytes.count)
    try reader.fill(&message)
    return message
  }

  private mutating func fill(_ message: inout some WireMessage) throws(WireError) {
    while position < end {
      let tag = try varint("field tag")
      guard tag <= UInt64(UInt32.max), tag >> 3 != 0 else { throw WireError("field tag: impossible number") }
      guard let wire = WireType(rawValue: UInt8(truncatingIfNeeded: tag & 7)) else {
        throw WireError("field \(tag >> 3): a group or an impossible wire type")
      }
      field = Int(truncatingIfNeeded: tag >> 3)
      self.wire = wire
      taken = false
      try message.visit(&self)
      if !taken { try skip() }
    }
    field = 0
    try message.visit(&self)
  }

  // MARK: Fields

  mutating func text(_ number: Int, _ name: String, _ value: inout String, _ rule: TextRule) throws(WireError) {
    switch try place(number, name, .chunk) {
    case .elsewhere: return
    case .absent: value = ""
    case .here:
      value = try text(name)
    }
    try rule.check(value, name)
  }

  mutating func bytes(_ number: Int, _ name: String, _ value: inout [UInt8], max: Int) throws(WireError) {
    switch try place(number, name, .chunk) {
    case .elsewhere: return
    case .absent: value = []
    case .here:
      let range = try chunk(name)
      guard range.count <= max else { throw WireError("\(name): \(range.count) bytes, allowed are \(max)") }
      value = Array(input[range])
    }
  }

  mutating func bool(_ number: Int, _ name: String, _ value: inout Bool) throws(WireError) {
    if let number = try number64(number, name, .varint) { value = number != 0 }
  }

  mutating func optionalBytes(_ number: Int, _ name: String, _ value: inout [UInt8]?, max: Int) throws(WireError) {
    var found: [UInt8] = []
    try bytes(number, name, &found, max: max)
    if field == number { value = found }
  }

  mutating func manyBytes(_ number: Int, _ name: String, _ value: inout [[UInt8]], max: Int) throws(WireError) {
    var found: [UInt8] = []
    try bytes(number, name, &found, max: max)
    if field == number { value.append(found) }
  }

  mutating func uint32(_ number: Int, _ name: String, _ value: inout UInt32, max: UInt32) throws(WireError) {
    guard let number = try number64(number, name, .varint) else { return }
    guard let small = UInt32(exactly: number) else { throw WireError("\(name): more than 32 bits") }
    guard small <= max else { throw WireError("\(name): \(small), allowed are 0 to \(max)") }
    value = small
  }

  mutating func uint64(_ number: Int, _ name: String, _ value: inout UInt64) throws(WireError) {
    if let number = try number64(number, name, .varint) { value = number }
  }

  mutating func int64(_ number: Int, _ name: String, _ value: inout Int64) throws(WireError) {
    if let number = try number64(number, name, .varint) { value = Int64(bitPattern: number) }
  }

  mutating func fixed64(_ number: Int, _ name: String, _ value: inout UInt64) throws(WireError) {
    if let number = try number64(number, name, .fixed64) { value = number }
  }

  mutating func fixed64s(_ number: Int, _ name: String, _ value: inout [UInt64], count: Int) throws(WireError) {
    // Packed, or one by one, as proto3 wants of readers.
    let wanted = wire == .fixed64 ? WireType.fixed64 : .chunk
    if try place(number, name, wanted) == .here {
      let range = wanted == .chunk ? try chunk(name) : position..<(position &+ 8)
      guard range.count % 8 == 0 else { throw WireError("\(name): not a whole number of values") }
      guard range.count / 8 <= count &- value.count else { throw WireError("\(name): more than \(count) values") }
      position = range.lowerBound
      while position < range.upperBound { value.append(try fixed(bytes: 8, name)) }
    }
    // Values may come in several parts, so that only the end shows whether all are there.
    guard field != 0 || value.count == count else {
      throw WireError("\(name): \(value.count) values, required are \(count)")
    }
  }

  mutating func texts(
    _ number: Int, _ name: String, _ value: inout [String], _ rule: TextRule, max: Int
  ) throws(WireError) {
    switch try place(number, name, .chunk) {
    case .elsewhere: return
    case .absent: value = []
    case .here:
      let item = "\(name)[\(value.count)]"
      let text = try text(item)
      try rule.check(text, item)
      try value.place(text, name, max: max)
    }
  }

  mutating func state(_ number: Int, _ name: String, _ value: inout MemberState) throws(WireError) {
    if let number = try number64(number, name, .varint) { value = try .known(number, name) }
  }

  mutating func labels(_ number: Int, _ name: String, _ value: inout [Label]) throws(WireError) {
    switch try place(number, name, .chunk) {
    case .elsewhere: return
    case .absent: value = []
    case .here:
      var entry = LabelEntry()
      try nested(name, &entry)
      try value.place(Label(key: entry.key, value: entry.value), name)
    }
  }

  mutating func required<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M) throws(WireError) {
    var found: M?
    switch try single(number, name, &found, max: WireLimits.frameBytes) {
    case .elsewhere: return
    case .absent: throw WireError("\(name): is missing")
    case .here: if let found { value = found }
    }
  }

  mutating func embedded<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M) throws(WireError) {
    var found: M?
    switch try single(number, name, &found, max: WireLimits.frameBytes) {
    case .elsewhere: return
    case .absent: value = M()
    case .here: if let found { value = found }
    }
  }

  mutating func optional<M: WireMessage>(
    _ number: Int, _ name: String, _ value: inout M?, max: Int
  ) throws(WireError) {
    _ = try single(number, name, &value, max: max)
  }

  mutating func shared<M: WireMessage>(
    _ number: Int, _ name: String, _ value: inout Shared<M>?, max: Int
  ) throws(WireError) {
    var found: M?
    switch try single(number, name, &found, max: max) {
    case .elsewhere: return
    case .absent: value = nil
    case .here: value = found.map { Shared($0) }
    }
  }

  mutating func repeated<M: WireMessage>(
    _ number: Int, _ name: String, _ value: inout [M], max: Int
  ) throws(WireError) {
    switch try place(number, name, .chunk) {
    case .elsewhere: return
    case .absent: value = []
    case .here:
      guard value.count < max else { throw WireError("\(name): more than \(max) items") }
      var item = M()
      try nested("\(name)[\(value.count)]", &item)
      value.append(item)
    }
  }

  mutating func choice<Union, M: WireMessage>(
    _ number: Int, _ name: String, _ union: inout Union?, get: (Union) -> M?, make: (M) -> Union
  ) throws(WireError) {
    guard try place(number, name, .chunk) == .here else { return }
    guard union == nil else { throw WireError("\(name): a second message in one frame") }
    var message = M()
    try nested(name, &message)
    union = make(message)
  }

  // MARK: Where a declaration stands

  private enum Place { case here, absent, elsewhere }

  /// Whether the field that is being declared has just arrived, or never did.
  private mutating func place(_ number: Int, _ name: String, _ wanted: WireType) throws(WireError) -> Place {
    let bit: UInt64 = 1 << UInt64(truncatingIfNeeded: number)
    if field == 0 { return arrived & bit == 0 ? .absent : .elsewhere }
    guard field == number else { return .elsewhere }
    guard wire == wanted else { throw WireError("\(name): wrong wire type") }
    arrived |= bit
    taken = true
    return .here
  }

  /// A message that may come once.
  private mutating func single<M: WireMessage>(
    _ number: Int, _ name: String, _ value: inout M?, max: Int
  ) throws(WireError) -> Place {
    let before = arrived
    let place = try place(number, name, .chunk)
    switch place {
    case .elsewhere: break
    case .absent: value = nil
    case .here:
      guard arrived != before else { throw WireError("\(name): comes twice") }
      var message = M()
      try nested(name, &message, max: max)
      value = message
    }
    return place
  }

  /// The number of a scalar field: what arrived, 0 when nothing did, nil when it isn't this field's turn.
  private mutating func number64(_ number: Int, _ name: String, _ wanted: WireType) throws(WireError) -> UInt64? {
    switch try place(number, name, wanted) {
    case .elsewhere: return nil
    case .absent: return 0
    case .here: return wanted == .fixed64 ? try fixed(bytes: 8, name) : try varint(name)
    }
  }

  // MARK: Bytes

  private mutating func text(_ name: String) throws(WireError) -> String {
    let range = try chunk(name)
    guard let text = String(validating: input[range], as: UTF8.self) else { throw WireError("\(name): not UTF-8") }
    return text
  }

  private mutating func nested<M: WireMessage>(
    _ name: String, _ message: inout M, max: Int? = nil
  ) throws(WireError) {
    let range = try chunk(name)
    let max = max ?? M.bytesMax
    guard range.count <= max else { throw WireError("\(name): \(range.count) bytes, allowed are \(max)") }
    var reader = ProtobufReader(input, from: range.lowerBound, to: range.upperBound)
    do { try reader.fill(&message) } catch { throw error.inside(name) }
  }

  private mutating func skip() throws(WireError) {
    let name = "field \(field)"
    switch wire {
    case .varint: _ = try varint(name)
    case .fixed64: _ = try fixed(bytes: 8, name)
    case .fixed32: _ = try fixed(bytes: 4, name)
    case .chunk: _ = try chunk(name)
    }
  }

  /// Base 128, at most 10 bytes, of which the last may hold one bit.
  private mutating func varint(_ name: String) throws(WireError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < end {
      let byte = input[position]
      position &+= 1
      if shift == 63 && byte > 1 { throw WireError("\(name): a number of more than 64 bits") }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift &+= 7
    }
    throw WireError("\(name): ends early")
  }

  private mutating func fixed(bytes count: Int, _ name: String) throws(WireError) -> UInt64 {
    guard end &- position >= count else { throw WireError("\(name): ends early") }
    var value: UInt64 = 0
    for index in 0..<count { value |= UInt64(input[position &+ index]) << UInt64(8 &* index) }
    position &+= count
    return value
  }

  /// The place of length-delimited bytes.
  private mutating func chunk(_ name: String) throws(WireError) -> Range<Int> {
    let count = try varint(name)
    guard let length = Int(exactly: count), length <= end &- position else { throw WireError("\(name): ends early") }
    let start = position
    position &+= length
    return start..<position
  }
}

/// One entry of `map<string, string>`, which protobuf writes as a message of its own.
struct LabelEntry: WireMessage {
  var key = ""
  var value = ""

  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "key", &key, .labelKey)
    try visitor.text(2, "value", &value, .labelValue)
  }
}
