// queue: lease queues, and what is asked of them as a whole. Tasks and leases are in Task.swift.
import CMeshKit
import MeshRuntime

/// Makes an empty queue.
@_cdecl("meshkit_queue_create") @implementation
public func meshkit_queue_create(
  _ name: UnsafePointer<CChar>?, _ name_len: Int, _ options: UnsafePointer<meshkit_queue_options_t>?,
  _ out: UnsafeMutablePointer<OpaquePointer?>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt(error) { () throws(MeshError) in
    let place = try required(out, "out")
    let name = try text(name, name_len, "name")
    var chosen = meshkit_queue_options_t()
    if let options { chosen = try sized(options, into: chosen, "options") }
    let epoch = chosen.epoch == 0 ? nil : chosen.epoch
    let handle = try Handles.queues.insert { gate throws(MeshError) in
      try LeaseQueue(TaskQueueOptions(chosen, name: name), epoch: epoch, lock: gate)
    }
    try give(handle, place)
  }
}

extension TaskQueueOptions {
  /// What the host chose; the room checks it.
  init(_ chosen: meshkit_queue_options_t, name: String) {
    self.init(name: name)
    if chosen.capacity != 0 { capacity = Int(chosen.capacity) }
    if chosen.lease_duration_ms != 0 { leaseDuration = .milliseconds(chosen.lease_duration_ms) }
    heartbeatInterval = min(heartbeatInterval, leaseDuration.divided(by: 6))
    if chosen.heartbeat_interval_ms != 0 { heartbeatInterval = .milliseconds(chosen.heartbeat_interval_ms) }
    if chosen.retry_first_ms != 0 { retry.first = duration(chosen.retry_first_ms) }
    retry.longest = max(retry.longest, retry.first)
    if chosen.retry_longest_ms != 0 { retry.longest = .milliseconds(chosen.retry_longest_ms) }
    if chosen.attempts_max != 0 { attemptsMax = Int(chosen.attempts_max) }
    if chosen.dead_letters_max != 0 { deadLettersMax = count(chosen.dead_letters_max) }
    if chosen.request_window != 0 { requestWindow = count(chosen.request_window) }
    if chosen.payload_len_max != 0 { payloadBytesMax = Int(chosen.payload_len_max) }
  }
}

/// Where MESHKIT_QUEUE_NONE stands for none.
func duration(_ milliseconds: Int64) -> Duration {
  milliseconds == Int64(MESHKIT_QUEUE_NONE) ? .zero : .milliseconds(milliseconds)
}
func count(_ number: Int32) -> Int { number == MESHKIT_QUEUE_NONE ? 0 : Int(number) }

/// Counts at one moment.
@_cdecl("meshkit_queue_counts") @implementation
public func meshkit_queue_counts(
  _ queue: OpaquePointer?, _ out: UnsafeMutablePointer<meshkit_queue_counts_t>?
) -> meshkit_status_t {
  clear(out)
  return attempt { () throws(MeshError) in
    let place = try required(out, "out")
    let queue = try Handles.queues.find(queue)
    let (counts, oldest) = queue.countsAndOldest
    try write(meshkit_queue_counts_t(counts, oldest: oldest), to: place, "out")
  }
}

extension meshkit_queue_counts_t {
  init(_ counts: TaskCounts, oldest: Duration?) {
    self.init()
    (pending, delayed) = (UInt64(clamping: counts.pending), UInt64(clamping: counts.delayed))
    (leased, dead) = (UInt64(clamping: counts.leased), UInt64(clamping: counts.dead))
    oldest_ms = oldest?.milliseconds ?? -1
    (admitted, restored, completed) = (counts.admitted, counts.restored, counts.completed)
    (handed_back, discarded, purged) = (counts.handedBack, counts.discarded, counts.purged)
    (grants, redeliveries, heartbeats) = (counts.grants, counts.redeliveries, counts.heartbeats)
    (failed, expired) = (counts.failed, counts.expired)
    (dead_lettered, redriven) = (counts.deadLettered, counts.redriven)
  }
}

/// Delivers the queue's events to a stream.
@_cdecl("meshkit_queue_subscribe") @implementation
public func meshkit_queue_subscribe(
  _ queue: OpaquePointer?, _ events: OpaquePointer?, _ topics: UInt32, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    let queue = try Handles.queues.find(queue)
    let stream = try Handles.events.find(events)
    guard topics & ~QueueTopics.all.rawValue == 0 else {
      throw MeshError(.unsupported, "topics \(topics): this library knows \(QueueTopics.all.rawValue)")
    }
    try queue.subscribe(stream, topics: QueueTopics(rawValue: topics))
  }
}

/// Puts a snapshot as bytes into `out`.
private func give(_ snapshot: TaskSnapshot, _ out: UnsafeMutablePointer<OpaquePointer?>) throws(MeshError) {
  let bytes: [UInt8]
  do throws(WireError) {
    bytes = try snapshot.encoded()
  } catch {
    throw MeshError(.resource, error.description)
  }
  try give(TextObject(bytes), Handles.texts, out)
}

