import MeshBasics

/// What a node tells about itself. Only the owner mints it; `metadataVersion` grows with every change (contracts:
/// gossip §13.5).
public struct NodeMetadata: Equatable, Sendable {
  /// What the node is for, such as `dispatcher`, `gateway` or `worker`; up to 256 bytes, as the next three.
  public var role = "worker"
  /// The mesh that it belongs to.
  public var clusterID = "local"
  /// Where it runs.
  public var region = "local"
  /// The version of the software that it runs.
  public var meshVersion = "dev"
  /// Whether it takes HTTP/3 on its mesh listener.
  public var http3Support = true
  /// Where its mesh listener can be reached, `host:port` of up to 262 bytes; empty when nowhere.
  public var endpoint = ""
  /// Grows by one with each change; starts at the Unix time in milliseconds of the process's start.
  public var metadataVersion: Int64 = 0
  /// Up to 64, sorted by the bytes of their keys, each key once.
  public var labels: [Label] = []
  /// How the node protects its links.
  public var security = SecurityPosture()

  /// The metadata of a node that was told nothing: OmniRelay's defaults.
  public init() {}
}

/// One label of a node: a key of 1 to 64 bytes and a value of up to 4,096.
public struct Label: Equatable, Sendable {
  /// Its name, without control characters.
  public var key = ""
  /// Any text without NUL.
  public var value = ""

  /// An empty label, which no peer accepts before it has a key.
  public init() {}

  /// The label `key` with `value`.
  public init(key: String, value: String) {
    self.key = key
    self.value = value
  }
}

/// The security that a node offers, for operators to see at a glance.
public struct SecurityPosture: Equatable, Sendable {
  /// `1.3`.
  public var tlsVersion = ""
  /// Whether peers must show a certificate.
  public var mutualTLS = false
  /// Whether its configuration checks a revocation list.
  public var revocationChecked = false
  /// Unix time in seconds when its certificate expires; 0 when unknown.
  public var certificateExpiresAt: Int64 = 0

  /// A posture of which nothing is known.
  public init() {}
}

/// The state of a member, in the order of precedence at one (epoch, incarnation).
public enum MemberState: UInt8, Comparable, Sendable, CaseIterable {
  /// It answers.
  case alive = 1
  /// It didn't answer `accuser`, and may still refute.
  case suspect = 2
  /// It was declared dead.
  case dead = 3
  /// It said goodbye.
  case left = 4

  /// Orders by precedence: of two claims at one (epoch, incarnation), the greater state stands.
  public static func < (a: MemberState, b: MemberState) -> Bool { a.rawValue < b.rawValue }
}

/// A claim about one member, ordered by (epoch, incarnation, state).
public struct MemberRecord: Equatable, Sendable {
  /// The member's name, by the rules of `NodeID`.
  public var nodeID = ""
  /// Grows with each start of the member's process.
  public var epoch: UInt64 = 0
  /// Grows within an epoch whenever the member refutes a suspicion.
  public var incarnation: UInt32 = 0
  /// What is claimed.
  public var state = MemberState.alive
  /// Who suspects it or declared it dead, a node's name; empty for claims of the owner.
  public var accuser = ""
  /// Present on alive claims; absent where the receiver can do without.
  public var metadata: NodeMetadata?

  /// An alive claim about nobody, which no peer accepts before it has a node id.
  public init() {}
}

/// First message on a stream, from each side.
public struct Hello: Equatable, Sendable {
  /// The newest version of this protocol that the sender speaks.
  public var protocolVersion: UInt32 = 1
  /// The oldest version that it still speaks.
  public var protocolVersionMin: UInt32 = 1
  /// The sender's mesh, 1 to 256 bytes.
  public var clusterID = ""
  /// The sender's own claim, with metadata.
  public var record = MemberRecord()

  /// The greeting of version 1, which no peer accepts before it has a cluster and a record.
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

/// A page of the sender's whole view, for anti-entropy.
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
