import MeshBasics
import MeshTasks
import Testing

/// A queue with a clock that moves when told.
final class QueueRig {
  var queue: TaskQueue
  var now = Instant(nanoseconds: 1_000_000_000)
  var effects = TaskQueueEffects()
  private var lastLease: UInt64 = 0
  private var lastWaiter: WaiterID = 0

  init(epoch: UInt64 = 7, seed: UInt64 = 1, _ change: (inout TaskQueueOptions) -> Void = { _ in }) throws {
    var options = TaskQueueOptions(name: "orders")
    options.capacity = 8
    options.leaseDuration = .seconds(10)
    options.heartbeatInterval = .seconds(2)
    options.retry.first = .zero
    options.deadLettersMax = 4
    options.requestWindow = 4
    change(&options)
    queue = try TaskQueue(options, epoch: epoch, seed: seed)
  }

  func pass(_ duration: Duration) { now = now + duration }

  @discardableResult
  func ask(_ input: TaskQueueInput) -> TaskQueueAnswer {
    queue.handle(input, now: now, into: &effects)
    #expect(queue.counts.areConserved)
    return effects.takeAnswer()
  }

  @discardableResult
  func enqueue(_ text: String, key: String = "", request: String = "", priority: Int = 0) -> TaskQueueAnswer {
    let details = key.isEmpty && request.isEmpty ? nil : TaskDetails(key: key, requestID: request)
    return ask(.enqueue(NewTask(TaskBytes(Array(text.utf8)), priority: priority, details: details), waiter: nil))
  }

  /// The next task; nil when there is none.
  func lease() -> TaskLease? {
    lastLease += 1
    guard case .leased(let lease) = ask(.lease(leaseID: lastLease, waiter: nil)) else { return nil }
    return lease
  }

  /// The payload of the next task, which is then done.
  func consume() -> String? {
    guard let lease = lease() else { return nil }
    ask(.complete(lease.token))
    return lease.text
  }
}

extension TaskLease {
  var text: String { String(decoding: payload.bytes, as: UTF8.self) }
}

extension TaskQueueAnswer {
  var refusal: TaskRefusal? {
    if case .refused(let refusal) = self { refusal } else { nil }
  }
  var isDone: Bool {
    if case .done = self { true } else { false }
  }
  var id: TaskID? {
    if case .admitted(let id, _) = self { id } else { nil }
  }
}
