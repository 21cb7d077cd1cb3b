import MeshBasics
import MeshMembership
import MeshWire

/// What a node is and how it behaves, checked already by `MeshConfig`.
public struct EngineConfiguration: Equatable, Sendable {
  /// Who it is and how its membership behaves.
  public var membership: MembershipConfiguration
  /// Tells this process from any other that uses its name; random, from the shell's entropy.
  public var nonce: UInt64 = 0
  /// Where to look for the mesh.
  public var seeds: [Endpoint] = []

  /// The defaults, for the node `nodeID`.
  public init(nodeID: NodeID, metadata: NodeMetadata) {
    membership = MembershipConfiguration(nodeID: nodeID, metadata: metadata)
  }

  /// This node's name.
  public var nodeID: NodeID { membership.nodeID }
  /// What it tells about itself; its cluster is `metadata.clusterID`.
  public var metadata: NodeMetadata {
    get { membership.metadata }
    set { membership.metadata = newValue }
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
