import MeshBasics
import MeshConfig
import MeshMembership
import MeshSecurity
import MeshTransport
import MeshWire

/// One node: a member of a mesh, with its threads, sockets and engine.
///
/// Safe from any thread. Calls never wait for the engine, except `stopAndWait`. A node that is let go of without a stop
/// is abandoned: it ends without a goodbye, as if its process had died. One that is let go of while it stops says its
/// goodbye first.
public final class Node: @unchecked Sendable {
  let core: NodeCore

  private init(core: NodeCore) { self.core = core }

  deinit { core.abandon() }

  /// Checks, binds, loads and starts a node.
  ///
  /// Errors name the cause: a port in use, an unreadable key, a certificate for another node, a locked data directory.
  /// Nothing is left behind then: no thread, no socket, no lock.
  public static func open(_ configuration: NodeConfiguration) throws(MeshError) -> Node {
    guard !ForkGuard.isForkedChild else {
      throw MeshError(.forked, "node: this process was forked after the library was used; only exec is safe here")
    }
    return Node(core: try NodeCore.start(configuration))
  }

  /// What it was opened with.
  public var configuration: NodeConfiguration { core.configuration }

  /// The port of the mesh listener, UDP and TCP (of use when 0 was configured).
  public var meshPort: UInt16 { core.link.port }

  /// The port of the control listener, the first where it has several; 0 when it is switched off.
  public var controlPort: UInt16 { controlListeners.first?.port ?? 0 }

  /// Every address of the control listener with the port that is bound, that of `mesh:control:address` first; empty
  /// when it is switched off.
  public var controlListeners: [ControlListener] { core.controlListeners }

  /// The newest picture of the membership. Costs one lock held for one retain.
  public func members() -> MembersSnapshot { core.snapshots.current }

  /// Delivers events of `topics` to `stream` until either ends. With `.members` it starts with one `joined`
  /// (correlation 0) for each other member that hasn't left; with `.log`, with the latest records.
  ///
  /// Throws `.closed` when the node or the stream is, `.busy` when either has no room for another subscription.
  public func subscribe(_ stream: EventStream, topics: Topics) throws(MeshError) {
    try core.hub.subscribe(stream, topics: topics)
  }

  /// Replaces this node's labels, mesh-wide. Exactly one `completed` with `token` follows on `stream`, when one is
  /// given and nothing is thrown. Throws `.busy` when the node or the stream is full, `.closed` after a stop.
  public func setLabels(_ labels: [Label], stream: EventStream?, token: UInt64) throws(MeshError) {
    try core.submit(stream: stream, token: token) { .command(.setLabels(labels), $0) }
  }

  /// Tells the mesh that this node wants no new work, or wants it again. Completes as `setLabels` does.
  public func setDraining(_ isDraining: Bool, stream: EventStream?, token: UInt64) throws(MeshError) {
    try core.submit(stream: stream, token: token) { .command(.setDraining(isDraining), $0) }
  }

  /// Declares a lost member gone, mesh-wide; one that lives and can be reached comes back by itself. Completes as
  /// `setLabels` does.
  ///
  /// Throws `.argument` for this node itself, `.notFound` for a name that this node doesn't know.
  public func removeMember(_ node: NodeID, stream: EventStream?, token: UInt64) throws(MeshError) {
    guard node != configuration.nodeID else {
      throw MeshError(.argument, "member \(node): is this node itself; stop it to make it leave")
    }
    guard core.snapshots.current.members[node] != nil else {
      throw MeshError(.notFound, "member \(node): this node knows no member of that name")
    }
    try core.submit(stream: stream, token: token) { .command(.removeMember(node), $0) }
  }

  /// Tells every other member `payload`, of up to 64 KiB, under a topic of 1 to 128 bytes. Completes as `setLabels`
  /// does, when the news is under way, or with `.busy` when the host tells more than a link carries; who receives it
  /// can't be sure of its origin. Throws `.argument` when either is too long, `.busy` when too much waits.
  public func broadcast(
    topic: String, payload: [UInt8], stream: EventStream?, token: UInt64
  ) throws(MeshError) {
    guard (1...WireLimits.topicBytes).contains(topic.utf8.count) else {
      throw MeshError(
        .argument, "topic: has \(topic.utf8.count) bytes; allowed: 1 to \(WireLimits.topicBytes)")
    }
    guard !topic.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
      throw MeshError(.argument, "topic: holds a control character; allowed: text without")
    }
    guard payload.count <= WireLimits.broadcastBytes else {
      throw MeshError(
        .argument, "payload: has \(payload.count) bytes; allowed: up to \(WireLimits.broadcastBytes)")
    }
    try core.submitBroadcast(topic: topic, payload: payload, stream: stream, token: token)
  }

  /// Shows a lease queue to the operators of this node: on its control listener, in its metrics, its log records and
  /// its statistics. Costs a sample once a second. The node doesn't keep the queue alive; one that is closed, or let go
  /// of, leaves within a second. A queue may be attached to several nodes, and to one twice, which changes nothing.
  ///
  /// Throws `.conflict` where another queue of that name is attached, `.resource` for the 65th, `.closed` when the
  /// queue is closed or the node has stopped.
  public func attach(_ queue: LeaseQueue) throws(MeshError) { try core.queues.attach(queue) }

  /// Shows a lease queue no longer. Throws `.notFound` for one that isn't attached.
  public func detach(_ queue: LeaseQueue) throws(MeshError) { try core.queues.detach(queue) }

  /// Announces a graceful leave, then stops. Each accepted call gets its completion, also when the node stopped long
  /// ago.
  public func stop(stream: EventStream?, token: UInt64) throws(MeshError) {
    try core.stop(stream: stream, token: token)
  }

  /// Stops as `stop` does, and waits until it is over.
  ///
  /// Throws `.timeout` when that takes longer (the stop goes on), `.wouldDeadlock` on a thread of the library.
  public func stopAndWait(timeout: Duration?) throws(MeshError) {
    guard !LibraryThread.isCurrent else {
      throw MeshError(.wouldDeadlock, "node: waiting for its stop on a callback thread would wait for ever")
    }
    try stop(stream: nil, token: 0)
    guard core.waitUntilFinished(timeout: timeout) else {
      throw MeshError(.timeout, "node: it has not stopped within the time given; the stop goes on")
    }
  }

  /// Stops without a leave, unless a stop was asked for before: that one goes on to its end. Never blocks; the threads
  /// end by themselves.
  public func abandon() { core.abandon() }

  /// Figures about this node: one JSON document (docs/reference/statistics.md).
  public func statisticsJSON() -> [UInt8] { core.statisticsJSON() }
}
