// Links that open, speak and close, and which of several links to one node is used.
import MeshBasics
import MeshMembership
import MeshWire

/// One link, from the dial or the opening by a peer to its end.
struct Link: Equatable, Sendable {
  /// What it was dialed for; nil when a peer opened it.
  var target: DialKey?
  /// The other end, once it is open.
  var peer: LinkPeer?
  /// The node behind it, once it has said hello.
  var node: NodeID?
  var epoch: UInt64 = 0
  /// The process behind it.
  var instance = Instance(startedAt: 0, nonce: 0)
  /// The version of the protocol that both ends speak.
  var version = EngineLimits.protocolVersionMin
  var establishedAt = Instant.origin
  /// Until when the peer must have said hello; before the link is open, until when its name must have been found.
  var helloDeadline: Instant?
  /// The hello that came in before this node may speak.
  var early: MeshMessage?

  init(target: DialKey?) { self.target = target }

  /// Which run of the node the link belongs to: of two, the process that started later, then the greater epoch.
  struct Life: Comparable {
    let instance: Instance
    let epoch: UInt64

    static func < (left: Life, right: Life) -> Bool {
      if left.instance != right.instance { return left.instance < right.instance }
      return left.epoch < right.epoch
    }
  }

  var life: Life { Life(instance: instance, epoch: epoch) }
}

/// One process that runs a node. Of two that live at once with one name, the later one stays.
struct Instance: Comparable, Sendable {
  /// The epoch that it began with: Unix milliseconds, or more where an earlier life had more.
  let startedAt: UInt64
  let nonce: UInt64

  init(startedAt: UInt64, nonce: UInt64) {
    self.startedAt = startedAt
    self.nonce = nonce
  }

  /// A process of the first version says nothing of itself but its epoch, which is about the time of its start.
  init(_ hello: Hello) {
    let startedAt = hello.nonce == 0 ? hello.record.epoch : hello.startedAt
    self.init(startedAt: startedAt, nonce: hello.nonce)
  }

  static func < (left: Instance, right: Instance) -> Bool {
    (left.startedAt, left.nonce) < (right.startedAt, right.nonce)
  }
}

/// The established links to one node.
struct Session: Equatable, Sendable {
  /// In the order in which they were established.
  var links: [LinkID]
  /// The one to speak on.
  var current: LinkID
}

extension Engine {
  mutating func linkOpened(_ id: LinkID, _ peer: LinkPeer, now: Instant, into effects: inout EngineEffects) {
    var link: Link
    if id.isDialed {
      // A dial that was given up meanwhile.
      guard let dialed = links[id], dialed.peer == nil else {
        if links[id] == nil { effects.append(.close(id, reason: "no longer wanted")) }
        return
      }
      link = dialed
    } else {
      guard links[id] == nil else { return }
      guard links.count < EngineLimits.linksMax, phase != .leaving else {
        if phase != .leaving { effects.append(.observe(.limitReached("links: \(EngineLimits.linksMax)"))) }
        effects.append(.close(id, reason: phase == .leaving ? "leaving the mesh" : "too many links"))
        return
      }
      link = Link(target: nil)
    }
    link.peer = peer
    link.helloDeadline = now + EngineLimits.helloTimeout
    links[id] = link
    lookForHellos()
    effects.append(.observe(.linkOpened(peer: peer.remoteAddress, transport: peer.transport, dialed: id.isDialed)))
    if phase == .running { sayHello(on: id, into: &effects) }
  }

  mutating func lookupStarted(_ id: LinkID, now: Instant) {
    guard let link = links[id], link.peer == nil, let key = link.target else { return }
    dialer.lookingUp(key)
    _ = links.modify(id) { $0.helloDeadline = now + EngineLimits.lookupTimeout }
    lookForHellos()
  }

  mutating func lookupEnded(_ id: LinkID) {
    guard let link = links[id], link.peer == nil, let key = link.target else { return }
    dialer.lookedUp(key)
    _ = links.modify(id) { $0.helloDeadline = nil }
    lookForHellos()
  }

