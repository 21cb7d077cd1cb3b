// The hello that both sides say first, what it must prove, and the settling of two links to one node.
import MeshBasics
import MeshMembership
import MeshWire

extension Engine {
  mutating func sayHello(on id: LinkID, into effects: inout EngineEffects) {
    var hello = Hello()
    hello.protocolVersion = EngineLimits.protocolVersion
    hello.protocolVersionMin = EngineLimits.protocolVersionMin
    hello.startedAt = firstEpoch
    hello.nonce = configuration.nonce
    hello.clusterID = configuration.metadata.clusterID
    hello.record = membership.localRecord
    send(.hello(hello), on: [id], into: &effects)
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
    if isOwnName && isMine(hello) {
      metMyself(on: id, now: now, into: &effects)
    } else if let problem = problem(of: hello, from: node, peer) {
      // Also for a process of another cluster that has this name, and an authority in common: it takes nobody's place.
      refuse(id, peer, problem, now: now, into: &effects)
    } else if !isOwnName {
      establish(id, node, hello, now: now, into: &effects)
    } else if Instance(hello) > Instance(startedAt: firstEpoch, nonce: configuration.nonce) {
      lost(to: peer, into: &effects)
    } else {
      refuse(id, peer, "another process uses this node's name", now: now, into: &effects)
    }
  }

  /// Whether the hello is this process's own. Processes of the first version have no nonce; their epoch tells.
  private func isMine(_ hello: Hello) -> Bool {
    if hello.nonce == 0 || configuration.nonce == 0 { return hello.record.epoch == membership.localRecord.epoch }
    return hello.nonce == configuration.nonce
  }

  /// Another live process shows this node's own name and certificate and started later: it has taken this node's place.
  /// Only such a meeting proves that; what others tell can't stop a node.
  private mutating func lost(to peer: LinkPeer, into effects: inout EngineEffects) {
    let detail = "a process at \(peer.remoteAddress) started later with the node id '\(configuration.nodeID)'"
    effects.append(.observe(.duplicateNode(node: configuration.nodeID, detail: detail)))
    phase = .stopped
    effects.append(.conflict(detail))
    completeLeaves(.shuttingDown, into: &effects)
  }

  private func problem(of hello: Hello, from node: NodeID, _ peer: LinkPeer) -> String? {
    let cluster = configuration.metadata.clusterID
    if hello.clusterID != cluster { return "another cluster" }
    if !peer.identity.maySpeak(for: node, cluster: cluster) { return "certificate does not speak for this node" }
    if hello.protocolVersionMin > EngineLimits.protocolVersion
      || hello.protocolVersion < EngineLimits.protocolVersionMin
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
    case .seed(let index): dialer.answeredBySelf(.seed(index), now: now)
    // A member that announced this node's own address: it may move, so it is tried again, but not soon.
    case .peer(let node): _ = dialer.failed(.peer(node), refused: true, now: now, random: &random)
    case nil: break
    }
    let reason = "this is myself"
    effects.append(.close(id, reason: reason))
    effects.append(.observe(.linkClosed(peer: configuration.nodeID.name, reason: reason)))
  }

  private mutating func establish(
    _ id: LinkID, _ node: NodeID, _ hello: Hello, now: Instant, into effects: inout EngineEffects
  ) {
    guard var link = links[id] else { return }
    link.node = node
    link.epoch = hello.record.epoch
    link.instance = Instance(hello)
    link.version = min(hello.protocolVersion, EngineLimits.protocolVersion)
    link.establishedAt = now
    link.helloDeadline = nil
    links[id] = link
    if let key = link.target {
      if case .peer(let expected) = key, expected != node {
        // Another node answers at that address; the one that was looked for is still to be found.
        _ = dialer.failed(key, refused: false, now: now, random: &random)
        tell(.dialFailed(expected, refused: false), now: now, into: &effects)
      } else {
        dialer.answered(key, by: node)
      }
    }
    dialer.linked(node)
    var session = sessions[node] ?? Session(links: [], current: id)
    session.links.append(id)
    sessions[node] = session
    settle(node, now: now, into: &effects)
    showLink(of: node)
    if links[id] != nil {
      tell(.peerConnected(node, hello.record, version: link.version), now: now, into: &effects)
    } else if sessions[node].flatMap({ links[$0.current]?.life }) == link.life {
      // Another link to the same process is kept; that it lives was said all the same.
      tell(.received(node, .hello(hello)), now: now, into: &effects)
    }
  }

  /// Chooses among several links to one node. Links of an older life belong to a process that is gone. Of the rest the
  /// node with the smaller id closes all but one, so that two choices can't cross; the other speaks on the newest until
  /// then. Two links made at about the same time come from both dialing at once: the smaller's own is kept. Otherwise
  /// the newer is kept, since its maker must have lost the older.
  private mutating func settle(_ node: NodeID, now: Instant, into effects: inout EngineEffects) {
    guard let session = sessions[node], session.links.count > 1 else { return }
    let open = session.links.compactMap { id in links[id].map { (id: id, link: $0) } }
    guard let newestLife = open.map(\.link.life).max() else { return }
    reportDuplicate(node, open.map(\.link), newestLife, into: &effects)
    let current = open.filter { $0.link.life == newestLife }
    guard let newest = current.last else { return }
    var kept = newest.id
    if configuration.nodeID < node {
      let earliest = newest.link.establishedAt + (Duration.zero - configuration.membership.pingTimeout)
      let own = current.last { $0.id.isDialed && $0.link.establishedAt >= earliest }
      kept = own?.id ?? newest.id
    }
    _ = sessions.modify(node) { $0.current = kept }
    for (id, link) in open where id != kept && (link.life < newestLife || configuration.nodeID < node) {
      close(id, "another link to the same node is kept", now: now, into: &effects)
    }
    closeExcess(of: node, now: now, into: &effects)
  }

  /// An older process that opens a link while a later one with its name is linked: both live.
  private mutating func reportDuplicate(
    _ node: NodeID, _ open: [Link], _ newest: Link.Life, into effects: inout EngineEffects
  ) {
    guard let last = open.last, last.life < newest, last.instance.nonce != 0 else { return }
    let address = last.peer?.remoteAddress ?? "?"
    let detail = "the process at \(address) started before another that uses its name"
    effects.append(.observe(.duplicateNode(node: node, detail: detail)))
    // It learns where the other is, looks for it, and stops when they have met.
    guard let record = membership.record(of: node), let id = sessions[node]?.links.last else { return }
    var news = News()
    news.records = [record]
    send(.news(news), on: [id], into: &effects)
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
