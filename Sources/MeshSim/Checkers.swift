// What must hold whatever happens. Each checker sees every view that changed, right after the step that changed it.
import MeshBasics
import MeshEngine
import MeshMembership

/// What a checker sees of one node after one step.
struct Sighting {
  let observer: NodeID
  /// Which run of the observer's process this is.
  let life: Int
  let members: [MemberView]
  let statistics: [(name: String, value: Int64)]

  func statistic(_ name: String) -> Int64 { statistics.first { $0.name == name }?.value ?? 0 }
}

/// An invariant over sightings.
protocol Checker {
  var name: String { get }
  /// What is wrong, or nil.
  mutating func check(_ sighting: Sighting) -> String?
}

/// Who sees whom, in one life of the observer.
struct Pairing: Comparable {
  let observer: NodeID
  let life: Int
  let subject: NodeID

  static func < (left: Pairing, right: Pairing) -> Bool {
    (left.observer, left.life, left.subject) < (right.observer, right.life, right.subject)
  }
}

/// (epoch, incarnation) of a subject never goes back in the eyes of one observer.
struct MonotonicVersions: Checker {
  let name = "monotonic versions"
  private var last = OrderedMap<Pairing, MemberView>()

  mutating func check(_ sighting: Sighting) -> String? {
    for member in sighting.members {
      let pair = Pairing(observer: sighting.observer, life: sighting.life, subject: member.nodeID)
      if let old = last[pair], (member.epoch, member.incarnation) < (old.epoch, old.incarnation) {
        return "\(pair.observer) saw \(pair.subject) go back from \(old.version) to \(member.version)"
      }
      last[pair] = member
    }
    return nil
  }
}

/// Whoever has left comes back only with a greater version.
struct NoResurrection: Checker {
  let name = "no resurrection"
  private var ended = OrderedMap<Pairing, MemberView>()

  mutating func check(_ sighting: Sighting) -> String? {
    for member in sighting.members {
      let pair = Pairing(observer: sighting.observer, life: sighting.life, subject: member.nodeID)
      if let end = ended[pair], member.status != .left,
        (member.epoch, member.incarnation) <= (end.epoch, end.incarnation)
      {
        return "\(pair.observer) saw \(pair.subject) rise from \(end.version) with \(member.version)"
      }
      ended[pair] = member.status == .left ? member : nil
    }
    return nil
  }
}

/// Nobody knows a version of a node that the node itself has never had.
struct OnlyOwnersMint: Checker {
  let name = "only owners mint"
  private var minted = OrderedMap<NodeID, MemberView>()

  mutating func check(_ sighting: Sighting) -> String? {
    if let own = sighting.members.first, own.isLocal {
      if let old = minted[own.nodeID], (own.epoch, own.incarnation) < (old.epoch, old.incarnation) {
        // An earlier life of the same name had more; OneEpochPerLife speaks about that.
      } else {
        minted[own.nodeID] = own
      }
    }
    for member in sighting.members.dropFirst() {
      guard let own = minted[member.nodeID] else { return "\(sighting.observer) invented \(member.nodeID)" }
      if (member.epoch, member.incarnation) > (own.epoch, own.incarnation) {
        return "\(sighting.observer) holds \(member.nodeID) at \(member.version), which has only had \(own.version)"
      }
    }
    return nil
  }
}

/// No two lives of a process share an epoch, and a later one has the greater.
struct OneEpochPerLife: Checker {
  let name = "one epoch per life"
  private var last = OrderedMap<NodeID, (life: Int, epoch: UInt64)>()

  mutating func check(_ sighting: Sighting) -> String? {
    guard let own = sighting.members.first, own.isLocal, own.epoch > 0 else { return nil }
    if let old = last[own.nodeID], old.life != sighting.life, own.epoch <= old.epoch {
      return "\(own.nodeID) began life \(sighting.life) with epoch \(own.epoch), after \(old.epoch)"
    }
    last[own.nodeID] = (sighting.life, own.epoch)
    return nil
  }
}

/// Queues and tables stay within what the protocol promises.
struct BoundedQueues: Checker {
  let name = "bounded queues"
  let retransmitLimit: Int
  let nodes: Int

  mutating func check(_ sighting: Sighting) -> String? {
    let members = sighting.statistic("members")
    if members > Int64(nodes) { return "\(sighting.observer) lists \(members) members of \(nodes) nodes" }
    let queued = sighting.statistic("newsQueued")
    if queued > members { return "\(sighting.observer) queues \(queued) claims about \(members) members" }
    let sends = sighting.statistic("newsSendsMax")
    let limit = Int64(retransmitLimit &* (Int.bitWidth &- (nodes &+ 1).leadingZeroBitCount))
    if sends > limit { return "\(sighting.observer) told a claim \(sends) times, allowed are \(limit)" }
    let links = sighting.statistic("linksOpen")
    if links > Int64(8 &* nodes) { return "\(sighting.observer) holds \(links) links to \(nodes) nodes" }
    return nil
  }
}

extension MemberView {
  var version: String { "\(status.rawValue)(\(epoch), \(incarnation))" }
}
