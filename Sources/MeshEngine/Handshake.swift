// The hello that both sides say first, what it must prove, and the settling of two links to one node.
import MeshBasics
import MeshMembership
import MeshWire

extension Engine {
  mutating func sayHello(on id: LinkID, into effects: inout EngineEffects) {
    var hello = Hello()
    hello.protocolVersion = EngineLimits.protocolVersion
    hello.protocolVersionMin = EngineLimits.protocolVersion
    hello.clusterID = configuration.metadata.clusterID
    hello.record = membership.localRecord
    send(MeshMessage.hello(hello).encoded(), on: id, into: &effects)
  }

  /// Takes a peer's hello: the link is established, or closed with the reason.
  mutating func greeted(
    _ hello: Hello, on id: LinkID, _ peer: LinkPeer, now: Instant, into effects: inout EngineEffects
  ) {
    guard let node = NodeID(hello.record.nodeID) else {
      refuse(id, peer, "hello: not the name of a node", now: now, into: &effects)
      return
    }
    let isOwnName =
      node == configuration.nodeID && peer.identity.maySpeak(for: node, cluster: configuration.metadata.clusterID)
    if isOwnName && hello.record.epoch == membership.localRecord.epoch {
      metMyself(on: id, now: now, into: &effects)
      return
    }
    if let problem = problem(of: hello, from: node, peer) {
      refuse(id, peer, problem, now: now, into: &effects)
      return
    }
    establish(id, node, hello.record, now: now, into: &effects)
  }

  private func problem(of hello: Hello, from node: NodeID, _ peer: LinkPeer) -> String? {
    let cluster = configuration.metadata.clusterID
    if hello.clusterID != cluster { return "another cluster" }
    if !peer.identity.maySpeak(for: node, cluster: cluster) { return "certificate does not speak for this node" }
    if node == configuration.nodeID { return "another process uses this node's name" }
    if hello.protocolVersionMin > EngineLimits.protocolVersion
      || hello.protocolVersion < EngineLimits.protocolVersion
    {
      return "protocol version"
    }
    if hello.record.state != .alive || hello.record.metadata == nil || hello.record.epoch == 0 {
      return "hello without a claim of its own"
    }
    if hello.record.metadata?.clusterID != cluster { return "another cluster" }
    return nil
  }

  private mutating func refuse(
    _ id: LinkID, _ peer: LinkPeer, _ reason: String, now: Instant, into effects: inout EngineEffects
  ) {
    counters.trustRefusals &+= 1
    effects.append(.observe(.trustRefused(peer: peer.remoteAddress, reason: reason, inbound: !id.isDialed)))
    close(id, reason, .refusedAndReported, now: now, into: &effects)
  }

  /// A seed may well name this node itself; it isn't dialed again.
  private mutating func metMyself(on id: LinkID, now: Instant, into effects: inout EngineEffects) {
    let link = links.removeValue(forKey: id)
    switch link?.target {
    case .seed(let index): dialer.answered(.seed(index), by: nil)
    // A member that announced this node's own address: it may move, so it is tried again, but not soon.
    case .peer(let node): _ = dialer.failed(.peer(node), refused: true, now: now, random: &random)
    case nil: break
    }
    let reason = "this is myself"
    effects.append(.close(id, reason: reason))
    effects.append(.observe(.linkClosed(peer: configuration.nodeID.name, reason: reason)))
  }

  private mutating func establish(
    _ id: LinkID, _ node: NodeID, _ record: MemberRecord, now: Instant, into effects: inout EngineEffects
  ) {
    guard var link = links[id] else { return }
    link.node = node
    link.epoch = record.epoch
    link.establishedAt = now
    link.helloDeadline = nil
    links[id] = link
    if let key = link.target {
      if case .peer(let expected) = key, expected != node {
        // Another node answers at that address; the one that was looked for is still to be found.
        _ = dialer.failed(key, refused: false, now: now, random: &random)
        tell(.dialFailed(expected), now: now, into: &effects)
      } else {
        dialer.answered(key, by: node)
      }
    }
    dialer.linked(node)
    var session = sessions[node] ?? Session(links: [], current: id)
    session.links.append(id)
    sessions[node] = session
    settle(node, now: now, into: &effects)
    guard links[id] != nil else { return }
    tell(.peerConnected(node, record), now: now, into: &effects)
  }

  /// Chooses among several links to one node. Links of an older epoch belong to a process that is gone. Of the rest the
  /// node with the smaller id closes all but one, so that two choices can't cross; the other speaks on the newest until
  /// then. Two links made at about the same time come from both dialing at once: the smaller's own is kept. Otherwise
  /// the newer is kept, since its maker must have lost the older.
  private mutating func settle(_ node: NodeID, now: Instant, into effects: inout EngineEffects) {
    guard let session = sessions[node], session.links.count > 1 else { return }
    let open = session.links.compactMap { id in links[id].map { (id: id, link: $0) } }
    guard let newestEpoch = open.map(\.link.epoch).max() else { return }
    let current = open.filter { $0.link.epoch == newestEpoch }
    guard let newest = current.last else { return }
    var kept = newest.id
    if configuration.nodeID < node {
      let earliest = newest.link.establishedAt + (Duration.zero - configuration.pingTimeout)
      let own = current.last { $0.id.isDialed && $0.link.establishedAt >= earliest }
      kept = own?.id ?? newest.id
    }
    _ = sessions.modify(node) { $0.current = kept }
    for (id, link) in open where id != kept && (link.epoch < newestEpoch || configuration.nodeID < node) {
      close(id, "another link to the same node is kept", now: now, into: &effects)
    }
    closeExcess(of: node, now: now, into: &effects)
  }
  /// The greater id waits for the smaller to choose, but not for ever: a peer that opens link after link loses its
  /// oldest.
  private mutating func closeExcess(of node: NodeID, now: Instant, into effects: inout EngineEffects) {
    guard let session = sessions[node], session.links.count > EngineLimits.linksPerNodeMax else { return }
    let excess = session.links.filter { $0 != session.current }.prefix(
      session.links.count &- EngineLimits.linksPerNodeMax)
    for id in excess { close(id, "too many links to one node", now: now, into: &effects) }
  }
}
