import MeshBasics
import MeshTasks
import Testing

/// A queue with a clock that moves when told.
final class QueueRig {
  var queue: TaskQueue
  var now = Instant(nanoseconds: 1_000_000_000)
  var effects = TaskQueueEffects()
  private var lastLease: UInt64 = 0

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
  func enqueue(
    _ text: String, key: String = "", request: String = "", priority: Int = 0, delay: Duration = .zero,
    waits: Bool = false
  ) -> TaskQueueAnswer {
    ask(.enqueue(task(text, key: key, request: request, priority: priority, delay: delay), waiter: waiter(waits)))
  }

  func task(
    _ text: String, key: String = "", request: String = "", priority: Int = 0, delay: Duration = .zero
  ) -> NewTask {
    let details = key.isEmpty && request.isEmpty ? nil : TaskDetails(key: key, requestID: request)
    return NewTask(TaskBytes(Array(text.utf8)), priority: priority, delay: delay, details: details)
  }

  /// The number of the call that came last, of those that may wait.
  private(set) var lastWaiter: WaiterID = 0

  func waiter(_ waits: Bool = true) -> WaiterID? {
    guard waits else { return nil }
    lastWaiter += 1
    return lastWaiter
  }

  /// The next task; nil when there is none.
  func lease() -> TaskLease? {
    guard case .leased(let lease) = askToLease() else { return nil }
    return lease
  }

  @discardableResult
  func askToLease(waits: Bool = false) -> TaskQueueAnswer {
    lastLease += 1
    return ask(.lease(leaseID: lastLease, waiter: waiter(waits)))
  }

  /// What calls that waited were answered in the last turn.
  var woken: [String] { effects.wakes.map { "\($0.waiter): \(brief($0.answer))" } }

  /// Leases the next task and ends the lease so, until it is dead or gone.
  func fail(_ disposition: TaskDisposition = .retry, reason: String = "no") {
    guard let lease = lease() else { return }
    ask(.fail(lease.token, reason: reason, disposition))
  }

  /// Drains; what was handed back, when it was in the same turn.
  func drain(_ span: Duration = .zero) -> TaskSnapshot? {
    ask(.drain(waiter: waiter() ?? 0, deadline: now + span))
    return effects.wakes.last?.answer.snapshot
  }

  /// Another life of the same queue, with the same clock.
  func nextLife(_ change: (inout TaskQueueOptions) -> Void = { _ in }) throws -> QueueRig {
    var options = queue.options
    change(&options)
    let next = try QueueRig(epoch: queue.epoch + 1) { $0 = options }
    next.now = now
    return next
  }

  // A macro can't look into a value that can't be copied.
  var counts: TaskCounts { queue.counts }
  var nextDeadline: Instant? { queue.nextDeadline }
  var isFull: Bool { queue.isFull }
  var presentEvents: [TaskEvent] { queue.presentEvents }
  func snapshot() -> TaskSnapshot { queue.snapshot() }
  func deadLetter(_ id: TaskID) -> DeadLetter? { queue.deadLetter(id) }
  func deadLetters(after id: TaskID?, limit: Int) -> [DeadLetter] { queue.deadLetters(after: id, limit: limit) }
  func latestSignal(of monitor: MonitorID) -> BackpressureSignal? { queue.latestSignal(of: monitor) }
  func isOverloaded(for monitor: MonitorID) -> Bool? { queue.isOverloaded(for: monitor) }
  func signals(
    of monitor: MonitorID, after version: UInt64
  ) -> (missed: UInt64, signals: [BackpressureSignal])? { queue.signals(of: monitor, after: version) }

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
  var snapshot: TaskSnapshot? {
    if case .handedBack(let snapshot, _) = self { snapshot } else { nil }
  }
  var isWaiting: Bool {
    if case .waiting = self { true } else { false }
  }
}

extension TaskSnapshot {
  /// The payloads of its tasks.
  var texts: [String] { tasks.map { String(decoding: $0.task.payload.bytes, as: UTF8.self) } }
}

/// An answer in a word or two.
func brief(_ answer: TaskQueueAnswer) -> String {
  switch answer {
  case .admitted(_, let isNew): isNew ? "admitted" : "known"
  case .leased(let lease): lease.text
  case .handedBack(let snapshot, let leased): "\(snapshot.texts) and \(snapshot.dead.count) dead, \(leased) leased"
  case .refused(let refusal): "\(refusal)"
  default: "\(answer)"
  }
}
