import MeshBasics

/// All that a queue held at one moment: pending, delayed, leased and dead tasks. It can be written down, and restored
/// into another life of the same queue; times are relative, because clocks of processes differ.
public struct TaskSnapshot: Equatable, Sendable {
  /// A task that isn't dead.
  public struct Live: Equatable, Sendable {
    /// Which task it is.
    public let id: TaskID
    /// The number of its last delivery, 0 before the first.
    public let attempt: UInt32
    /// Deliveries that don't count.
    public let uncharged: UInt32
    /// What the producer handed in; `delay` is the time that is left.
    public let task: NewTask
    /// How long ago it was admitted.
    public let age: Duration
    /// It was at a consumer.
    public let wasLeased: Bool

    /// A task of these parts.
    public init(
      id: TaskID, attempt: UInt32, uncharged: UInt32, task: NewTask, age: Duration, wasLeased: Bool
    ) {
      self.id = id
      self.attempt = attempt
      self.uncharged = uncharged
      self.task = task
      self.age = age
      self.wasLeased = wasLeased
    }
  }

  /// A dead letter.
  public struct Dead: Equatable, Sendable {
    /// Which task it is.
    public let id: TaskID
    /// Why it died.
    public let cause: DeadLetter.Cause
    /// The number of its last delivery.
    public let attempt: UInt32
    /// What the producer handed in, with the reason of the last failure.
    public let task: NewTask
    /// How long ago it was admitted.
    public let age: Duration
    /// How long ago it died.
    public let deadFor: Duration

    /// A dead letter of these parts.
    public init(
      id: TaskID, cause: DeadLetter.Cause, attempt: UInt32, task: NewTask, age: Duration, deadFor: Duration
    ) {
      self.id = id
      self.cause = cause
      self.attempt = attempt
      self.task = task
      self.age = age
      self.deadFor = deadFor
    }
  }

  /// The queue's name.
  public let queue: String
  /// The life of the queue that made it.
  public let epoch: UInt64
  /// In the order of their admission.
  public let tasks: [Live]
  /// In the order of their admission.
  public let dead: [Dead]

  /// A snapshot of these parts.
  public init(queue: String, epoch: UInt64, tasks: [Live], dead: [Dead]) {
    self.queue = queue
    self.epoch = epoch
    self.tasks = tasks
    self.dead = dead
  }

  /// The same with its tasks in the order of their admission.
  public func inOrder() -> TaskSnapshot {
    // Places are sorted, and not the tasks, which are large.
    let order = tasks.indices.sorted { tasks[$0].id < tasks[$1].id }
    return TaskSnapshot(queue: queue, epoch: epoch, tasks: order.map { tasks[$0] }, dead: dead)
  }

  /// Whether it holds nothing.
  public var isEmpty: Bool { tasks.isEmpty && dead.isEmpty }
}

extension TaskSnapshot.Live {
  /// What is wrong with it; nil when nothing is.
  var fault: TaskFault? {
    if uncharged > attempt { return .init("uncharged", "\(uncharged)", "at most the attempt, \(attempt)") }
    return TaskSnapshot.fault(age) ?? task.fault(payloadMax: TaskLimits.payloadBytesMax)
  }
}

extension TaskSnapshot.Dead {
  /// What is wrong with it; nil when nothing is.
  var fault: TaskFault? {
    if deadFor < .zero { return .init("dead for", "\(deadFor.milliseconds) ms", "at least 0") }
    return TaskSnapshot.fault(age) ?? task.fault(payloadMax: TaskLimits.payloadBytesMax)
  }
}

extension TaskSnapshot {
  fileprivate static func fault(_ age: Duration) -> TaskFault? {
    age < .zero ? .init("age", "\(age.milliseconds) ms", "at least 0") : nil
  }
}
