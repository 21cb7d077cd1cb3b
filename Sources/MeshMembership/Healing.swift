// The gone are not forgotten at once: now and then one of them is tried, so that two halves of a partition find each
// other by themselves, at a cost that doesn't grow with the number of the gone.
import MeshBasics
import MeshWire

extension Membership {
  /// Tries one of the dead, with a chance of four in the number of the living: over the mesh a few tries each time.
  mutating func heal(now: Instant) {
    timers.set(.heal, at: now + random.jittered(MembershipLimits.healing, percent: 20))
    guard !ends.isEmpty, !configuration.mutations.contains(.neverHeals) else { return }
    guard random.chance(4, in: UInt64(max(4, livingCount))) else { return }
    let start = Int(clamping: random.below(UInt64(ends.count)))
    // An endpoint is the word of whoever announces it, and mustn't keep another from being found for ever.
    let trustsAnnouncements = !random.chance(1, in: MembershipLimits.healingAnyway)
    let taken = [local.metadata.value.endpoint] + (trustsAnnouncements ? announcedEndpoints : [])
    for offset in 0..<ends.count {
      guard let end = ends.element(at: (start &+ offset) % ends.count), let member = members[end.key],
        member.version.state == .dead, peers[end.key] == nil, !taken.contains(member.metadata.value.endpoint)
      else { continue }
      marks.insert(.triedToHeal)
      wantTemporarily(end.key, now: now)
      return
    }
  }

  /// Where those that this node is linked to say that they live: one of the dead that was there before can't be found
  /// there, and each dial would replace a link that works.
  private var announcedEndpoints: [String] {
    peers.keys.compactMap { node in
      members[node].flatMap { $0.version.state == .alive ? $0.metadata.value.endpoint : nil }
    }
  }

  /// Forgets those that ended long ago.
  mutating func forgetOldEnds(now: Instant) {
    broadcasts.expire(now: now)
    let old = ends.filter { node, end in
      peers[node] == nil && now.since(end.at) >= MembershipLimits.tombstoneLifetime
    }
    for (node, _) in old { drop(node, now: now) }
  }
}
