// What others read of the membership.
import MeshBasics
import MeshWire

extension Membership {
  /// The members, local first, then by node id.
  public var views: [MemberView] {
    [local.view(of: nodeID, isLocal: true)] + members.map { $0.1.view(of: $0.0, isLocal: false) }
  }

  /// The members to hold links to, with the endpoint each announced: all that didn't say goodbye, the dead included, so
  /// that partitions heal.
  public var linkTargets: [(node: NodeID, endpoint: String)] {
    let candidates = members.filter { $0.1.version.state != .left }.map(\.0)
    return overlay.links(of: nodeID, among: candidates).compactMap { node in
      members[node].map { (node, $0.metadata.endpoint) }
    }
  }

  /// The members worth remembering over a restart, all that didn't say goodbye: their names, epochs and endpoints and
  /// no more, so that a change of what else is known of them is no reason to write.
  public var knownPeers: [MemberRecord] {
    members.compactMap { node, member in
      guard member.version.state != .left, !member.metadata.endpoint.isEmpty else { return nil }
      var record = MemberRecord()
      record.nodeID = node.name
      record.epoch = member.version.epoch
      record.metadata = NodeMetadata()
      record.metadata?.endpoint = member.metadata.endpoint
      return record
    }
  }

  /// Whether `node` said goodbye in its last known life.
  public func hasLeft(_ node: NodeID) -> Bool { members[node]?.version.state == .left }

  /// Counters and sizes, by name.
  public var statistics: [(name: String, value: Int64)] {
    [
      ("members", Int64(members.count) &+ 1),
      ("membersAlive", count(.alive) &+ 1),
      ("membersSuspect", count(.suspect)),
      ("membersLeft", count(.left)),
      ("membersLinked", Int64(members.values.count(where: \.isLinked))),
      ("newsQueued", Int64(news.count)),
      ("newsSendsMax", Int64(news.sendsMax)),
      ("refutations", refutations),
      ("claimsRejected", rejectedClaims),
      ("viewSyncs", syncs),
      ("epoch", Int64(clamping: local.version.epoch)),
      ("incarnation", Int64(local.version.incarnation)),
    ]
  }

  private func count(_ status: MemberStatus) -> Int64 {
    Int64(members.values.count { $0.status == status })
  }
}
