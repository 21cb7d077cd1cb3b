/// Every limit of the mesh's messages and of JSON text. A decoder refuses what is larger and names the field; a sender
/// keeps within them, because its peers refuse the whole message otherwise. Sizes are in bytes, counts in items.
public enum WireLimits {
  /// One frame of the duplex stream, as protobuf.
  public static let frameBytes = 256 * 1024
  /// Claims in one frame, whichever message carries them.
  public static let recordsPerFrame = 512
  /// One claim on its own, as the known-peers file holds it: metadata, and room for the fields beside it.
  public static let recordBytes = metadataBytes + 1024
  /// A node's whole metadata, as protobuf.
  public static let metadataBytes = 16 * 1024
  /// Nodes that a claim names as accusers beside the first.
  public static let accusersMax = 3
  /// How much a node may doubt itself; 0 is healthy.
  public static let healthMax: UInt32 = 8
  /// The buckets of a membership that anti-entropy compares.
  public static let syncBuckets = 64
  /// What is known of single members, in one frame.
  public static let syncEntries = 4096
  /// The topic of a broadcast; it has at least one byte.
  public static let topicBytes = 128
  /// The payload of a broadcast.
  public static let broadcastBytes = 64 * 1024
  /// The largest payload that a broadcast carries at once; a larger one is announced, and pulled by those that lack it.
  /// Receivers don't insist on it.
  public static let broadcastInlineBytes = 1024
  /// Labels of one node.
  public static let labels = 64
  /// A label's key; it has at least one byte.
  public static let labelKeyBytes = 64
  /// A label's value.
  public static let labelValueBytes = 4096
  /// Any other text: role, region, cluster, versions.
  public static let textBytes = 256
  /// `host:port` of a node.
  public static let endpointBytes = 262
  /// The payload of the unary `Ping`, which comes back in its reply.
  public static let pingPayloadBytes = 1024
  /// A whole `PingRequest` or `PingReply`: its payload, and room for the fields beside it.
  public static let pingBytes = 4096
  /// A request to the control plane over gRPC.
  public static let controlRequestBytes = 32 * 1024
  /// A whole snapshot of a lease queue.
  public static let taskSnapshotBytes = 1 << 30
  /// Tasks of a snapshot, and its dead letters.
  public static let taskCount = 1 << 24
  /// The payload of a task. This and what follows is what a queue admits (MeshTasks).
  public static let taskPayloadBytes = 64 << 20
  /// The name of a queue.
  public static let taskQueueNameBytes = 128
  /// A key, a request id or a content type of a task.
  public static let taskTextBytes = 256
  /// Attributes of a task.
  public static let taskAttributes = 32
  /// Their names and values together.
  public static let taskAttributeBytes = 8_192
  /// Why a task failed.
  public static let taskReasonBytes = 1_024
  /// Labels that a caller of the control plane may ask for.
  public static let labelFilters = 4
  /// JSON text, where the caller states no other limit.
  public static let jsonBytes = 1 << 20
  /// Arrays and objects of JSON inside each other.
  public static let jsonDepth = 64
}
