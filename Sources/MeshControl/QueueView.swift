import MeshBasics
import MeshTasks

/// A lease queue as operators see it, at one moment.
public struct QueueView: Equatable, Sendable {
  /// What it is called; no other queue of the node has that name.
  public let name: String
  /// Which life of the queue it is.
  public let epoch: UInt64
  /// Where it stands in its life.
  public let state: TaskQueueState
  /// Tasks that it may hold.
  public let capacity: Int
  /// What it holds, and what became of the rest.
  public let counts: TaskCounts
  /// How long the task that has been ready for longest has been so; nil when none is.
  public let oldestAge: Duration?
  /// How fast things happen in it.
  public let rates: QueueRates
  /// Its monitors, in the order in which they were added.
  public let monitors: [MonitorView]

  /// A queue of these parts.
  public init(
    name: String, epoch: UInt64, state: TaskQueueState, capacity: Int, counts: TaskCounts, oldestAge: Duration?,
    rates: QueueRates, monitors: [MonitorView]
  ) {
    self.name = name
    self.epoch = epoch
    self.state = state
    self.capacity = capacity
    self.counts = counts
    self.oldestAge = oldestAge
    self.rates = rates
    self.monitors = monitors
  }
}

/// One monitor of a queue.
public struct MonitorView: Equatable, Sendable {
  /// Its number among those of the queue.
  public let id: MonitorID
  /// Whether it sees the queue overloaded now, told or not.
  public let isActive: Bool
  /// What it said last.
  public let told: ToldSignal

  /// A monitor of these parts.
  public init(id: MonitorID, isActive: Bool, told: ToldSignal) {
    self.id = id
    self.isActive = isActive
    self.told = told
  }
}

/// A signal with the time of day at which its monitor saw what it says: reckoned once, so that all callers are told the
/// same.
public struct ToldSignal: Equatable, Sendable {
  /// The signal.
  public let signal: BackpressureSignal
  /// Its moment, as Unix time in units of 100 ns.
  public let unixTicks: Int64

  /// `signal`, its moment told by `clock`.
  public init(_ signal: BackpressureSignal, at clock: MemberClock) {
    self.signal = signal
    unixTicks = clock.unixTicks(of: signal.observedAt)
  }
}

extension MemberClock {
  /// The time of day of `moment`, which isn't after now.
  func unixTicks(of moment: Instant) -> Int64 {
    unixTicks.subtractingReportingOverflow(max(0, now.since(moment).nanoseconds / 100)).partialValue
  }
}

/// How fast things happen in a queue: per second, over the window.
public struct QueueRates: Equatable, Sendable {
  /// Over how long they were counted, in whole seconds; zero before there is anything to compare.
  public var window = Duration.zero
  /// Tasks admitted.
  public var admitted = 0.0
  /// Leases granted.
  public var granted = 0.0
  /// Tasks completed.
  public var completed = 0.0
  /// Deliveries that failed.
  public var failed = 0.0
  /// Leases that ran out.
  public var expired = 0.0
  /// Tasks that died.
  public var deadLettered = 0.0

  /// Nothing happens.
  public init() {}
}

/// The rates of a queue out of its counts at a few moments, the last ten seconds of them.
public struct RateWindow: Sendable {
  static let span = Duration.seconds(10)
  /// Moments that are closer than this to the one before aren't kept.
  static let step = Duration.milliseconds(900)

  private struct Moment {
    let at: Instant
    let counts: TaskCounts
  }

  /// The oldest first.
  private var moments = BoundedRing<Moment>(capacity: 12)

  /// No moments.
  public init() {}

  /// Takes the counts of `now`, and gives the rates since the oldest moment in the window.
  public mutating func rates(of counts: TaskCounts, now: Instant) -> QueueRates {
    // The first moment stays until another one is old enough to take its place.
    while let second = moments[1], now.since(second.at) >= RateWindow.span { _ = moments.popFirst() }
    let rates = moments.first.map { RateWindow.rates(from: $0, to: counts, now) } ?? QueueRates()
    let isDue = moments[moments.count - 1].map { now.since($0.at) >= RateWindow.step } ?? true
    if isDue {
      if moments.isFull { _ = moments.popFirst() }
      _ = moments.append(Moment(at: now, counts: counts))
    }
    return rates
  }

  private static func rates(from first: Moment, to counts: TaskCounts, _ now: Instant) -> QueueRates {
    var rates = QueueRates()
    let span = now.since(first.at)
    guard span > .zero else { return rates }
    func rate(_ count: (TaskCounts) -> UInt64) -> Double {
      // To a hundredth: more digits would be noise, and news in each sample.
      let perSecond = Double(count(counts) &- count(first.counts)) / (span.fractionalMilliseconds / 1_000)
      return (perSecond * 100).rounded() / 100
    }
    // Whole seconds, so that a queue in which nothing happens stays the same.
    rates.window = min(RateWindow.span, .seconds(max(1, (span.milliseconds + 500) / 1_000)))
    rates.admitted = rate { $0.admitted }
    rates.granted = rate { $0.grants }
    rates.completed = rate { $0.completed }
    rates.failed = rate { $0.failed }
    rates.expired = rate { $0.expired }
    rates.deadLettered = rate { $0.deadLettered }
    return rates
  }
}
