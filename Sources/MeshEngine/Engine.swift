// One node's machine. It turns links and bytes into peers and messages for the membership room, and the room's wishes
// into dials, sends and writes for the shell. It knows no sockets, files, threads or clocks; MeshRuntime and MeshSim
// drive it. Every input is total: whatever a peer sends, the worst that happens is that its link is closed.
import MeshBasics
import MeshMembership
import MeshWire

/// The machine of one node.
public struct Engine: Sendable {
  let configuration: EngineConfiguration
  var membership: Membership
  var dialer: Dialer
  var persistence: Persistence
  var random: SeededRandom
  let stored: StoredState

  var phase = Phase.waiting
  var links = OrderedMap<LinkID, Link>()
  var sessions = OrderedMap<NodeID, Session>()
  /// What carries the link of each linked node, as readers see it.
  var shownTransports = OrderedMap<NodeID, String>()
  /// Nodes for which that has changed since readers asked last, and how often it has.
  var relinked = OrderedMap<NodeID, Bool>()
  var linkRevision: UInt64 = 0
  var lastDialed: UInt64 = 0
  var startedUnixMilliseconds: Int64 = 0
  var firstEpoch: UInt64 = 0
  var lastTopology: UInt64?
  /// When the first dial, and the first hello of a link, is due: asked more often than it changes.
  private var nextDial: Instant?
  var nextHello: Instant?
  var pendingLeaves: [CommandToken] = []
  /// Until when a leave waits for hellos that are on their way; nil when none waits.
  var leaveHeldUntil: Instant?
  var roomEffects = MembershipEffects()
  var counters = Counters()

  /// Where the node stands in its own life.
  enum Phase: Equatable, Sendable {
    case waiting
    /// The epoch is being made durable; nothing is said before that.
    case persisting
    case running
    case leaving
    case stopped
  }

  /// Totals since the start.
  struct Counters: Equatable, Sendable {
    var sent: Int64 = 0
    var received: Int64 = 0
    var rejected: Int64 = 0
    var dials: Int64 = 0
    var dialFailures: Int64 = 0
    var trustRefusals: Int64 = 0
    var unaryCalls: Int64 = 0
  }

  /// A node that waits for `started`. All its randomness follows from `seed`.
  public init(configuration: EngineConfiguration, stored: StoredState, seed: UInt64) {
    self.configuration = configuration
    self.stored = stored
    var random = SeededRandom(seed: seed)
    membership = Membership(configuration: configuration.membership, seed: random.next())
    dialer = Dialer(
      local: configuration.nodeID, seeds: configuration.seeds, interval: configuration.membership.interval)
    persistence = Persistence(stored: stored)
    self.random = random
  }

  /// Takes one thing that happened, and appends what to do about it.
  public mutating func handle(_ input: EngineInput, now: Instant, into effects: inout EngineEffects) {
    guard phase != .stopped else {
      refuse(input, into: &effects)
      return
    }
    switch input {
    case .started(let unixMilliseconds): start(unixMilliseconds, into: &effects)
    case .linkOpened(let link, let peer): linkOpened(link, peer, now: now, into: &effects)
    case .lookupStarted(let link): lookupStarted(link, now: now)
    case .lookupEnded(let link): lookupEnded(link)
    case .linkClosed(let link, let end): linkClosed(link, end, now: now, into: &effects)
    case .received(let link, let message): received(message, on: link, now: now, into: &effects)
    case .unreadable(let link, let reason): unreadable(reason, on: link, now: now, into: &effects)
    case .linkDoubted(let link): doubted(link, now: now, into: &effects)
    case .linksLate: tell(.late, now: now, into: &effects)
    case .pingCalled(let request, let bytes): answerPing(request, bytes, into: &effects)
    case .stored(let token): stored(token, now: now, into: &effects)
    case .storeFailed(let token, let reason): storeFailed(token, reason, now: now, into: &effects)
    case .command(let token, let command): run(command, token, now: now, into: &effects)
    case .securityChanged(let posture):
      tell(.securityChanged(posture), now: now, into: &effects)
    case .deadlineReached: break
    }
    runDueTimers(now: now, into: &effects)
  }

  /// Whether the epoch is durable and the node takes part, until it leaves.
  public var isRunning: Bool { phase == .running }

  /// When `deadlineReached` is due; nil while there is nothing to wait for.
  public var nextDeadline: Instant? {
    guard phase == .running || phase == .leaving else { return nil }
    var next = membership.nextDeadline
    next = Instant.earliest(Instant.earliest(next, nextHello), leaveHeldUntil)
    guard phase == .running else { return next }
    return Instant.earliest(Instant.earliest(next, nextDial), persistence.nextDeadline)
  }

  /// Grows whenever `members` changed in a way that readers see (RTT and lastHeard alone count at most once per
  /// interval).
  public var viewRevision: UInt64 { membership.viewRevision &+ linkRevision }

  /// The members, local first, then by node id.
  public var members: [MemberView] { membership.views.map(withLink) }

  /// The members whose view has changed since this was asked last, in the order of their ids.
  public mutating func takeChanges() -> [NodeID] {
    let changes = membership.takeChanges()
    guard !relinked.isEmpty else { return changes }
    let all = (changes + relinked.keys).sorted()
    relinked.removeAll()
    return all.indices.filter { $0 == 0 || all[$0] != all[$0 &- 1] }.map { all[$0] }
  }

