import MeshBasics
import MeshMembership
import MeshWire

/// What a node is and how it behaves, checked already by `MeshConfig`.
public struct EngineConfiguration: Equatable, Sendable {
  /// This node's name.
  public var nodeID: NodeID
  /// What it tells about itself; its cluster is `metadata.clusterID`.
  public var metadata: NodeMetadata
  /// Tells this process from any other that uses its name; random, from the shell's entropy.
  public var nonce: UInt64 = 0
  /// Where to look for the mesh.
  public var seeds: [Endpoint] = []
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

  var membership: MembershipConfiguration {
    var room = MembershipConfiguration(nodeID: nodeID, metadata: metadata)
    room.interval = interval
    room.fanout = fanout
    room.suspicionInterval = suspicionInterval
    room.pingTimeout = pingTimeout
    room.retransmitLimit = retransmitLimit
    room.metadataRefreshPeriod = metadataRefreshPeriod
    room.leaveTimeout = leaveTimeout
    room.mutations = mutations
    return room
  }
}

/// What the disk remembered of earlier runs.
public struct StoredState: Equatable, Sendable {
  /// The greatest epoch ever persisted; 0 on a first start.
  public var epoch: UInt64 = 0
  /// Members known when last written: their records, with endpoints in the metadata.
  public var knownPeers: [MemberRecord] = []
  /// Nothing remembered.
  public init() {}
}
