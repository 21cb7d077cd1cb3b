import MeshBasics

/// Writes a message as JSON by protobuf's mapping: 64-bit numbers as strings, bytes in base64, enums by name. Fields
/// that are zero are written too, since readers in .NET don't restore defaults (contracts: http §1); only messages are
/// left out.
struct MessageJSONWriter: FieldVisitor {
  private(set) var json: JSONWriter

  /// Writes `message` as one value of `json`.
  static func write(_ message: some WireMessage, to json: inout JSONWriter) {
    var writer = MessageJSONWriter(json: json)
    // The copy in `json` would make every append copy the text.
    json = JSONWriter()
    writer.object(message)
    json = writer.json
  }

  private mutating func object(_ message: some WireMessage) {
    var copy = message
    json.beginObject()
    // Writing never throws; the signature is the visitors' common one.
    try? copy.visit(&self)
    json.endObject()
  }

  mutating func text(_ number: Int, _ name: String, _ value: inout String, _ rule: TextRule) {
    json.name(name)
    json.string(value)
  }

  mutating func bytes(_ number: Int, _ name: String, _ value: inout [UInt8], max: Int) {
    json.name(name)
    json.string(Base64.encode(value))
  }

  mutating func bool(_ number: Int, _ name: String, _ value: inout Bool) {
    json.name(name)
    json.bool(value)
  }

  mutating func optionalBytes(_ number: Int, _ name: String, _ value: inout [UInt8]?, max: Int) {
    guard let value else { return }
    json.name(name)
    json.string(Base64.encode(value))
  }

  mutating func manyBytes(_ number: Int, _ name: String, _ value: inout [[UInt8]], max: Int) {
    json.name(name)
    json.beginArray()
    for item in value { json.string(Base64.encode(item)) }
    json.endArray()
  }

  mutating func uint32(_ number: Int, _ name: String, _ value: inout UInt32, max: UInt32) {
    json.name(name)
    json.integer(Int64(value))
  }

  mutating func uint64(_ number: Int, _ name: String, _ value: inout UInt64) {
    json.name(name)
    json.string(value.description)
  }

  mutating func int64(_ number: Int, _ name: String, _ value: inout Int64) {
    json.name(name)
    json.string(value.description)
  }

  mutating func fixed64(_ number: Int, _ name: String, _ value: inout UInt64) { uint64(number, name, &value) }

  mutating func fixed64s(_ number: Int, _ name: String, _ value: inout [UInt64], count: Int) {
    strings(name, value.map(\.description))
  }

  mutating func texts(_ number: Int, _ name: String, _ value: inout [String], _ rule: TextRule, max: Int) {
    strings(name, value)
  }

  mutating func state(_ number: Int, _ name: String, _ value: inout MemberState) {
    json.name(name)
    json.string(value.protobufName)
  }

  mutating func labels(_ number: Int, _ name: String, _ value: inout [Label]) {
    json.name(name)
    json.beginObject()
    for label in value {
      json.name(label.key)
      json.string(label.value)
    }
    json.endObject()
  }

  mutating func required<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M) {
    json.name(name)
    object(value)
  }

  mutating func embedded<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M) {
    if value != M() { required(number, name, &value) }
  }

  mutating func optional<M: WireMessage>(_ number: Int, _ name: String, _ value: inout M?, max: Int) {
    guard let value else { return }
    json.name(name)
    object(value)
  }

  mutating func shared<M: WireMessage>(_ number: Int, _ name: String, _ value: inout Shared<M>?, max: Int) {
    guard let value else { return }
    json.name(name)
    object(value.value)
  }

  mutating func repeated<M: WireMessage>(_ number: Int, _ name: String, _ value: inout [M], max: Int) {
    json.name(name)
    json.beginArray()
    for item in value { object(item) }
    json.endArray()
  }

  mutating func choice<Union, M: WireMessage>(
    _ number: Int, _ name: String, _ union: inout Union?, get: (Union) -> M?, make: (M) -> Union
  ) {
    guard let union, let message = get(union) else { return }
    json.name(name)
    object(message)
  }

  private mutating func strings(_ name: String, _ values: [String]) {
    json.name(name)
    json.beginArray()
    for value in values { json.string(value) }
    json.endArray()
  }
}
