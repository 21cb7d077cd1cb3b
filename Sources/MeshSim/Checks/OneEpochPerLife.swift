/// No two lives of a process share an epoch, and a later one has the greater. A lost disk or a clone may break that at
/// first; then the mesh must settle it, which other checkers see to.
struct OneEpochPerLife: ViewChecker {
  let name = "one epoch per life"
  private var last: [Int: (life: Int, epoch: UInt64)] = [:]

  mutating func check(_ change: Change, in world: Simulation) -> String? {
    guard change.isOwn, change.after.epoch > 0 else { return nil }
    let process = change.observer
    defer { last[process.index] = (process.life, change.after.epoch) }
    guard let old = last[process.index], old.life != process.life, change.after.epoch <= old.epoch,
      !process.hasLostDisk
    else { return nil }
    return "\(process.nodeID) began life \(process.life) with epoch \(change.after.epoch), after \(old.epoch)"
  }
}
