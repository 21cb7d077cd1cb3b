// The membership of one node: who is in the mesh, in which state, and what to tell whom. It knows nodes and messages,
// no links, bytes, clocks or files; MeshEngine calls it. The order of claims is in Merge.swift, the protocol in
// docs/internals/membership.md, its reference is SWIM (Das, Gupta, Motivala, 2002) with epochs and anti-entropy.
import MeshBasics
import MeshWire

/// The machine of one node's membership.
public struct Membership: Sendable {
  let configuration: MembershipConfiguration
  let detector: Detector
  var random: SeededRandom
  var overlay = Overlay()
  var news = News()

  /// This node, as it claims itself.
  var local: Member
  /// All others, those that ended included.
  var members = OrderedMap<NodeID, Member>() {
    didSet { isDeadlineKnown = false }
  }
  /// The first deadline of any member, kept until one of them changes: looking at all is linear.
  private var firstDeadline: Instant?
  private var isDeadlineKnown = true
  /// XOR over the digest terms of all that are not gone.
  var digest: UInt64 = 0
  var digestChangedAt = Instant.origin
  /// When this node last began an exchange of views, and with whom.
  var lastSyncAt: Instant?
  var lastSyncPeer: NodeID?

  var phase = Phase.waiting
  /// When this life began, on both clocks.
  var startedAt = Instant.origin
  var startedUnixMilliseconds: UInt64 = 0
  var nextRoundAt: Instant?
  var nextRefreshAt: Instant?
  var sequence: UInt64 = 0
  /// The epoch being made durable, and when the last one was asked for.
  var raisingEpoch: UInt64?
  var lastEpochRaiseAt: Instant?
  /// The counts by status that were told last, and the revision that they were counted at.
  var lastCounts: [Int] = []
  var countedRevision: UInt64 = 0
  /// Round trips or times of hearing changed since the last revision.
  var hasQuietChanges = false
  var viewRevisedAt = Instant.origin
  /// What was said in this turn already and needn't be said for each claim of one message.
  var hasReportedRejection = false
  var isOutOfRoom = false

  /// Grows whenever readers would see something else; round trips and times of hearing count once per interval.
  public private(set) var viewRevision: UInt64 = 0
  /// Grows whenever the set of members to link, or where they are, may have changed.
  public private(set) var topologyRevision: UInt64 = 0
  var refutations: Int64 = 0
  var rejectedClaims: Int64 = 0
  var syncs: Int64 = 0

  /// Where this node stands in its own life.
  enum Phase: Equatable, Sendable {
    case waiting
    case running
    /// The goodbye is told; these have not answered the ping that followed it.
    case leaving(awaited: OrderedMap<NodeID, UInt64>, deadline: Instant)
    case left
  }

  /// A membership that waits for `started`. All its randomness follows from `seed`.
  public init(configuration: MembershipConfiguration, seed: UInt64) {
    self.configuration = configuration
    detector = Detector(
      suspicionInterval: configuration.suspicionInterval, pingTimeout: configuration.pingTimeout)
    random = SeededRandom(seed: seed)
    local = Member(version: Version(epoch: 0, incarnation: 0, state: .alive), evidence: .origin)
    local.metadata = configuration.metadata
  }

