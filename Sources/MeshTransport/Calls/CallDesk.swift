// The decisions about this node's calls to its peers: which are made, when again, and when they are over. Pure: what
// happens and the time come in, what is to be done goes out. LinkLoop+Calls.swift does it.
import MeshBasics

/// How one attempt of a call ended.
enum CallAttemptEnd: Equatable {
  /// The peer has answered.
  case answered(GRPCStatus, reply: [UInt8])
  /// The peer provably has not looked at the request: it was never sent, or the peer says so.
  case unprocessed(String)
  /// The peer may have acted on the request, and no answer came.
  case lost(String)
  /// This node broke it off, which says nothing of the peer. The peer may have acted on the request.
  case givenUp(String)
  /// Trust was refused, by either side: time won't mend it.
  case refused(String)
  /// This node has no room for it, which says nothing of the peer.
  case noRoom(String)
}

/// What is to be done about calls, in this order.
enum CallEffect: Equatable {
  /// Make an attempt; `CallDesk.attemptEnded` follows.
  case attempt(CallID)
  /// Break the attempt off; nothing follows. `wasInVain`: its caller had waited for an answer as long as it could, or
  /// long enough.
  case cancel(CallID, wasInVain: Bool)
  /// The call is over, after so many attempts.
  case end(CallID, PeerCallOutcome, attempts: Int)
  /// It will be tried again.
  case retry(CallID)
  /// No calls to the peer are made for a while, or they are again.
  case circuit(NodeID, isOpen: Bool, reason: String)
}

/// The calls of one node to its peers.
///
/// *Retries*: a call is tried again where the peer provably has not looked at it, and where it may have only if the
/// call is idempotent; never after an answer but UNAVAILABLE.
///
/// *Limits*: `CallLimits`.
struct CallDesk {
  private struct Call {
    let node: NodeID
    let deadline: Instant
    let isIdempotent: Bool
    var attempts = 0
    /// An attempt was asked for, and is not over.
    var isUnderWay = false
    /// When that was.
    var attemptedAt = Instant.origin
  }

  private struct Peer {
    var circuit = PeerCircuit()
    var calls = 0
    var changedAt: Instant
  }

  private let limits: CallLimits
  private var random: SeededRandom
  private var calls = OrderedMap<CallID, Call>()
  private var peers = OrderedMap<NodeID, Peer>()
  private var deadlines = DeadlineQueue<CallID>()

  init(limits: CallLimits, seed: UInt64) {
    self.limits = limits
    random = SeededRandom(seed: seed)
  }

  /// When `expire` is to be called next.
  var nextDeadline: Instant? { deadlines.next }
  /// Calls that are not over.
  var count: Int { calls.count }
  /// Peers that are remembered.
  var peerCount: Int { peers.count }

  /// A call begins. Its end follows, at once or later.
  mutating func begin(
    _ id: CallID, to node: NodeID, by deadline: Instant, isIdempotent: Bool, _ now: Instant,
    into effects: inout [CallEffect]
  ) {
    func refuse(_ outcome: PeerCallOutcome) { effects.append(.end(id, outcome, attempts: 0)) }
    guard calls[id] == nil else { return }
    guard now < deadline else { return refuse(.deadlinePassed) }
    guard calls.count < limits.callsMax else { return refuse(.busy("\(limits.callsMax) calls are under way")) }
    var peer = peers[node] ?? Peer(changedAt: now)
    guard peer.calls < limits.callsPerPeerMax else {
      return refuse(.busy("\(limits.callsPerPeerMax) calls to \(node) are under way"))
    }
    if let wait = peer.circuit.wait(of: id, now, limits) { return refuse(.circuitOpen(retryIn: wait)) }
    peer.calls += 1
    if peers[node] == nil { makeRoomForPeer() }
    peers[node] = peer
    calls[id] = Call(node: node, deadline: min(deadline, now + limits.deadlineMax), isIdempotent: isIdempotent)
    attempt(id, now, into: &effects)
  }

  /// An attempt that was asked for is over.
  mutating func attemptEnded(
    _ id: CallID, _ end: CallAttemptEnd, _ now: Instant, into effects: inout [CallEffect]
  ) {
    guard let call = calls[id], call.isUnderWay else { return }
    _ = calls.modify(id) { $0.isUnderWay = false }
    switch end {
    case .answered(let status, let reply):
      guard status.code == GRPCStatus.unavailableCode else {
        worked(call.node, now, into: &effects)
        return finish(id, .answered(status, reply: status == .ok ? reply : []), into: &effects)
      }
      failed(id, call, "it is unavailable", now, into: &effects)
      if !call.isIdempotent || !retry(id, now, into: &effects) {
        finish(id, .answered(status, reply: []), into: &effects)
      }
    case .unprocessed(let reason):
      failed(id, call, reason, now, into: &effects)
      if !retry(id, now, into: &effects) { finish(id, .unreachable(reason), into: &effects) }
    case .lost(let reason):
      failed(id, call, reason, now, into: &effects)
      if !call.isIdempotent || !retry(id, now, into: &effects) { finish(id, .unreachable(reason), into: &effects) }
    case .givenUp(let reason):
      _ = peers.modify(call.node) { $0.circuit.gaveUp(id, now) }
      if !call.isIdempotent || !retry(id, now, into: &effects) { finish(id, .unreachable(reason), into: &effects) }
    case .refused(let reason):
      failed(id, call, reason, now, into: &effects)
      finish(id, .unreachable(reason), into: &effects)
    case .noRoom(let what):
      _ = peers.modify(call.node) { $0.circuit.gaveUp(id, now) }
      finish(id, .busy(what), into: &effects)
    }
  }

