// queue: tasks on their way in and out.
import CMeshKit
import MeshRuntime

extension NewTask {
  /// A copy of what the host hands in.
  init(_ pointer: UnsafePointer<meshkit_task_t>?) throws(MeshError) {
    guard let pointer else { throw MeshError(.argument, "task is NULL") }
    let task = try sized(pointer, into: meshkit_task_t(), "task")
    let bytes = try input(task.payload.ptr, task.payload.len, max: .max, "task.payload")
    guard bytes.count <= TaskLimits.payloadBytesMax else {
      throw MeshError(.argument, "task.payload has \(bytes.count) bytes; allowed are \(TaskLimits.payloadBytesMax)")
    }
    self.init(
      TaskBytes(bytes), priority: Int(task.priority), delay: .milliseconds(task.delay_ms),
      details: try TaskDetails(task))
  }
}

extension TaskDetails {
  /// Nil when the host says none.
  fileprivate convenience init?(_ task: meshkit_task_t) throws(MeshError) {
    let texts = [task.key, task.request_id, task.content_type]
    if texts.allSatisfy({ $0.len == 0 }) && task.attribute_count == 0 { return nil }
    guard task.attribute_count >= 0, task.attribute_count <= TaskLimits.attributesMax else {
      throw MeshError(
        .argument, "task.attribute_count is \(task.attribute_count); at most \(TaskLimits.attributesMax) are allowed")
    }
    guard task.attributes != nil || task.attribute_count == 0 else {
      throw MeshError(.argument, "task.attributes is NULL but has a count")
    }
    var attributes: [Attribute] = []
    for pair in UnsafeBufferPointer(start: task.attributes, count: task.attribute_count) {
      attributes.append(
        Attribute(
          name: try text(pair.key.ptr, pair.key.len, "task.attributes.key"),
          value: try text(pair.value.ptr, pair.value.len, "task.attributes.value")))
    }
    self.init(
      key: try text(task.key.ptr, task.key.len, "task.key"),
      contentType: try text(task.content_type.ptr, task.content_type.len, "task.content_type"),
      requestID: try text(task.request_id.ptr, task.request_id.len, "task.request_id"), attributes: attributes)
  }
}