extension TaskSnapshot {
  /// The snapshot that the host kept as bytes.
  fileprivate init(_ bytes: UnsafeRawBufferPointer) throws(MeshError) {
    do throws(WireError) {
      self = try TaskSnapshot.decode(Array(bytes))
    } catch {
      throw MeshError(.argument, error.description)
    }
  }
}

/// Sees to it that what a queue hands back can be written down, before the queue gives it away.
private func mustFit(_ queue: LeaseQueue) throws(MeshError) {
  let bytes = try queue.snapshotBytesMax()
  guard bytes <= WireLimits.taskSnapshotBytes else {
    throw MeshError(
      .resource,
      "queue \(queue.name): a snapshot might take \(bytes) bytes; allowed are \(WireLimits.taskSnapshotBytes)")
  }
}

/// Stops leasing and admitting, and hands back what is pending.
@_cdecl("meshkit_queue_drain_wait") @implementation
public func meshkit_queue_drain_wait(
  _ queue: OpaquePointer?, _ timeout_ms: Int64, _ snapshot: UnsafeMutablePointer<OpaquePointer?>?,
  _ leased: UnsafeMutablePointer<UInt64>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  snapshot?.pointee = nil
  leased?.pointee = 0
  return attempt(error) { () throws(MeshError) in
    let queue = try Handles.queues.find(queue)
    let snapshot = try required(snapshot, "snapshot")
    try mustFit(queue)
    let handedBack = try queue.drain(timeout: timeout(milliseconds: timeout_ms) ?? TaskLimits.delayMax)
    leased?.pointee = UInt64(clamping: handedBack.leased)
    try give(handedBack.snapshot, snapshot)
  }
}

/// Leases and admits again after a drain.
@_cdecl("meshkit_queue_resume") @implementation
public func meshkit_queue_resume(_ queue: OpaquePointer?) -> meshkit_status_t {
  attempt { () throws(MeshError) in try Handles.queues.find(queue).resume() }
}

/// Ends the queue for good.
@_cdecl("meshkit_queue_close_wait") @implementation
public func meshkit_queue_close_wait(
  _ queue: OpaquePointer?, _ mode: Int32, _ timeout_ms: Int64, _ snapshot: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  snapshot?.pointee = nil
  return attempt(error) { () throws(MeshError) in
    let queue = try Handles.queues.find(queue)
    let modes: [Int32: TaskCloseMode] = [
      MESHKIT_CLOSE_DRAIN: .drain, MESHKIT_CLOSE_REQUEUE_ACTIVE: .requeueActive, MESHKIT_CLOSE_DISCARD: .discard,
    ]
    guard let chosen = modes[mode] else { throw MeshError(.argument, "mode \(mode): allowed is 0 to 2") }
    if snapshot != nil { try mustFit(queue) }
    let left = try queue.close(chosen, timeout: timeout(milliseconds: timeout_ms) ?? TaskLimits.delayMax)
    if let snapshot { try give(left, snapshot) }
  }
}

/// All that the queue holds, as bytes.
@_cdecl("meshkit_queue_snapshot") @implementation
public func meshkit_queue_snapshot(
  _ queue: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt(error) { () throws(MeshError) in
    let place = try required(out, "out")
    try give(try Handles.queues.find(queue).snapshot(), place)
  }
}

/// Takes in what was handed back.
@_cdecl("meshkit_queue_restore") @implementation
public func meshkit_queue_restore(
  _ queue: OpaquePointer?, _ snapshot: UnsafePointer<CChar>?, _ snapshot_len: Int,
  _ count: UnsafeMutablePointer<UInt64>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  count?.pointee = 0
  return attempt(error) { () throws(MeshError) in
    let queue = try Handles.queues.find(queue)
    let bytes = try input(snapshot, snapshot_len, max: .max, "snapshot")
    let restored = try queue.restore(try TaskSnapshot(bytes))
    count?.pointee = UInt64(clamping: restored)
  }
}

/// Shows a queue to the operators of a node.
@_cdecl("meshkit_node_attach_queue") @implementation
public func meshkit_node_attach_queue(
  _ node: OpaquePointer?, _ queue: OpaquePointer?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    let object = try Handles.nodes.find(node)
    try object.node.attach(try Handles.queues.find(queue))
  }
}

/// Shows it to them no longer.
@_cdecl("meshkit_node_detach_queue") @implementation
public func meshkit_node_detach_queue(
  _ node: OpaquePointer?, _ queue: OpaquePointer?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t {
  attempt(error) { () throws(MeshError) in
    let object = try Handles.nodes.find(node)
    try object.node.detach(try Handles.queues.find(queue))
  }
}

/// Releases a queue.
@_cdecl("meshkit_queue_release") @implementation
public func meshkit_queue_release(_ queue: OpaquePointer?) { release(Handles.queues, queue) { $0.abandon() } }
