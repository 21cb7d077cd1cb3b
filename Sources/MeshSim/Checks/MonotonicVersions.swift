import MeshMembership

/// (epoch, incarnation) of a name never goes back in the eyes of one process, also where the member was forgotten
/// meanwhile, but for what looks like poison.
struct MonotonicVersions: ViewChecker {
  let name = "monotonic versions"

  func check(_ change: Change, in world: Simulation) -> String? {
    let before = (change.before.epoch, change.before.incarnation)
    guard (change.after.epoch, change.after.incarnation) < before, !change.wasPoison(in: world) else { return nil }
    return "\(change.observer.nodeID) saw \(world.names.ids[change.name]) go back from \(change.before.version) to "
      + change.after.version
  }
}

extension Change {
  /// Whether the end that was held lies days ahead of the observer's own clock: a node whose clock is behind takes that
  /// for poison, and any life of the member in its place.
  func wasPoison(in world: Simulation) -> Bool {
    let clock = UInt64(clamping: observer.clock.unixMilliseconds(world.now))
    return before.state.isEnd && before.epoch > clock &+ MembershipLimits.epochAheadMaxMilliseconds
  }
}
