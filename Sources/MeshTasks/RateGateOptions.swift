import MeshBasics

/// How much a gate lets through.
public enum RateLimit: Equatable, Sendable {
  /// So many permits at a time: each counts until it is given back.
  case concurrency(Int)
  /// `permits` in each `period`, evenly, and up to `burst` at once after a rest.
  case tokenBucket(permits: Int, period: Duration, burst: Int)
  /// `permits` in whatever stretch of time as long as `window`. It is counted in `segments`: a permit comes free again
  /// up to a segment, `window` divided by their number, later than it could.
  case slidingWindow(permits: Int, window: Duration, segments: Int)

  /// The most permits that it lets through at once.
  public var atOnce: Int {
    switch self {
    case .concurrency(let permits): permits
    case .tokenBucket(_, _, let burst): burst
    case .slidingWindow(let permits, _, _): permits
    }
  }

  /// Whether permits are to be given back.
  public var isConcurrency: Bool {
    if case .concurrency = self { true } else { false }
  }

  /// What is wrong with it, under a name for it.
  func faults(_ name: String) -> [TaskFault] {
    func permits(_ count: Int, _ what: String = "permits") -> [TaskFault] {
      (1...TaskLimits.permitsMax).contains(count)
        ? [] : [TaskFault("\(name) \(what)", "\(count)", "1 to \(TaskLimits.permitsMax)")]
    }
    func time(_ length: Duration, _ what: String) -> [TaskFault] {
      (TaskLimits.ratePeriodMin...TaskLimits.ratePeriodMax).contains(length)
        ? [] : [TaskFault("\(name) \(what)", "\(length.milliseconds) ms", "1 ms to 1 hour")]
    }
    switch self {
    case .concurrency(let count): return permits(count)
    case .tokenBucket(let count, let period, let burst):
      return permits(count) + time(period, "period") + permits(burst, "burst")
    case .slidingWindow(let count, let window, let segments):
      let isRight = (1...TaskLimits.windowSegmentsMax).contains(segments)
      return permits(count) + time(window, "window")
        + (isRight ? [] : [TaskFault("\(name) segments", "\(segments)", "1 to \(TaskLimits.windowSegmentsMax)")])
    }
  }
}

/// What a gate lets through, and what while the queue that it follows is overloaded.
public struct RateGateOptions: Equatable, Sendable {
  /// Usually.
  public var normal: RateLimit
  /// While the queue is overloaded; nil is no less than usually.
  public var throttled: RateLimit?
  /// Calls that may wait; 0 none.
  public var waitersMax = 1_024

  /// A gate of these two.
  public init(normal: RateLimit, throttled: RateLimit? = nil) {
    self.normal = normal
    self.throttled = throttled
  }

  /// The most permits that one call may ask for: what both limits let through at once, so that no call waits for what
  /// can't come while the queue stays as it is.
  public var permitsAtOnce: Int { min(normal.atOnce, throttled?.atOnce ?? normal.atOnce) }

  /// Whether permits are to be given back, because one of the limits counts those that are out.
  public var areGivenBack: Bool { normal.isConcurrency || throttled?.isConcurrency == true }

  /// What is wrong with them; empty when nothing is.
  public var faults: [TaskFault] {
    let waiters =
      (0...TaskLimits.waitersMax).contains(waitersMax)
      ? [] : [TaskFault("waiters", "\(waitersMax)", "0 to \(TaskLimits.waitersMax)")]
    return normal.faults("normal") + (throttled?.faults("throttled") ?? []) + waiters
  }
}
