import MeshWire
import Testing

// The limits of what protocol 2 added, each at the limit and one above it.

private func text(_ count: Int) -> String { String(repeating: "x", count: count) }

/// What protobuf and JSON say of a message: the same, whichever way it came.
private func refusal(of message: MeshMessage) -> String? {
  var json = JSONWriter()
  message.write(to: &json)
  let byProtobuf: String?
  do {
    _ = try MeshMessage.decode(message.encoded())
    byProtobuf = nil
  } catch { byProtobuf = error.description }
  do {
    _ = try MeshMessage.decode(json: try JSONValue.parse(json.bytes))
    #expect(byProtobuf == nil)
  } catch {
    #expect(byProtobuf == "\(error)")
  }
  return byProtobuf
}

private func news(_ change: (inout MemberRecord) -> Void) -> MeshMessage {
  var news = News()
  var record = Samples.bareRecord
  change(&record)
  news.records = [record]
  return .news(news)
}

private func delta(_ change: (inout MetadataDelta) -> Void) -> MeshMessage {
  news {
    var delta = MetadataDelta()
    change(&delta)
    $0.metadataDelta = delta
  }
}

private func broadcast(_ change: (inout Broadcast) -> Void) -> MeshMessage {
  var broadcast = Samples.broadcast
  change(&broadcast)
  return .broadcast(broadcast)
}

@Test func aClaimMayNameThreeFurtherAccusers() {
  #expect(refusal(of: news { $0.accusers = ["a", "b", "c"] }) == nil)
  #expect(refusal(of: news { $0.accusers = ["a", "b", "c", "d"] }) == "news.records[0].accusers: more than 3 items")
  #expect(refusal(of: news { $0.accusers = [text(128)] }) == nil)
  #expect(
    refusal(of: news { $0.accusers = ["a", text(129)] })
      == "news.records[0].accusers[1]: 129 bytes, allowed are 128")
  #expect(refusal(of: news { $0.accusers = [""] }) == "news.records[0].accusers[0]: is missing")
}

@Test func aDeltaMayChangeAndRemove64LabelsEach() {
  let keys = (100..<165).map { "k\($0)" }
  func labels(_ count: Int) -> [Label] { keys.prefix(count).map { Label(key: $0, value: "v") } }
  #expect(refusal(of: delta { $0.changed = labels(64) }) == nil)
  #expect(
    refusal(of: delta { $0.changed = labels(65) }) == "news.records[0].metadataDelta.changed: more than 64 labels")
  #expect(refusal(of: delta { $0.removed = Array(keys.prefix(64)) }) == nil)
  #expect(refusal(of: delta { $0.removed = keys }) == "news.records[0].metadataDelta.removed: more than 64 items")
  #expect(refusal(of: delta { $0.removed = [text(64)] }) == nil)
  #expect(
    refusal(of: delta { $0.removed = [text(65)] })
      == "news.records[0].metadataDelta.removed[0]: 65 bytes, allowed are 64")
}

@Test func aDeltaMayHave16KiB() {
  func filled(_ last: Int) -> MeshMessage {
    delta {
      $0.changed = ["a", "b", "c"].map { Label(key: $0, value: text(4096)) } + [Label(key: "d", value: text(last))]
    }
  }
  // Four entries of one tag, two bytes of length, a key of three and a value with three before it.
  let last = WireLimits.metadataBytes - 3 * 4096 - 4 * 9
  #expect(refusal(of: filled(last)) == nil)
  #expect(refusal(of: filled(last + 1)) == "news.records[0].metadataDelta: 16385 bytes, allowed are 16384")
}

@Test func aNodeMayDoubtItselfUpTo8() {
  func ack(_ health: UInt32) -> MeshMessage {
    var ack = Ack()
    ack.health = health
    return .ack(ack)
  }
  #expect(refusal(of: ack(8)) == nil)
  #expect(refusal(of: ack(9)) == "ack.health: 9, allowed are 0 to 8")
  #expect(refusal(of: ack(.max)) == "ack.health: 4294967295, allowed are 0 to 8")
}

