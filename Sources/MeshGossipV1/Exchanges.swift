// Requests of this node: many at once, each with a deadline of its own, so that one silent peer holds up nobody.
import MeshBasics
import MeshWire

/// A request on its way.
struct Exchange: Equatable, Sendable {
  /// Whom it is for.
  enum Target: Equatable, Sendable {
    case guest(NodeID)
    case contact(Endpoint)
    case shuffle(NodeID)
    case goodbye(NodeID)
  }
  let target: Target
  let endpoint: Endpoint
  let at: Instant
  let bytes: Int
  /// This process stood still meanwhile, so that a missing answer proves nothing.
  var isExcused = false
}

extension GossipV1 {
  mutating func post(
    _ target: Exchange.Target, to endpoint: Endpoint, _ message: V1Message, now: Instant,
    into effects: inout GossipV1Effects
  ) {
    lastExchange &+= 1
    let exchange = ExchangeID(rawValue: lastExchange)
    exchanges[exchange] = Exchange(target: target, endpoint: endpoint, at: now, bytes: message.estimatedBytes)
    timers.set(.exchange(exchange), at: now + configuration.pingTimeout)
    callsInRound &+= 1
    effects.append(.post(exchange, endpoint, message))
  }

  /// Calls a guest that was silent for a call period, or whom somebody suspects.
  mutating func callIfQuiet(_ node: NodeID, now: Instant, into effects: inout GossipV1Effects) {
    guard phase == .running, let guest = guests[node], guest.status != .left, !guest.isCalled else { return }
    guard exchanges.count < GossipV1Limits.exchangesMax else {
      timers.set(.call(node), at: now + GossipV1Limits.callSpacing)
      return
    }
    _ = guests.modify(node) {
      $0.isCalled = true
      $0.calledAt = now
    }
    let rumour = guest.failures % 2 == 1 ? guest.rumouredEndpoint : nil
    let message = V1Message.envelope(envelope(to: node, now: now))
    post(.guest(node), to: rumour ?? guest.endpoint, message, now: now, into: &effects)
  }

  /// Calls a guest that others suspect now, unless it was heard or called a moment ago.
  mutating func callSoon(_ node: NodeID, now: Instant) {
    guard let guest = guests[node], guest.status != .left, !guest.isCalled,
      now.since(max(guest.heardAt, guest.calledAt)) >= configuration.interval
    else { return }
    timers.set(.call(node), at: now)
  }

  /// How long after the last exchange with a guest this node calls it. What few bridges tell must come often to
  /// outweigh what v1 nodes tell each other.
  var callPeriod: Duration {
    let fifth = configuration.suspicionInterval.divided(by: 5)
    return bridges > GossipV1Limits.fewBridges ? fifth.multiplied(by: 2) : fifth
  }

  /// Sets when the guest is called next.
  mutating func planCall(of node: NodeID, at instant: Instant) {
    timers.set(.call(node), at: instant + random.jittered(callPeriod.divided(by: 10), percent: 100))
  }

  // MARK: How they end

  mutating func replied(
    _ id: ExchangeID, _ reply: V1Reply, identity: PeerIdentity?, now: Instant, into effects: inout GossipV1Effects
  ) {
    switch reply {
    case .refused(let status): failed(id, "it answered \(status)", now: now, into: &effects)
    case .unreadable(let reason):
      guard let exchange = close(id) else { return }
      effects.append(.observe(.messageRejected(peer: exchange.endpoint.description, reason: reason)))
      settle(exchange, sender: nil, isFailure: false, now: now, into: &effects)
    case .message(.shuffle(let shuffle)):
      guard let exchange = close(id) else { return }
      if case .shuffle = exchange.target { take(shuffle, now: now, into: &effects) }
      settle(exchange, sender: nil, isFailure: false, now: now, into: &effects)
    case .message(.envelope(let envelope)):
      guard let exchange = close(id) else { return }
      take(envelope, of: exchange, identity: identity, now: now, into: &effects)
    }
  }

  private mutating func take(
    _ envelope: V1Envelope, of exchange: Exchange, identity: PeerIdentity?, now: Instant,
    into effects: inout GossipV1Effects
  ) {
    let sender = envelope.sender.nodeID
    guard mayHear(envelope, identity: identity, inbound: false, into: &effects) else {
      settle(exchange, sender: nil, isFailure: envelope.isReadable, now: now, into: &effects)
      return
    }
    if case .goodbye = exchange.target {
      // Nothing is heard any more.
    } else if !(envelope.isMeshKit && sender == nodeID) {
      hear(envelope, now: now, into: &effects)
    }
    effects.append(.observe(.messageSent(kind: "v1Envelope", bytes: exchange.bytes)))
    if case .guest(sender) = exchange.target {
      let roundTrip = now.since(exchange.at)
      _ = guests.modify(sender) { $0.roundTrip = roundTrip }
      effects.append(.observe(.roundTripMeasured(peer: sender, roundTrip)))
    }
    settle(exchange, sender: sender, isFailure: true, now: now, into: &effects)
  }

  mutating func failed(_ id: ExchangeID, _ reason: String, now: Instant, into effects: inout GossipV1Effects) {
    guard let exchange = close(id) else { return }
    effects.append(.observe(.requestFailed(target: exchange.endpoint.description, reason: reason)))
    if case .shuffle = exchange.target {} else { effects.append(.observe(.messageFailed(outbound: true))) }
    settle(exchange, sender: nil, isFailure: !exchange.isExcused, now: now, into: &effects)
  }

  private mutating func close(_ id: ExchangeID) -> Exchange? {
    timers.set(.exchange(id), at: nil)
    return exchanges.removeValue(forKey: id)
  }

  /// What an ended exchange means for whom it was for. `sender` is who answered; an answer of somebody else is none.
  /// Where it is no failure somebody answered whom we couldn't read: no evidence of life, and none of death.
  private mutating func settle(
    _ exchange: Exchange, sender: NodeID?, isFailure: Bool, now: Instant, into effects: inout GossipV1Effects
  ) {
    switch exchange.target {
    case .guest(let node):
      guard var guest = guests[node] else { return }
      guest.isCalled = false
      let isHeard = guest.heardAt >= exchange.at
      if isFailure && !isHeard { guest.failures &+= 1 }
      guests[node] = guest
      guard guest.status != .left else { return }
      if isHeard {
        planCall(of: node, at: guest.heardAt + callPeriod)
      } else if isFailure {
        timers.set(.call(node), at: max(now, exchange.at + configuration.interval))
      } else {
        planCall(of: node, at: now + callPeriod)
      }
    case .contact(let endpoint): endContact(endpoint, sender: sender, now: now)
    case .shuffle: break
    case .goodbye: sayGoodbyes(now: now, into: &effects)
    }
  }
}

extension V1Message {
  /// About how many bytes it has.
  fileprivate var estimatedBytes: Int {
    switch self {
    case .envelope(let envelope):
      envelope.members.reduce(envelope.sender.estimatedBytes) { $0 &+ $1.profile.estimatedBytes }
    case .shuffle(let shuffle): shuffle.endpoints.reduce(64) { $0 &+ $1.host.utf8.count &+ 10 }
    }
  }
}
