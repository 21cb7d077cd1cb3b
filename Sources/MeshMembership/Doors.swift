import MeshBasics
import MeshWire

/// How the room behaves; checked already by whoever made it.
public struct MembershipConfiguration: Equatable, Sendable {
  /// This node.
  public let nodeID: NodeID
  /// What it tells about itself.
  public var metadata: NodeMetadata
  /// The rhythm of probes.
  public var interval = Duration.seconds(1)
  /// Rings of the overlay: how many members this node watches, and to how many it passes news on.
  public var fanout = 3
  /// The longest silence: a member that nobody hears for so long is declared dead.
  public var suspicionInterval = Duration.seconds(5)
  /// The upper bound of the time in which a ping should be answered.
  public var pingTimeout = Duration.seconds(2)
  /// Scales how often a claim is told: this many times ⌈log2(N+1)⌉.
  public var retransmitLimit = 3
  /// How often this node's own claim is told again although nothing changed.
  public var metadataRefreshPeriod = Duration.seconds(30)
  /// How long a graceful leave may take.
  public var leaveTimeout = Duration.seconds(2)
  /// Bugs planted by the simulator; empty in every node that ships.
  public var mutations: Mutations = []

  /// The defaults, for the node `nodeID`.
  public init(nodeID: NodeID, metadata: NodeMetadata) {
    self.nodeID = nodeID
    self.metadata = metadata
  }
}

/// All that happens to the membership.
public enum MembershipInput: Equatable, Sendable {
  /// Once, first: this life's epoch is durable.
  case started(epoch: UInt64, unixMilliseconds: Int64)
  /// A link to the peer is open and the peer has claimed this of itself.
  case peerConnected(NodeID, MemberRecord, version: UInt32)
  /// The last link to the peer is gone.
  case peerDisconnected(NodeID)
  /// Nobody answered a dial to the peer, or its host refused it. A dial that was answered in any way, though by a
  /// refusal of trust, or that was never made proves nothing of the peer and isn't told.
  case dialFailed(NodeID, refused: Bool)
  /// The link to the peer may be dead: a reason to look, not a verdict.
  case linkDoubted(NodeID)
  /// This process has had too little time a moment ago: what comes late, or not yet, is no sign against its peers.
  case late
  /// A message of a connected peer.
  case received(NodeID, MeshMessage)
  /// A greater epoch that the room asked for is durable.
  case epochRaised(UInt64)
  /// The host replaced the labels; checked already.
  case labelsSet([Label])
  /// The host wants no new work, or wants it again.
  case drainingSet(Bool)
  /// The node's security posture changed.
  case securityChanged(SecurityPosture)
  /// An operator declares a lost member gone.
  case memberRemoved(NodeID)
  /// The host tells every member something.
  case broadcast(topic: String, payload: [UInt8])
  /// The host wants to leave.
  case leaveRequested
  /// `nextDeadline` has come.
  case deadlineReached
}

/// What the membership wants done, in this order.
public enum MembershipEffect: Equatable, Sendable {
  /// One message for each of these connected peers.
  case send([NodeID], MeshMessage)
  /// Close all links to the peer.
  case disconnect(NodeID, reason: String)
  /// Make this epoch durable, then say `epochRaised`.
  case raiseEpoch(UInt64)
  /// Tell the host.
  case notify(MembershipEvent)
  /// Tell the host what a member told all.
  case deliver(BroadcastMessage)
  /// Tell the operator.
  case observe(Observation)
  /// The leave is known to all linked peers, or has taken long enough.
  case leaveFinished
  /// An invariant of ours is broken.
  case poison(String)
}

/// The sink that the room fills: ordered, reused between turns.
public struct MembershipEffects: Sendable {
  /// What was asked for so far.
  public private(set) var list: [MembershipEffect] = []
  /// An empty sink.
  public init() {}
  /// Adds one effect at the end.
  public mutating func append(_ effect: MembershipEffect) { list.append(effect) }
  /// Empties the sink for the next turn. The room that a whole view of a large mesh took is given back: few turns need
  /// it again.
  public mutating func removeAll() { list.removeAll(keepingCapacity: list.count <= 64) }
}
