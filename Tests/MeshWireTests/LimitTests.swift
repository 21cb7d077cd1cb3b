import MeshWire
import Testing

private func text(_ count: Int) -> String { String(repeating: "x", count: count) }

private func record(_ change: (inout NodeMetadata) -> Void) -> MemberRecord {
  var record = Samples.bareRecord
  var metadata = NodeMetadata()
  change(&metadata)
  record.metadata = metadata
  return record
}

/// What protobuf and JSON say of a record: the same, whichever way it came.
private func refusal(of record: MemberRecord) -> String? {
  var json = JSONWriter()
  record.write(to: &json)
  let byProtobuf: String?
  do {
    _ = try MemberRecord.decode(record.encoded())
    byProtobuf = nil
  } catch { byProtobuf = error.description }
  do {
    _ = try MemberRecord.decode(json: try JSONValue.parse(json.bytes))
    #expect(byProtobuf == nil)
  } catch {
    #expect(byProtobuf == "\(error)")
  }
  return byProtobuf
}

@Test func aTextMayHave256Bytes() {
  #expect(refusal(of: record { $0.role = text(256) }) == nil)
  #expect(refusal(of: record { $0.role = text(257) }) == "metadata.role: 257 bytes, allowed are 256")
  #expect(refusal(of: record { $0.clusterID = text(257) }) == "metadata.clusterId: 257 bytes, allowed are 256")
  #expect(refusal(of: record { $0.region = text(257) }) == "metadata.region: 257 bytes, allowed are 256")
  #expect(refusal(of: record { $0.meshVersion = text(257) }) == "metadata.meshVersion: 257 bytes, allowed are 256")
  #expect(
    refusal(of: record { $0.security.tlsVersion = text(257) })
      == "metadata.security.tlsVersion: 257 bytes, allowed are 256")
}

@Test func aNodeIDMayHave128Bytes() {
  var record = Samples.bareRecord
  record.nodeID = text(128)
  record.accuser = text(128)
  #expect(refusal(of: record) == nil)
  record.accuser = text(129)
  #expect(refusal(of: record) == "accuser: 129 bytes, allowed are 128")
  record.nodeID = text(129)
  #expect(refusal(of: record) == "nodeId: 129 bytes, allowed are 128")
}

@Test func anEndpointMayHave262Bytes() {
  // The longest host that `Endpoint` takes has 255 bytes, in brackets 257, so that 17421 needs 263.
  let host = String(repeating: ":", count: 255)
  #expect(refusal(of: record { $0.endpoint = "[\(host)]:1742" }) == nil)
  #expect(refusal(of: record { $0.endpoint = "[\(host)]:17421" }) == "metadata.endpoint: 263 bytes, allowed are 262")
}

@Test func aNodeMayHave64Labels() {
  func labels(_ count: Int) -> [Label] { (100..<100 + count).map { Label(key: "k\($0)", value: "v") } }
  #expect(refusal(of: record { $0.labels = labels(64) }) == nil)
  #expect(refusal(of: record { $0.labels = labels(65) }) == "metadata.labels: more than 64 labels")
}

@Test func aLabelMayHaveAKeyOf64AndAValueOf4096Bytes() {
  #expect(refusal(of: record { $0.labels = [Label(key: text(64), value: text(4096))] }) == nil)
  #expect(
    refusal(of: record { $0.labels = [Label(key: text(65), value: "")] })
      == "metadata.labels.key: 65 bytes, allowed are 64")
  #expect(
    refusal(of: record { $0.labels = [Label(key: "k", value: text(4097))] })
      == "metadata.labels.value: 4097 bytes, allowed are 4096")
  #expect(refusal(of: record { $0.labels = [Label(key: "", value: "v")] }) == "metadata.labels.key: is missing")
}

