import MeshBasics
import MeshWire

@testable import MeshEngine
@testable import MeshMembership

/// Reads `bytes` as a sequence of inputs to one engine: links that open and close, hellos that lie, well-formed
/// messages with hostile values, commands, writes that fail and leaps of time. Returns what is broken.
func brokenEngineSequence(_ bytes: [UInt8]) -> String? {
  var script = ByteScript(bytes, names: ["a", "b", "c", "d"])
  guard let node = NodeID("b"), let seed = Endpoint(parsing: "seed:1") else { return nil }
  var configuration = EngineConfiguration(nodeID: node, metadata: NodeMetadata())
  configuration.nonce = UInt64(script.next() % 3)
  configuration.seeds = [seed]
  var engine = Engine(configuration: configuration, stored: StoredState(), seed: 1)
  var effects = EngineEffects()
  var now = Instant.origin + .seconds(1)
  var writes: [SyncToken] = [SyncToken(rawValue: 1)]
  var dials: [LinkID] = [.dialed(1)]
  var input = EngineInput.started(unixMilliseconds: Int64(script.next()) &* 1_000)
  while true {
    effects.removeAll()
    let wasStopped = engine.phase == .stopped
    engine.handle(input, now: now, into: &effects)
    if let problem = broken(engine, now: now) { return "\(problem), after \(input)" }
    for effect in effects.list {
      switch effect {
      case .poison(let reason): return "poison: \(reason)"
      case .persist(let token, _): writes.append(token)
      case .dial(let link, _): dials.append(link)
      case .send(let links, let message):
        if wasStopped { return "spoke after its end" }
        if links.isEmpty || message.encoded().count > WireLimits.frameBytes { return "a bad send of \(message.kind)" }
      default: break
      }
    }
    guard !script.isEmpty else { return nil }
    now = now + .milliseconds(Int64(script.next()) &* script.pick([0, 1, 16, 1_000]))
    input = nextInput(&script, writes: writes, dials: dials)
  }
}

private func broken(_ engine: Engine, now: Instant) -> String? {
  if let problem = brokenInvariant(of: engine.membership, now: .origin), !problem.hasSuffix("future"),
    !problem.hasSuffix("after now")
  {
    return problem
  }
  if let next = engine.nextDeadline, next <= now { return "the engine's next deadline isn't after now" }
  if engine.links.count > EngineLimits.linksMax { return "too many links" }
  let dialing = engine.dialer.targets.values.filter { $0.dialing != nil }
  if engine.dialer.dialsInFlight != dialing.count(where: { !$0.isLookingUp })
    || engine.dialer.lookupsInFlight != dialing.count(where: { $0.isLookingUp })
  {
    return "dials under way are counted wrong"
  }
  guard engine.phase == .running || engine.phase == .leaving else { return nil }
  for (node, session) in engine.sessions {
    if session.links.isEmpty || !session.links.contains(session.current) { return "a session of \(node) without links" }
    if session.links.count > EngineLimits.linksPerNodeMax { return "too many links to \(node)" }
    if session.links.contains(where: { engine.links[$0]?.node != node }) { return "a session of \(node) with others" }
  }
  let linked = engine.links.values.compactMap(\.node)
  if linked.contains(where: { engine.sessions[$0] == nil }) { return "a link without a session" }
  let peers = engine.membership.peers.keys
  return engine.phase == .running && peers.contains { engine.sessions[$0] == nil } ? "a peer without a link" : nil
}

private func nextInput(_ script: inout ByteScript, writes: [SyncToken], dials: [LinkID]) -> EngineInput {
  let name = script.name()
  let link = script.next() % 4 == 0 ? script.pick(dials) : LinkID.accepted(UInt64(script.next() % 4))
  switch script.next() % 16 {
  case 0, 1:
    let identity = PeerIdentity(
      nodeNames: script.next() % 4 == 0 ? [name] : script.names, clusterID: nil, keyFingerprint: "")
    return .linkOpened(link, LinkPeer(identity: identity, remoteAddress: name, transport: "http3"))
  case 2:
    return .linkClosed(
      link, script.pick([.closed, .timedOut, .portClosed, .unreachable("no"), .refused(reason: "no")]))
  case 3, 4, 5:
    var hello = Hello()
    hello.protocolVersion = script.pick([2, 2, 1, 3, 0, .max])
    hello.protocolVersionMin = script.pick([1, 1, 2, 3, 0])
    hello.clusterID = script.next() % 8 == 0 ? "other" : "local"
    hello.startedAt = script.number()
    hello.nonce = script.number()
    hello.record = script.record()
    hello.record.nodeID = name
    if script.next() % 8 != 0 {
      hello.record.state = .alive
      hello.record.metadata = script.metadata()
    }
    return .received(link, .hello(hello))
  case 6: return .unreadable(link, reason: "bytes")
  case 7:
    switch script.next() % 8 {
    case 0, 4: return .lookupStarted(link)
    case 1, 5: return .lookupEnded(link)
    case 7: return .linksLate
    default: return .linkDoubted(link)
    }
  case 8: return .stored(script.pick(writes))
  case 9:
    switch script.next() % 16 {
    case 0: return .storeFailed(script.pick(writes), reason: "full")
    case 1: return .securityChanged(SecurityPosture())
    default: return .deadlineReached
    }
  case 10: return .command(CommandToken(rawValue: 1), command(&script, name))
  case 11: return .pingCalled(RequestID(rawValue: 1), (0..<script.count(8)).map { _ in script.next() })
  default: return .received(link, script.message())
  }
}

private func command(_ script: inout ByteScript, _ name: String) -> Command {
  switch script.next() % 8 {
  case 0, 1: return .setLabels([Label(key: name, value: name)])
  case 2: return .setDraining(script.next() % 2 == 0)
  case 3: return .broadcast(topic: name, payload: [UInt8](repeating: 0, count: Int(script.next()) * 300))
  case 4: return script.next() % 8 == 0 ? .leave : .setDraining(true)
  default: return NodeID(name).map { .removeMember($0) } ?? .setDraining(false)
  }
}
