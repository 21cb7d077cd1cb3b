// The graceful goodbye: told to all linked members, and followed by a ping on the same stream whose answer proves that
// the goodbye arrived.
import MeshBasics
import MeshWire

extension Membership {
  mutating func leave(now: Instant, into effects: inout MembershipEffects) {
    guard isRunning else { return }
    updateLocal(now: now) { local in
      local.version.incarnation = max(local.version.incarnation, local.version.incarnation &+ 1)
      local.version.state = .left
    }
    tellFreshNews(into: &effects)
    var awaited = OrderedMap<NodeID, UInt64>()
    for (node, member) in members where member.isLinked && !member.version.state.isTerminal {
      sequence &+= 1
      awaited[node] = sequence
      sendPing(sequence, to: node, into: &effects)
    }
    phase = .leaving(awaited: awaited, deadline: now + configuration.leaveTimeout)
  }

  mutating func finishLeaving(into effects: inout MembershipEffects) {
    phase = .left
    effects.append(.leaveFinished)
  }
}
