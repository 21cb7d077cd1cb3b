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
  /// Whether the node is leaving.
  public var isDraining: Bool
  /// Reasons why the node isn't ready, as `component:state`; empty when it is.
  public var notReady: [String]
  /// Control requests being answered, this one not counted.
  public var activeRequests: Int

  /// A view of these parts.
  public init(
    localNodeID: NodeID, members: [MemberView], now: Instant, unixTicks: Int64, isDraining: Bool, notReady: [String],
    activeRequests: Int
  ) {
    self.localNodeID = localNodeID
    self.members = members
    self.now = now
    self.unixTicks = unixTicks
    self.isDraining = isDraining
    self.notReady = notReady
    self.activeRequests = activeRequests
  }
}