@Test func aProbeNamesItsTarget() {
  var request = ProbeRequest()
  var reply = ProbeReply()
  #expect(refusal(of: .probeRequest(request)) == "probeRequest.target: is missing")
  #expect(refusal(of: .probeReply(reply)) == "probeReply.target: is missing")
  request.target = text(128)
  reply.target = text(128)
  #expect(refusal(of: .probeRequest(request)) == nil)
  #expect(refusal(of: .probeReply(reply)) == nil)
  request.target = text(129)
  reply.target = "a/b"
  #expect(refusal(of: .probeRequest(request)) == "probeRequest.target: 129 bytes, allowed are 128")
  #expect(refusal(of: .probeReply(reply)) == "probeReply.target: not the name of a node")
}

@Test func aDigestHasExactly64Buckets() {
  func digest(_ count: Int) -> MeshMessage {
    var digest = SyncDigest()
    digest.buckets = Array(repeating: 0, count: count)
    return .syncDigest(digest)
  }
  #expect(refusal(of: digest(64)) == nil)
  #expect(refusal(of: digest(65)) == "syncDigest.buckets: more than 64 values")
  #expect(refusal(of: digest(63)) == "syncDigest.buckets: 63 values, required are 64")
  #expect(refusal(of: digest(0)) == "syncDigest.buckets: 0 values, required are 64")
}

@Test func aSummaryMayHave4096Entries() {
  func summary(_ count: Int, _ change: (inout SyncEntry) -> Void = { _ in }) -> MeshMessage {
    var entry = Samples.entry
    change(&entry)
    var summary = SyncSummary()
    summary.entries = Array(repeating: entry, count: count)
    return .syncSummary(summary)
  }
  #expect(refusal(of: summary(4096)) == nil)
  #expect(refusal(of: summary(4097)) == "syncSummary.entries: more than 4096 items")
  #expect(refusal(of: summary(1) { $0.nodeID = "" }) == "syncSummary.entries[0].nodeId: is missing")
  #expect(
    refusal(of: summary(1) { $0.nodeID = text(129) }) == "syncSummary.entries[0].nodeId: 129 bytes, allowed are 128")
}

@Test func aDeltaMayGive512ClaimsAndWant512() {
  func delta(_ records: Int, _ wanted: Int) -> MeshMessage {
    var delta = SyncDelta()
    delta.records = Array(repeating: Samples.bareRecord, count: records)
    delta.wanted = (1000..<1000 + wanted).map { "n\($0)" }
    return .syncDelta(delta)
  }
  #expect(refusal(of: delta(512, 512)) == nil)
  #expect(refusal(of: delta(513, 0)) == "syncDelta.records: more than 512 items")
  #expect(refusal(of: delta(0, 513)) == "syncDelta.wanted: more than 512 items")
}

@Test func aTopicHas1To128BytesWithoutControlCharacters() {
  #expect(refusal(of: broadcast { $0.topic = "t" }) == nil)
  #expect(refusal(of: broadcast { $0.topic = text(128) }) == nil)
  #expect(refusal(of: broadcast { $0.topic = text(129) }) == "broadcast.topic: 129 bytes, allowed are 128")
  #expect(refusal(of: broadcast { $0.topic = "" }) == "broadcast.topic: is missing")
  #expect(refusal(of: broadcast { $0.topic = "a\nb" }) == "broadcast.topic: holds a control character")
}

@Test func aBroadcastMayCarry64KiB() {
  #expect(refusal(of: broadcast { $0.payload = Array(repeating: 7, count: 65_536) }) == nil)
  #expect(
    refusal(of: broadcast { $0.payload = Array(repeating: 7, count: 65_537) })
      == "broadcast.payload: 65537 bytes, allowed are 65536")
  #expect(refusal(of: broadcast { $0.size = 65_536 }) == nil)
  #expect(refusal(of: broadcast { $0.size = 65_537 }) == "broadcast.size: 65537, allowed are 0 to 65536")
}

@Test func aBroadcastAndAPullNameTheOrigin() {
  #expect(refusal(of: broadcast { $0.origin = "" }) == "broadcast.origin: is missing")
  #expect(refusal(of: broadcast { $0.origin = ".." }) == "broadcast.origin: not the name of a node")
  #expect(refusal(of: .broadcastPull(BroadcastPull())) == "broadcastPull.origin: is missing")
}
