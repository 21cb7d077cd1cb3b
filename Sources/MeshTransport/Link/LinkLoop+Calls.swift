// The calls of this node to its peers, on the link thread: what `CallDesk` decides is done here. A call goes on the
// link's connection where this node has dialed it, otherwise on a connection that is dialed for calls alone, by the
// same race as a link's, and closed when it has been idle. What ends inside callbacks is noted, and acted on in the
// next turn.
import MeshBasics
import MeshSecurity

/// What the link thread knows of its calls.
struct PeerCalls {
  /// One call, and its present attempt.
  struct Entry {
    let call: PeerCall
    /// Where a connection is dialed for it: its own address, else that of the link.
    let address: SocketAddress?
    /// Where the attempt is, once it was sent.
    var place: (connection: LinkConversation, stream: Int64)?
    var sentAt: Instant?
    var transport: String?
  }

  let limits: CallLimits
  var desk: CallDesk
  var entries: [CallID: Entry] = [:]
  /// Connections dialed for calls, by their peers.
  var connections = OrderedMap<NodeID, LinkID>()
  /// Connections that outlive their link for the calls on them, the oldest first.
  var kept: [LinkConversation] = []
  var givenUp: GivenUpConnections
  /// Attempts that wait until such a connection is open.
  var waiting: [LinkID: [CallID]] = [:]
  /// Attempts that have ended since the last turn.
  var ended: [(id: CallID, end: CallAttemptEnd)] = []
  var dialed: UInt64 = 0

  init(_ limits: CallLimits, idleTimeout: Duration) {
    self.limits = limits
    givenUp = GivenUpConnections(span: idleTimeout, most: limits.givenUpPerPeerMax)
    let seed = Entropy.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    desk = CallDesk(limits: limits, seed: seed)
  }

  /// When `LinkLoop.settleCalls` has something to do.
  var nextDeadline: Instant? { ended.isEmpty ? desk.nextDeadline : .origin }
}

extension LinkLoop {
  // MARK: Commands

  func begin(_ id: CallID, _ call: PeerCall, _ now: Instant) {
    guard calls.entries[id] == nil else { return }
    let linked = call.target.link.flatMap { $0.isDialed ? links[$0]?.carrier.remote : nil }
    calls.entries[id] = PeerCalls.Entry(call: call, address: call.target.address ?? linked)
    var effects: [CallEffect] = []
    calls.desk.begin(
      id, to: call.target.node, by: call.deadline, isIdempotent: call.isIdempotent, now, into: &effects)
    carryOut(effects, now)
  }

  func cancelCall(_ id: CallID, _ now: Instant) {
    var effects: [CallEffect] = []
    calls.desk.cancel(id, now, into: &effects)
    carryOut(effects, now)
  }

  func stopCalls(_ now: Instant) {
    var effects: [CallEffect] = []
    calls.desk.stop(into: &effects)
    carryOut(effects, now)
  }

  /// Acts on what ended, and on deadlines that have come.
  func settleCalls(_ now: Instant) {
    guard let due = calls.nextDeadline, due <= now else { return }
    var effects: [CallEffect] = []
    let ended = calls.ended
    calls.ended = []
    for (id, end) in ended { calls.desk.attemptEnded(id, end, now, into: &effects) }
    calls.desk.expire(now, into: &effects)
    carryOut(effects, now)
  }

  private func carryOut(_ effects: [CallEffect], _ now: Instant) {
    for effect in effects {
      switch effect {
      case .attempt(let id): attempt(id, now)
      case .cancel(let id, let wasInVain):
        if wasInVain { waitedInVain(id, now) }
        breakOff(id)
      case .retry(let id):
        if let call = calls.entries[id]?.call { observe(.peerCallRetried(method: call.method)) }
      case .circuit(let node, let isOpen, let reason):
        observe(.peerCircuit(peer: node, isOpen: isOpen, reason: reason))
      case .end(let id, let outcome, let attempts): tellEnd(of: id, outcome, attempts, now)
      }
    }
  }

