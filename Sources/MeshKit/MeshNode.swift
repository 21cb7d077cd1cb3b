@_exported import MeshRuntime

/// A member of a mesh, for Swift applications.
///
/// ```swift
/// var configuration = Configuration()
/// try configuration.load(json: bytes)
/// let node = try MeshNode.open(configuration)
/// for await event in try node.events(of: .members) { print(event) }
/// ```
///
/// Applications link this package from source; the shared library is for other languages, because two Swift runtimes in
/// one process are nobody's friend. Safe from any task or thread.
public final class MeshNode: Sendable {
  private let node: Node

  private init(_ node: Node) { self.node = node }

  /// Checks `configuration` as a whole and opens a node with it. `hostName` supplies the default node id and advertised
  /// host.
  ///
  /// Throws `ConfigurationError` with every problem at once, or `MeshError` when the node can't start.
  public static func open(_ configuration: Configuration, hostName: String = HostName.current) throws -> MeshNode {
    MeshNode(try Node.open(try configuration.resolve(hostName: hostName)))
  }

  /// The newest picture of the membership. Never waits for the engine.
  public var members: MembersSnapshot { node.members() }

  /// The port of the mesh listener, UDP and TCP.
  public var meshPort: UInt16 { node.meshPort }

  /// The port of the control listener, the first where it has several; 0 when it is switched off.
  public var controlPort: UInt16 { node.controlPort }

  /// Every address of the control listener with its port, that of `mesh:control:address` first; empty when it is
  /// switched off.
  public var controlListeners: [ControlListener] { node.controlListeners }

  /// The node's events as a sequence, from now until the node stops or the sequence is let go of. With `.members` it
  /// starts with one `joined` for each other member that hasn't left; its last event is `nodeStopped`, whatever the
  /// topics.
  ///
  /// At most `capacity` events wait for a slow reader (16 to 65,536), half of them changes of members: when there are
  /// more, those of one member merge into the newest, and what is lost is counted in a `dropped` event.
  public func events(of topics: Topics, capacity: Int = 1_024) throws(MeshError) -> AsyncStream<StreamEvent> {
    let stream = try EventStream(capacity: capacity)
    try node.subscribe(stream, topics: topics)
    let reader = try EventReader(stream)
    return AsyncStream(unfolding: { await reader.next() }, onCancel: { reader.end() })
  }

  /// Replaces this node's labels, mesh-wide. Throws what the engine refuses, naming the label and what is allowed.
  public func setLabels(_ labels: [String: String]) async throws {
    let sorted = labels.map { Label(key: $0.key, value: $0.value) }.sorted { $0.key < $1.key }
    try await complete { node, stream, token throws(MeshError) in
      try node.setLabels(sorted, stream: stream, token: token)
    }
  }

  /// Tells the mesh that this node wants no new work, or wants it again: `MemberView.isDraining` on every node.
  public func setDraining(_ isDraining: Bool) async throws {
    try await complete { node, stream, token throws(MeshError) in
      try node.setDraining(isDraining, stream: stream, token: token)
    }
  }

  /// Declares a dead or lost member gone, mesh-wide; one that lives and can be reached comes back by itself. Throws
  /// `.argument` for this node itself, `.notFound` for a name that it doesn't know.
  public func removeMember(_ member: NodeID) async throws {
    try await complete { node, stream, token throws(MeshError) in
      try node.removeMember(member, stream: stream, token: token)
    }
  }

  /// Tells every other member `payload`, up to 64 KiB, under a topic of 1 to 128 bytes without control characters: a
  /// `broadcast` event on each of their sequences of `.broadcasts`. Returns when it is under way, not when it has
  /// arrived. Who receives it can't be sure of its origin: a member can tell one in another's name. Throws `.busy` when
  /// the host tells more than a link carries: 256 KiB at once and 128 KiB in each second, where a broadcast counts for
  /// its payload and 256 bytes. Delivery is best effort: members that join later or are cut off miss it.
  public func broadcast(_ topic: String, _ payload: [UInt8]) async throws {
    try await complete { node, stream, token throws(MeshError) in
      try node.broadcast(topic: topic, payload: payload, stream: stream, token: token)
    }
  }

  /// Shows a lease queue to the operators of this node, as `Node.attach` does. The node doesn't keep it alive.
  ///
  /// Throws `.conflict` where another queue of that name is attached, `.resource` for the 65th, `.closed` when the
  /// queue is closed or the node has stopped.
  public func attach(_ queue: LeaseQueue) throws(MeshError) { try node.attach(queue) }

  /// Shows a lease queue no longer. Throws `.notFound` for one that isn't attached.
  public func detach(_ queue: LeaseQueue) throws(MeshError) { try node.detach(queue) }

  /// Says goodbye to the mesh and stops. Returns once every socket and file is closed.
  public func leave() async throws {
    try await complete { node, stream, token throws(MeshError) in try node.stop(stream: stream, token: token) }
  }

  /// Figures about this node: one JSON document (docs/reference/statistics.md).
  public var statisticsJSON: [UInt8] { node.statisticsJSON() }

  /// Runs one submitted operation to its completion.
  private func complete(_ submit: (Node, EventStream, UInt64) throws(MeshError) -> Void) async throws {
    let stream = try EventStream(capacity: EventStream.capacityRange.lowerBound)
    defer { stream.close() }
    try submit(node, stream, 1)
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      let answer = OneAnswer(continuation)
      do throws(MeshError) {
        try stream.startCallbacks(
          call: { event in
            if case .completed(let error) = event.payload { answer.give(error) }
          },
          drop: { answer.give(MeshError(.shutdown, "node: it is stopping")) })
      } catch {
        answer.give(error)
      }
    }
  }
}
