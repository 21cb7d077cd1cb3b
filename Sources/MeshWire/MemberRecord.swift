import MeshBasics

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
  /// Present on alive claims; absent where the receiver can do without. Many claims share one, so that telling a member
  /// to many peers copies no metadata.
  public var sharedMetadata: Shared<NodeMetadata>?
  /// Whether the accuser was refused by the member's host: it lives, and nobody listens there.
  public var refused = false
  /// Who else holds the accusation from its own evidence: up to 3 names of nodes, sorted by their bytes, each once.
  public var accusers: [String] = []
  /// Whether an operator declared it dead, rather than a probe that failed.
  public var removed = false
  /// In place of `sharedMetadata`: how the labels changed since metadata that the receiver has.
  public var metadataDelta: MetadataDelta?

  /// What `sharedMetadata` holds. Setting it makes a box of its own.
  public var metadata: NodeMetadata? {
    get { sharedMetadata?.value }
    set { sharedMetadata = newValue.map { Shared($0) } }
  }

  /// An alive claim about nobody, which no peer accepts before it has a node id.
  public init() {}
}

/// How a node's labels changed from one version of its metadata to another; nothing else changed between them.
public struct MetadataDelta: Equatable, Sendable {
  /// The version that it starts from: who doesn't hold this one can't apply it.
  public var fromVersion: Int64 = 0
  /// The version that it leads to.
  public var toVersion: Int64 = 0
  /// New labels and new values, sorted by the bytes of their keys, each key once.
  public var changed: [Label] = []
  /// The keys of labels that are gone, sorted by their bytes, each once.
  public var removed: [String] = []

  /// No change.
  public init() {}
}