  private func tellEnd(of id: CallID, _ outcome: PeerCallOutcome, _ attempts: Int, _ now: Instant) {
    guard let entry = calls.entries.removeValue(forKey: id) else { return }
    observe(.peerCallEnded(method: entry.call.method, outcome: outcome.word))
    let end = PeerCallEnd(
      outcome: outcome, transport: entry.transport, roundTrip: entry.sentAt.map { now.since($0) }, attempts: attempts)
    deliver(.callEnded(id, end))
  }

  // MARK: Attempts

  private func attempt(_ id: CallID, _ now: Instant) {
    guard let target = calls.entries[id]?.call.target else { return }
    calls.entries[id]?.sentAt = nil
    calls.entries[id]?.transport = nil
    if let link = target.link, link.isDialed, let connection = links[link], connection.takesCalls,
      send(id, on: connection, now)
    {
      return
    }
    if let link = calls.connections[target.node], let connection = links[link] {
      if connection.state == .opening, connection.pendingEnd == nil {
        calls.waiting[link, default: []].append(id)
        return
      }
      if connection.takesCalls, send(id, on: connection, now) { return }
    }
    dial(for: id, target, now)
  }

  /// Sends a call. False when its peer takes no more of them there.
  private func send(_ id: CallID, on connection: LinkConversation, _ now: Instant) -> Bool {
    guard let call = calls.entries[id]?.call else { return true }
    let stream = connection.ask(call.method, call.message, timeout: call.deadline.since(now)) {
      [unowned self, unowned connection] end in
      calls.ended.append((id, end))
      calls.entries[id]?.place = nil
      settleIdle(connection)
    }
    guard let stream else { return false }
    connection.silence.sent(connection.carrier.signs, now)
    calls.entries[id]?.place = (connection, stream)
    calls.entries[id]?.sentAt = now
    calls.entries[id]?.transport = connection.carrier.peer?.transport
    settleIdle(connection)
    return true
  }

  /// Dials a connection for calls. One to the same peer that takes no more ends with the last call that is on it.
  private func dial(for id: CallID, _ target: CallTarget, _ now: Instant) {
    guard let address = calls.entries[id]?.address else {
      return calls.ended.append((id, .unprocessed("no link to \(target.node), and no address")))
    }
    // Those that take no more calls count until they have ended.
    if links.count(where: { $0.key.isForCalls && $0.value.pendingEnd == nil }) >= calls.limits.connectionsMax {
      guard endIdle() else {
        endpoint.limitReached("connections for calls")
        return calls.ended.append((id, .noRoom("\(calls.limits.connectionsMax) connections for calls are open")))
      }
    }
    if let former = calls.connections[target.node].flatMap({ links[$0] }), !former.hasCalls { former.fail(.closed) }
    calls.dialed += 1
    let link = LinkID.calls(calls.dialed)
    calls.connections[target.node] = link
    calls.waiting[link] = [id]
    // Where UDP passes a handshake and little else, one more would only be the next in vain.
    guard calls.givenUp.areTooMany(address, now) else { return dial(link, address, target.serverName, now) }
    endpoint.limitReached("connections for calls given up", peer: target.node.name)
    if !dialOverTCP(link, address, target.serverName, now) { callsCantGo(on: link, .unreachable("no way over TCP")) }
  }

  /// Ends the connection for calls that has been idle for longest. False when all are in use.
  private func endIdle() -> Bool {
    let idle = calls.connections.compactMap { node, link in
      links[link].flatMap { $0.state == .open && !$0.hasCalls ? (node: node, connection: $0) : nil }
    }
    func end(_ item: (node: NodeID, connection: LinkConversation)) -> Instant {
      item.connection.carrier.deadline ?? .origin
    }
    guard let oldest = idle.min(by: { end($0) < end($1) }) else { return false }
    calls.connections.removeValue(forKey: oldest.node)
    oldest.connection.fail(.closed)
    return true
  }

