/// (epoch, incarnation) of a name never goes back in the eyes of one process, also where the member was forgotten
/// meanwhile.
struct MonotonicVersions: ViewChecker {
  let name = "monotonic versions"

  func check(_ change: Change, in world: Simulation) -> String? {
    let before = (change.before.epoch, change.before.incarnation)
    guard (change.after.epoch, change.after.incarnation) < before else { return nil }
    return "\(change.observer.nodeID) saw \(world.names.ids[change.name]) go back from \(change.before.version) to "
      + change.after.version
  }
}
