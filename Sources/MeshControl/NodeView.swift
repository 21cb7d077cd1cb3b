import MeshBasics
import MeshMembership

/// One moment on two clocks, which together turn when a member was heard into a time of day.
public struct MemberClock: Equatable, Sendable {
  /// Now on the monotonic clock.
  public let now: Instant
  /// The same moment as Unix time in units of 100 ns (.NET's ticks, counted from 1970).
  public let unixTicks: Int64

  /// A moment.
  public init(now: Instant, unixTicks: Int64) {
    self.now = now
    self.unixTicks = unixTicks
  }

  /// Whether both tell the same times: the time of day wasn't set between them. Less than 1 ms apart is the same.
  func agrees(with other: MemberClock) -> Bool { abs(origin &- other.origin) < 10_000 }

  /// Which time of day the start of the monotonic clock was.
  private var origin: Int64 { unixTicks &- Int64(clamping: now.nanoseconds / 100) }
}

/// What the routes may see of a node: an immutable snapshot, and two clocks to render its times with.
public struct NodeView: Sendable {
  /// The node that answers.
  public var localNodeID: NodeID
  /// Every member known, in any order.
  public var members: [MemberView]
  /// When it is looked at.
  public var clock: MemberClock
  /// Whether the node is on its way out of the mesh.
  public var isLeaving: Bool
  /// Reasons why the node isn't ready, as `component:state`; empty when it is.
  public var notReady: [String]
  /// What callers on this host may do without a credential.
  public var scopes: ControlScopes
  /// Whether the node knows principals, so that a credential may help a caller.
  public var hasPrincipals: Bool
  /// The least level of log records that hosts get, where an operator set one.
  public var minimumLevel: MinimumLevel?
  /// How many of the traces are to be kept, 0 to 1, where an operator said so.
  public var traceSampling: Double?
  /// Control requests being answered, this one not counted.
  public var activeRequests: Int
  /// Whether one more caller may watch.
  public var mayWatch: Bool
  /// Which life of the node it is: revisions begin anew with each.
  public var life: UInt64
  /// Grows with each change of `members`, but for when they were heard last and how far they are.
  public var revision: UInt64
  /// Grows with each change of `members` of any kind; nil where nobody counts them.
  public var picture: UInt64?

  /// Where the JSON of members is kept for the next caller; nil keeps none.
  public var texts: (any MemberTexts & Sendable)?
  /// The lease queues that are attached to the node; nil where none can be.
  public var queues: (any AttachedQueues & Sendable)?

  /// A view of these parts.
  public init(
    localNodeID: NodeID, members: [MemberView], clock: MemberClock, isLeaving: Bool, notReady: [String],
    scopes: ControlScopes, minimumLevel: MinimumLevel? = nil, traceSampling: Double? = nil, activeRequests: Int,
    mayWatch: Bool = true, life: UInt64 = 0, revision: UInt64 = 0, hasPrincipals: Bool = false
  ) {
    self.localNodeID = localNodeID
    self.members = members
    self.clock = clock
    self.isLeaving = isLeaving
    self.notReady = notReady
    self.scopes = scopes
    self.hasPrincipals = hasPrincipals
    self.minimumLevel = minimumLevel
    self.traceSampling = traceSampling
    self.activeRequests = activeRequests
    self.mayWatch = mayWatch
    self.life = life
    self.revision = revision
  }

  /// Whether the node tells its peers that it wants no new work.
  var isMarkedDraining: Bool { members.first { $0.isLocal }?.isDraining == true }

  /// Whether callers should take their work elsewhere.
  var isDraining: Bool { isLeaving || isMarkedDraining }
}
