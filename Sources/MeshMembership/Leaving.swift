// The graceful goodbye: told to all linked members, and followed by a ping on the same stream whose answer proves that
// the goodbye arrived.
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
}
