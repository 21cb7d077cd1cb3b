import MeshWire
import Testing

/// One file of `Tests/Fixtures/wire`. The format stands in `Tests/InteropTests/protobuf/check.py`, which checks the
/// same files with Google's runtime.
struct Vector: Sendable, CustomTestStringConvertible {
  let name: String
  var type = ""
  var json: String?
  var encoding: [UInt8]?
  var also: [[UInt8]] = []
  var refused: [[UInt8]] = []

  var testDescription: String { name }

  init(name: String, bytes: [UInt8]) {
    self.name = name
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where !line.hasPrefix("#") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      switch line[..<colon] {
      case "type": type = String(value)
      case "json": json = String(value)
      case "hex": encoding = hex(value)
      case "also": also.append(hex(value))
      default: refused.append(hex(value))
      }
    }
  }

  static func all() throws -> [Vector] { try Fixtures.files("wire").map { Vector(name: $0.name, bytes: $0.bytes) } }
}

@Test(arguments: try Vector.all())
func agreesWithGooglesRuntime(_ vector: Vector) throws {
  switch vector.type {
  case "MeshFrame":
    try check(vector, MeshMessage.decode(_:), MeshMessage.decode(json:), { $0.encoded() }, { $0.write(to: &$1) })
  case "MemberRecord":
    try check(vector, MemberRecord.decode(_:), MemberRecord.decode(json:), { $0.encoded() }, { $0.write(to: &$1) })
  case "PingRequest":
    try check(vector, PingRequest.decode(_:), PingRequest.decode(json:), { $0.encoded() }, { $0.write(to: &$1) })
  case "PingReply":
    try check(vector, PingReply.decode(_:), PingReply.decode(json:), { $0.encoded() }, { $0.write(to: &$1) })
  default: Issue.record("unknown type \(vector.type)")
  }
}

private func check<Message: Equatable>(
  _ vector: Vector, _ decode: ([UInt8]) throws(WireError) -> Message,
  _ read: (JSONValue) throws(WireError) -> Message, _ encode: (Message) -> [UInt8],
  _ write: (Message, inout JSONWriter) -> Void
) throws {
  for bytes in vector.refused { #expect(throws: WireError.self, "\(bytes)") { try decode(bytes) } }
  guard let text = vector.json else { return }
  let value = try read(try JSONValue.parse(Array(text.utf8)))
  if let expected = vector.encoding {
    #expect(encode(value) == expected)
    #expect(try decode(expected) == value)
  }
  for bytes in vector.also { #expect(try decode(bytes) == value, "\(bytes)") }
  var json = JSONWriter()
  write(value, &json)
  #expect(String(decoding: json.bytes, as: UTF8.self) == text)
}
