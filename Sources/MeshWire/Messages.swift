/// The versions of the protocol between nodes.
public enum ProtocolVersion {
  /// What this package speaks.
  public static let current: UInt32 = 2
  /// The oldest that it still speaks: `hello`, `ping`, `ack`, `news` and `view` alone.
  public static let oldest: UInt32 = 1
}

/// First message on a stream, from each side.
public struct Hello: Equatable, Sendable {
  /// The newest version of this protocol that the sender speaks.
  public var protocolVersion = ProtocolVersion.current
  /// The oldest version that it still speaks.
  public var protocolVersionMin = ProtocolVersion.oldest
  /// The sender's mesh, 1 to 256 bytes.
  public var clusterID = ""
  /// The sender's own claim, with metadata.
  public var record = MemberRecord()
  /// When the sender's process started, in milliseconds of Unix time; 0 before version 2.
  public var startedAt: UInt64 = 0
  /// Drawn at random by each process, so that two which use one name can be told apart; 0 before version 2.
  public var nonce: UInt64 = 0

  /// The greeting of this version, which no peer accepts before it has a cluster and a record.
  public init() {}
}

/// "Are you there?", with the sender's digest of the membership and news worth spreading.
public struct Ping: Equatable, Sendable {
  /// Comes back in the answer.
  public var sequence: UInt64 = 0
  /// XOR over the members that are neither dead nor gone, the sender included, of a hash of (id, epoch, incarnation,
  /// metadataVersion); the version counts as 0 while the metadata is of an earlier epoch. Suspicion doesn't count.
  public var digest: UInt64 = 0
  /// Claims worth spreading, up to 512.
  public var news: [MemberRecord] = []

  /// A ping without news.
  public init() {}
}

/// The answer to a `Ping` of the same sequence.
public struct Ack: Equatable, Sendable {
  /// The sequence of the ping.
  public var sequence: UInt64 = 0
  /// The answerer's digest, computed like that of `Ping`.
  public var digest: UInt64 = 0
  /// Claims worth spreading, up to 512.
  public var news: [MemberRecord] = []
  /// How much the answerer doubts itself, 0 (healthy) to 8.
  public var health: UInt32 = 0

  /// An answer without news.
  public init() {}
}

/// Claims sent at once, outside the rhythm of probes.
public struct News: Equatable, Sendable {
  /// The claims, up to 512.
  public var records: [MemberRecord] = []

  /// No claims.
  public init() {}
}

/// A page of the sender's whole view: for newcomers, and for peers of protocol 1, which compare nothing smaller.
public struct View: Equatable, Sendable {
  /// The claims of this page, up to 512.
  public var records: [MemberRecord] = []
  /// Whether the receiver shall answer with its own view.
  public var replyWanted = false
  /// Whether more pages follow.
  public var more = false

  /// An empty last page that wants no reply.
  public init() {}
}

/// One message of the duplex stream `meshkit.mesh.v1.Mesh/MeshStream`: a protobuf `oneof`.
public enum MeshMessage: Equatable, Sendable {
  /// The first message of each side.
  case hello(Hello)
  /// A probe.
  case ping(Ping)
  /// Its answer.
  case ack(Ack)
  /// Claims between probes.
  case news(News)
  /// A page of a whole view.
  case view(View)
  /// "Probe that one for me."
  case probeRequest(ProbeRequest)
  /// Whether it answered.
  case probeReply(ProbeReply)
  /// First step of anti-entropy: the hashes of all buckets.
  case syncDigest(SyncDigest)
  /// Second step: what is known in the buckets that differ.
  case syncSummary(SyncSummary)
  /// Third step: the claims themselves.
  case syncDelta(SyncDelta)
  /// An application's message to all nodes.
  case broadcast(Broadcast)
  /// Asks for the payload of one that was announced.
  case broadcastPull(BroadcastPull)
  /// "I don't need this link."
  case release(Release)
}

/// The unary call `meshkit.mesh.v1.Mesh/Ping`, for operators and for software that isn't MeshKit.
public struct PingRequest: Equatable, Sendable {
  /// Comes back in the reply; up to 1,024 bytes.
  public var payload: [UInt8] = []

  /// A request without payload.
  public init() {}
}

/// Who answered.
public struct PingReply: Equatable, Sendable {
  /// The name of the node.
  public var nodeID = ""
  /// Its mesh.
  public var clusterID = ""
  /// The epoch that it lives in.
  public var epoch: UInt64 = 0
  /// Its incarnation within that epoch.
  public var incarnation: UInt32 = 0
  /// The version of its software.
  public var meshVersion = ""
  /// What the request carried.
  public var payload: [UInt8] = []

  /// A reply of nobody, which no reader accepts before it has a node id and a cluster.
  public init() {}
}
