// What others read of the membership.
import MeshBasics
import MeshWire

extension Membership {
  /// The members, local first, then by node id.
  public var views: [MemberView] {
    [local.view(of: nodeID, roundTrip: nil, isLocal: true)]
      + members.map { $0.1.view(of: $0.0, roundTrip: peers[$0.0]?.roundTrip, isLocal: false) }
  }

  /// What this node would tell others of `node`; nil when it isn't known.
  public func record(of node: NodeID) -> MemberRecord? {
    members[node].map { record(of: node, $0, withMetadata: true) }
  }

  /// One member; nil when it isn't known.
  public func view(of node: NodeID) -> MemberView? {
    if node == nodeID { return local.view(of: node, roundTrip: nil, isLocal: true) }
    return members[node]?.view(of: node, roundTrip: peers[node]?.roundTrip, isLocal: false)
  }

  /// The members whose view has changed since this was asked last, each once, in the order of their ids.
  public mutating func takeChanges() -> [NodeID] {
    defer { changes.removeAll(keepingCapacity: true) }
    guard changes.count > 1 else { return changes }
    var taken: [NodeID] = []
    for node in changes.sorted() where taken.last != node { taken.append(node) }
    return taken
  }

  /// Keeps what a host that doesn't ask leaves behind from growing: each member once, and of those forgotten meanwhile
  /// none when they are many.
  mutating func tidyChanges() {
    let all = takeChanges()
    let isMuch = all.count > members.count &+ MembershipLimits.forgottenChangesMax
    changes = isMuch ? all.filter { $0 == nodeID || members[$0] != nil } : all
  }

  /// The members to hold links to, with the endpoint each announced and what for.
  public var linkTargets: [LinkTarget] {
    var targets: [LinkTarget] = []
    // What is asked for now is dialed now, whatever waits there are from earlier dials.
    for (node, chosenAt) in links.temporary { append(node, .passing, chosenAt: chosenAt, to: &targets) }
    for node in settledNeighbours { append(node, .ring, to: &targets) }
    for (node, chosenAt) in links.warm { append(node, .warm, chosenAt: chosenAt, to: &targets) }
    if let endpoint = links.duplicate {
      targets.append(LinkTarget(node: nodeID, endpoint: endpoint, purpose: .passing, chosenAt: links.duplicateSoughtAt))
    }
    return targets
  }

  private func append(
    _ node: NodeID, _ purpose: LinkTarget.Purpose, chosenAt: Instant? = nil, to targets: inout [LinkTarget]
  ) {
    guard let member = members[node], !targets.contains(where: { $0.node == node }) else { return }
    let endpoint = member.metadata.value.endpoint
    targets.append(LinkTarget(node: node, endpoint: endpoint, purpose: purpose, chosenAt: chosenAt))
  }

  /// The members worth remembering over a restart, of all that didn't say goodbye at most `limit`: their names, epochs
  /// and endpoints and no more, so that a change of what else is known of them is no reason to write. They are the same
  /// few while the mesh changes elsewhere, and drawn by a hash: names often tell of racks that fail at once.
  public func knownPeers(atMost limit: Int) -> [MemberRecord] {
    var ranked: [(distance: UInt64, place: Int)] = []
    ranked.reserveCapacity(members.count)
    for (place, (_, member)) in members.enumerated()
    where member.version.state != .left && !member.metadata.value.endpoint.isEmpty {
      ranked.append((member.key &- local.key, place))
    }
    if ranked.count > limit { ranked.sort { $0 < $1 } }
    var peers: [MemberRecord] = []
    for (_, place) in ranked.prefix(limit).sorted(by: { $0.place < $1.place }) {
      guard let (node, member) = members.element(at: place) else { continue }
      let endpoint = member.metadata.value.endpoint
      var record = MemberRecord()
      record.nodeID = node.name
      record.epoch = member.version.epoch
      record.metadata = NodeMetadata()
      record.metadata?.endpoint = endpoint
      peers.append(record)
    }
    return peers
  }

  /// Whether `node` said goodbye in its last known life.
  public func hasLeft(_ node: NodeID) -> Bool { members[node]?.version.state == .left }

  /// Whether `node` takes part, as far as this node knows.
  public func isAlive(_ node: NodeID) -> Bool { members[node]?.version.state == .alive }

  /// Counters and sizes, by name.
  public var statistics: [(name: String, value: Int64)] {
    [
      ("members", Int64(members.count) &+ 1),
      ("membersAlive", Int64(count(of: .alive)) &+ 1),
      ("membersSuspect", Int64(count(of: .suspect))),
      ("membersLeft", Int64(count(of: .dead) &+ count(of: .left))),
      ("membersLinked", Int64(peers.count)),
      ("neighboursUnlinked", Int64(rings.neighbours.count { peers[$0] == nil })),
      ("newsQueued", Int64(news.count)),
      ("newsSendsMax", Int64(news.sendsMax)),
      ("localHealth", Int64(health.score)),
      ("probesUnderWay", Int64(probes.count)),
      ("probesRelayed", totals.relayedProbes),
      ("refutations", totals.refutations),
      ("falseSuspicions", totals.falseSuspicions),
      ("hearsayChecks", totals.checks),
      ("pauses", totals.pauses),
      ("claimsRejected", totals.rejectedClaims),
      ("viewSyncs", totals.syncs),
      ("broadcastsDelivered", totals.broadcasts),
      ("broadcastsKept", Int64(broadcasts.kept.count)),
      ("epoch", Int64(clamping: local.version.epoch)),
      ("incarnation", Int64(local.version.incarnation)),
    ]
  }
}

/// A member to hold a link to.
public struct LinkTarget: Equatable, Sendable {
  /// What a link is for; the smaller is the more urgent.
  public enum Purpose: UInt8, Comparable, Sendable {
    /// A question for the moment: a new link in place of a lost one, a look, a relayed probe, healing.
    case passing
    /// A neighbour on the rings, which wants the link as well if its view is the same.
    case ring
    /// A random link, which can wait.
    case warm

    /// Orders by urgency.
    public static func < (left: Purpose, right: Purpose) -> Bool { left.rawValue < right.rawValue }
  }

  /// The member.
  public let node: NodeID
  /// Where it can be reached, as it announced it.
  public let endpoint: String
  /// What the link is for.
  public let purpose: Purpose
  /// When the link was asked for; nil for the neighbours on the rings, which are wanted all the time.
  public let chosenAt: Instant?
}
