/// Whoever has ended comes back only with a greater version, but for what looks like poison.
struct NoResurrection: ViewChecker {
  let name = "no resurrection"

  func check(_ change: Change, in world: Simulation) -> String? {
    guard change.before.state.isEnd, !change.after.state.isEnd, change.after.state != .unknown else { return nil }
    let before = (change.before.epoch, change.before.incarnation)
    guard (change.after.epoch, change.after.incarnation) <= before, !change.wasPoison(in: world) else { return nil }
    return "\(change.observer.nodeID) saw \(world.names.ids[change.name]) rise from \(change.before.version) with "
      + change.after.version
  }
}