  /// This node.
  public var nodeID: NodeID { configuration.nodeID }
  /// What this node claims of itself now.
  public var localRecord: MemberRecord { local.record(of: nodeID, withMetadata: true) }
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
    forgivePause(now: now)
    switch input {
    case .started, .deadlineReached: break
    case .peerConnected(let node, let record): connected(node, record, now: now, into: &effects)
    case .peerDisconnected(let node): disconnected(node, now: now)
    case .dialFailed(let node): dialFailed(node, now: now, into: &effects)
    case .received(let node, let message): received(message, from: node, now: now, into: &effects)
    case .epochRaised(let epoch): epochRaised(epoch, now: now)
    case .labelsSet(let labels): changeMetadata(now: now) { $0.labels = labels }
    case .securityChanged(let posture): changeMetadata(now: now) { $0.security = posture }
    case .leaveRequested: leave(now: now, into: &effects)
    }
    runDueTimers(now: now, into: &effects)
    endTurn(now: now, into: &effects)
  }

  /// When `deadlineReached` is due; nil while there is nothing to wait for.
  public var nextDeadline: Instant? {
    switch phase {
    case .waiting, .left: return nil
    case .leaving(_, let deadline): return deadline
    case .running:
      let next = min(nextRoundAt ?? .distantFuture, nextRefreshAt ?? .distantFuture)
      return min(next, (isDeadlineKnown ? firstDeadline : earliestDeadline) ?? .distantFuture)
    }
  }

  private var earliestDeadline: Instant? {
    var first: Instant?
    for index in members.values.indices {
      if let deadline = members.values[index].nextDeadline { first = min(first ?? deadline, deadline) }
    }
    return first
  }

  /// Looks for the first deadline again, if a member has changed since the last look.
  mutating func noteDeadlines() {
    guard !isDeadlineKnown else { return }
    firstDeadline = earliestDeadline
    isDeadlineKnown = true
  }

  private mutating func start(
    epoch: UInt64, unixMilliseconds: Int64, now: Instant, into effects: inout MembershipEffects
  ) {
    phase = .running
    startedAt = now
    startedUnixMilliseconds = UInt64(clamping: unixMilliseconds)
    local.version.epoch = epoch
    local.metadataEpoch = epoch
    local.metadata.metadataVersion = max(local.metadata.metadataVersion, unixMilliseconds, 1)
    digest = local.digestTerm(of: nodeID)
    nextRoundAt = now + random.jittered(configuration.interval, percent: 10)
    nextRefreshAt = now + random.jittered(configuration.metadataRefreshPeriod, percent: 10)
    topologyRevision &+= 1
    viewRevision &+= 1
    endTurn(now: now, into: &effects)
  }

  /// A node that was stopped for a while has heard nobody, through its own fault: it drops its probes and gives every
  /// suspect the lost time back, instead of declaring all of them dead.
  private mutating func forgivePause(now: Instant) {
    guard let due = nextDeadline, due != .distantFuture else { return }
    let gap = now.since(due)
    guard gap > configuration.interval.multiplied(by: 2), isRunning else { return }
    for (node, known) in members {
      var member = known
      member.probe = nil
      member.evidence = member.evidence + gap
      if let deadline = member.suspicion?.deadline { member.suspicion?.deadline = deadline + gap }
      if member.redialDeadline != nil { member.redialDeadline = now + detector.redialTime(member.smoothedRoundTrip) }
      members[node] = member
    }
  }

  /// Sends what became worth telling in this turn, and counts.
  private mutating func endTurn(now: Instant, into effects: inout MembershipEffects) {
    // After the goodbye `leaveFinished` is the last word.
    guard phase != .left else { return }
    tellFreshNews(into: &effects)
    if hasQuietChanges && now.since(viewRevisedAt) >= configuration.interval { revise(now: now) }
    if countedRevision != viewRevision {
      countedRevision = viewRevision
      let counts = countByStatus()
      if counts != lastCounts {
        lastCounts = counts
        effects.append(.observe(.membersCounted(alive: counts[0], suspect: counts[1], left: counts[2])))
      }
    }
    noteDeadlines()
    if !invariant(news.count <= MembershipLimits.membersMax, "news queue within the table's limit")
      || !invariant(members.count < MembershipLimits.membersMax, "table within its limit")
    {
      effects.append(.poison("membership passed one of its own limits"))
    }
  }

  private func countByStatus() -> [Int] {
    var counts = [0, 0, 0]
    func count(_ status: MemberStatus) {
      switch status {
      case .alive: counts[0] &+= 1
      case .suspect: counts[1] &+= 1
      case .left: counts[2] &+= 1
      }
    }
    for index in members.values.indices { count(members.values[index].status) }
    count(local.status)
    return counts
  }

  /// Marks a change that readers see.
  mutating func revise(now: Instant) {
    viewRevision &+= 1
    viewRevisedAt = now
    hasQuietChanges = false
  }

  /// Replaces what is known of `node`, and keeps the digest and the revisions true to it.
  mutating func store(_ member: Member, of node: NodeID, now: Instant) {
    let old = members[node]
    members[node] = member
    mixIntoDigest((old?.digestTerm(of: node) ?? 0) ^ member.digestTerm(of: node), now: now)
    let isMoved = old?.metadata.endpoint != member.metadata.endpoint
    if old?.version != member.version || isMoved { topologyRevision &+= 1 }
    if old?.version != member.version || old?.metadata != member.metadata { revise(now: now) }
  }

  /// Replaces one member's share of the digest by another.
  mutating func mixIntoDigest(_ difference: UInt64, now: Instant) {
    guard difference != 0 else { return }
    digest ^= difference
    digestChangedAt = now
  }

  /// Forgets `node` altogether.
  mutating func drop(_ node: NodeID, now: Instant) {
    guard let old = members.removeValue(forKey: node) else { return }
    mixIntoDigest(old.digestTerm(of: node), now: now)
    news.forget(node)
    topologyRevision &+= 1
    revise(now: now)
  }

  /// A number for one change, the same in its event and in its log record; never 0.
  mutating func correlation() -> UInt64 { max(1, random.next()) }

  /// Unix time in milliseconds, reckoned from the start.
  func unixMilliseconds(_ now: Instant) -> UInt64 {
    startedUnixMilliseconds &+ UInt64(clamping: now.since(startedAt).milliseconds)
  }
}
