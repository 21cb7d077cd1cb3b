// The messages of `meshkit.tasks.v1`. Numbers and names are those of `proto/meshkit/tasks/v1/snapshot.proto`. What the
// numbers in them may be is the business of MeshTasks; how long things are is checked here.

/// What a lease queue held at one moment.
public struct TaskSnapshotMessage: Equatable, Sendable {
  /// The version of the form.
  public var format: UInt32 = 0
  /// The queue's name.
  public var queue = ""
  /// The life of the queue that made it.
  public var epoch: UInt64 = 0
  /// Those that aren't dead.
  public var tasks: [SnapshotTaskMessage] = []
  /// The dead letters.
  public var dead: [SnapshotTaskMessage] = []

  /// Nothing, of no queue.
  public init() {}

  /// The snapshot in `bytes`.
  public static func decode(_ bytes: [UInt8]) throws(WireError) -> TaskSnapshotMessage {
    try ProtobufReader.read(TaskSnapshotMessage.self, bytes, "snapshot", max: WireLimits.taskSnapshotBytes)
  }

  /// The snapshot as protobuf.
  public func encoded() -> [UInt8] { ProtobufBytes.of(self) }

  /// The length of `encoded()`, reckoned without writing it; readers refuse more than `WireLimits.taskSnapshotBytes`.
  public var encodedSize: Int { ProtobufLength.of(self) }
}

/// A task of a snapshot, alive or dead.
public struct SnapshotTaskMessage: Equatable, Sendable {
  /// The life of the queue that admitted it.
  public var epoch: UInt64 = 0
  /// The number of its admission in that life.
  public var sequence: UInt64 = 0
  /// The number of its last delivery.
  public var attempt: UInt32 = 0
  /// Deliveries that don't count.
  public var uncharged: UInt32 = 0
  /// Greater goes first.
  public var priority: Int64 = 0
  /// The work itself.
  public var payload: [UInt8] = []
  /// Its key.
  public var key = ""
  /// What the payload is.
  public var contentType = ""
  /// The request that it was.
  public var requestID = ""
  /// What goes with it.
  public var attributes: [TaskAttributeMessage] = []
  /// Why the last delivery failed.
  public var lastError = ""
  /// How long ago it was admitted.
  public var ageNanoseconds: Int64 = 0
  /// How long it has to wait yet.
  public var delayNanoseconds: Int64 = 0
  /// It was at a consumer.
  public var wasLeased = false
  /// Why it died.
  public var cause: UInt32 = 0
  /// How long ago.
  public var deadForNanoseconds: Int64 = 0

  /// No task.
  public init() {}
}

/// A name and its value.
public struct TaskAttributeMessage: Equatable, Sendable {
  /// The name.
  public var name = ""
  /// The value.
  public var value = ""

  /// Without a name.
  public init() {}
}

extension TaskSnapshotMessage: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.uint32(1, "format", &format)
    try visitor.text(2, "queue", &queue, .anything(WireLimits.taskQueueNameBytes))
    try visitor.uint64(3, "epoch", &epoch)
    try visitor.repeated(4, "tasks", &tasks, max: WireLimits.taskCount)
    try visitor.repeated(5, "dead", &dead, max: WireLimits.taskCount)
  }
}

extension SnapshotTaskMessage: WireMessage {
  /// Its payload, and room for all that goes with it.
  static var bytesMax: Int { WireLimits.taskPayloadBytes + WireLimits.frameBytes }

  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    let text = TextRule.anything(WireLimits.taskTextBytes)
    try visitor.uint64(1, "epoch", &epoch)
    try visitor.uint64(2, "sequence", &sequence)
    try visitor.uint32(3, "attempt", &attempt)
    try visitor.uint32(4, "uncharged", &uncharged)
    try visitor.int64(5, "priority", &priority)
    try visitor.bytes(6, "payload", &payload, max: WireLimits.taskPayloadBytes)
    try visitor.text(7, "key", &key, text)
    try visitor.text(8, "contentType", &contentType, text)
    try visitor.text(9, "requestId", &requestID, text)
    try visitor.repeated(10, "attributes", &attributes, max: WireLimits.taskAttributes)
    try visitor.text(11, "lastError", &lastError, .anything(WireLimits.taskReasonBytes))
    try visitor.int64(12, "ageNanoseconds", &ageNanoseconds)
    try visitor.int64(13, "delayNanoseconds", &delayNanoseconds)
    try visitor.bool(14, "wasLeased", &wasLeased)
    try visitor.uint32(15, "cause", &cause)
    try visitor.int64(16, "deadForNanoseconds", &deadForNanoseconds)
  }
}

extension TaskAttributeMessage: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    let text = TextRule.anything(WireLimits.taskAttributeBytes)
    try visitor.text(1, "name", &name, text)
    try visitor.text(2, "value", &value, text)
  }
}
