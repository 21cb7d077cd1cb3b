import MeshEngine
import MeshMembership

/// Queues and tables stay within what the protocol promises. Looked at once a second.
struct BoundedQueues {
  static let name = "bounded queues"

  func check(_ process: Process, _ engine: RunningEngine, in world: Simulation) -> String? {
    let statistics = engine.statistics
    func value(_ name: String) -> Int64 { statistics.first { $0.name == name }?.value ?? 0 }
    let members = value("members")
    if members > Int64(world.names.count) { return "\(process.nodeID) lists \(members) members" }
    let queued = value("newsQueued")
    if queued > members { return "\(process.nodeID) queues \(queued) claims about \(members) members" }
    let sends = value("newsSendsMax")
    let log = Int.bitWidth &- (world.names.count &+ 1).leadingZeroBitCount
    let limit = Int64(process.configuration.membership.retransmitLimit &* log)
    if sends > limit { return "\(process.nodeID) told a claim \(sends) times, allowed are \(limit)" }
    let links = value("linksOpen")
    // To each process one link, one that a cut has stopped and that ends after half a minute, and one that is to take
    // its place.
    if links > Int64(3 &* world.processes.count) { return "\(process.nodeID) holds \(links) links" }
    let kept = value("broadcastsKept")
    if kept > Int64(MembershipLimits.broadcastsMax) { return "\(process.nodeID) keeps \(kept) broadcasts" }
    let probes = value("probesUnderWay")
    if probes > members { return "\(process.nodeID) makes \(probes) probes of \(members) members" }
    return nil
  }
}
