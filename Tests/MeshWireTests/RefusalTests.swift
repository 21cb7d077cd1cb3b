import MeshWire
import Testing

/// Bytes, and what the error must say of them.
private func expectFrame(_ bytes: String, _ reason: String, at location: SourceLocation = #_sourceLocation) {
  #expect(throws: WireError(reason), sourceLocation: location) { try MeshMessage.decode(hex(bytes)) }
}

private func expectRecord(_ bytes: String, _ reason: String, at location: SourceLocation = #_sourceLocation) {
  #expect(throws: WireError(reason), sourceLocation: location) { try MemberRecord.decode(hex(bytes)) }
}

@Test func aFrameNeedsExactlyOneKnownMessage() {
  expectFrame("", "frame: no message that this version knows")
  expectFrame("72 00", "frame: no message that this version knows")
  expectFrame("12 00 1a 00", "ack: a second message in one frame")
  expectFrame("12 00 12 00", "ping: a second message in one frame")
}

@Test func missingFieldsAreNamed() {
  expectFrame("0a 00", "hello.clusterId: is missing")
  expectFrame("0a 03 1a 01 63", "hello.record: is missing")
  expectFrame("0a 05 1a 01 63 22 00", "hello.record.nodeId: is missing")
  expectFrame("22 07 0a 05 0a 01 6e 20 00", "news.records[0].state: is missing")
  expectFrame("22 0c 0a 05 0a 01 6e 20 01 0a 03 0a 01 6e", "news.records[1].state: is missing")
  expectRecord("0a 01 6e", "state: is missing")
  expectRecord("20 01", "nodeId: is missing")
  expectRecord("0a 00 20 01", "nodeId: is missing")
  #expect(throws: WireError("nodeId: is missing")) { try PingReply.decode([]) }
  #expect(throws: WireError("clusterId: is missing")) { try PingReply.decode(hex("0a016e")) }
}

@Test func statesThatThisVersionDoesntKnowAreRefused() {
  expectRecord("0a 01 6e 20 05", "state: unknown value 5")
  expectRecord("0a 01 6e 20 81 02", "state: unknown value 257")
  expectRecord("0a 01 6e 20 ff ff ff ff ff ff ff ff ff 01", "state: unknown value 18446744073709551615")
}

@Test func namesOfNodesFollowTheRulesOfNodeID() {
  for name in ["61 2f 62", "2e 2e", "61 20 62", "61 00 62", "c3 a9 c3"] {
    #expect(throws: WireError.self) { try MemberRecord.decode(hex("0a 03 \(name) 20 01")) }
  }
  expectRecord("0a 03 61 2f 62 20 01", "nodeId: not the name of a node")
  expectRecord("0a 01 6e 20 02 2a 01 2f", "accuser: not the name of a node")
}

@Test func metadataIsChecked() {
  let start = "0a 01 6e 20 01 32"
  expectRecord("\(start) 03 0a 01 1b", "metadata.role: holds a control character")
  expectRecord("\(start) 03 0a 01 7f", "metadata.role: holds a control character")
  expectRecord("\(start) 03 32 01 61", "metadata.endpoint: not host:port")
  expectRecord("\(start) 09 32 07 68 3a 39 39 39 39 39", "metadata.endpoint: not host:port")
  expectRecord("\(start) 08 42 06 0a 01 00 12 01 76", "metadata.labels.key: holds a control character")
  expectRecord("\(start) 08 42 06 0a 01 6b 12 01 00", "metadata.labels.value: holds a NUL character")
  expectRecord("\(start) 04 0a 02 c3 28", "metadata.role: not UTF-8")
}

@Test func brokenProtobufIsRefused() {
  expectRecord("80", "field tag: ends early")
  expectRecord("0a 05 6e", "nodeId: ends early")
  expectRecord("0a ff ff ff ff ff ff ff ff 7f 6e", "nodeId: ends early")
  expectRecord("0a ff ff ff ff ff ff ff ff ff 01", "nodeId: ends early")
  expectRecord("10 80 80 80 80 80 80 80 80 80 02", "epoch: a number of more than 64 bits")
  expectRecord("10 ff ff ff ff ff ff ff ff ff ff 01", "epoch: a number of more than 64 bits")
  expectRecord("18 80 80 80 80 10", "incarnation: more than 32 bits")
  expectRecord("02 00", "field tag: impossible number")
  expectRecord("80 80 80 80 80 01 00", "field tag: impossible number")
  expectRecord("a3 06", "field 100: a group or an impossible wire type")
  expectRecord("a4 06", "field 100: a group or an impossible wire type")
  expectRecord("a6 06", "field 100: a group or an impossible wire type")
  expectRecord("a7 06", "field 100: a group or an impossible wire type")
  expectRecord("a1 06 01", "field 100: ends early")
  expectRecord("a5 06 01 02 03", "field 100: ends early")
  expectRecord("a2 06 02 01", "field 100: ends early")
  expectRecord("a0 06 80", "field 100: ends early")
  expectRecord("08 01", "nodeId: wrong wire type")
  expectRecord("12 00", "epoch: wrong wire type")
  expectRecord("0a 01 6e 20 01 32 00 32 00", "metadata: comes twice")
  expectFrame("12 05 10 01", "ping: ends early")
  expectFrame("12 02 10 01", "ping.digest: wrong wire type")
  expectFrame("12 02 11 01", "ping.digest: ends early")
  expectFrame("12 04 1a 05 0a 01", "ping.news[0]: ends early")
}

