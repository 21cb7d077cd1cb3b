/// Under one metadata version a node says one thing, and everybody holds just that. A hostile member can forge what it
/// tells of others, so that runs with one are left out.
struct OneContent: ViewChecker {
  let name = "one content per version"

  func check(_ change: Change, in world: Simulation) -> String? {
    guard let view = change.view, !world.isForged else { return nil }
    let truth = world.names.truths[change.name]
    guard !truth.wasContested, !truth.isStranger else { return nil }
    // A member of which only the end is known has no metadata yet.
    if change.after.metadataVersion == 0 { return nil }
    guard let contents = truth.contents[change.after.metadataVersion] else {
      return "\(change.observer.nodeID) holds metadata of \(view.nodeID) under version "
        + "\(change.after.metadataVersion), which it never had"
    }
    if change.isOwn {
      let isSplit = contents.count > 1 && change.before.metadataVersion == change.after.metadataVersion
      return isSplit ? "\(view.nodeID) says two things under metadata version \(change.after.metadataVersion)" : nil
    }
    if contents.contains(view.metadata) { return nil }
    return "\(change.observer.nodeID) holds other metadata of \(view.nodeID) under version "
      + "\(change.after.metadataVersion) than it told"
  }
}
