// The membership of one node: who is in the mesh, in which state, and what to tell whom. It knows nodes and messages,
// no links, bytes, clocks or files; MeshEngine calls it. The order of claims is in Merge.swift, the protocol in
// docs/internals/membership.md; it is SWIM (Das, Gupta, Motivala 2002) with Lifeguard's health and confirmations, on
// rings as in Rapid (2018), with epochs and anti-entropy.
import MeshBasics
import MeshWire

/// The machine of one node's membership.
public struct Membership: Sendable {
  let configuration: MembershipConfiguration
  let detector: Detector
  var random: SeededRandom
  var health = LocalHealth()

  /// This node, as it claims itself.
  var local: Member
  /// All others, those that ended included.
  var members = ChunkedMap<NodeID, Member>()
  /// Those that a link is open to.
  var peers = OrderedMap<NodeID, Peer>()
  /// What peers whose links are closed have left to spend, until it is full again.
  var spentBudgets = OrderedMap<NodeID, LinkBudget>()
  /// Of the members, those that are suspected, and those that ended.
  var suspicions = OrderedMap<NodeID, Suspicion>()
  var ends = ChunkedMap<NodeID, End>()
  /// Members in each state of the wire, the local node not counted.
  var counts = [Int](repeating: 0, count: MemberState.allCases.count &+ 1)
  /// XOR over the digest terms of all that are not gone, in 64 parts by the first bits of their keys.
  var buckets = [UInt64](repeating: 0, count: WireLimits.syncBuckets)
  var digest: UInt64 = 0
  var digestChangedAt = Instant.origin

  var rings: Rings
  var links = WantedLinks()
  var news = News()
  var broadcasts = Broadcasts()
  var probes = OrderedMap<NodeID, Probe>()
  /// To the middle one of the peers, once a round.
  var usualRoundTrip = Duration.zero
  var relayJobs = OrderedMap<UInt64, RelayJob>()
  var hearsay = OrderedMap<NodeID, Hearsay>()
  var vouchings = OrderedMap<NodeID, Vouching>()
  var checks: TokenBucket
  var ownBroadcasts: TokenBucket
  var probeTurn: NodeID?
  var timers = DeadlineQueue<Timer>()
  var lastNewsAt = Instant.origin
  /// When this node last began an exchange of claims, and with whom.
  var lastSyncAt: Instant?
  var lastSyncPeer: NodeID?
  /// Whose summary is due; others' are passed over.
  var awaitedSummary: NodeID?
  /// When any peer was last heard: in a whole silence it is this node that is cut off.
  var lastHeardAny = Instant.origin
  var isIsolated = false
  /// When a timer last fired late.
  var lastLateAt = Instant.origin
  /// Since when the rings wait for the view to come to rest, or for a moment after one change in a quiet mesh, and the
  /// neighbours that links are held to until then.
  var unsettledSince: Instant?
  var isQuietChange = false
  var settledNeighbours: [NodeID] = []
  var settledAt = Instant.origin
  /// When the local view changed, until the watched peers report the same digest.
  var unconvergedSince: Instant?

  var phase = Phase.waiting
  /// When this life began, on both clocks.
  var startedAt = Instant.origin
  var startedUnixMilliseconds: UInt64 = 0
  var sequence: UInt64 = 0
  /// The epoch being made durable, when the last one was asked for, and how often in a row.
  var raisingEpoch: UInt64?
  /// The greatest one that was claimed too soon after the last to be outbid at once.
  var owedEpoch: UInt64?
  var lastEpochRaiseAt: Instant?
  var epochRaises = 0
  var lastRefutationAt: Instant?
  /// What is still to be said against claims about this node, and when it last said any such thing.
  var owedAnswer: OwedAnswer?
  var lastAnswerAt: Instant?
  /// What was told last of the counts, and the revision that they were counted at.
  var lastCounts: [Int] = []
  var lastHealth = 0
  var lastLinkCount = 0
  /// Whose view has changed since the host last asked.
  var changes: [NodeID] = []
  /// Those whose round trip or time of hearing changed since the last revision.
  var quietChanges = OrderedMap<NodeID, Bool>()
  /// What was said in this turn already and needn't be said for each claim of one message.
  var hasReportedRejection = false
  var isOutOfRoom = false

