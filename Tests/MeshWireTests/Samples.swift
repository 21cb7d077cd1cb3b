import MeshWire

/// Messages that use every field.
enum Samples {
  static var metadata: NodeMetadata {
    var metadata = NodeMetadata()
    metadata.role = "gateway"
    metadata.clusterID = "prod"
    metadata.region = "eu-west"
    metadata.meshVersion = "0.1.0"
    metadata.http3Support = false
    metadata.endpoint = "[fe80::1%eth0]:17421"
    metadata.metadataVersion = 1_764_000_000_123
    metadata.labels = [Label(key: "a", value: ""), Label(key: "zone", value: "Zürich\n2")]
    metadata.security.tlsVersion = "1.3"
    metadata.security.mutualTLS = true
    metadata.security.revocationChecked = true
    metadata.security.certificateExpiresAt = -1
    metadata.draining = true
    return metadata
  }

  static var record: MemberRecord {
    var record = MemberRecord()
    record.nodeID = "mesh-a"
    record.epoch = UInt64.max
    record.incarnation = UInt32.max
    record.state = .suspect
    record.accuser = "mesh-b"
    record.metadata = metadata
    record.refused = true
    record.accusers = ["mesh-c", "mesh-d", "mesh-e"]
    record.metadataDelta = delta
    return record
  }

  static var delta: MetadataDelta {
    var delta = MetadataDelta()
    delta.fromVersion = -1
    delta.toVersion = Int64.max
    delta.changed = [Label(key: "a", value: "1"), Label(key: "b", value: "")]
    delta.removed = ["c", "é"]
    return delta
  }

  /// A claim without metadata or accuser, with zeros.
  static var bareRecord: MemberRecord {
    var record = MemberRecord()
    record.nodeID = "n"
    record.state = .left
    return record
  }

  static var messages: [MeshMessage] {
    var hello = Hello()
    hello.protocolVersion = 3
    hello.protocolVersionMin = 2
    hello.clusterID = "prod"
    hello.record = record
    hello.startedAt = 1_764_000_000_123
    hello.nonce = UInt64.max
    var ping = Ping()
    ping.sequence = 300
    ping.digest = 0x0102_0304_0506_0708
    ping.news = [record, bareRecord]
    var ack = Ack()
    ack.sequence = UInt64.max
    ack.digest = UInt64.max
    ack.news = [bareRecord]
    ack.health = 8
    var news = News()
    news.records = [bareRecord, record]
    var view = View()
    view.records = [record]
    view.replyWanted = true
    view.more = true
    return [
      .hello(hello), .ping(ping), .ping(Ping()), .ack(ack), .ack(Ack()), .news(news), .news(News()), .view(view),
      .view(View()),
    ] + probes + syncs + broadcasts + [.release(Release())]
  }

  static var probes: [MeshMessage] {
    var request = ProbeRequest()
    request.sequence = UInt64.max
    request.target = "mesh-c"
    var reply = ProbeReply()
    reply.sequence = 300
    reply.target = "mesh-c"
    reply.reached = true
    var negative = reply
    negative.reached = false
    return [.probeRequest(request), .probeReply(reply), .probeReply(negative)]
  }

  static var entry: SyncEntry {
    var entry = SyncEntry()
    entry.nodeID = "mesh-a"
    entry.epoch = UInt64.max
    entry.incarnation = UInt32.max
    entry.state = .dead
    entry.metadataVersion = -1
    return entry
  }

  static var syncs: [MeshMessage] {
    var digest = SyncDigest()
    digest.buckets = (0..<64).map { UInt64($0) &* 0x0101_0101_0101_0101 }
    var summary = SyncSummary()
    summary.mask = 1 << 63 | 1
    summary.entries = [entry, entry]
    var delta = SyncDelta()
    delta.records = [record, bareRecord]
    delta.wanted = ["mesh-b", "mesh-c"]
    return [
      .syncDigest(digest), .syncSummary(summary), .syncSummary(SyncSummary()), .syncDelta(delta),
      .syncDelta(SyncDelta()),
    ]
  }

  static var broadcast: Broadcast {
    var broadcast = Broadcast()
    broadcast.origin = "mesh-a"
    broadcast.epoch = UInt64.max
    broadcast.sequence = 300
    broadcast.topic = "orders"
    broadcast.payload = [0, 255, 1]
    broadcast.size = 3
    broadcast.hops = UInt32.max
    return broadcast
  }

  static var broadcasts: [MeshMessage] {
    var empty = broadcast
    empty.payload = []
    var announced = broadcast
    announced.payload = nil
    announced.size = 65_536
    var pull = BroadcastPull()
    pull.origin = "mesh-a"
    pull.epoch = UInt64.max
    pull.sequence = 300
    return [.broadcast(broadcast), .broadcast(empty), .broadcast(announced), .broadcastPull(pull)]
  }
}
