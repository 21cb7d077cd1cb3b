import MeshBasics
import MeshMembership
import MeshWire

/// A probe whose relays said nothing at all is a sign against the prober: its health is no longer perfect.
struct SelfDoubt {
  static let name = "self-doubt"

  /// The longest time from a request to the verdict in a node that is well: two thirds of an interval, and some more.
  private static let memory = Duration.seconds(1)

  private struct Asked {
    var relays: [NodeID]
    let target: NodeID
    let at: Instant
  }
  /// The last requests of each process, by the number of the probe, and which relays have not answered.
  private var asked: [[UInt64: Asked]] = []

  mutating func begun(_ process: Process) {
    while asked.count <= process.index { asked.append([:]) }
    asked[process.index] = [:]
  }

  mutating func sent(_ request: ProbeRequest, to relays: [NodeID], by process: Process, at now: Instant) {
    guard let target = NodeID(request.target) else { return }
    // A probe under way is the last about its target.
    asked[process.index] = asked[process.index].filter { $0.value.target != target }
    asked[process.index][request.sequence] = Asked(relays: relays, target: target, at: now)
  }

  mutating func received(_ reply: ProbeReply, from relay: NodeID, by process: Process) {
    asked[process.index][reply.sequence]?.relays.removeAll { $0 == relay }
  }

  /// A probe of the process has failed, when its time was over.
  mutating func failed(_ target: NodeID, of process: Process, at now: Instant) -> String? {
    guard let request = asked[process.index].first(where: { $0.value.target == target }) else { return nil }
    asked[process.index][request.key] = nil
    guard now.since(request.value.at) < SelfDoubt.memory, !request.value.relays.isEmpty,
      process.engine?.isWell == true
    else { return nil }
    return "\(process.nodeID) finds itself well, but \(request.value.relays.count) relays that it asked about "
      + "\(target) said nothing"
  }
}