  /// Grows whenever readers would see something else; round trips and times of hearing count once per interval.
  public private(set) var viewRevision: UInt64 = 0
  /// Grows whenever the set of members to link, or where they are, may have changed.
  public internal(set) var topologyRevision: UInt64 = 0
  /// The rare turns that were taken since the start; the simulator proves with them that it came by.
  public internal(set) var marks = Marks()
  var totals = Totals()

  /// Where this node stands in its own life.
  enum Phase: Equatable, Sendable {
    case waiting
    case running
    /// The goodbye is told; these have not answered the ping that followed it.
    case leaving(awaited: OrderedMap<NodeID, UInt64>)
    case left
  }

  /// What falls due when. Timers of one moment fire in this order.
  enum Timer: Comparable, Hashable, Sendable {
    case leave
    case answer
    case epoch
    case probe(NodeID)
    case spared(NodeID)
    case redial(NodeID)
    case relayJob(UInt64)
    case suspicion(NodeID)
    case check(NodeID)
    case news
    case widen(NodeID)
    case round
    case rings
    case warmRedraw
    case temporaryLink(NodeID)
    case duplicate
    case pull(BroadcastID)
    case heal
    case refresh
  }

  /// Totals since the start.
  struct Totals: Equatable, Sendable {
    var refutations: Int64 = 0
    var falseSuspicions: Int64 = 0
    var rejectedClaims: Int64 = 0
    var syncs: Int64 = 0
    var relayedProbes: Int64 = 0
    var pauses: Int64 = 0
    var checks: Int64 = 0
    var broadcasts: Int64 = 0
  }

  /// A membership that waits for `started`. All its randomness follows from `seed`.
  public init(configuration: MembershipConfiguration, seed: UInt64) {
    self.configuration = configuration
    detector = Detector(
      interval: configuration.interval, suspicionInterval: configuration.suspicionInterval,
      pingTimeout: configuration.pingTimeout)
    random = SeededRandom(seed: seed)
    rings = Rings(local: configuration.nodeID, count: configuration.fanout)
    checks = TokenBucket(
      perSecond: Int64(MembershipLimits.checksPerSecond), burst: Int64(MembershipLimits.checksPerSecond), now: .origin)
    ownBroadcasts = TokenBucket(
      perSecond: MembershipLimits.ownBroadcastBytesPerSecond, burst: MembershipLimits.ownBroadcastBytesBurst,
      now: .origin)
    local = Member(
      configuration.nodeID, version: Version(epoch: 0, incarnation: 0, state: .alive),
      metadata: Shared(configuration.metadata), evidence: .origin)
  }

  /// This node.
  public var nodeID: NodeID { configuration.nodeID }
  /// What this node claims of itself now.
  public var localRecord: MemberRecord { record(of: nodeID, local, withMetadata: true) }
  /// Whether the node takes part: it has started and has not said goodbye.
  public var isRunning: Bool { phase == .running }

  /// Takes one thing that happened, and appends what to do about it.
  public mutating func handle(_ input: MembershipInput, now: Instant, into effects: inout MembershipEffects) {
    if case .started(let epoch, let unixMilliseconds) = input, phase == .waiting {
      start(epoch: epoch, unixMilliseconds: unixMilliseconds, now: now, into: &effects)
      return
    }
    guard phase != .waiting, phase != .left else { return }
    hasReportedRejection = false
    isOutOfRoom = false
    forgivePause(now: now, into: &effects)
    switch input {
    case .started, .deadlineReached: break
    case .peerConnected(let node, let record, let version):
      connected(node, record, version: version, now: now, into: &effects)
    case .peerDisconnected(let node): disconnected(node, now: now, into: &effects)
    case .linkDoubted(let node): doubted(node, now: now, into: &effects)
    case .late: noteLateness(now: now)
    case .dialFailed(let node, let isRefused): dialFailed(node, refused: isRefused, now: now, into: &effects)
    case .received(let node, let message): received(message, from: node, now: now, into: &effects)
    case .epochRaised(let epoch): epochRaised(epoch, now: now)
    case .labelsSet(let labels): setLabels(labels, now: now)
    case .drainingSet(let isDraining):
      if local.metadata.value.draining != isDraining { changeMetadata(now: now) { $0.draining = isDraining } }
    case .securityChanged(let posture): changeMetadata(now: now) { $0.security = posture }
    case .memberRemoved(let node): remove(node, now: now, into: &effects)
    case .broadcast(let topic, let payload): tellAll(topic: topic, payload: payload, now: now, into: &effects)
    case .leaveRequested: leave(now: now, into: &effects)
    }
    runDueTimers(now: now, into: &effects)
    endTurn(now: now, into: &effects)
  }

