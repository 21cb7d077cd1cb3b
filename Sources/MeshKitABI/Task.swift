// queue: tasks on their way in and out.
import CMeshKit
import MeshRuntime

extension meshkit_task_t {
  /// What the host hands in, as far as this library knows it.
  init(_ pointer: UnsafePointer<meshkit_task_t>?) throws(MeshError) {
    guard let pointer else { throw MeshError(.argument, "task is NULL") }
    self = try sized(pointer, into: meshkit_task_t(), "task")
  }

  /// A copy of the payload.
  func payloadCopy() throws(MeshError) -> TaskBytes {
    let bytes = try input(payload.ptr, payload.len, max: .max, "task.payload")
    guard bytes.count <= TaskLimits.payloadBytesMax else {
      throw MeshError(.argument, "task.payload has \(bytes.count) bytes; allowed are \(TaskLimits.payloadBytesMax)")
    }
    return TaskBytes(bytes)
  }

  /// Whether there is nothing but a payload and a priority.
  var isPlain: Bool {
    Int(delay_ms) | key.len | request_id.len | content_type.len | attribute_count == 0
  }
}

extension NewTask {
  /// The whole of what the host hands in, with the copy of its payload.
  init(_ task: meshkit_task_t, _ payload: TaskBytes?) throws(MeshError) {
    self.init(
      payload ?? TaskBytes([]), priority: Int(task.priority), delay: .milliseconds(task.delay_ms),
      details: try TaskDetails(task))
  }
}

extension TaskDetails {
  /// Nil when the host says none.
  fileprivate convenience init?(_ task: meshkit_task_t) throws(MeshError) {
    if task.key.len | task.request_id.len | task.content_type.len | task.attribute_count == 0 { return nil }
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

/// Whether a call may be answered before it is asked if it may wait at all.
private func mayBeBrief(_ timeout_ms: Int64) -> Bool { timeout_ms == 0 || !LeaseQueue.isOnLibraryThread }

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
    let task = try meshkit_task_t(task)
    var payload: TaskBytes? = try task.payloadCopy()
    if task.isPlain, mayBeBrief(timeout_ms) {
      let isAdmitted = Handles.queues.useInside(queue) { queue in
        queue.admitInside(&payload, priority: Int(task.priority)) { out?.pointee = meshkit_task_id_t($0) }
      }
      if isAdmitted { return }
    }
    let queue = try Handles.queues.find(queue)
    let admitted = try queue.enqueue(try NewTask(task, payload), timeout: timeout(milliseconds: timeout_ms))
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
    let place = try required(out, "out")
    if mayBeBrief(timeout_ms) {
      let now = LeaseQueue.now
      let isLeased = Handles.queues.useInside(queue) { queue in
        queue.leaseInside(now: now) { lease in
          place.pointee = LeaseBlocks.shared.image(of: lease, lasts: queue.options.leaseDuration)
        }
      }
      if isLeased { return }
    }
    let queue = try Handles.queues.find(queue)
    guard let lease = try queue.lease(timeout: timeout(milliseconds: timeout_ms)) else {
      throw MeshError(.timeout, "no task was ready in time")
    }
    place.pointee = LeaseBlocks.shared.image(of: lease, lasts: queue.options.leaseDuration)
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
    let object = try Handles.queues.find(queue)
    let count = try required(count, "count")
    guard !room.isEmpty else { throw MeshError(.argument, "out is NULL or capacity is 0") }
    let lasts = object.options.leaseDuration
    var taken = 0
    // Those that are ready come by brief turns under one lock.
    if mayBeBrief(timeout_ms) {
      let now = LeaseQueue.now
      _ = Handles.queues.useInside(queue) { queue in
        while taken < room.count,
          queue.leaseInside(now: now, { room[taken] = LeaseBlocks.shared.image(of: $0, lasts: lasts) })
        { taken &+= 1 }
        return true
      }
    }
    if taken == 0 {
      for lease in try object.lease(atMost: room.count, timeout: timeout(milliseconds: timeout_ms)) {
        room[taken] = LeaseBlocks.shared.image(of: lease, lasts: lasts)
        taken &+= 1
      }
    }
    guard taken > 0 else { throw MeshError(.timeout, "no task was ready in time") }
    count.pointee = taken
  }
}

// MARK: The ends of a lease

/// The token at `pointer`.
func read(_ pointer: UnsafePointer<meshkit_token_t>?) throws(MeshError) -> TaskToken {
  guard let token = pointer?.pointee else { throw MeshError(.argument, "token is NULL") }
  guard token.reserved == 0 else { throw MeshError(.unsupported, "token.reserved is not 0") }
  return TaskToken(token)
}

/// Extends a lease.
@_cdecl("meshkit_queue_heartbeat") @implementation
public func meshkit_queue_heartbeat(
  _ queue: OpaquePointer?, _ token: UnsafePointer<meshkit_token_t>?, _ lasts_ms: UnsafeMutablePointer<Int64>?
) -> meshkit_status_t {
  lasts_ms?.pointee = 0
  return attempt(Handles.queues, queue) { queue throws(MeshError) in
    let lasts = try queue.heartbeat(try read(token))
    lasts_ms?.pointee = lasts.milliseconds
  }
}

/// The work is done.
@_cdecl("meshkit_queue_complete") @implementation
public func meshkit_queue_complete(
  _ queue: OpaquePointer?, _ token: UnsafePointer<meshkit_token_t>?
) -> meshkit_status_t {
  attempt { () throws(MeshError) in
    let token = try read(token)
    if Handles.queues.useInside(queue, { $0.completeInside(token) }) { return }
    try Handles.queues.find(queue).complete(token)
  }
}

/// The work failed.
@_cdecl("meshkit_queue_fail") @implementation
public func meshkit_queue_fail(
  _ queue: OpaquePointer?, _ token: UnsafePointer<meshkit_token_t>?, _ reason: UnsafePointer<CChar>?,
  _ reason_len: Int, _ disposition: Int32, _ delay_ms: Int64
) -> meshkit_status_t {
  attempt(Handles.queues, queue) { queue throws(MeshError) in
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
  attempt(Handles.queues, queue) { queue throws(MeshError) in try queue.handBack(try read(token)) }
}