  /// The caller wants no answer any more.
  mutating func cancel(_ id: CallID, _ now: Instant, into effects: inout [CallEffect]) {
    guard let call = calls[id] else { return }
    let wasInVain = now.since(call.attemptedAt) >= limits.patience
    if call.isUnderWay { effects.append(.cancel(id, wasInVain: wasInVain)) }
    // Callers with little patience must not keep the circuit of a peer that hangs from opening.
    if call.isUnderWay, wasInVain {
      failed(id, call, "no answer in time", now, into: &effects)
    } else {
      _ = peers.modify(call.node) { $0.circuit.gaveUp(id, now) }
    }
    finish(id, .cancelled, into: &effects)
  }

  /// Acts on deadlines that have come, and on attempts that are due.
  mutating func expire(_ now: Instant, into effects: inout [CallEffect]) {
    while let id = deadlines.popDue(now) {
      guard let call = calls[id] else { continue }
      if now >= call.deadline {
        if call.isUnderWay {
          effects.append(.cancel(id, wasInVain: true))
          failed(id, call, "no answer in time", now, into: &effects)
        }
        finish(id, .deadlinePassed, into: &effects)
      } else if let wait = peers.modify(call.node, { [limits] in $0.circuit.wait(of: id, now, limits) }) ?? nil {
        finish(id, .circuitOpen(retryIn: wait), into: &effects)
      } else {
        attempt(id, now, into: &effects)
      }
    }
  }

  /// Ends all.
  mutating func stop(into effects: inout [CallEffect]) {
    for id in calls.keys { finish(id, .stopped, into: &effects) }
  }

  // MARK: Attempts

  private mutating func attempt(_ id: CallID, _ now: Instant, into effects: inout [CallEffect]) {
    let deadline = calls.modify(id) { call in
      call.attempts += 1
      call.isUnderWay = true
      call.attemptedAt = now
      return call.deadline
    }
    deadlines.set(id, at: deadline)
    effects.append(.attempt(id))
  }

  /// Whether the call will be tried again: there is an attempt left, the circuit is closed, and the next attempt comes
  /// before the deadline.
  private mutating func retry(_ id: CallID, _ now: Instant, into effects: inout [CallEffect]) -> Bool {
    guard let call = calls[id], call.attempts < limits.attemptsMax, peers[call.node]?.circuit.isOpen != true else {
      return false
    }
    let doublings = Int64(1) << Int64(max(0, min(call.attempts - 1, 16)))
    let wait = random.jittered(min(limits.backoffMin.multiplied(by: doublings), limits.backoffMax), percent: 50)
    guard now + wait < call.deadline else { return false }
    deadlines.set(id, at: now + wait)
    effects.append(.retry(id))
    return true
  }

  private mutating func finish(_ id: CallID, _ outcome: PeerCallOutcome, into effects: inout [CallEffect]) {
    guard let call = calls.removeValue(forKey: id) else { return }
    deadlines.set(id, at: nil)
    let isForgotten = peers.modify(call.node) { peer in
      peer.calls -= 1
      return peer.calls == 0 && peer.circuit.isFresh
    }
    if isForgotten == true { peers.removeValue(forKey: call.node) }
    effects.append(.end(id, outcome, attempts: call.attempts))
  }

  // MARK: Circuits

  private mutating func failed(
    _ id: CallID, _ call: Call, _ reason: String, _ now: Instant, into effects: inout [CallEffect]
  ) {
    let opens = peers.modify(call.node) { [limits] peer in
      peer.changedAt = now
      return peer.circuit.failed(id, now, limits)
    }
    if opens == true { effects.append(.circuit(call.node, isOpen: true, reason: reason)) }
  }

  private mutating func worked(_ node: NodeID, _ now: Instant, into effects: inout [CallEffect]) {
    let closes = peers.modify(node) { peer in
      peer.changedAt = now
      return peer.circuit.succeeded()
    }
    if closes == true { effects.append(.circuit(node, isOpen: false, reason: "it has answered")) }
  }

  /// Of the peers without a call the one that failed longest ago is forgotten. Those with one are fewer than `peersMax`
  /// where that is no less than `callsMax`.
  private mutating func makeRoomForPeer() {
    guard peers.count >= limits.peersMax,
      let oldest = peers.filter({ $0.1.calls == 0 }).min(by: { $0.1.changedAt < $1.1.changedAt })
    else { return }
    peers.removeValue(forKey: oldest.0)
  }
}
