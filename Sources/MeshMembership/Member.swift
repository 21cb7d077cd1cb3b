import MeshBasics
import MeshWire

/// What this node knows of one member: the strongest claim, its metadata, and what it has measured itself.
struct Member: Equatable, Sendable {
  /// The strongest claim so far.
  var version: Version
  /// Who suspects it or declared it dead; nil for the owner's own claims.
  var accuser: NodeID?
  /// What it tells about itself, and the epoch in which it told it.
  var metadata = NodeMetadata()
  var metadataEpoch: UInt64 = 0
  /// When a message of its own last came in.
  var lastHeard: Instant?
  /// The last sign of life, also by hearsay: a message, or a greater version.
  var evidence: Instant
  /// The last measured round trip, and the smoothed one that times the probes.
  var roundTrip: Duration?
  var smoothedRoundTrip: Duration?
  /// Whether a link to it is open.
  var isLinked = false
  /// The probe on its way, if any.
  var probe: Probe?
  /// After a link was lost: when not having a new one counts as a failed probe.
  var redialDeadline: Instant?
  /// Set while it is a suspect.
  var suspicion: Suspicion?
  /// Since when it is dead or gone, and whether this node saw it alive before.
  var endedAt: Instant?
  var wasWitnessed = false
  /// Pings and acks in a row whose digest differed from ours.
  var differingDigests = 0
  /// Before that it gets no other view.
  var nextViewAt: Instant?

  init(version: Version, evidence: Instant) {
    self.version = version
    self.evidence = evidence
  }

  /// The three states that users see.
  var status: MemberStatus {
    switch version.state {
    case .alive: .alive
    case .suspect: .suspect
    case .dead, .left: .left
    }
  }

  /// The claim to tell others.
  func record(of node: NodeID, withMetadata: Bool) -> MemberRecord {
    var record = MemberRecord()
    record.nodeID = node.name
    record.epoch = version.epoch
    record.incarnation = version.incarnation
    record.state = version.state
    record.accuser = accuser?.name ?? ""
    // Metadata of an earlier epoch isn't offered under the newer one: the owner's next claim brings it.
    if withMetadata && metadataEpoch == version.epoch { record.metadata = metadata }
    return record
  }

  /// Its share of the digest; members that are gone have none, so that nodes which have forgotten them agree.
  func digestTerm(of node: NodeID) -> UInt64 {
    if version.state.isTerminal { return 0 }
    var hash = StableHash()
    hash.combine(node.name)
    hash.combine(version.epoch)
    hash.combine(UInt64(version.incarnation))
    hash.combine(metadataEpoch == version.epoch ? UInt64(bitPattern: metadata.metadataVersion) : 0)
    return hash.value
  }

  func view(of node: NodeID, isLocal: Bool) -> MemberView {
    MemberView(
      nodeID: node, status: status, isDead: version.state == .dead, epoch: version.epoch,
      incarnation: version.incarnation, metadata: metadata, lastHeard: lastHeard, roundTrip: roundTrip,
      isLocal: isLocal)
  }

  func facts(of node: NodeID) -> MemberFacts {
    MemberFacts(
      peer: node, clusterID: metadata.clusterID, role: metadata.role, region: metadata.region,
      meshVersion: metadata.meshVersion, http3: metadata.http3Support)
  }

  /// The next moment at which something about it falls due.
  var nextDeadline: Instant? {
    var next = redialDeadline
    for candidate in [probe?.nextDeadline, suspicion?.deadline] {
      if let candidate { next = min(next ?? candidate, candidate) }
    }
    return next
  }
}
