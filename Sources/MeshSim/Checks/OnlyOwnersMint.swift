/// Nobody knows a version of a node that the node itself has never had. A hostile member can forge one, so that runs
/// with one are left out.
struct OnlyOwnersMint: ViewChecker {
  let name = "only owners mint"

  func check(_ change: Change, in world: Simulation) -> String? {
    guard !change.isOwn, !world.isForged else { return nil }
    let truth = world.names.truths[change.name]
    let node = world.names.ids[change.name]
    if truth.mintedEpoch == 0 && change.after.state != .unknown && !truth.isStranger {
      return "\(change.observer.nodeID) invented \(node)"
    }
    guard (change.after.epoch, change.after.incarnation) > (truth.mintedEpoch, truth.mintedIncarnation) else {
      return nil
    }
    return "\(change.observer.nodeID) holds \(node) at \(change.after.version), which has only had "
      + "(\(truth.mintedEpoch), \(truth.mintedIncarnation))"
  }
}
