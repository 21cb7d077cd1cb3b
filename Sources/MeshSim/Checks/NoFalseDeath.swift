/// A node that runs, can be reached and has done nothing wrong never looks dead or gone, whatever its neighbours suffer
/// and whatever a hostile member says. What a fault does to a node itself, or to the network around it, excuses others
/// who give it up, for as long as the fault lasts and a while after. Among
/// fewer than four nobody can help out; and two hostile members are two voices, which those that don't hear the subject
/// themselves believe.
struct NoFalseDeath: ViewChecker {
  let name = "no false death"

  func check(_ change: Change, in world: Simulation) -> String? {
    guard !change.isOwn, change.after.state.isEnd, !change.before.state.isEnd, change.before.state != .unknown,
      world.agreement.observerCount >= 4, world.hostileCount < 2,
      let subject = world.owner(of: change.name, epoch: change.after.epoch),
      !subject.isLeaving
    else { return nil }
    // One of two processes with one name is turned away by all, and believes what it must.
    guard !world.names.truths[change.observer.name].wasContested, world.now >= world.excusedUntil,
      world.now >= subject.excusedUntil,
      world.now >= change.observer.impairedUntil
    else { return nil }
    return "\(change.observer.nodeID) sees \(subject.nodeID) as \(change.after.version), but it runs and can be reached"
  }
}
