// The v1 side of a node in a fleet that migrates: it speaks OmniRelay's JSON gossip with nodes that are not migrated
// yet, tells them of MeshKit's members, and tells the host of them. It never tells MeshKit's members anything: each
// node with the switch on meets the v1 nodes itself. No sockets, JSON or clocks; the shell posts, serves and reads. The
// protocol and its defects are in contracts: gossip; what is done about them, in docs/internals/gossip-v1.md.
import MeshBasics
import MeshWire

/// The machine of one node's v1 side.
public struct GossipV1: Sendable {
  let configuration: GossipV1Configuration
  var random: SeededRandom
  var phase = Phase.waiting

  /// This node as v1 nodes see it.
  var own: V1Profile
  /// The v1 nodes that this node has met.
  var guests = OrderedMap<NodeID, Guest>()
  /// MeshKit's members, without this node.
  var residents = ChunkedMap<NodeID, ToldResident>()
  /// Since when guests and residents are gone, as long as v1 nodes are told so.
  var ends = OrderedMap<NodeID, Instant>()
  /// Whose turn it is to be told to v1 nodes, and the last one that was.
  var announced = ChunkedMap<NodeID, Bool>()
  var lastAnnounced: NodeID
  /// Who lives at which endpoint.
  var owners = OrderedMap<Endpoint, NodeID>()
  /// Endpoints to call where no living member is known.
  var contacts = OrderedMap<Endpoint, Contact>()
  var exchanges = OrderedMap<ExchangeID, Exchange>()
  var lastExchange: UInt64 = 0
  var timers = DeadlineQueue<Timer>()

  /// The wall clock of this turn, and the number of the last envelope.
  var unixTicks: Int64 = 0
  var sequence: Int64 = 0
  /// When this room had to be called again at the end of the last turn.
  var expectedAt: Instant?
  var lastHeardAny = Instant.origin
  /// This node and the residents that serve v1, counted once an interval.
  var bridges = 1
  var callsInRound = 0

  /// Where this node stands in its own life.
  enum Phase: Equatable, Sendable {
    case waiting
    case running
    /// These are still to be told, and then so many times again.
    case leaving(unsaid: [NodeID], rounds: Int)
    case left
  }

  /// What falls due when. Timers of one moment fire in this order.
  enum Timer: Comparable, Hashable, Sendable {
    case leave
    case goodbyes
    case exchange(ExchangeID)
    case verdict(NodeID)
    case call(NodeID)
    case contact(Endpoint)
    case shuffle
    case round
    case hush(NodeID)
    case forget(NodeID)
  }

  /// A v1 side that waits for `started`. All its randomness follows from `seed`.
  public init(configuration: GossipV1Configuration, seed: UInt64) {
    self.configuration = configuration
    random = SeededRandom(seed: seed)
    lastAnnounced = configuration.nodeID
    own = V1Profile.marked(configuration.nodeID, configuration.metadata, at: configuration.endpoint)
  }

  /// This node.
  public var nodeID: NodeID { configuration.nodeID }

  /// Takes one thing that happened, and appends what to do about it. `unixTicks` is the wall clock in 100 ns since
  /// 1970: v1 nodes are told moments by it, and nothing here is decided by it.
  public mutating func handle(
    _ input: GossipV1Input, now: Instant, unixTicks: Int64, into effects: inout GossipV1Effects
  ) {
    self.unixTicks = unixTicks
    excusePause(now: now, into: &effects)
    switch input {
    case .started: start(now: now)
    case .metadataChanged(let metadata): changeMetadata(metadata)
    case .residentChanged(let resident): residentChanged(resident, now: now, into: &effects)
    case .residentForgotten(let node): residentForgotten(node)
    case .called(let request, let call, let identity):
      serve(call, request, identity: identity, now: now, into: &effects)
    case .replied(let exchange, let reply, let identity):
      replied(exchange, reply, identity: identity, now: now, into: &effects)
    case .failed(let exchange, let reason): failed(exchange, reason, now: now, into: &effects)
    case .leaveRequested: leave(now: now, into: &effects)
    case .deadlineReached: break
    }
    runDueTimers(now: now, into: &effects)
    expectedAt = nextDeadline
  }

  /// When `deadlineReached` is due; nil while there is nothing to wait for.
  public var nextDeadline: Instant? {
    switch phase {
    case .waiting, .left: nil
    case .running, .leaving: timers.next
    }
  }

  private mutating func start(now: Instant) {
    guard phase == .waiting else { return }
    phase = .running
    lastHeardAny = now
    // v1 counts its envelopes from a monotonic clock.
    sequence = Int64(clamping: now.nanoseconds / 100)
    timers.set(.round, at: now + random.jittered(configuration.interval, percent: 10))
    timers.set(.shuffle, at: now + random.jittered(configuration.shuffleInterval, percent: 10))
    for seed in configuration.seeds.prefix(GossipV1Limits.seedsMax) where seed != configuration.endpoint {
      contacts[seed] = Contact(isSeed: true, keepUntil: .distantFuture)
      timers.set(.contact(seed), at: now)
    }
  }

  private mutating func runDueTimers(now: Instant, into effects: inout GossipV1Effects) {
    while phase != .left, phase != .waiting, let timer = timers.popDue(now) {
      switch timer {
      case .leave: finishLeaving(into: &effects)
      case .goodbyes: sayGoodbyes(now: now, into: &effects)
      case .exchange(let exchange):
        effects.append(.abandon(exchange))
        failed(exchange, "no answer within \(configuration.pingTimeout.milliseconds) ms", now: now, into: &effects)
      case .verdict(let node): judge(node, now: now, into: &effects)
      case .call(let node): callIfQuiet(node, now: now, into: &effects)
      case .contact(let endpoint): callContact(endpoint, now: now, into: &effects)
      case .shuffle: shuffle(now: now, into: &effects)
      case .round: endRound(now: now, into: &effects)
      case .hush(let node):
        ends.removeValue(forKey: node)
        refreshAnnouncement(of: node)
      case .forget(let node): forget(node, into: &effects)
      }
    }
  }

  private mutating func endRound(now: Instant, into effects: inout GossipV1Effects) {
    effects.append(.observe(.newsSpread(peers: callsInRound)))
    callsInRound = 0
    bridges = residents.values.reduce(1) { $0 &+ ($1.isLiving && $1.endpoint != nil ? 1 : 0) }
    timers.set(.round, at: now + random.jittered(configuration.interval, percent: 10))
  }

  /// A number for one change, the same in its event and in its log record; never 0.
  mutating func correlation() -> UInt64 { max(1, random.next()) }
}

// MARK: Reading

extension GossipV1 {
  /// The guests by name, those included that left.
  public var guestViews: [GuestView] { guests.map { $0.1.view(of: $0.0) } }

  /// The guest `node`.
  public func guestView(of node: NodeID) -> GuestView? { guests[node]?.view(of: node) }

  /// How many guests have this status. With MeshKit's own members they are what `mesh_gossip_members` counts.
  public func count(of status: V1Status) -> Int { guests.values.reduce(0) { $0 &+ ($1.status == status ? 1 : 0) } }

  /// What v1 calls the active view: endpoints of guests that live, each of which is called within 2 s.
  public var activeView: [Endpoint] { guests.values.filter { $0.status == .alive }.map { $0.endpoint } }

  /// What v1 calls the passive view: endpoints that are called now and then, to find who lives there.
  public var passiveView: [Endpoint] { contacts.keys.filter { owners[$0] == nil } }
}
