import MeshBasics
import MeshMembership

/// What the routes may see of a node: an immutable snapshot, and two clocks to render its times with.
public struct NodeView: Sendable {
  /// The node that answers.
  public var localNodeID: NodeID
  /// Every member known, in any order.
  public var members: [MemberView]
  /// Now on the monotonic clock, and the same moment as Unix time in units of 100 ns (.NET's ticks, counted from 1970):
  /// the two together turn `lastHeard` into `lastSeen`.
  public var now: Instant
  /// See `now`.
  public var unixTicks: Int64
  /// Whether the node is on its way out of the mesh.
  public var isLeaving: Bool
  /// Reasons why the node isn't ready, as `component:state`; empty when it is.
  public var notReady: [String]
  /// What the caller may do.
  public var scopes: ControlScopes
  /// The least level of log records that hosts get, where an operator set one.
  public var minimumLevel: MinimumLevel?
  /// Control requests being answered, this one not counted.
  public var activeRequests: Int
  /// Grows with each change of `members`, but for when they were heard last and how far they are.
  public var revision: UInt64

  /// A view of these parts.
  public init(
    localNodeID: NodeID, members: [MemberView], now: Instant, unixTicks: Int64, isLeaving: Bool, notReady: [String],
    scopes: ControlScopes, minimumLevel: MinimumLevel? = nil, activeRequests: Int,
    revision: UInt64 = 0
  ) {
    self.localNodeID = localNodeID
    self.members = members
    self.now = now
    self.unixTicks = unixTicks
    self.isLeaving = isLeaving
    self.notReady = notReady
    self.scopes = scopes
    self.minimumLevel = minimumLevel
    self.activeRequests = activeRequests
    self.revision = revision
  }

  /// Whether the node tells its peers that it wants no new work.
  var isMarkedDraining: Bool { members.first { $0.isLocal }?.isDraining == true }

  /// Whether callers should take their work elsewhere.
  var isDraining: Bool { isLeaving || isMarkedDraining }
}
