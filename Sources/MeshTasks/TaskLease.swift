import MeshBasics

/// A task at a consumer, for a time.
public struct TaskLease: Equatable, Sendable {
  /// What ends it.
  public let token: TaskToken
  /// The work itself.
  public let payload: TaskBytes
  /// What goes with it, the reason of the last failure included; nil when nothing does.
  public let details: TaskDetails?
  /// As the producer chose it.
  public let priority: Int
  /// When the task was admitted.
  public let admittedAt: Instant
  /// From when on the lease is over, unless a heartbeat comes before.
  public let expiresAt: Instant
}

/// What becomes of a task whose delivery failed.
public enum TaskDisposition: Equatable, Sendable {
  /// Again after the wait of the queue's `RetryPolicy`, as often as a task may be delivered.
  case retry
  /// Again after this wait, at most `TaskLimits.delayMax`, as often as a task may be delivered.
  case retryAfter(Duration)
  /// Not again: it is a dead letter.
  case deadLetter
}
