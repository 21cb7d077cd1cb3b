import MeshBasics
import MeshWire

/// How the room behaves; checked already by whoever made it.
public struct GossipV1Configuration: Equatable, Sendable {
  /// This node.
  public let nodeID: NodeID
  /// Where v1 nodes reach it.
  public let endpoint: Endpoint
  /// What it tells about itself; `endpoint` takes the place of the one in it.
  public var metadata: NodeMetadata
  /// Where to look for v1 nodes.
  public var seeds: [Endpoint] = []
  /// The rhythm of v1: how soon a silent guest is called again.
  public var interval = Duration.seconds(1)
  /// Silence after which a guest is suspect. Each guest is called when two fifths of it have passed, or one fifth where
  /// there are few bridges.
  public var suspicionInterval = Duration.seconds(5)
  /// How long an answer may take.
  public var pingTimeout = Duration.seconds(2)
  /// Calls that must fail before a guest has left, and what v1 multiplies `pingTimeout` with.
  public var retransmitLimit = 3
  /// From one time to the next that shuffles are sent.
  public var shuffleInterval = Duration.seconds(2)
  /// Endpoints in one shuffle.
  public var shuffleSampleSize = 10

  /// The defaults, for the node `nodeID`.
  public init(nodeID: NodeID, endpoint: Endpoint, metadata: NodeMetadata) {
    self.nodeID = nodeID
    self.endpoint = endpoint
    self.metadata = metadata
  }

  /// Silence after which a guest has left, as v1 reckons it: 11 s by default.
  var leaveAfter: Duration {
    suspicionInterval + pingTimeout.multiplied(by: Int64(clamping: max(1, retransmitLimit)))
  }
}

/// A member of MeshKit's side, as v1 nodes shall see it. MeshKit's own detector decides about it.
public struct Resident: Equatable, Sendable {
  /// Its name.
  public let nodeID: NodeID
  /// Its state on MeshKit's side.
  public var state: MemberState
  /// What it tells about itself.
  public var metadata: NodeMetadata
  /// Where it serves v1; nil when it doesn't. Then v1 nodes list it and never call it.
  public var endpoint: Endpoint?

  /// A member of MeshKit's side.
  public init(nodeID: NodeID, state: MemberState, metadata: NodeMetadata, endpoint: Endpoint?) {
    self.nodeID = nodeID
    self.state = state
    self.metadata = metadata
    self.endpoint = endpoint
  }
}

/// Names one request of this node to another until it has ended.
public struct ExchangeID: Comparable, Hashable, Sendable {
  /// The number behind the name.
  public let rawValue: UInt64
  /// The request numbered `rawValue` by the room.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Orders by number.
  public static func < (left: ExchangeID, right: ExchangeID) -> Bool { left.rawValue < right.rawValue }
}

/// All that happens to the v1 side of a node.
public enum GossipV1Input: Equatable, Sendable {
  /// Once, first: the node takes part and may speak.
  case started
  /// This node tells something else about itself.
  case metadataChanged(NodeMetadata)
  /// A member of MeshKit's side is new, or has changed.
  case residentChanged(Resident)
  /// MeshKit's side has forgotten a member.
  case residentForgotten(NodeID)
  /// A v1 node asks. `identity` is what its certificate says; nil where certificates aren't checked. Answered by
  /// `answer` in the same turn.
  case called(RequestID, V1Call, identity: PeerIdentity?)
  /// A request of this node was answered. `identity` is that of the server.
  case replied(ExchangeID, V1Reply, identity: PeerIdentity?)
  /// A request of this node came to nothing: no connection, no trust, or no answer. The reason is for people.
  case failed(ExchangeID, reason: String)
  /// The host wants to leave.
  case leaveRequested
  /// `nextDeadline` has come.
  case deadlineReached
}

/// What the room wants done, in this order.
public enum GossipV1Effect: Equatable, Sendable {
  /// Post a message to an endpoint, and say `replied` or `failed`. The room gives up by itself after `pingTimeout`.
  case post(ExchangeID, Endpoint, V1Message)
  /// Nobody waits for this any more.
  case abandon(ExchangeID)
  /// Answer a request.
  case answer(RequestID, V1Answer)
  /// Tell the host that a guest has changed.
  case notify(GuestEvent)
  /// Tell the operator.
  case observe(Observation)
  /// The goodbye is told, or has taken long enough.
  case leaveFinished
}

/// The sink that the room fills: ordered, reused between turns.
public struct GossipV1Effects: Sendable {
  /// What was asked for so far.
  public private(set) var list: [GossipV1Effect] = []
  /// An empty sink.
  public init() {}
  /// Adds one effect at the end.
  public mutating func append(_ effect: GossipV1Effect) { list.append(effect) }
  /// Empties the sink for the next turn.
  public mutating func removeAll() { list.removeAll(keepingCapacity: list.count <= 64) }
}