  mutating func linkClosed(_ id: LinkID, _ end: LinkEnd, now: Instant, into effects: inout EngineEffects) {
    guard let link = links[id] else { return }
    if let peer = link.peer {
      effects.append(.observe(.linkClosed(peer: link.node?.name ?? peer.remoteAddress, reason: end.text)))
    }
    if case .refused(let why) = end {
      counters.trustRefusals &+= 1
      let name = link.peer?.remoteAddress ?? link.target.flatMap { dialer.targets[$0]?.endpoint.description } ?? "?"
      effects.append(.observe(.trustRefused(peer: name, reason: why, inbound: !id.isDialed)))
      forget(id, link, .refusedAndReported, reason: end.text, now: now, into: &effects)
    } else {
      // A protocol error on a link that had worked is no sign of a peer that never will.
      let outcome = link.node == nil || end.isRefusedTrust ? LinkOutcome(end) : .failed
      forget(id, link, outcome, reason: end.text, now: now, into: &effects)
    }
  }

  /// Closes a link for a reason of ours.
  mutating func close(
    _ id: LinkID, _ reason: String, _ outcome: LinkOutcome = .failed, now: Instant,
    into effects: inout EngineEffects
  ) {
    guard let link = links[id] else { return }
    effects.append(.close(id, reason: reason))
    if let peer = link.peer {
      effects.append(.observe(.linkClosed(peer: link.node?.name ?? peer.remoteAddress, reason: reason)))
    }
    forget(id, link, outcome, reason: reason, now: now, into: &effects)
  }

  private mutating func forget(
    _ id: LinkID, _ link: Link, _ outcome: LinkOutcome, reason: String, now: Instant,
    into effects: inout EngineEffects
  ) {
    links.removeValue(forKey: id)
    if link.helloDeadline != nil { lookForHellos() }
    if let node = link.node {
      remove(id, link, from: node, refused: outcome.isRefusal, now: now, into: &effects)
    } else if let key = link.target {
      // Who answers, though it is to refuse, lives; and what was never sent says nothing of anybody.
      let isConclusive = link.peer == nil && (outcome == .failed || outcome == .portClosed)
      dialFailed(key, outcome, isConclusive: isConclusive, reason: reason, now: now, into: &effects)
    }
  }

  private mutating func dialFailed(
    _ key: DialKey, _ outcome: LinkOutcome, isConclusive: Bool, reason: String, now: Instant,
    into effects: inout EngineEffects
  ) {
    counters.dialFailures &+= 1
    // The wish for it may have passed while the dial was on its way.
    lastTopology = nil
    let node = dialer.targets[key]?.node
    let name = dialer.targets[key]?.endpoint.description ?? "?"
    let wait = dialer.failed(key, refused: outcome.isRefusal, now: now, random: &random)
    // One record for one refused handshake: the refusal has its own, with the reason.
    if outcome != .refusedAndReported {
      effects.append(.observe(.dialFailed(target: name, reason: reason, retryIn: wait)))
    }
    // Only the target by name proves something about the node: a seed's endpoint may have become another's.
    if case .peer = key, let node, isConclusive {
      tell(.dialFailed(node, refused: outcome == .portClosed), now: now, into: &effects)
    }
  }

  private mutating func remove(
    _ id: LinkID, _ link: Link, from node: NodeID, refused: Bool, now: Instant, into effects: inout EngineEffects
  ) {
    guard var session = sessions[node] else { return }
    session.links.removeAll { $0 == id }
    if let last = session.links.last {
      if session.current == id { session.current = last }
      sessions[node] = session
      showLink(of: node)
      return
    }
    sessions.removeValue(forKey: node)
    showLink(of: node)
    let isShort = now.since(link.establishedAt) < EngineLimits.shortLife
    dialer.unlinked(node, shortLived: isShort, now: now, random: &random)
    if refused { dialer.postpone(node, now: now) }
    tell(.peerDisconnected(node), now: now, into: &effects)
  }

