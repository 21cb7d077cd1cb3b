import MeshBasics

/// A task that is delivered no more, until somebody redrives it.
public struct DeadLetter: Equatable, Sendable {
  /// Why.
  public enum Cause: UInt8, Sendable {
    /// Its consumer said so.
    case refused = 1
    /// It failed as often as it may be delivered.
    case failed = 2
    /// Its last lease expired.
    case expired = 3
  }

  /// Which task it is.
  public let id: TaskID
  /// Why.
  public let cause: Cause
  /// The number of its last delivery.
  public let attempt: UInt32
  /// What the producer handed in, with the reason of the last failure.
  public let task: NewTask
  /// When it was admitted.
  public let admittedAt: Instant
  /// When it died.
  public let diedAt: Instant
}
