import MeshBasics
import MeshWire

/// Two that can't talk to each other don't even suspect each other, where others reach both: relays ask for them.
/// Looked at while nothing worse than such pairs troubles the mesh.
struct NeedlessAccusations {
  static let name = "needless accusations"
  /// Relays asked at once: with fewer of them in trouble than that, one is sure to be well.
  private static let relays = 3

  private struct Trouble {
    let first: Int
    let second: Int
    let until: Instant
  }
  private var troubles: [Trouble] = []

  /// Nothing gets through between two processes. What was sent meanwhile may come as much later as the cut was long,
  /// because the distance between tries doubles, but not later than a link lives.
  mutating func cut(_ first: Int, _ second: Int, for span: Duration, at now: Instant) {
    troubles.removeAll { $0.until < now }
    let late = min(span, Network.idleTimeout) + .seconds(2)
    troubles.append(Trouble(first: first, second: second, until: now + span + late))
  }

  func told(_ record: MemberRecord, by process: Process, in world: Simulation) -> String? {
    guard record.state == .suspect, record.accuser == process.nodeID.name, !world.isForged, !world.isCalm,
      world.now >= world.disturbedUntil, let node = NodeID(record.nodeID), let name = world.names.number(of: node),
      let subject = world.owner(of: name, epoch: record.epoch), helps(process, subject, in: world)
    else { return nil }
    return "\(process.nodeID) accuses \(subject.nodeID), which others reach for it"
  }

  /// Whether relays are sure to reach the subject for the process.
  private func helps(_ process: Process, _ subject: Process, in world: Simulation) -> Bool {
    let now = world.now
    var able = 0
    var bad = 0
    for relay in world.processes where relay.engine != nil && relay !== process && relay !== subject {
      let isBad = troubles.contains { trouble in
        let pair = (trouble.first, trouble.second)
        return now < trouble.until
          && [process.index, subject.index].contains {
            pair == ($0, relay.index) || pair == (relay.index, $0)
          }
      }
      if isBad { bad &+= 1 } else { able &+= 1 }
    }
    return able > 0 && bad < NeedlessAccusations.relays
  }
}
