import MeshBasics
import MeshEngine
import MeshMembership
import MeshWire

/// Reads `bytes` as a sequence of inputs to one engine: links that open and close, well-formed messages with hostile
/// values, raw bytes, commands and leaps of time. Nothing a peer sends may trap.
func fuzzEngineSequence(_ bytes: [UInt8]) {
  var rest = bytes[...]
  func next() -> UInt8 { rest.popFirst() ?? 0 }
  guard let node = NodeID("b") else { return }
  var engine = Engine(
    configuration: EngineConfiguration(nodeID: node, metadata: NodeMetadata()), stored: StoredState(), seed: 1)
  var effects = EngineEffects()
  var now = Instant.origin
  func give(_ input: EngineInput) {
    effects.removeAll()
    engine.handle(input, now: now, into: &effects)
    _ = engine.nextDeadline
  }
  give(.started(unixMilliseconds: Int64(next()) &* 1_000))
  give(.stored(SyncToken(rawValue: 1)))
  let names = ["a", "b", "c", "d"]
  func record() -> MemberRecord {
    var record = MemberRecord()
    record.nodeID = names[Int(next() % 4)]
    record.epoch = [1, 1_000, .max, UInt64(next())][Int(next() % 4)]
    record.incarnation = [0, 1, .max, UInt32(next())][Int(next() % 4)]
    record.state = MemberState(rawValue: next() % 4 + 1) ?? .alive
    if record.state == .suspect || record.state == .dead { record.accuser = names[Int(next() % 4)] }
    if next() % 2 == 0 {
      var metadata = NodeMetadata()
      metadata.metadataVersion = [1, .max, .min, Int64(next())][Int(next() % 4)]
      record.metadata = metadata
    }
    return record
  }
  while !rest.isEmpty {
    now = now + .milliseconds(Int64(next()) &* 16)
    let name = names[Int(next() % 4)]
    let link = LinkID.accepted(UInt64(next() % 4))
    switch next() % 10 {
    case 0:
      let identity = PeerIdentity(nodeNames: names, clusterID: nil, keyFingerprint: "")
      give(.linkOpened(link, LinkPeer(identity: identity, remoteAddress: name, transport: "http3")))
    case 1: give(.linkClosed(link, next() % 2 == 0 ? .closed : .refused(reason: "no")))
    case 2, 3:
      var hello = Hello()
      hello.clusterID = "local"
      hello.record = record()
      give(.received(link, MeshMessage.hello(hello).encoded()))
    case 4:
      var ping = Ping()
      ping.sequence = UInt64(next())
      ping.news = [record(), record()]
      give(.received(link, MeshMessage.ping(ping).encoded()))
    case 5:
      var ack = Ack()
      ack.sequence = UInt64(next())
      ack.news = [record()]
      give(.received(link, MeshMessage.ack(ack).encoded()))
    case 6:
      var view = View()
      view.records = [record(), record(), record()]
      view.replyWanted = next() % 2 == 0
      give(.received(link, MeshMessage.view(view).encoded()))
    case 7: give(.received(link, (0..<Int(next() % 32)).map { _ in next() }))
    case 8: give(.command(CommandToken(rawValue: 1), .setLabels([Label(key: name, value: name)])))
    default: give(.deadlineReached)
    }
  }
}
