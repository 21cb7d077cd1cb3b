import MeshBasics
import MeshWire

/// What this node knows of one member. There is one for each member of the mesh, so it is kept small: what concerns
/// only linked peers, suspects or the gone stands in tables of its own.
struct Member: Equatable, Sendable {
  /// The strongest claim so far.
  var version: Version
  /// The hash of its name: its place on the rings and its bucket.
  let key: UInt64
  /// What it tells about itself, and the epoch in which it told it.
  var metadata: Shared<NodeMetadata>
  var metadataEpoch: UInt64 = 0
  /// When a message of its own last came in; the origin while none has.
  var lastHeard = Instant.origin
  /// Since when others tell this endpoint of it; the origin when it has told it itself over its own link.
  var endpointSince = Instant.origin
  /// The last sign of life, also by hearsay: a message, a relayed answer, or a greater version.
  var evidence: Instant
  /// The smoothed round trip of its last link, once that is closed: how soon a refusal counts follows from it.
  var lastRoundTrip: Duration?

  init(_ node: NodeID, version: Version, metadata: Shared<NodeMetadata>, evidence: Instant) {
    self.version = version
    self.metadata = metadata
    self.evidence = evidence
    key = Rings.key(of: node)
  }

  /// The three states that users see.
  var status: MemberStatus {
    switch version.state {
    case .alive: .alive
    case .suspect: .suspect
    case .dead, .left: .left
    }
  }

  /// Whether it has a place on the rings: the suspected keep theirs, or a false alarm would move links about.
  var isOnRings: Bool { !version.state.isTerminal }

  /// Its share of the digest; members that are gone have none, so that nodes which have forgotten them agree.
  func digestTerm(of node: NodeID) -> UInt64 {
    if version.state.isTerminal { return 0 }
    var hash = StableHash()
    hash.combine(node.name)
    hash.combine(version.epoch)
    hash.combine(UInt64(version.incarnation))
    hash.combine(UInt64(bitPattern: metadataVersion))
    return hash.value
  }

  /// The version of its metadata in its present life; 0 while that is of an earlier one.
  var metadataVersion: Int64 { metadataEpoch == version.epoch ? metadata.value.metadataVersion : 0 }

  func view(of node: NodeID, roundTrip: Duration?, isLocal: Bool) -> MemberView {
    MemberView(
      nodeID: node, status: status, isDead: version.state == .dead, epoch: version.epoch,
      incarnation: version.incarnation, metadata: metadata.value,
      lastHeard: lastHeard == .origin ? nil : lastHeard, roundTrip: roundTrip, isLocal: isLocal)
  }

  func facts(of node: NodeID) -> MemberFacts {
    let metadata = metadata.value
    return MemberFacts(
      peer: node, clusterID: metadata.clusterID, role: metadata.role, region: metadata.region,
      meshVersion: metadata.meshVersion, http3: metadata.http3Support)
  }
}

/// When a member was found dead or gone.
struct End: Equatable, Sendable {
  let at: Instant
  /// Who declared it dead; nil after a goodbye.
  let accuser: NodeID?
  /// Whether an operator declared it.
  var isRemoved = false
}

/// A ping that was sent.
struct Asked: Equatable, Sendable {
  let sequence: UInt64
  let at: Instant
}

/// What this node knows of a member that it holds a link to.
struct Peer: Equatable, Sendable {
  /// The version of the protocol that both speak.
  let version: UInt32
  let since: Instant
  /// The last measured round trip, and the smoothed one that times the probes.
  var roundTrip: Duration?
  var smoothedRoundTrip: Duration?
  /// The oldest ping of late that is not answered yet.
  var lastAsked: Asked?
  /// When it last pinged this node, and for how many rounds in a row that stood for a ping of our own.
  var pingedAt: Instant?
  var roundsSpared = 0
  /// Its local health as its answers told it: 0 is well.
  var health: UInt32 = 0
  /// Its digest when it last told it.
  var digest: UInt64 = 0
  /// Pings and acks in a row whose digest differed from ours.
  var differingDigests = 0
  /// Of the news up to this number nothing is left to tell it.
  var newsKnown: UInt64 = 0
  /// Before these it gets no other view and no other summary.
  var nextViewAt: Instant?
  var nextSummaryAt: Instant?
  /// Before that it isn't asked for its own claim again.
  var nextQuestionAt: Instant?
  /// We asked it to close the link, so that its end proves nothing.
  var releasedAt: Instant?
  /// What may be told to it now, and what it may bring.
  var budget: LinkBudget

  init(version: UInt32, budget: LinkBudget? = nil, now: Instant) {
    self.version = version
    since = now
    self.budget = budget ?? LinkBudget(now: now)
  }

  /// Whether it speaks what the second version of the protocol added.
  var isModern: Bool { version >= 2 }
}
