// What must hold once the faults have stopped: all that live see each other alive, and nobody sees the stopped.
import MeshBasics
import MeshEngine
import MeshMembership

struct Convergence {
  let name = "convergence"

  /// What still differs, or nil when all live nodes agree with the truth.
  func check(live: [(node: NodeID, engine: Engine)], stopped: [NodeID]) -> String? {
    for (observer, engine) in live {
      let members = engine.members
      for (subject, truth) in live {
        guard let seen = members.first(where: { $0.nodeID == subject }) else {
          return "\(observer) does not know \(subject)"
        }
        guard seen.status == .alive else { return "\(observer) sees \(subject) as \(seen.version), but it lives" }
        guard let own = truth.members.first else { continue }
        if (seen.epoch, seen.incarnation) != (own.epoch, own.incarnation) || seen.metadata != own.metadata {
          return "\(observer) sees \(subject) as \(seen.version), but it is at \(own.version) or has other metadata"
        }
      }
      for subject in stopped {
        if let seen = members.first(where: { $0.nodeID == subject }), seen.status != .left {
          return "\(observer) sees \(subject) as \(seen.version), but it has stopped"
        }
      }
    }
    return nil
  }
}
