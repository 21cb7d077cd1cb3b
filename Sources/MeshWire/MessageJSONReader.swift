import MeshBasics

/// Reads a message from JSON by protobuf's mapping. `null` counts as absent, unknown members are ignored, 64-bit
/// numbers may be strings or numbers, enums names or numbers. The checks are those of the declaration.
struct MessageJSONReader: FieldVisitor {
  private let members: [JSONMember]

  /// The message that `value` is; `name` is for the error when it isn't an object.
  static func read<M: WireMessage>(_ type: M.Type, _ value: JSONValue, _ name: String) throws(WireError) -> M {
    guard case .object(let members) = value else { throw WireError("\(name): not an object") }
    var message = M()
    var reader = MessageJSONReader(members: members)
    try message.visit(&reader)
    return message
  }

  mutating func text(_ number: Int, _ name: String, _ value: inout String, _ rule: TextRule) throws(WireError) {
    value = try string(name) ?? ""
    try rule.check(value, name)
  }

  mutating func bytes(_ number: Int, _ name: String, _ value: inout [UInt8], max: Int) throws(WireError) {
    guard let bytes = Base64.decode(try string(name) ?? "") else { throw WireError("\(name): not base64") }
    guard bytes.count <= max else { throw WireError("\(name): \(bytes.count) bytes, allowed are \(max)") }
    value = bytes
  }

  mutating func bool(_ number: Int, _ name: String, _ value: inout Bool) throws(WireError) {
    switch member(name) {
    case nil: value = false
    case .bool(let flag): value = flag
    default: throw WireError("\(name): not true or false")
    }
  }

  mutating func optionalBytes(_ number: Int, _ name: String, _ value: inout [UInt8]?, max: Int) throws(WireError) {
    value = nil
    guard member(name) != nil else { return }
    var found: [UInt8] = []
    try bytes(number, name, &found, max: max)
    value = found
  }

  mutating func uint32(_ number: Int, _ name: String, _ value: inout UInt32, max: UInt32) throws(WireError) {
    value = try integer(name)
    guard value <= max else { throw WireError("\(name): \(value), allowed are 0 to \(max)") }
  }

  mutating func uint64(_ number: Int, _ name: String, _ value: inout UInt64) throws(WireError) {
    value = try integer(name)
  }

  mutating func int64(_ number: Int, _ name: String, _ value: inout Int64) throws(WireError) {
    value = try integer(name)
  }

  mutating func fixed64(_ number: Int, _ name: String, _ value: inout UInt64) throws(WireError) {
    value = try integer(name)
  }

  mutating func fixed64s(_ number: Int, _ name: String, _ value: inout [UInt64], count: Int) throws(WireError) {
    value = []
    let items = try array(name)
    guard items.count <= count else { throw WireError("\(name): more than \(count) values") }
    for (index, item) in items.enumerated() { value.append(try integer(item, "\(name)[\(index)]")) }
    guard items.count == count else { throw WireError("\(name): \(items.count) values, required are \(count)") }
  }

  mutating func manyBytes(_ number: Int, _ name: String, _ value: inout [[UInt8]], max: Int) throws(WireError) {
    value = []
    for found in try array(name) {
      let item = "\(name)[\(value.count)]"
      guard case .string(let text) = found, let bytes = Base64.decode(text) else {
        throw WireError("\(item): not base64")
      }
      guard bytes.count <= max else { throw WireError("\(item): \(bytes.count) bytes, allowed are \(max)") }
      value.append(bytes)
    }
  }

  mutating func texts(
    _ number: Int, _ name: String, _ value: inout [String], _ rule: TextRule, max: Int
  ) throws(WireError) {
    value = []
    for found in try array(name) {
      let item = "\(name)[\(value.count)]"
      guard case .string(let text) = found else { throw WireError("\(item): not a string") }
      try rule.check(text, item)
      try value.place(text, name, max: max)
    }
  }

  mutating func state(_ number: Int, _ name: String, _ value: inout MemberState) throws(WireError) {
    if case .string(let text) = member(name) {
      guard let state = MemberState.allCases.first(where: { $0.protobufName == text }) else {
        throw WireError("\(name): unknown value")
      }
      value = state
    } else {
      value = try .known(try integer(name), name)
    }
  }

