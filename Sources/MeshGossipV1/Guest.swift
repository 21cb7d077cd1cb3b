import MeshBasics
import MeshWire

/// What this node knows of a v1 node. It has spoken with it itself: what others tell makes no guest.
struct Guest: Equatable, Sendable {
  /// What it said of itself last, without labels that only mark MeshKit's nodes.
  var metadata: NodeMetadata
  /// What of that hosts were told last, and when.
  var told: NodeMetadata
  var toldAt: Instant
  /// Where it is called.
  var endpoint: Endpoint
  /// Where others say it is, if elsewhere: tried in turn once a call has failed.
  var rumouredEndpoint: Endpoint?
  var status = V1Status.alive
  /// When a message of its own last came in, by this node's monotonic clock: the only evidence there is.
  var heardAt: Instant
  /// Since when its silence counts: `heardAt`, and later by pauses of this process.
  var silentSince: Instant
  /// Calls in a row that nobody answered.
  var failures = 0
  /// When it was last called, and whether the call is on its way.
  var calledAt = Instant.origin
  var isCalled = false
  var roundTrip: Duration?

  init(metadata: NodeMetadata, endpoint: Endpoint, now: Instant) {
    self.metadata = metadata
    self.endpoint = endpoint
    (told, toldAt) = (metadata, now)
    heardAt = now
    silentSince = now
  }

  /// Notes a message of its own.
  mutating func hear(now: Instant) {
    (heardAt, silentSince, failures) = (now, now, 0)
  }

  func view(of node: NodeID) -> GuestView {
    GuestView(
      nodeID: node, status: status, metadata: metadata, endpoint: endpoint, heardAt: heardAt, roundTrip: roundTrip)
  }

  func facts(of node: NodeID) -> MemberFacts {
    MemberFacts(
      peer: node, clusterID: metadata.clusterID, role: metadata.role, region: metadata.region,
      meshVersion: metadata.meshVersion, http3: metadata.http3Support)
  }
}

/// A v1 node as readers see it.
public struct GuestView: Equatable, Sendable {
  /// Its name. No member of MeshKit's side that lives bears the same.
  public let nodeID: NodeID
  /// Its status, by this node's own exchanges with it.
  public let status: V1Status
  /// What it says of itself.
  public let metadata: NodeMetadata
  /// Where it is called.
  public let endpoint: Endpoint
  /// When a message of its own last came in, on the monotonic clock.
  public let heardAt: Instant
  /// The last measured round trip of a call; nil before the first.
  public let roundTrip: Duration?
}

/// A change of a guest. `correlation` links it to the log record of the same change.
public struct GuestEvent: Equatable, Sendable {
  /// What changed.
  public enum Kind: Equatable, Sendable {
    /// It has spoken for the first time, or again after it had left.
    case joined
    /// It tells something else about itself.
    case updated
    /// It is silent and answers no calls.
    case suspect
    /// It has spoken after a suspicion.
    case recovered
    /// It said goodbye, or has been silent for too long.
    case left(graceful: Bool)
    /// A member of MeshKit's side bears its name now: the node was migrated. The guest is gone without having left.
    case migrated
    /// It left long ago, or made room for others, and isn't listed any more.
    case forgotten
  }
  /// What changed.
  public let kind: Kind
  /// The guest after the change.
  public let guest: GuestView
  /// The same number stands in the log record of this change; never 0. `migrated` and `forgotten` have no record.
  public let correlation: UInt64
}
