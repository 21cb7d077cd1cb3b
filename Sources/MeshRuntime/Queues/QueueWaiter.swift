import MeshBasics
import MeshTasks
import MeshThreads

/// A call that waits at a queue: a thread that sleeps, or a function that is called. The queue's lock guards it.
final class QueueWaiter {
  /// What it got; nil while it waits.
  var answer: TaskQueueAnswer?
  private let condition: ConditionVariable?
  private let call: (@Sendable (TaskQueueAnswer) -> Void)?

  /// One for the calling thread.
  init() {
    condition = ConditionVariable()
    call = nil
  }

  /// One that is called once, on any thread, without a lock held.
  init(_ call: @escaping @Sendable (TaskQueueAnswer) -> Void) {
    condition = nil
    self.call = call
  }

  /// Gives it its answer. What is left to call once the lock is open.
  func wake(_ answer: TaskQueueAnswer) -> (@Sendable (TaskQueueAnswer) -> Void)? {
    self.answer = answer
    condition?.signal()
    return call
  }

  /// Sleeps until there is an answer, or until `deadline`; nil is for ever.
  func wait(_ lock: Lock, until deadline: Instant?) {
    while answer == nil, condition?.wait(lock, until: deadline) == true {}
  }
}