  mutating func labels(_ number: Int, _ name: String, _ value: inout [Label]) throws(WireError) {
    value = []
    guard let found = member(name) else { return }
    guard case .object(let members) = found else { throw WireError("\(name): not an object") }
    for member in members {
      guard case .string(let text) = member.value else { throw WireError("\(name).value: not a string") }
      do {
        try TextRule.labelKey.check(member.name, "key")
        try TextRule.labelValue.check(text, "value")
      } catch { throw error.inside(name) }
      try value.place(Label(key: member.name, value: text), name)
    }
  }

  mutating func required<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M) throws(WireError) {
    guard let found = try message(M.self, name) else { throw WireError("\(name): is missing") }
    value = found
  }

  mutating func embedded<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M) throws(WireError) {
    value = try message(M.self, name) ?? M()
  }

  mutating func optional<M: WireMessage>(
    _ number: Int, _ name: String, _ value: inout M?, max: Int
  ) throws(WireError) {
    value = try message(M.self, name)
    guard let value else { return }
    let count = ProtobufLength.of(value)
    guard count <= max else { throw WireError("\(name): \(count) bytes, allowed are \(max)") }
  }

  mutating func shared<M: WireMessage>(
    _ number: Int, _ name: String, _ value: inout Shared<M>?, max: Int
  ) throws(WireError) {
    var found: M?
    try optional(number, name, &found, max: max)
    value = found.map { Shared($0) }
  }

  mutating func repeated<M: WireMessage>(
    _ number: Int, _ name: String, _ value: inout [M], max: Int
  ) throws(WireError) {
    value = []
    let items = try array(name)
    guard items.count <= max else { throw WireError("\(name): more than \(max) items") }
    for (index, item) in items.enumerated() { value.append(try message(M.self, item, "\(name)[\(index)]")) }
  }

  mutating func choice<Union, M: WireMessage>(
    _ number: Int, _ name: String, _ union: inout Union?, get: (Union) -> M?, make: (M) -> Union
  ) throws(WireError) {
    guard let found = try message(M.self, name) else { return }
    guard union == nil else { throw WireError("\(name): a second message in one frame") }
    union = make(found)
  }

  // MARK: Members

  private func member(_ name: String) -> JSONValue? {
    let found = members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
    if case .null = found { return nil }
    return found
  }

  private func message<M: WireMessage>(_ type: M.Type, _ name: String) throws(WireError) -> M? {
    guard let found = member(name) else { return nil }
    return try message(type, found, name)
  }

  private func message<M: WireMessage>(
    _ type: M.Type, _ value: JSONValue, _ name: String
  ) throws(WireError) -> M {
    guard case .object = value else { throw WireError("\(name): not an object") }
    do { return try MessageJSONReader.read(type, value, name) } catch { throw error.inside(name) }
  }

  private func string(_ name: String) throws(WireError) -> String? {
    guard let found = member(name) else { return nil }
    guard case .string(let text) = found else { throw WireError("\(name): not a string") }
    return text
  }

  private func array(_ name: String) throws(WireError) -> [JSONValue] {
    guard let found = member(name) else { return [] }
    guard case .array(let items) = found else { throw WireError("\(name): not an array") }
    return items
  }

  private func integer<Number: FixedWidthInteger>(_ name: String) throws(WireError) -> Number {
    guard let found = member(name) else { return 0 }
    return try integer(found, name)
  }

  private func integer<Number: FixedWidthInteger>(_ value: JSONValue, _ name: String) throws(WireError) -> Number {
    let text: String
    switch value {
    case .number(let digits), .string(let digits): text = digits
    default: throw WireError("\(name): not a number")
    }
    // Swift reads a leading plus, which neither JSON nor protobuf writes.
    guard !text.hasPrefix("+"), let number = Number(text) else {
      throw WireError("\(name): not a whole number from \(Number.min) to \(Number.max)")
    }
    return number
  }
}
