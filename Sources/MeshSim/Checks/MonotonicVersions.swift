import MeshMembership

/// (epoch, incarnation) of a name never goes back in the eyes of one process, also where the member was forgotten
/// meanwhile. A node whose own clock is days behind takes the epochs of those that ended for poison, and any life of
/// theirs in its place.
struct MonotonicVersions: ViewChecker {
  let name = "monotonic versions"

  func check(_ change: Change, in world: Simulation) -> String? {
    let before = (change.before.epoch, change.before.incarnation)
    guard (change.after.epoch, change.after.incarnation) < before else { return nil }
    let clock = UInt64(clamping: change.observer.clock.unixMilliseconds(world.now))
    let reach = clock &+ MembershipLimits.epochAheadMaxMilliseconds
    guard !change.before.state.isEnd || change.before.epoch <= reach else { return nil }
    return "\(change.observer.nodeID) saw \(world.names.ids[change.name]) go back from \(change.before.version) to "
      + change.after.version
  }
}
