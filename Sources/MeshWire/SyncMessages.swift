/// First step of anti-entropy: the hash of each bucket of the sender's membership.
public struct SyncDigest: Equatable, Sendable {
  /// Exactly 64: the XOR of the digest terms of the members in each bucket.
  public var buckets: [UInt64] = []

  /// A digest without buckets, which no peer accepts before it has 64.
  public init() {}
}

/// Second step: what the sender knows of the members in the buckets that differ.
public struct SyncSummary: Equatable, Sendable {
  /// One bit for each bucket that it covers, the least significant for the first.
  public var mask: UInt64 = 0
  /// All that the sender knows in these buckets, up to 4,096 in one frame.
  public var entries: [SyncEntry] = []

  /// A summary of nothing.
  public init() {}
}

/// How new one node's knowledge of a member is.
public struct SyncEntry: Equatable, Sendable {
  /// The member's name.
  public var nodeID = ""
  /// The life that is known.
  public var epoch: UInt64 = 0
  /// The incarnation within it.
  public var incarnation: UInt32 = 0
  /// What is claimed of it.
  public var state = MemberState.alive
  /// The version of its metadata; 0 while that is of an earlier epoch.
  public var metadataVersion: Int64 = 0

  /// An entry about nobody, which no peer accepts before it has a node id.
  public init() {}
}

/// Third step: claims that the receiver lacks, and the names of those that the sender lacks.
public struct SyncDelta: Equatable, Sendable {
  /// Claims that are newer than the receiver's, up to 512.
  public var records: [MemberRecord] = []
  /// The members whose claims the sender wants in return: up to 512 names, sorted by their bytes, each once.
  public var wanted: [String] = []

  /// Nothing to give and nothing to want.
  public init() {}
}
