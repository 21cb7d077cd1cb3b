// Endpoints at which no living member is known: seeds, endpoints that others told, guests that left. They are called
// now and then; who answers becomes a guest.
import MeshBasics
import MeshWire

/// An endpoint to try.
struct Contact: Equatable, Sendable {
  let isSeed: Bool
  /// When it is given up, unless somebody tells it again.
  var keepUntil: Instant
  /// Calls in a row that led to nobody.
  var failures = 0
  var isCalled = false
}

extension GossipV1 {
  /// Somebody may live there.
  mutating func learn(
    _ endpoint: Endpoint, keep span: Duration, after wait: Duration = .zero, now: Instant,
    into effects: inout GossipV1Effects
  ) {
    guard endpoint != configuration.endpoint, owners[endpoint] == nil else { return }
    let keepUntil = now + span
    if contacts.modify(endpoint, { $0.keepUntil = max($0.keepUntil, keepUntil) }) != nil { return }
    guard contacts.count < GossipV1Limits.contactsMax else {
      effects.append(.observe(.limitReached("v1 contacts")))
      return
    }
    contacts[endpoint] = Contact(isSeed: false, keepUntil: keepUntil)
    timers.set(.contact(endpoint), at: now + wait)
  }

  mutating func callContact(_ endpoint: Endpoint, now: Instant, into effects: inout GossipV1Effects) {
    guard phase == .running, let contact = contacts[endpoint], !contact.isCalled else { return }
    let owner = owners[endpoint]
    if !contact.isSeed && (owner != nil || now >= contact.keepUntil) {
      contacts.removeValue(forKey: endpoint)
      return
    }
    guard owner == nil else {
      timers.set(.contact(endpoint), at: now + GossipV1Limits.seedSpacing)
      return
    }
    let busy = exchanges.values.reduce(0) { if case .contact = $1.target { $0 &+ 1 } else { $0 } }
    guard busy < GossipV1Limits.exchangesWithContacts, exchanges.count < GossipV1Limits.exchangesMax else {
      timers.set(.contact(endpoint), at: now + GossipV1Limits.callSpacing)
      return
    }
    _ = contacts.modify(endpoint) { $0.isCalled = true }
    post(.contact(endpoint), to: endpoint, .envelope(envelope(to: nil, now: now)), now: now, into: &effects)
  }

  /// A call of `endpoint` has ended; `sender` is who answered, nil when nobody did.
  mutating func endContact(_ endpoint: Endpoint, sender: NodeID?, now: Instant) {
    guard var contact = contacts[endpoint] else { return }
    guard contact.isSeed || owners[endpoint] == nil else {
      // Whoever lives there is called as a member from now on.
      contacts.removeValue(forKey: endpoint)
      return
    }
    contact.isCalled = false
    contact.failures = sender == nil ? contact.failures &+ 1 : 0
    contacts[endpoint] = contact
    let wait: Duration
    if let sender {
      wait = sender == nodeID ? GossipV1Limits.selfSpacing : GossipV1Limits.seedSpacing
    } else {
      let steps = min(Int64(clamping: contact.failures) &- 1, 10)
      wait = min(configuration.interval.multiplied(by: 1 << steps), GossipV1Limits.contactBackoffMax)
    }
    timers.set(.contact(endpoint), at: now + random.jittered(wait, percent: 20))
  }

  // MARK: Shuffles

  /// v1 nodes tell the first 32 members only; what they shuffle may hold others. The bridges ask all guests, each some,
  /// and one of their own each time: what one bridge has found all of them find.
  mutating func shuffle(now: Instant, into effects: inout GossipV1Effects) {
    timers.set(.shuffle, at: now + random.jittered(configuration.shuffleInterval, percent: 10))
    guard phase == .running else { return }
    let living = owners.filter { isAlive($0.1) }
    let guests = living.filter { !isResident($0.1) }
    let residents = living.filter { isResident($0.1) }
    let share =
      (guests.count &+ GossipV1Limits.shuffleRounds &* bridges &- 1) / (GossipV1Limits.shuffleRounds &* bridges)
    let asked = random.sample(share, below: guests.count).map { guests[$0] }
    for (endpoint, node) in asked + random.sample(1, below: residents.count).map({ residents[$0] }) {
      guard exchanges.count < GossipV1Limits.exchangesMax else { return }
      let message = ownShuffle(for: endpoint)
      if !message.endpoints.isEmpty { post(.shuffle(node), to: endpoint, .shuffle(message), now: now, into: &effects) }
    }
  }

  /// Endpoints for who lives at `endpoint`: all guests' for a bridge, some of all that serve v1 for a v1 node.
  mutating func ownShuffle(for endpoint: Endpoint?) -> V1Shuffle {
    let isForBridge = endpoint.flatMap { owners[$0] }.map { isResident($0) } ?? false
    let known = owners.filter { $0.0 != endpoint && isAlive($0.1) && !(isForBridge && isResident($0.1)) }
    let size = isForBridge ? GossipV1Limits.shuffleReadMax : configuration.shuffleSampleSize
    return V1Shuffle(
      sender: configuration.endpoint.description,
      endpoints: random.sample(size, below: known.count).map { known[$0].0 })
  }

  /// Whether others are told that the member lives.
  private func isAlive(_ node: NodeID) -> Bool { announced[node] != nil && ends[node] == nil }

  mutating func take(_ shuffle: V1Shuffle, now: Instant, into effects: inout GossipV1Effects) {
    for endpoint in shuffle.endpoints {
      learn(endpoint, keep: GossipV1Limits.contactLife, now: now, into: &effects)
    }
  }
}
