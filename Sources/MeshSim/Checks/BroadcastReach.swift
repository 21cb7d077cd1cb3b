import MeshBasics
import MeshMembership

/// A broadcast that is told in a settled mesh reaches every node.
struct BroadcastReach {
  static let name = "broadcast reach"

  private var awaited: [(topic: String, origin: Int, missing: [Int])] = []

  /// Everybody who runs now is to get it.
  mutating func told(_ topic: String, by process: Process, in world: Simulation) {
    let others = world.processes.filter { $0.engine != nil && !$0.isStranger && $0 !== process }
    awaited.append((topic, process.index, others.map(\.index)))
  }

  mutating func delivered(_ message: BroadcastMessage, by process: Process) {
    for index in awaited.indices where awaited[index].topic == message.topic {
      awaited[index].missing.removeAll { $0 == process.index }
    }
  }

  var isComplete: Bool { awaited.allSatisfy(\.missing.isEmpty) }

  /// Who lacks what, in words.
  func problem(in world: Simulation) -> String? {
    guard let late = awaited.first(where: { !$0.missing.isEmpty }) else { return nil }
    let nodes = late.missing.map { world.processes[$0].nodeID.name }.joined(separator: " ")
    return "\(late.topic) of \(world.processes[late.origin].nodeID) hasn't reached \(nodes)"
  }
}