  /// One member; nil when it isn't known.
  public func member(_ node: NodeID) -> MemberView? { membership.view(of: node).map(withLink) }

  private func withLink(_ member: MemberView) -> MemberView {
    var member = member
    member.linkTransport = shownTransports[member.nodeID]
    return member
  }

  /// The link that `node` is spoken to on; nil without one.
  public func link(to node: NodeID) -> LinkID? { sessions[node]?.current }

  /// The rare turns of the protocol that were taken since the start.
  public var marks: Marks { membership.marks }

  /// Counters and sizes for `meshkit_node_stats_json`: name (camelCase) and value.
  public var statistics: [(name: String, value: Int64)] {
    membership.statistics + [
      ("linksOpen", Int64(links.count)),
      ("dialTargets", Int64(dialer.targets.count)),
      ("dials", counters.dials),
      ("dialFailures", counters.dialFailures),
      ("trustRefusals", counters.trustRefusals),
      ("messagesSent", counters.sent),
      ("messagesReceived", counters.received),
      ("messagesRejected", counters.rejected),
      ("unaryPings", counters.unaryCalls),
    ]
  }

  /// Gives an input to the membership and carries out what it wants.
  mutating func tell(_ input: MembershipInput, now: Instant, into effects: inout EngineEffects) {
    // What is carried out may tell the room more, which then finds a sink of its own; the larger one is kept.
    var wanted = MembershipEffects()
    swap(&wanted, &roomEffects)
    membership.handle(input, now: now, into: &wanted)
    for effect in wanted.list { carryOut(effect, now: now, into: &effects) }
    wanted.removeAll()
    swap(&wanted, &roomEffects)
  }

  private mutating func carryOut(_ effect: MembershipEffect, now: Instant, into effects: inout EngineEffects) {
    switch effect {
    case .send(let nodes, let message):
      send(message, on: nodes.compactMap { sessions[$0]?.current }, into: &effects)
    case .disconnect(let node, let reason): disconnect(node, reason, now: now, into: &effects)
    case .raiseEpoch(let epoch):
      effects.append(.persist(persistence.begin(.raisedEpoch(epoch)), .epoch(epoch)))
    case .notify(let event): effects.append(.notify(event))
    case .deliver(let message): effects.append(.deliver(message))
    case .observe(let observation):
      if case .messageRejected = observation { counters.rejected &+= 1 }
      effects.append(.observe(observation))
    case .leaveFinished: stop(into: &effects)
    case .poison(let reason): poison(reason, into: &effects)
    }
  }

  mutating func send(_ message: MeshMessage, on targets: [LinkID], into effects: inout EngineEffects) {
    guard !targets.isEmpty else { return }
    counters.sent &+= Int64(targets.count)
    effects.append(.send(targets, message))
  }

  mutating func poison(_ reason: String, into effects: inout EngineEffects) {
    guard phase != .stopped else { return }
    phase = .stopped
    effects.append(.poison(reason))
    completeLeaves(.shuttingDown, into: &effects)
  }

  private mutating func runDueTimers(now: Instant, into effects: inout EngineEffects) {
    guard phase == .running || phase == .leaving else { return }
    if let due = membership.nextDeadline, now >= due { tell(.deadlineReached, now: now, into: &effects) }
    closeSilentLinks(now: now, into: &effects)
    leaveOnceGreeted(now: now, into: &effects)
    guard phase == .running else { return }
    if lastTopology != membership.topologyRevision {
      lastTopology = membership.topologyRevision
      let (open, room) = (sessions, membership)
      dialer.want(
        room.linkTargets, isLinked: { open[$0] != nil }, isAlive: { room.isAlive($0) },
        isKnown: { room.view(of: $0) != nil }, now: now)
      persistence.look(at: membership, now: now)
    }
    nextDial = dialer.nextDeadline
    if let due = nextDial, now >= due {
      dial(now: now, into: &effects)
      nextDial = dialer.nextDeadline
    }
    guard let due = persistence.nextDeadline, now >= due else { return }
    let (targets, room, remembered) = (dialer, membership, stored.knownPeers)
    let unmet = { targets.unmet(of: remembered) { room.view(of: $0) != nil } }
    if let peers = persistence.due(membership, unmet: unmet, now: now) {
      effects.append(.persist(persistence.begin(.knownPeers), .knownPeers(peers)))
    }
  }

  private mutating func dial(now: Instant, into effects: inout EngineEffects) {
    for (key, endpoint) in dialer.due(room: EngineLimits.linksMax &- links.count, now: now) {
      lastDialed &+= 1
      let link = LinkID.dialed(lastDialed)
      links[link] = Link(target: key)
      dialer.dialing(key, link)
      counters.dials &+= 1
      effects.append(.dial(link, endpoint))
    }
  }
}

extension Instant {
  /// The earlier of two moments, where nil is never.
  fileprivate static func earliest(_ left: Instant?, _ right: Instant?) -> Instant? {
    guard let left, let right else { return left ?? right }
    return min(left, right)
  }
}
