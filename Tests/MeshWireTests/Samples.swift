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
    return record
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
    var ping = Ping()
    ping.sequence = 300
    ping.digest = 0x0102_0304_0506_0708
    ping.news = [record, bareRecord]
    var ack = Ack()
    ack.sequence = UInt64.max
    ack.digest = UInt64.max
    ack.news = [bareRecord]
    var news = News()
    news.records = [bareRecord, record]
    var view = View()
    view.records = [record]
    view.replyWanted = true
    view.more = true
    return [
      .hello(hello), .ping(ping), .ping(Ping()), .ack(ack), .ack(Ack()), .news(news), .news(News()), .view(view),
      .view(View()),
    ]
  }
}
