import MeshBasics

/// What one turn of a queue asks of the shell. One value is used for many turns.
public struct TaskQueueEffects: Sendable {
  /// A call that waited has its answer.
  public struct Wake: Sendable {
    /// Who waits.
    public let waiter: WaiterID
    /// What it gets.
    public let answer: TaskQueueAnswer
  }

  /// The answer to the input of this turn.
  public internal(set) var answer = TaskQueueAnswer.none
  /// Answers to earlier ones, in order.
  public internal(set) var wakes: [Wake] = []
  /// What happened, in order.
  public internal(set) var events: [TaskEvent] = []

  /// No effects.
  public init() {}

  /// The answer, which isn't kept here any longer: it may hold a payload.
  public mutating func takeAnswer() -> TaskQueueAnswer {
    defer { answer = .none }
    return answer
  }

  /// The wakes, which aren't kept here any longer: they may hold payloads, or a whole snapshot.
  public mutating func takeWakes() -> [Wake] {
    defer { wakes = [] }
    return wakes
  }

  mutating func begin() {
    answer = .none
    if !wakes.isEmpty { wakes.removeAll(keepingCapacity: true) }
    if !events.isEmpty { events.removeAll(keepingCapacity: true) }
  }

  mutating func wake(_ waiter: WaiterID, _ answer: TaskQueueAnswer) {
    wakes.append(Wake(waiter: waiter, answer: answer))
  }
}

/// What happens in a queue that its host may want to hear of. Admissions and completions aren't told: there are
/// millions of them, and `TaskCounts` counts them.
public enum TaskEvent: Equatable, Sendable {
  /// Nothing was ready, and now something is.
  case becameReady
  /// A lease was over before its consumer said anything.
  case leaseExpired(TaskToken)
  /// A task is delivered no more.
  case deadLettered(TaskID, DeadLetter.Cause, attempt: UInt32)
  /// The dead letters take places of the queue's own from now on.
  case deadLettersFull(count: Int)
  /// The depth crossed a mark of a monitor.
  case backpressure(MonitorID, BackpressureSignal)
  /// The queue is drained; so many tasks were still leased.
  case drained(leased: Int)
  /// The queue is closed.
  case closed
}