/// Admits a task, or refuses it.
@_cdecl("meshkit_queue_enqueue") @implementation
public func meshkit_queue_enqueue(
  _ queue: OpaquePointer?, _ task: UnsafePointer<meshkit_task_t>?, _ out: UnsafeMutablePointer<meshkit_task_id_t>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t { enqueue(queue, task, 0, out, error) }

/// Admits a task, and waits for a place.
@_cdecl("meshkit_queue_enqueue_wait") @implementation
public func meshkit_queue_enqueue_wait(
  _ queue: OpaquePointer?, _ task: UnsafePointer<meshkit_task_t>?, _ timeout_ms: Int64,
  _ out: UnsafeMutablePointer<meshkit_task_id_t>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> meshkit_status_t { enqueue(queue, task, timeout_ms, out, error) }

@inline(__always)
private func enqueue(
  _ queue: OpaquePointer?, _ task: UnsafePointer<meshkit_task_t>?, _ timeout_ms: Int64,
  _ out: UnsafeMutablePointer<meshkit_task_id_t>?, _ error: ErrorOut
) -> meshkit_status_t {
  out?.pointee = meshkit_task_id_t()
  return attempt(error) { () throws(MeshError) in
    let queue = try Handles.queues.find(queue)
    let admitted = try queue.enqueue(try NewTask(task), timeout: timeout(milliseconds: timeout_ms))
    out?.pointee = meshkit_task_id_t(admitted.id)
  }
}

/// Leases the task that is next.
@_cdecl("meshkit_queue_lease") @implementation
public func meshkit_queue_lease(
  _ queue: OpaquePointer?, _ out: UnsafeMutablePointer<UnsafeMutablePointer<meshkit_lease_t>?>?
) -> meshkit_status_t { lease(queue, 0, out) }

/// Leases the task that is next, and waits for one.
@_cdecl("meshkit_queue_lease_wait") @implementation
public func meshkit_queue_lease_wait(
  _ queue: OpaquePointer?, _ timeout_ms: Int64,
  _ out: UnsafeMutablePointer<UnsafeMutablePointer<meshkit_lease_t>?>?
) -> meshkit_status_t { lease(queue, timeout_ms, out) }

@inline(__always)
private func lease(
  _ queue: OpaquePointer?, _ timeout_ms: Int64,
  _ out: UnsafeMutablePointer<UnsafeMutablePointer<meshkit_lease_t>?>?
) -> meshkit_status_t {
  out?.pointee = nil
  return attempt { () throws(MeshError) in
    let queue = try Handles.queues.find(queue)
    let place = try required(out, "out")
    guard let lease = try queue.lease(timeout: timeout(milliseconds: timeout_ms)) else {
      throw MeshError(.timeout, "no task was ready in time")
    }
    place.pointee = LeaseBlocks.shared.image(of: lease, in: queue)
  }
}

/// Leases tasks that are next.
@_cdecl("meshkit_queue_lease_batch_wait") @implementation
public func meshkit_queue_lease_batch_wait(
  _ queue: OpaquePointer?, _ timeout_ms: Int64,
  _ out: UnsafeMutablePointer<UnsafeMutablePointer<meshkit_lease_t>?>?, _ capacity: Int,
  _ count: UnsafeMutablePointer<Int>?
) -> meshkit_status_t {
  let room = UnsafeMutableBufferPointer(start: out, count: out == nil ? 0 : batchLength(capacity))
  room.update(repeating: nil)
  count?.pointee = 0
  return attempt { () throws(MeshError) in
    let queue = try Handles.queues.find(queue)
    let count = try required(count, "count")
    guard !room.isEmpty else { throw MeshError(.argument, "out is NULL or capacity is 0") }
    let leases = try queue.lease(atMost: room.count, timeout: timeout(milliseconds: timeout_ms))
    guard !leases.isEmpty else { throw MeshError(.timeout, "no task was ready in time") }
    for (index, lease) in leases.enumerated() { room[index] = LeaseBlocks.shared.image(of: lease, in: queue) }
    count.pointee = leases.count
  }
}

extension LeaseBlocks {
  fileprivate func image(of lease: TaskLease, in queue: LeaseQueue) -> UnsafeMutablePointer<meshkit_lease_t> {
    image(of: lease, lasts: queue.options.leaseDuration, now: lease.expiresAt + (.zero - queue.options.leaseDuration))
  }
}

// MARK: The ends of a lease

/// The token at `pointer`.
func read(_ pointer: UnsafePointer<meshkit_token_t>?) throws(MeshError) -> TaskToken {
  guard let token = pointer?.pointee else { throw MeshError(.argument, "token is NULL") }
  guard token.reserved == 0 else { throw MeshError(.unsupported, "token.reserved is not 0") }
  return TaskToken(id: TaskID(token.task), attempt: token.attempt, leaseID: token.lease_id)
}

/// Extends a lease.
@_cdecl("meshkit_queue_heartbeat") @implementation
public func meshkit_queue_heartbeat(
  _ queue: OpaquePointer?, _ token: UnsafePointer<meshkit_token_t>?, _ lasts_ms: UnsafeMutablePointer<Int64>?
) -> meshkit_status_t {
  lasts_ms?.pointee = 0
  return attempt { () throws(MeshError) in
    let lasts = try Handles.queues.find(queue).heartbeat(try read(token))
    lasts_ms?.pointee = lasts.milliseconds
  }
}

/// The work is done.
@_cdecl("meshkit_queue_complete") @implementation
public func meshkit_queue_complete(
  _ queue: OpaquePointer?, _ token: UnsafePointer<meshkit_token_t>?
) -> meshkit_status_t {
  attempt { () throws(MeshError) in try Handles.queues.find(queue).complete(try read(token)) }
}

/// The work failed.
@_cdecl("meshkit_queue_fail") @implementation
public func meshkit_queue_fail(
  _ queue: OpaquePointer?, _ token: UnsafePointer<meshkit_token_t>?, _ reason: UnsafePointer<CChar>?,
  _ reason_len: Int, _ disposition: Int32, _ delay_ms: Int64
) -> meshkit_status_t {
  attempt { () throws(MeshError) in
    let queue = try Handles.queues.find(queue)
    let reason = try text(reason, reason_len, "reason")
    try queue.fail(try read(token), reason: reason, try TaskDisposition(disposition, delay: delay_ms))
  }
}

extension TaskDisposition {
  init(_ number: Int32, delay: Int64) throws(MeshError) {
    switch number {
    case MESHKIT_TASK_RETRY where delay == 0: self = .retry
    case MESHKIT_TASK_RETRY_AFTER: self = .retryAfter(.milliseconds(delay))
    case MESHKIT_TASK_DEAD_LETTER where delay == 0: self = .deadLetter
    case MESHKIT_TASK_RETRY, MESHKIT_TASK_DEAD_LETTER:
      throw MeshError(.argument, "delay_ms is \(delay); allowed is 0 with disposition \(number)")
    default: throw MeshError(.argument, "disposition \(number): allowed is 0 to 2")
    }
  }
}

/// The work wasn't begun.
@_cdecl("meshkit_queue_hand_back") @implementation
public func meshkit_queue_hand_back(
  _ queue: OpaquePointer?, _ token: UnsafePointer<meshkit_token_t>?
) -> meshkit_status_t {
  attempt { () throws(MeshError) in try Handles.queues.find(queue).handBack(try read(token)) }
}