  private func breakOff(_ id: CallID) {
    if let place = calls.entries[id]?.place {
      place.connection.cancel(place.stream)
      settleIdle(place.connection)
    }
    calls.entries[id]?.place = nil
    for link in calls.connections.values { calls.waiting[link]?.removeAll { $0 == id } }
  }

  // MARK: Connections for calls

  /// One is open. Its peer must be the one that the calls are for.
  func callsMayGo(on connection: LinkConversation, _ link: LinkID, _ peer: LinkPeer) {
    let node = calls.connections.first { $0.1 == link }?.0
    let waiting = calls.waiting.removeValue(forKey: link) ?? []
    guard let node, peer.identity.nodeNames.contains(node.name) else {
      if let node { calls.connections.removeValue(forKey: node) }
      for id in waiting { calls.ended.append((id, .refused("another node answers at \(connection.carrier.remote)"))) }
      return connection.fail(.closed)
    }
    settleIdle(connection)
    let now = MonotonicClock.now()
    for id in waiting where !send(id, on: connection, now) {
      calls.ended.append((id, .unprocessed("the peer takes no more calls")))
    }
  }

  /// One has ended, or could not be opened.
  func callsCantGo(on link: LinkID, _ end: LinkEnd) {
    if let node = calls.connections.first(where: { $0.1 == link })?.0 { calls.connections.removeValue(forKey: node) }
    for id in calls.waiting.removeValue(forKey: link) ?? [] {
      switch end {
      case .refused(let reason): calls.ended.append((id, .refused(reason)))
      case .notTried(let reason): calls.ended.append((id, .noRoom(reason)))
      default: calls.ended.append((id, .unprocessed(end.text)))
      }
    }
  }

  /// A call is to be broken off because no answer came. Where nothing at all came, further ones must not wait on that
  /// connection: one for calls ends with the last that is on it. A link is membership's to judge, and carries calls
  /// again when something has come.
  private func waitedInVain(_ id: CallID, _ now: Instant) {
    guard let connection = calls.entries[id]?.place?.connection,
      connection.silence.waitedInVain(connection.carrier.signs, now, patience: calls.limits.patience),
      let node = calls.connections.first(where: { $0.1 == connection.link })?.0
    else { return }
    calls.connections.removeValue(forKey: node)
    gaveUp(connection, now)
  }

  /// A connection was given up, and its peer may not hear of its end.
  func gaveUp(_ connection: LinkConversation, _ now: Instant) {
    statistics.connectionsGivenUp += 1
    if connection.carrier.peer?.transport == "http3" { calls.givenUp.add(connection.carrier.remote, now) }
  }

  /// A connection stays for its calls after its link has ended. Of too many to one peer the oldest ends with its calls.
  func keptForCalls(_ connection: LinkConversation) {
    calls.kept.append(connection)
    // By address: one certificate may serve many nodes.
    let same = calls.kept.filter { $0.pendingEnd == nil && $0.carrier.remote == connection.carrier.remote }
    if same.count > calls.limits.keptPerPeerMax, let oldest = same.first {
      endpoint.limitReached("connections that outlive their link", peer: oldest.carrier.peerName)
      oldest.fail(.closed)
      oldest.giveUpCalls("this node gave their connection up, as too many to the peer outlived their links")
      gaveUp(oldest, MonotonicClock.now())
    }
    settleIdle(connection)
  }

  /// A connection for calls ends when it has carried none for a while, and one that was kept for them at once.
  private func settleIdle(_ connection: LinkConversation) {
    guard connection.pendingEnd == nil else { return }
    if connection.isKeptForCalls, !connection.hasCalls { return connection.fail(.closed) }
    guard connection.link?.isForCalls == true else { return }
    let isPresent = calls.connections.values.contains { links[$0] === connection }
    if !isPresent, !connection.hasCalls { return connection.fail(.closed) }
    connection.carrier.deadline = connection.hasCalls ? nil : MonotonicClock.now() + calls.limits.idleTimeout
    // A long call must not end by the idle timeout while its peer lives.
    connection.carrier.keepAlive(connection.hasCalls)
    connection.carrier.touch()
  }
}
