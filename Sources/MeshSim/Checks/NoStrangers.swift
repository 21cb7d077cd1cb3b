/// A process of another cluster never shows up in anybody's view, unless a hostile member has told of it.
struct NoStrangers: ViewChecker {
  let name = "no strangers"

  func check(_ change: Change, in world: Simulation) -> String? {
    guard !change.isOwn, !world.isForged, world.names.truths[change.name].isStranger, !change.observer.isStranger else {
      return nil
    }
    return "\(change.observer.nodeID) lists \(world.names.ids[change.name]), which belongs to another cluster"
  }
}