  /// Lets readers see what carries the link that `node` is spoken to on.
  mutating func showLink(of node: NodeID) {
    let transport = sessions[node].flatMap { links[$0.current]?.peer?.transport }
    guard shownTransports[node] != transport else { return }
    if let transport { shownTransports[node] = transport } else { shownTransports.removeValue(forKey: node) }
    relinked[node] = true
    linkRevision &+= 1
  }

  mutating func disconnect(_ node: NodeID, _ reason: String, now: Instant, into effects: inout EngineEffects) {
    for id in sessions[node]?.links ?? [] { close(id, reason, now: now, into: &effects) }
  }

  private mutating func lookForHellos() { nextHello = links.values.compactMap(\.helloDeadline).min() }

  mutating func closeSilentLinks(now: Instant, into effects: inout EngineEffects) {
    guard let due = nextHello, now >= due else { return }
    for (id, link) in links {
      if let deadline = link.helloDeadline, now >= deadline {
        close(id, link.peer == nil ? "no address in time" : "no hello in time", now: now, into: &effects)
      }
    }
    lookForHellos()
  }

  mutating func received(
    _ message: MeshMessage, on id: LinkID, now: Instant, into effects: inout EngineEffects
  ) {
    guard let link = links[id], let peer = link.peer else { return }
    guard phase == .running || phase == .leaving else {
      // Before this life's epoch is durable only a hello has a meaning, and the peer then waits for ours.
      if case .hello = message, link.early == nil { _ = links.modify(id) { $0.early = message } }
      return
    }
    counters.received &+= 1
    switch (message, link.node) {
    case (.hello(let hello), nil):
      if phase == .running || leaveHeldUntil != nil { greeted(hello, on: id, peer, now: now, into: &effects) }
      lookForHellos()
    case (.hello, let node?): reject("a second hello", from: node.name, into: &effects)
    case (_, nil):
      reject("a message before the hello", from: peer.remoteAddress, into: &effects)
      close(id, "spoke before its hello", .refused, now: now, into: &effects)
    case (_, let node?): tell(.received(node, message), now: now, into: &effects)
    }
  }

  mutating func unreadable(_ reason: String, on id: LinkID, now: Instant, into effects: inout EngineEffects) {
    guard let link = links[id], let peer = link.peer else { return }
    counters.received &+= 1
    effects.append(.observe(.messageFailed(outbound: false)))
    reject(reason, from: link.node?.name ?? peer.remoteAddress, into: &effects)
    close(id, "unreadable message", .refused, now: now, into: &effects)
  }

  mutating func doubted(_ id: LinkID, now: Instant, into effects: inout EngineEffects) {
    guard let node = links[id]?.node, sessions[node]?.current == id else { return }
    tell(.linkDoubted(node), now: now, into: &effects)
  }

  /// Counts and reports a message that was dropped.
  mutating func reject(_ reason: String, from peer: String, into effects: inout EngineEffects) {
    counters.rejected &+= 1
    effects.append(.observe(.messageRejected(peer: peer, reason: reason)))
  }
}

/// What the end of a link means for the next dial.
enum LinkOutcome: Equatable, Sendable {
  /// It may work next time.
  case failed
  /// The same, and it says nothing of the peer: it answered and closed, or nothing was sent.
  case inconclusive
  /// Time alone won't mend it.
  case refused
  /// The same, and the operator knows already.
  case refusedAndReported
  /// The host lives, and nobody listens there.
  case portClosed

  init(_ end: LinkEnd) {
    switch end {
    case .refused, .protocolError: self = .refused
    case .portClosed: self = .portClosed
    case .closed, .notTried: self = .inconclusive
    case .timedOut, .unreachable: self = .failed
    }
  }

  /// Whether time alone won't mend it, so that the next dial waits longer.
  var isRefusal: Bool { self == .refused || self == .refusedAndReported }
}

extension LinkEnd {
  var isRefusedTrust: Bool {
    if case .refused = self { true } else { false }
  }
}
