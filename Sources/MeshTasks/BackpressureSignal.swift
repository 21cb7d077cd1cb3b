import MeshBasics

/// Which monitor of a queue: a number from 1 that isn't used again.
public typealias MonitorID = UInt32

/// When a queue counts as overloaded, and when no longer.
public struct BackpressureOptions: Equatable, Sendable {
  /// Pending tasks from which on it is.
  public var highWatermark: Int
  /// Pending tasks down to which it stays so; nil is half of `highWatermark`.
  public var lowWatermark: Int?
  /// Age of the task that has been ready for longest from which on it is, too; nil never.
  public var highAge: Duration?
  /// Age down to which it stays so; nil is half of `highAge`.
  public var lowAge: Duration?
  /// The shortest time between two signals.
  public var cooldown = Duration.seconds(5)

  /// Overloaded from so many pending tasks on.
  public init(highWatermark: Int) { self.highWatermark = highWatermark }

  /// The low mark in use.
  public var low: Int { lowWatermark ?? highWatermark / 2 }

  /// What is wrong with them; empty when nothing is.
  public var faults: [TaskFault] {
    var faults: [TaskFault] = []
    if !TaskLimits.capacityRange.contains(highWatermark) {
      faults.append(TaskFault("high watermark", "\(highWatermark)", "1 to 16777216"))
    }
    if low < 0 || low >= highWatermark {
      faults.append(TaskFault("low watermark", "\(low)", "at least 0, and less than the high watermark"))
    }
    if let highAge, highAge <= .zero {
      faults.append(TaskFault("high age", "\(highAge.milliseconds) ms", "more than 0"))
    }
    if let lowAge, lowAge < .zero || lowAge >= (highAge ?? .zero) {
      faults.append(TaskFault("low age", "\(lowAge.milliseconds) ms", "at least 0, and less than the high age"))
    }
    if cooldown < .zero || cooldown > TaskLimits.delayMax {
      faults.append(TaskFault("cooldown", "\(cooldown.milliseconds) ms", "0 to 365 days"))
    }
    return faults
  }
}

/// Whether a queue is overloaded, as one of its monitors said it (contracts: http §6).
public struct BackpressureSignal: Equatable, Sendable {
  /// It is.
  public let isActive: Bool
  /// Pending tasks at that moment.
  public let pendingCount: Int
  /// How long the oldest of them had been ready.
  public let oldestAge: Duration
  /// That moment.
  public let observedAt: Instant
  /// The marks of the monitor.
  public let highWatermark: Int
  /// The low one.
  public let lowWatermark: Int
  /// Grows by one with each signal of a monitor: who has seen a greater one ignores this. The first is 1.
  public let version: UInt64

  /// A signal of these parts.
  public init(
    isActive: Bool, pendingCount: Int, oldestAge: Duration, observedAt: Instant, highWatermark: Int, lowWatermark: Int,
    version: UInt64
  ) {
    self.isActive = isActive
    self.pendingCount = pendingCount
    self.oldestAge = oldestAge
    self.observedAt = observedAt
    self.highWatermark = highWatermark
    self.lowWatermark = lowWatermark
    self.version = version
  }
}
