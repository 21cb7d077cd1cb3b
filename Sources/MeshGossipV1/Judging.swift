// From silence to an end. Only silence that this node itself has asked into counts, by its own monotonic clock.
import MeshBasics
import MeshWire

extension GossipV1 {
  /// Decides about a guest, and when to do so again.
  mutating func judge(_ node: NodeID, now: Instant, into effects: inout GossipV1Effects) {
    guard phase == .running, let guest = guests[node], guest.status != .left else { return }
    let silence = now.since(guest.silentSince)
    let patience = patience(now: now)
    if silence >= patience && guest.failures >= max(1, configuration.retransmitLimit) {
      leave(node, graceful: false, now: now, into: &effects)
      return
    }
    var status = guest.status
    if status == .alive && silence >= configuration.suspicionInterval && guest.failures > 0 {
      suspect(node, now: now, into: &effects)
      status = .suspect
    }
    let due = guest.silentSince + (status == .alive ? configuration.suspicionInterval : patience)
    timers.set(.verdict(node), at: due > now ? due : now + GossipV1Limits.verdictSpacing)
  }

  /// The silence that ends a guest. Where all guests fell silent together, and no resident lives either, it is likely
  /// this node that is cut off.
  private func patience(now: Instant) -> Duration {
    let living = guests.values.reduce(0) { $0 &+ ($1.status == .left ? 0 : 1) }
    let isAlone =
      living >= GossipV1Limits.silentTogether && now.since(lastHeardAny) >= configuration.suspicionInterval
      && !residents.values.contains { $0.state == .alive }
    guard isAlone else { return configuration.leaveAfter }
    return max(
      configuration.leaveAfter, configuration.suspicionInterval.multiplied(by: GossipV1Limits.patienceAlone))
  }

  private mutating func suspect(_ node: NodeID, now: Instant, into effects: inout GossipV1Effects) {
    _ = guests.modify(node) { $0.status = .suspect }
    refreshAnnouncement(of: node)
    if let guest = guests[node] { notify(.suspect, node, guest, silence: now.since(guest.heardAt), into: &effects) }
  }

  /// A guest is gone. It stays listed, is told to v1 nodes for a while, and is called now and then.
  mutating func leave(_ node: NodeID, graceful: Bool, now: Instant, into effects: inout GossipV1Effects) {
    guard var guest = guests[node], guest.status != .left else { return }
    guest.status = .left
    guests[node] = guest
    withdrawTimers(of: node)
    disown(guest.endpoint, node)
    end(node, at: now)
    timers.set(.forget(node), at: now + GossipV1Limits.tombstoneLifetime)
    learn(guest.endpoint, keep: GossipV1Limits.endRetried, after: configuration.interval, now: now, into: &effects)
    refreshAnnouncement(of: node)
    notify(.left(graceful: graceful), node, guest, into: &effects)
  }

  mutating func withdrawTimers(of node: NodeID) {
    for timer in [Timer.call(node), .verdict(node), .forget(node), .hush(node)] { timers.set(timer, at: nil) }
  }

  /// Drops a guest that has left.
  mutating func forget(_ node: NodeID, into effects: inout GossipV1Effects) {
    guard let guest = guests[node], guest.status == .left else { return }
    guests.removeValue(forKey: node)
    withdrawTimers(of: node)
    ends.removeValue(forKey: node)
    refreshAnnouncement(of: node)
    notify(.forgotten, node, guest, into: &effects)
  }

  /// Room for one guest more, if need be in place of the one that left first.
  mutating func makeRoom(into effects: inout GossipV1Effects) -> Bool {
    if guests.count < GossipV1Limits.guestsMax { return true }
    let gone = guests.filter { $0.1.status == .left }.min { $0.1.heardAt < $1.1.heardAt }
    effects.append(.observe(.limitReached("v1 guests")))
    guard let gone else { return false }
    forget(gone.0, into: &effects)
    return true
  }

  /// A turn that comes late means that this process stood still, or had too much to do. That time is nobody's silence,
  /// and answers that didn't come in it are nobody's failure.
  mutating func excusePause(now: Instant, into effects: inout GossipV1Effects) {
    guard phase == .running, let expectedAt else { return }
    let late = now.since(expectedAt)
    guard late >= GossipV1Limits.lateness else { return }
    for node in guests.keys { _ = guests.modify(node) { $0.silentSince = min(now, $0.silentSince + late) } }
    for id in exchanges.keys { _ = exchanges.modify(id) { $0.isExcused = true } }
    lastHeardAny = min(now, lastHeardAny + late)
    effects.append(.observe(.pauseDetected(late)))
  }

  // MARK: Telling the host

  /// Announces a change, as an event and as the log record of it.
  mutating func notify(
    _ kind: GuestEvent.Kind, _ node: NodeID, _ guest: Guest, silence: Duration = .zero,
    into effects: inout GossipV1Effects
  ) {
    let correlation = correlation()
    let facts = guest.facts(of: node)
    let record: Observation? =
      switch kind {
      case .joined: .memberJoined(facts, correlation: correlation)
      case .updated: .memberUpdated(facts, correlation: correlation)
      case .suspect: .memberSuspected(facts, silence: silence, accuser: nodeID, correlation: correlation)
      case .recovered:
        .memberRecovered(facts, previousStatus: V1Status.suspect.rawValue, correlation: correlation)
      case .left(let isGraceful): .memberLeft(facts, graceful: isGraceful, correlation: correlation)
      case .migrated, .forgotten: nil
      }
    if let record { effects.append(.observe(record)) }
    effects.append(.notify(GuestEvent(kind: kind, guest: guest.view(of: node), correlation: correlation)))
  }
}
