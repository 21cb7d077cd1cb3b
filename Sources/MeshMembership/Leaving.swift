// The graceful goodbye: told to all linked members, and followed by a ping on the same stream whose answer proves that
// the goodbye arrived. And the goodbye that an operator says in the place of one that can't any more.
import MeshBasics
import MeshWire

extension Membership {
  mutating func leave(now: Instant, into effects: inout MembershipEffects) {
    guard isRunning else { return }
    updateLocal(now: now, rank: .end) { local in
      local.version.incarnation = max(local.version.incarnation, local.version.incarnation &+ 1)
      local.version.state = .left
    }
    var awaited = OrderedMap<NodeID, UInt64>()
    for node in peers.keys where members[node]?.version.state.isTerminal == false { awaited[node] = 0 }
    phase = .leaving(awaited: awaited)
    timers.removeAll()
    tellNews(now: now, into: &effects)
    for node in awaited.keys {
      sequence &+= 1
      awaited[node] = sequence
      sendPing(sequence, to: node, into: &effects)
    }
    phase = .leaving(awaited: awaited)
    timers.set(.leave, at: awaited.isEmpty ? now : now + configuration.leaveTimeout)
  }

  mutating func finishLeaving(into effects: inout MembershipEffects) {
    phase = .left
    effects.append(.leaveFinished)
  }

  // MARK: Removal

  /// An operator's word: a lost member is gone. One that lives refutes it.
  mutating func remove(_ node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    guard isRunning, let member = members[node] else { return }
    effects.append(.observe(.memberRemoved(node, by: nodeID.name)))
    guard member.version.state.isTerminal else {
      return declareDead(node, "removed by an operator", isRemoved: true, now: now, into: &effects)
    }
    // Others may not have believed its end yet.
    _ = ends.modify(node) { $0.isRemoved = true }
    let record = record(of: node, member, withMetadata: false)
    news.put(record, about: node, rank: .end, wide: true, source: nil)
  }

  /// Whether this node has reason enough of its own to follow an operator's word at once: it failed to reach the member
  /// itself, through relays too, and has heard nothing of it for an interval since. A healthy one refutes within some
  /// round trips, so that nobody can have it removed.
  func isLost(_ node: NodeID, _ member: Member, now: Instant) -> Bool {
    guard let confirmedAt = suspicions[node]?.confirmedAt, health.score < MembershipLimits.poorHealth else {
      return false
    }
    return now.since(max(confirmedAt, member.evidence)) >= configuration.interval
  }
}
