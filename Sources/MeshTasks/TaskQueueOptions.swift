import MeshBasics

/// How a queue behaves. Checked when a queue is made; nothing of it changes later.
public struct TaskQueueOptions: Equatable, Sendable {
  /// What operators call it: in `/v1/queues`, in metrics and in events.
  public var name: String
  /// Tasks that it holds, pending, delayed and leased together.
  public var capacity = TaskLimits.capacityDefault
  /// How long a lease lasts from its grant, and from each heartbeat.
  public var leaseDuration = Duration.seconds(30)
  /// How often a pump renews the leases that it holds; at most half of `leaseDuration`.
  public var heartbeatInterval = Duration.seconds(5)
  /// Deliveries of a task, the first included, until it is a dead letter.
  public var attemptsMax = 5
  /// When a task that failed is delivered again.
  public var retry = RetryPolicy()
  /// Dead letters that are kept beside the queue's own places. Further ones take those places, so that none is lost.
  public var deadLettersMax = 1_024
  /// Request ids that are remembered, the newest; 0 remembers none.
  public var requestWindow = 4_096
  /// Bytes of one payload.
  public var payloadBytesMax = 1 << 20

  /// The defaults, under a name.
  public init(name: String) { self.name = name }

  /// What is wrong with them; empty when nothing is.
  public var faults: [TaskFault] {
    var faults: [TaskFault] = []
    func check(_ isRight: Bool, _ name: String, _ value: @autoclosure () -> String, _ allowed: String) {
      if !isRight { faults.append(TaskFault(name, value(), allowed)) }
    }
    if let fault = TaskQueueOptions.fault(ofName: name) { faults.append(fault) }
    check(TaskLimits.capacityRange.contains(capacity), "capacity", "\(capacity)", "1 to 16777216")
    check(
      (TaskLimits.leaseDurationMin...TaskLimits.leaseDurationMax).contains(leaseDuration), "lease duration",
      "\(leaseDuration.milliseconds) ms",
      "1 ms to 7 days")
    // A pump that renews later than this may come too late once one heartbeat is delayed.
    check(
      heartbeatInterval > .zero && heartbeatInterval <= leaseDuration.divided(by: 2), "heartbeat interval",
      "\(heartbeatInterval.milliseconds) ms", "more than 0, and at most half of the lease duration")
    check(TaskLimits.attemptsRange.contains(attemptsMax), "attempts", "\(attemptsMax)", "1 to 1000")
    check(TaskLimits.deadLettersRange.contains(deadLettersMax), "dead letters", "\(deadLettersMax)", "0 to 16777216")
    check(
      TaskLimits.requestWindowRange.contains(requestWindow), "request window", "\(requestWindow)", "0 to 1048576")
    check(
      (0...TaskLimits.payloadBytesMax).contains(payloadBytesMax), "payload limit", "\(payloadBytesMax) bytes",
      "0 to 67108864")
    return faults + retry.faults
  }

  /// What is wrong with the name of a queue; nil when nothing is. Operators are shown it: it must not steer a terminal,
  /// nor forge a line.
  static func fault(ofName name: String) -> TaskFault? {
    let length = name.utf8.count
    guard (1...TaskLimits.nameBytesMax).contains(length) else {
      return TaskFault("name", "\(length) bytes", "1 to 128 bytes")
    }
    let steers = name.unicodeScalars.contains { $0.steersText }
    return steers ? TaskFault("name", "has a control character", "text without") : nil
  }
}

/// How long a task that failed waits, by the number of its deliveries: `first`, then `factor` times as long each time,
/// at most `longest`, each shortened or stretched at random so that tasks which failed together don't come back
/// together.
public struct RetryPolicy: Equatable, Sendable {
  /// The wait after the first delivery; zero is no wait at all.
  public var first = Duration.milliseconds(100)
  /// How much longer each wait is than the one before.
  public var factor: Int64 = 2
  /// The longest wait.
  public var longest = Duration.seconds(30)
  /// Up to so many per cent shorter or longer.
  public var jitterPercent: Int64 = 20

  /// The defaults: 100 ms, doubled up to 30 s, 20 % either way.
  public init() {}

  var faults: [TaskFault] {
    var faults: [TaskFault] = []
    if first < .zero || first > TaskLimits.delayMax {
      faults.append(TaskFault("first retry delay", "\(first.milliseconds) ms", "0 to 365 days"))
    }
    if longest < first || longest > TaskLimits.delayMax {
      faults.append(
        TaskFault("longest retry delay", "\(longest.milliseconds) ms", "at least the first one, and at most 365 days"))
    }
    if !(1...100).contains(factor) { faults.append(TaskFault("retry factor", "\(factor)", "1 to 100")) }
    if !(0...100).contains(jitterPercent) {
      faults.append(TaskFault("retry jitter", "\(jitterPercent) %", "0 to 100 %"))
    }
    return faults
  }

  /// The wait after so many deliveries.
  func delay(after attempts: UInt32, _ random: inout SeededRandom) -> Duration {
    var delay = first
    var left = attempts
    while left > 1, delay < longest, factor > 1, delay > .zero {
      delay = delay.multiplied(by: factor)
      left &-= 1
    }
    let jittered = random.jittered(min(delay, longest), percent: jitterPercent)
    return max(.zero, min(jittered, TaskLimits.delayMax))
  }
}