  /// When `deadlineReached` is due; nil while there is nothing to wait for.
  public var nextDeadline: Instant? {
    switch phase {
    case .waiting, .left: nil
    case .running, .leaving: timers.next
    }
  }

  private mutating func start(
    epoch: UInt64, unixMilliseconds: Int64, now: Instant, into effects: inout MembershipEffects
  ) {
    phase = .running
    startedAt = now
    lastHeardAny = now
    startedUnixMilliseconds = UInt64(clamping: unixMilliseconds)
    local.version.epoch = epoch
    local.metadataEpoch = epoch
    var metadata = local.metadata.value
    metadata.metadataVersion = max(metadata.metadataVersion, unixMilliseconds, 1)
    local.metadata = Shared(metadata)
    mixIntoDigest(local.digestTerm(of: nodeID), key: local.key, now: now)
    timers.set(.round, at: now + random.jittered(configuration.interval, percent: 10))
    timers.set(.refresh, at: now + random.jittered(configuration.metadataRefreshPeriod, percent: 10))
    timers.set(.warmRedraw, at: now + random.jittered(MembershipLimits.warmRedraw, percent: 10))
    timers.set(.heal, at: now + random.jittered(MembershipLimits.healing, percent: 10))
    topologyRevision &+= 1
    noteChange(of: nodeID, now: now)
    endTurn(now: now, into: &effects)
  }

  private mutating func runDueTimers(now: Instant, into effects: inout MembershipEffects) {
    while phase != .left, let timer = timers.popDue(now) {
      switch timer {
      case .leave: finishLeaving(into: &effects)
      case .answer: answerOwed(now: now, into: &effects)
      case .epoch: raiseOwedEpoch(now: now, into: &effects)
      case .probe(let node): continueProbe(of: node, now: now, into: &effects)
      case .spared(let node): endSparing(of: node, now: now, into: &effects)
      case .redial(let node): redialIsOverdue(node, now: now, into: &effects)
      case .relayJob(let number): relayIsOverdue(number, now: now, into: &effects)
      case .suspicion(let node): endSuspicion(of: node, now: now, into: &effects)
      case .check(let node): checkIsDue(node, now: now, into: &effects)
      case .news: break
      case .widen(let node): news.widen(node, unlessToldBy: MembershipLimits.endEchoes)
      case .round: runRound(now: now, into: &effects)
      case .rings: settleRings(now: now)
      case .warmRedraw: redrawWarmLink(now: now)
      case .temporaryLink(let node): endTemporaryLink(node)
      case .duplicate:
        links.duplicate = nil
        topologyRevision &+= 1
      case .pull(let id): pullAgain(id, now: now, into: &effects)
      case .heal: heal(now: now)
      case .refresh: refresh(now: now)
      }
    }
  }

  /// Sends what became worth telling in this turn, and counts.
  private mutating func endTurn(now: Instant, into effects: inout MembershipEffects) {
    // After the goodbye `leaveFinished` is the last word.
    guard phase != .left else { return }
    tellNews(now: now, into: &effects)
    observeCounts(into: &effects)
    if !invariant(news.count <= MembershipLimits.membersMax, "news queue within the table's limit")
      || !invariant(members.count < MembershipLimits.membersMax, "table within its limit")
      || !invariant(ends.count <= members.count, "only members end")
    {
      effects.append(.poison("membership passed one of its own limits"))
    }
  }

  /// Marks a change that readers see.
  mutating func noteChange(of node: NodeID, now: Instant) {
    viewRevision &+= 1
    changes.append(node)
    if changes.count > 2 &* (members.count &+ MembershipLimits.forgottenChangesMax) { tidyChanges() }
  }

  /// A number for one change, the same in its event and in its log record; never 0.
  mutating func correlation() -> UInt64 { max(1, random.next()) }

  /// Unix time in milliseconds, reckoned from the start.
  func unixMilliseconds(_ now: Instant) -> UInt64 {
    startedUnixMilliseconds &+ UInt64(clamping: now.since(startedAt).milliseconds)
  }
}
