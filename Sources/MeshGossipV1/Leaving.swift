// The goodbye. v1 has none: a sender is first taken for alive, and then what it says of itself counts. Others may still
// pass on that it lives, so that it is said to all guests, and more than once.
import MeshBasics
import MeshWire

extension GossipV1 {
  mutating func leave(now: Instant, into effects: inout GossipV1Effects) {
    switch phase {
    case .waiting: finishLeaving(into: &effects)
    case .leaving, .left: break
    case .running:
      for exchange in exchanges.keys { effects.append(.abandon(exchange)) }
      exchanges.removeAll()
      timers.removeAll()
      phase = .leaving(unsaid: farewells, rounds: GossipV1Limits.goodbyes)
      timers.set(.leave, at: now + GossipV1Limits.leaveTimeout)
      sayGoodbyes(now: now, into: &effects)
    }
  }

  private var farewells: [NodeID] { guests.filter { $0.1.status != .left }.map { $0.0 } }

  /// Says goodbye to the next ones, as many as there is room for; then begins the next round, or is done.
  mutating func sayGoodbyes(now: Instant, into effects: inout GossipV1Effects) {
    guard case .leaving(var unsaid, var rounds) = phase else { return }
    if unsaid.isEmpty && exchanges.isEmpty {
      rounds &-= 1
      guard rounds > 0, !guests.isEmpty else {
        finishLeaving(into: &effects)
        return
      }
      unsaid = farewells
      phase = .leaving(unsaid: unsaid, rounds: rounds)
      timers.set(.goodbyes, at: now + configuration.interval.divided(by: 4))
      return
    }
    while exchanges.count < GossipV1Limits.exchangesMax, let node = unsaid.popLast() {
      guard let guest = guests[node] else { continue }
      let message = V1Message.envelope(envelope(to: node, now: now))
      post(.goodbye(node), to: guest.endpoint, message, now: now, into: &effects)
    }
    phase = .leaving(unsaid: unsaid, rounds: rounds)
  }

  mutating func finishLeaving(into effects: inout GossipV1Effects) {
    for exchange in exchanges.keys { effects.append(.abandon(exchange)) }
    exchanges.removeAll()
    timers.removeAll()
    phase = .left
    effects.append(.leaveFinished)
  }
}
