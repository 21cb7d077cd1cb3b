/// Nobody takes itself for suspect or dead, and what a node says of itself is what its host set.
struct OwnWord: ViewChecker {
  let name = "own word"

  func check(_ change: Change, in world: Simulation) -> String? {
    guard change.isOwn, let view = change.view else { return nil }
    let process = change.observer
    switch change.after.state {
    case .alive: break
    case .left where process.isLeaving: break
    default: return "\(process.nodeID) takes itself for \(change.after.version)"
    }
    if view.metadata.labels != process.labels {
      return "\(process.nodeID) shows labels that its host never set"
    }
    return nil
  }
}
