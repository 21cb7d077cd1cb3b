import MeshBasics
import MeshWire

/// Reads bytes as choices, and as messages with well-formed shapes and hostile values; 0 when there are none left.
struct ByteScript {
  private var rest: ArraySlice<UInt8>
  let names: [String]

  init(_ bytes: [UInt8], names: [String]) {
    rest = bytes[...]
    self.names = names
  }

  var isEmpty: Bool { rest.isEmpty }
  mutating func next() -> UInt8 { rest.popFirst() ?? 0 }
  mutating func pick<T>(_ choices: [T]) -> T { choices[Int(next()) % choices.count] }
  mutating func name() -> String { pick(names) }
  mutating func number() -> UInt64 { pick([0, 1, 2, 500, 1_000, 1_001, UInt64(next()), .max]) }
  mutating func count(_ limit: Int) -> Int { Int(next()) % limit }

  mutating func record() -> MemberRecord {
    var record = MemberRecord()
    record.nodeID = name()
    record.epoch = pick([500, 500, 501, 1_000, 1_001, UInt64(next()), .max])
    record.incarnation = pick([0, 0, 1, 2, UInt32(next()), 1 << 20, .max])
    record.state = MemberState(rawValue: next() % 4 + 1) ?? .alive
    if record.state == .suspect || record.state == .dead {
      record.accuser = name()
      let marks = next()
      record.refused = marks % 4 == 0
      record.removed = marks % 4 == 1
      if next() % 4 == 0 { record.accusers = names.prefix(3).sorted() }
    }
    switch next() % 4 {
    case 0, 1: record.metadata = metadata()
    case 2: record.metadataDelta = delta()
    default: break
    }
    return record
  }

  mutating func metadata() -> NodeMetadata {
    var metadata = NodeMetadata()
    metadata.metadataVersion = pick([1, 1, 2, Int64(next()), .max, .min])
    metadata.endpoint = pick(["a:1", "b:1", "nowhere:1", ""])
    if next() % 4 == 0 { metadata.labels = [Label(key: name(), value: String(repeating: "v", count: 600))] }
    return metadata
  }

  private mutating func delta() -> MetadataDelta {
    var delta = MetadataDelta()
    delta.fromVersion = pick([1, 2, Int64(next())])
    delta.toVersion = pick([2, 3, .max])
    delta.changed = [Label(key: name(), value: name())]
    return delta
  }

  mutating func records() -> [MemberRecord] { (0..<count(5)).map { _ in record() } }

  /// Any message but a hello.
  mutating func message() -> MeshMessage {
    switch next() % 12 {
    case 0:
      var ping = Ping()
      (ping.sequence, ping.digest, ping.news) = (number(), number(), records())
      return .ping(ping)
    case 1:
      var ack = Ack()
      (ack.sequence, ack.digest, ack.health, ack.news) = (number(), number(), UInt32(next() % 9), records())
      return .ack(ack)
    case 2:
      var news = MeshWire.News()
      news.records = records()
      return .news(news)
    case 3:
      var view = View()
      (view.records, view.replyWanted) = (records(), next() % 2 == 0)
      return .view(view)
    case 4:
      var request = ProbeRequest()
      (request.sequence, request.target) = (number(), name())
      return .probeRequest(request)
    case 5:
      var reply = ProbeReply()
      (reply.sequence, reply.target, reply.reached) = (number(), name(), next() % 2 == 0)
      return .probeReply(reply)
    case 6:
      var digest = SyncDigest()
      digest.buckets = (0..<WireLimits.syncBuckets).map { UInt64($0) &* UInt64(next()) }
      return .syncDigest(digest)
    case 7: return .syncSummary(summary())
    case 8:
      var delta = SyncDelta()
      (delta.records, delta.wanted) = (records(), next() % 2 == 0 ? [name()] : [])
      return .syncDelta(delta)
    case 9: return .broadcast(broadcast())
    case 10:
      var pull = BroadcastPull()
      (pull.origin, pull.epoch, pull.sequence) = (name(), number(), number())
      return .broadcastPull(pull)
    default: return .release(Release())
    }
  }

  private mutating func summary() -> SyncSummary {
    var summary = SyncSummary()
    summary.mask = pick([0, 1, .max])
    for _ in 0..<count(4) {
      var entry = SyncEntry()
      let record = record()
      (entry.nodeID, entry.epoch, entry.incarnation) = (record.nodeID, record.epoch, record.incarnation)
      (entry.state, entry.metadataVersion) = (record.state, Int64(next()))
      summary.entries.append(entry)
    }
    return summary
  }

  private mutating func broadcast() -> Broadcast {
    var broadcast = Broadcast()
    (broadcast.origin, broadcast.epoch, broadcast.sequence) = (name(), number(), number())
    broadcast.topic = "topic"
    broadcast.hops = UInt32(next())
    broadcast.payload = pick([nil, [], [1, 2, 3], [UInt8](repeating: 1, count: 2_000)])
    broadcast.size = pick([UInt32(broadcast.payload?.count ?? 3), UInt32(next()), 65_537, .max])
    return broadcast
  }
}
