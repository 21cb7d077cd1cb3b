import MeshBasics
import MeshTasks
import MeshThreads

/// A call that waits at a queue.
typealias QueueWaiter = CallWaiter<TaskQueueAnswer>

/// A call that waits: a thread that sleeps, or a function that is called. The lock of what it waits at guards it.
final class CallWaiter<Answer: Sendable> {
  /// What it got; nil while it waits.
  var answer: Answer?
  private let condition: ConditionVariable?
  private let call: (@Sendable (Answer) -> Void)?

  /// One for the calling thread.
  init() {
    condition = ConditionVariable()
    call = nil
  }

  /// One that is called once, on any thread, without a lock held.
  init(_ call: @escaping @Sendable (Answer) -> Void) {
    condition = nil
    self.call = call
  }

  /// Gives it its answer. What is left to call once the lock is open.
  func wake(_ answer: Answer) -> (@Sendable (Answer) -> Void)? {
    self.answer = answer
    condition?.signal()
    return call
  }

  /// Sleeps until there is an answer, or until `deadline`; nil is for ever.
  func wait(_ lock: Lock, until deadline: Instant?) {
    while answer == nil, condition?.wait(lock, until: deadline) == true {}
  }
}
