import MeshWire
import Testing

private func message(_ text: String) throws -> MeshMessage {
  try MeshMessage.decode(json: try JSONValue.parse(Array(text.utf8)))
}

@Test func everyMessageComesBackFromItsJSON() throws {
  for message in Samples.messages {
    var json = JSONWriter()
    message.write(to: &json)
    #expect(try MeshMessage.decode(json: try JSONValue.parse(json.bytes)) == message)
  }
}

@Test func aMessageIsWrittenBehindWhatStandsThere() throws {
  var json = JSONWriter()
  json.beginArray()
  json.integer(1)
  PingRequest().write(to: &json)
  json.endArray()
  #expect(String(decoding: json.bytes, as: UTF8.self) == #"[1,{"payload":""}]"#)
}

@Test func jsonIsReadAsProtobufsMappingWantsIt() throws {
  var ping = Ping()
  ping.sequence = UInt64.max
  #expect(try message(#"{"ping":{"sequence":18446744073709551615,"digest":null,"unknown":[]}}"#) == .ping(ping))
  #expect(try message(#"{"hello":null,"news":{"records":null}}"#) == .news(News()))
  let record = try MemberRecord.decode(json: try JSONValue.parse(Array(#"{"nodeId":"n","state":4}"#.utf8)))
  #expect(record == Samples.bareRecord)
  let reply = #"{"nodeId":"n","clusterId":"c","payload":"-_8"}"#
  #expect(try PingReply.decode(json: try JSONValue.parse(Array(reply.utf8))).payload == [0xFB, 0xFF])
}

@Test func wrongJSONIsRefusedByName() {
  let cases = [
    ("[]", "frame: not an object"),
    ("{}", "frame: no message that this version knows"),
    (#"{"ping":{},"ack":{}}"#, "ack: a second message in one frame"),
    (#"{"ping":[]}"#, "ping: not an object"),
    (#"{"ping":{"sequence":true}}"#, "ping.sequence: not a number"),
    (#"{"ping":{"sequence":"+1"}}"#, "ping.sequence: not a whole number from 0 to 18446744073709551615"),
    (#"{"ping":{"sequence":1.5}}"#, "ping.sequence: not a whole number from 0 to 18446744073709551615"),
    (#"{"ping":{"sequence":-1}}"#, "ping.sequence: not a whole number from 0 to 18446744073709551615"),
    (#"{"ping":{"news":{}}}"#, "ping.news: not an array"),
    (#"{"ping":{"news":[1]}}"#, "ping.news[0]: not an object"),
    (#"{"view":{"more":1}}"#, "view.more: not true or false"),
    (#"{"news":{"records":[{"nodeId":7}]}}"#, "news.records[0].nodeId: not a string"),
    (#"{"news":{"records":[{"nodeId":"n"}]}}"#, "news.records[0].state: is missing"),
    (#"{"news":{"records":[{"nodeId":"n","state":"ALIVE"}]}}"#, "news.records[0].state: unknown value"),
    (#"{"hello":{"clusterId":"c"}}"#, "hello.record: is missing"),
    (#"{"syncDigest":{"buckets":{}}}"#, "syncDigest.buckets: not an array"),
    (#"{"syncDigest":{"buckets":[true]}}"#, "syncDigest.buckets[0]: not a number"),
    (#"{"syncDelta":{"wanted":"a"}}"#, "syncDelta.wanted: not an array"),
    (#"{"syncDelta":{"wanted":["a",1]}}"#, "syncDelta.wanted[1]: not a string"),
    (#"{"broadcast":{"origin":"a","topic":"t","payload":"A"}}"#, "broadcast.payload: not base64"),
    (#"{"broadcast":{"origin":"a","topic":"t","payload":1}}"#, "broadcast.payload: not a string"),
    (#"{"release":[]}"#, "release: not an object"),
  ]
  for (text, reason) in cases { #expect(throws: WireError(reason), "\(text)") { try message(text) } }
}

@Test func base64OfTheWrongShapeIsRefused() {
  for text in ["A", "AAAAA", "AA=A", "A===", "AB", "AA!A", "A A=", "=", "é"] {
    #expect(throws: WireError("payload: not base64"), "\(text)") {
      try PingRequest.decode(json: .object([JSONMember("payload", .string(text))]))
    }
  }
}
