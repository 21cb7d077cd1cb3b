import MeshBasics
import MeshWire

/// One member as readers see it. States carry OmniRelay's three names; `isDead` tells a declared death from a goodbye.
public struct MemberView: Equatable, Sendable {
  /// Its name.
  public let nodeID: NodeID
  /// Its state.
  public let status: MemberStatus
  /// It was declared dead rather than said goodbye. False unless `status` is `.left`.
  public let isDead: Bool
  /// Which life of the node this is: Unix milliseconds of its start, or more. A node of OmniRelay has none: 0.
  public let epoch: UInt64
  /// Raised by the node itself, to refute a suspicion or to leave.
  public let incarnation: UInt32
  /// What it tells about itself.
  public let metadata: NodeMetadata
  /// When this node last heard from it, on the monotonic clock; nil when it only knows it from others.
  public let lastHeard: Instant?
  /// The last measured round trip.
  public let roundTrip: Duration?
  /// Whether it is the node that answers.
  public let isLocal: Bool
  /// What carries its link to this node, `http3` or `http2`; nil without a link. The membership leaves it to who knows
  /// of links.
  public var linkTransport: String?

  /// A member, as the membership made it.
  public init(
    nodeID: NodeID, status: MemberStatus, isDead: Bool, epoch: UInt64, incarnation: UInt32, metadata: NodeMetadata,
    lastHeard: Instant?, roundTrip: Duration?, isLocal: Bool
  ) {
    self.nodeID = nodeID
    self.status = status
    self.isDead = isDead
    self.epoch = epoch
    self.incarnation = incarnation
    self.metadata = metadata
    self.lastHeard = lastHeard
    self.roundTrip = roundTrip
    self.isLocal = isLocal
  }

  /// Whether all is equal but when it was heard last and how far it is, which change all the time.
  public func tellsSame(as other: MemberView) -> Bool {
    nodeID == other.nodeID && status == other.status && isDead == other.isDead && epoch == other.epoch
      && incarnation == other.incarnation && isLocal == other.isLocal && metadata == other.metadata
      && linkTransport == other.linkTransport
  }

  /// Whether it can be reached over HTTP/3, as far as this node sees: it says so, and its link hasn't fallen back.
  public var speaksHTTP3: Bool { metadata.http3Support && linkTransport != "http2" }

  /// Whether it asks for no new work, because it is about to stop.
  public var isDraining: Bool { metadata.draining }
}

/// The status that users see.
public enum MemberStatus: String, Sendable, CaseIterable {
  /// It takes part.
  case alive = "Alive"
  /// A probe of it failed; it has a while to answer.
  case suspect = "Suspect"
  /// It said goodbye, or was declared dead.
  case left = "Left"
}

/// A change of the membership. `correlation` links it to the log record of the same change.
public struct MembershipEvent: Equatable, Sendable {
  /// What changed.
  public enum Kind: Sendable, CaseIterable {
    /// Alive for the first time, or again after it had left.
    case joined
    /// Its metadata changed, or it restarted.
    case updated
    /// It is suspected.
    case suspect
    /// Alive after a suspicion.
    case recovered
    /// It said goodbye, or was declared dead.
    case left
  }
  /// What changed.
  public let kind: Kind
  /// The member after the change.
  public let member: MemberView
  /// The same number stands in the log record of this change; never 0.
  public let correlation: UInt64

  /// An event, as the membership made it.
  public init(kind: Kind, member: MemberView, correlation: UInt64) {
    self.kind = kind
    self.member = member
    self.correlation = correlation
  }
}
