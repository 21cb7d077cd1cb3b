/// Which task this is, for as long as it lives, in every queue that it is restored into. Ids are given in order.
public struct TaskID: Comparable, Hashable, Sendable {
  /// The life of the queue that admitted it.
  public let epoch: UInt64
  /// The number of its admission in that life, from 1.
  public let sequence: UInt64

  /// An id of these two.
  public init(epoch: UInt64, sequence: UInt64) {
    self.epoch = epoch
    self.sequence = sequence
  }

  /// Orders by admission.
  public static func < (left: TaskID, right: TaskID) -> Bool {
    left.epoch == right.epoch ? left.sequence < right.sequence : left.epoch < right.epoch
  }
}

/// What entitles its bearer to end one lease. A token is good for one grant: with the next one of the same task the
/// attempt is greater and the lease id another, so that a store behind the consumer can refuse the older of two by
/// (epoch, sequence, attempt).
public struct TaskToken: Hashable, Sendable {
  /// The task.
  public let id: TaskID
  /// The number of this delivery of the task, from 1; it never goes back.
  public let attempt: UInt32
  /// Random, from the shell's entropy.
  public let leaseID: UInt64

  /// A token of these three.
  public init(id: TaskID, attempt: UInt32, leaseID: UInt64) {
    self.id = id
    self.attempt = attempt
    self.leaseID = leaseID
  }
}