@Test func metadataMayHave16KiB() {
  func filled(_ last: Int) -> MemberRecord {
    record {
      $0 = NodeMetadata()
      $0.labels = ["a", "b", "c"].map { Label(key: $0, value: text(4096)) } + [Label(key: "d", value: text(last))]
    }
  }
  // Around the metadata stand a tag and, below 16 KiB, two bytes of length; values from 128 bytes grow one to one.
  let size = filled(1000).encoded().count - Samples.bareRecord.encoded().count - 3
  let last = WireLimits.metadataBytes - size + 1000
  #expect(refusal(of: filled(last)) == nil)
  #expect(refusal(of: filled(last + 1)) == "metadata: 16385 bytes, allowed are 16384")
}

@Test func aFrameMayHold512Records() {
  func frames(_ count: Int) -> [MeshMessage] {
    let records = Array(repeating: Samples.bareRecord, count: count)
    var ping = Ping()
    ping.news = records
    var ack = Ack()
    ack.news = records
    var news = News()
    news.records = records
    var view = View()
    view.records = records
    return [.ping(ping), .ack(ack), .news(news), .view(view)]
  }
  for frame in frames(512) { #expect(throws: Never.self) { try MeshMessage.decode(frame.encoded()) } }
  let names = ["ping.news", "ack.news", "news.records", "view.records"]
  for (frame, name) in zip(frames(513), names) {
    #expect(throws: WireError("\(name): more than 512 items")) { try MeshMessage.decode(frame.encoded()) }
  }
}

@Test func aFrameMayHave256KiB() throws {
  // An unknown field, 15, of as many bytes as it takes: tag 1, length 3.
  func frame(_ count: Int) -> [UInt8] {
    let ping = MeshMessage.ping(Ping()).encoded()
    let body = count - ping.count - 4
    let length = [UInt8(body & 0x7F | 0x80), UInt8(body >> 7 & 0x7F | 0x80), UInt8(body >> 14)]
    return ping + [0x7A] + length + Array(repeating: 0, count: body)
  }
  #expect(try MeshMessage.decode(frame(WireLimits.frameBytes)) == .ping(Ping()))
  #expect(throws: WireError("frame: 262145 bytes, allowed are 262144")) {
    try MeshMessage.decode(frame(WireLimits.frameBytes + 1))
  }
}

@Test func aRecordOnItsOwnMayHave17KiB() {
  let bare = Samples.bareRecord.encoded()
  let filler = Array(repeating: [0x78, 0x01] as [UInt8], count: 8800).joined()
  let most = bare + filler.prefix(WireLimits.recordBytes - bare.count - (WireLimits.recordBytes - bare.count) % 2)
  #expect(throws: Never.self) { try MemberRecord.decode(most) }
  #expect(throws: WireError.self) { try MemberRecord.decode(most + [0x78, 0x01]) }
}

@Test func aPingMayCarry1024Bytes() {
  var request = PingRequest()
  var reply = PingReply()
  reply.nodeID = "n"
  reply.clusterID = "c"
  request.payload = Array(repeating: 1, count: 1024)
  reply.payload = request.payload
  #expect(throws: Never.self) { try PingRequest.decode(request.encoded()) }
  #expect(throws: Never.self) { try PingReply.decode(reply.encoded()) }
  request.payload.append(1)
  reply.payload.append(1)
  #expect(throws: WireError("payload: 1025 bytes, allowed are 1024")) { try PingRequest.decode(request.encoded()) }
  #expect(throws: WireError("payload: 1025 bytes, allowed are 1024")) { try PingReply.decode(reply.encoded()) }
  let long = Array(repeating: [0x78, 0x01] as [UInt8], count: WireLimits.pingBytes / 2).joined()
  #expect(throws: Never.self) { try PingRequest.decode(Array(long)) }
  #expect(throws: WireError("request: 4097 bytes, allowed are 4096")) { try PingRequest.decode(Array(long) + [0]) }
  #expect(throws: WireError("reply: 4097 bytes, allowed are 4096")) { try PingReply.decode(Array(long) + [0]) }
}