@Test func everyPrefixOfAMessageIsSafeToRead() {
  for message in Samples.messages {
    let bytes = message.encoded()
    for count in 0..<bytes.count { _ = try? MeshMessage.decode(Array(bytes.prefix(count))) }
  }
}

@Test func fieldsThatDontArriveAreZeroWhateverTheStructsDefault() throws {
  let record = try MemberRecord.decode(hex("0a 01 6e 20 01 32 00"))
  let metadata = try #require(record.metadata)
  #expect(metadata.role.isEmpty && metadata.clusterID.isEmpty && metadata.region.isEmpty)
  #expect(!metadata.http3Support && metadata.meshVersion.isEmpty)
  let hello = try MeshMessage.decode(hex("0a 0a 1a 01 63 22 05 0a 01 6e 20 01"))
  guard case .hello(let hello) = hello else { return #expect(Bool(false), "not a hello") }
  #expect(hello.protocolVersion == 0 && hello.protocolVersionMin == 0)
}

@Test func whatWasReadNeverGrowsWhenWrittenAgain() throws {
  for folder in ["mesh-message", "member-record"] {
    for (name, bytes) in try Fixtures.files("corpus/\(folder)") {
      if folder == "mesh-message", let message = try? MeshMessage.decode(bytes) {
        #expect(message.encoded().count <= bytes.count, "\(name)")
      }
      if folder == "member-record", let record = try? MemberRecord.decode(bytes) {
        #expect(record.encoded().count <= bytes.count, "\(name)")
      }
    }
  }
}

@Test func brokenPartsOfProtocolTwoAreRefused() {
  expectFrame("32 02 0a 00", "probeRequest.sequence: wrong wire type")
  expectFrame("32 00", "probeRequest.target: is missing")
  expectFrame("3a 04 12 01 6e 18", "probeReply.reached: ends early")
  expectFrame("42 00", "syncDigest.buckets: 0 values, required are 64")
  expectFrame("42 02 08 01", "syncDigest.buckets: wrong wire type")
  expectFrame("42 05 0a 03 01 02 03", "syncDigest.buckets: not a whole number of values")
  expectFrame("42 04 09 01 02 03", "syncDigest.buckets: ends early")
  expectFrame("42 0b 0a 08 01 02 03 04 05 06 07 08 09", "syncDigest.buckets: ends early")
  expectFrame("4a 02 08 01", "syncSummary.mask: wrong wire type")
  expectFrame("4a 05 12 03 0a 01 6e", "syncSummary.entries[0].state: is missing")
  expectFrame("4a 07 12 05 0a 01 6e 20 05", "syncSummary.entries[0].state: unknown value 5")
  expectFrame("4a 04 12 02 20 01", "syncSummary.entries[0].nodeId: is missing")
  expectFrame("52 02 12 00", "syncDelta.wanted[0]: is missing")
  expectFrame("52 03 12 01 2f", "syncDelta.wanted[0]: not the name of a node")
  expectFrame("52 04 12 02 c3 28", "syncDelta.wanted[0]: not UTF-8")
  expectFrame("52 05 0a 03 0a 01 6e", "syncDelta.records[0].state: is missing")
  expectFrame("5a 03 0a 01 61", "broadcast.topic: is missing")
  expectFrame("5a 06 0a 01 61 22 01 00", "broadcast.topic: holds a control character")
  expectFrame("5a 08 0a 01 61 22 01 74 28 01", "broadcast.payload: wrong wire type")
  expectFrame("5a 0b 0a 01 61 22 01 74 38 80 80 80 80 10", "broadcast.hops: ends early")
  expectFrame("5a 0c 0a 01 61 22 01 74 38 80 80 80 80 10", "broadcast.hops: more than 32 bits")
  expectFrame("62 00", "broadcastPull.origin: is missing")
  expectFrame("6a 02 08", "release: ends early")
  expectFrame("6a 00 6a 00", "release: a second message in one frame")
  expectFrame("1a 02 20 09", "ack.health: 9, allowed are 0 to 8")
  expectRecord("0a 01 6e 20 02 42 01 2f", "accusers[0]: not the name of a node")
  expectRecord("0a 01 6e 20 02 38 01 40 01", "accusers: wrong wire type")
  expectRecord("0a 01 6e 20 01 4a 00 4a 00", "metadataDelta: comes twice")
  expectRecord("0a 01 6e 20 01 4a 03 22 01 0a", "metadataDelta.removed[0]: holds a control character")
  expectRecord("0a 01 6e 20 01 4a 02 22 00", "metadataDelta.removed[0]: is missing")
  expectRecord("0a 01 6e 20 01 4a 02 1a 00", "metadataDelta.changed.key: is missing")
}

@Test func bucketsOneByOneMayNotBeMoreThan64Either() {
  let one = [0x09] + [UInt8](repeating: 1, count: 8)
  func frame(_ count: Int) -> [UInt8] {
    let body = [[UInt8]](repeating: one, count: count).flatMap { $0 }
    return [0x42, UInt8(body.count & 0x7F | 0x80), UInt8(body.count >> 7)] + body
  }
  #expect(throws: Never.self) { try MeshMessage.decode(frame(64)) }
  #expect(throws: WireError("syncDigest.buckets: more than 64 values")) { try MeshMessage.decode(frame(65)) }
  #expect(throws: WireError("syncDigest.buckets: 63 values, required are 64")) { try MeshMessage.decode(frame(63)) }
}
