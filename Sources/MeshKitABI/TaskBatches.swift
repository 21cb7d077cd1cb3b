// queue: many tasks and tokens in one call. Each is dealt with as by the call for one, in order; those that are brief
// turns share one look at the handle and one lock.
import CMeshKit
import MeshRuntime

/// The statuses of a batch: one for each item where the host wants them, how many are done, and what the call answers.
private struct Outcomes {
  private let statuses: UnsafeMutablePointer<meshkit_status_t>?
  private(set) var done = 0
  /// Of the first that failed; `MESHKIT_OK` when none did.
  private(set) var first = MESHKIT_OK

  init(_ statuses: UnsafeMutablePointer<meshkit_status_t>?) { self.statuses = statuses }

  mutating func add(_ status: meshkit_status_t, at index: Int) {
    statuses?[index] = status
    if status == MESHKIT_OK { done &+= 1 } else if first == MESHKIT_OK { first = status }
  }
}

/// The call did nothing, for a reason of its own: no item is done. Without a length that can be there are no statuses.
private func fail(
  _ count: Int, _ statuses: UnsafeMutablePointer<meshkit_status_t>?, _ status: meshkit_status_t
) -> meshkit_status_t {
  if (1...Int(MESHKIT_EVENTS_BATCH_MAX)).contains(count) {
    for index in 0..<count { statuses?[index] = status }
  }
  return status
}

/// The number of items of a batch.
private func length(_ count: Int, _ items: UnsafeRawPointer?, _ name: StaticString) throws(MeshError) -> Int {
  guard count > 0, count <= Int(MESHKIT_EVENTS_BATCH_MAX) else {
    throw MeshError(.argument, "count is \(UInt(bitPattern: count)); allowed is 1 to \(MESHKIT_EVENTS_BATCH_MAX)")
  }
  guard items != nil else { throw MeshError(.argument, "\(name) is NULL") }
  return count
}

// MARK: Tasks

/// Admits many tasks.
@_cdecl("meshkit_queue_enqueue_batch") @implementation
public func meshkit_queue_enqueue_batch(
  _ queue: OpaquePointer?, _ tasks: UnsafePointer<meshkit_task_t>?, _ count: Int,
  _ out: UnsafeMutablePointer<meshkit_task_id_t>?, _ statuses: UnsafeMutablePointer<meshkit_status_t>?,
  _ admitted: UnsafeMutablePointer<Int>?
) -> meshkit_status_t {
  admitted?.pointee = 0
  for index in 0..<batchLength(count) { out?[index] = meshkit_task_id_t() }
  var outcomes = Outcomes(statuses)
  let status = attempt { () throws(MeshError) in
    let object = try Handles.queues.find(queue)
    let count = try length(count, tasks, "tasks")
    guard let tasks else { return }
    // The distance between two of them is the size that the host knows.
    let size = Int(UnsafeRawPointer(tasks).loadUnaligned(as: UInt32.self))
    // A wrong one would have the others read from where no task is.
    guard (TaskItem.sizeMin...4096).contains(size) else {
      throw MeshError(
        .argument,
        "tasks[0]: struct_size is \(size), and must be sizeof the struct, \(TaskItem.sizeMin) to 4096")
    }
    var items: [TaskItem] = []
    items.reserveCapacity(count)
    for index in 0..<count {
      let item = UnsafeRawPointer(tasks) + index &* size
      items.append(TaskItem(item, size: size, payloadMax: object.options.payloadBytesMax))
    }
    var next = 0
    while next < count {
      _ = Handles.queues.useInside(queue) { queue in
        while next < count, items[next].admit(to: queue, { out?[next] = meshkit_task_id_t($0) }) {
          outcomes.add(MESHKIT_OK, at: next)
          next &+= 1
        }
        return true
      }
      guard next < count else { break }
      let (id, status) = items[next].admitAlone(to: object)
      out?[next] = id
      outcomes.add(status, at: next)
      next &+= 1
    }
  }
  admitted?.pointee = outcomes.done
  return status == MESHKIT_OK ? outcomes.first : fail(count, statuses, status)
}

/// One task of a batch, copied before any lock is taken.
private struct TaskItem {
  private var task = meshkit_task_t()
  private var payload: TaskBytes?
  private var failure = MESHKIT_OK

  /// The size of the struct when this call came to be: no host knows less of it.
  static let sizeMin = 96

  init(_ pointer: UnsafeRawPointer, size: Int, payloadMax: Int) {
    failure = attempt { () throws(MeshError) in
      guard pointer.loadUnaligned(as: UInt32.self) == UInt32(size) else {
        throw MeshError(.argument, "task.struct_size differs from that of the first task")
      }
      task = try meshkit_task_t(pointer.assumingMemoryBound(to: meshkit_task_t.self))
      // Before it is copied: a thousand of them would be.
      guard task.payload.len <= payloadMax else {
        throw MeshError(.argument, "task.payload has \(task.payload.len) bytes; allowed are \(payloadMax)")
      }
      payload = try task.payloadCopy()
    }
  }

  /// By a brief turn, with the queue's lock held; false when that can't be.
  mutating func admit(to queue: LeaseQueue, _ tell: (TaskID) -> Void) -> Bool {
    failure == MESHKIT_OK && task.isPlain && queue.admitInside(&payload, priority: Int(task.priority), tell)
  }

  /// As the only one.
  func admitAlone(to queue: LeaseQueue) -> (meshkit_task_id_t, meshkit_status_t) {
    guard failure == MESHKIT_OK else { return (meshkit_task_id_t(), failure) }
    var id = meshkit_task_id_t()
    let status = attempt { () throws(MeshError) in
      id = meshkit_task_id_t(try queue.enqueue(try NewTask(task, payload), timeout: .zero).id)
    }
    return (id, status)
  }
}

// MARK: Tokens

/// Completes many leases.
@_cdecl("meshkit_queue_complete_batch") @implementation
public func meshkit_queue_complete_batch(
  _ queue: OpaquePointer?, _ tokens: UnsafePointer<meshkit_token_t>?, _ count: Int,
  _ statuses: UnsafeMutablePointer<meshkit_status_t>?, _ completed: UnsafeMutablePointer<Int>?
) -> meshkit_status_t {
  completed?.pointee = 0
  var outcomes = Outcomes(statuses)
  let status = attempt { () throws(MeshError) in
    let object = try Handles.queues.find(queue)
    let count = try length(count, tokens, "tokens")
    guard let tokens else { return }
    var next = 0
    while next < count {
      _ = Handles.queues.useInside(queue) { queue in
        while next < count, tokens[next].reserved == 0, queue.completeInside(TaskToken(tokens[next])) {
          outcomes.add(MESHKIT_OK, at: next)
          next &+= 1
        }
        return true
      }
      guard next < count else { break }
      outcomes.add(attempt { () throws(MeshError) in try object.complete(try read(tokens + next)) }, at: next)
      next &+= 1
    }
  }
  completed?.pointee = outcomes.done
  return status == MESHKIT_OK ? outcomes.first : fail(count, statuses, status)
}
