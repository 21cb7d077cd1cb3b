import MeshBasics

/// Watches one queue's depth and tells when it crosses the marks.
///
/// The *level* follows the depth at every turn of the queue, with hysteresis. What was *told* follows the level, at
/// most once in a cooldown; when a cooldown ends the level is looked at again, so that no edge is swallowed: at rest,
/// the last signal is the level.
struct BackpressureMonitor {
  let id: MonitorID
  let options: BackpressureOptions
  /// Whether the depth is above the marks, by hysteresis.
  private(set) var isActive = false
  /// The last signals, oldest first; at least one, which says how it began.
  private(set) var signals: BoundedRing<BackpressureSignal>
  private(set) var latest: BackpressureSignal
  private var quietUntil: Instant
  /// When the task that has been ready for longest makes the level active by its age; nil when it doesn't.
  private var ripensAt: Instant?

  /// A monitor that says at once how things are.
  init(_ id: MonitorID, _ options: BackpressureOptions, pending: Int, oldest: Instant?, now: Instant) {
    self.id = id
    self.options = options
    signals = BoundedRing(capacity: TaskLimits.signalsKept)
    quietUntil = now
    latest = BackpressureSignal(
      isActive: false, pendingCount: 0, oldestAge: .zero, observedAt: now, highWatermark: 0, lowWatermark: 0,
      version: 0)
    follow(pending, oldest, now)
    tell(pending, oldest, now)
    // Saying how things are is no change: the first one needn't wait.
    quietUntil = now
  }

  /// When it must be looked at again though nothing happens in the queue.
  var nextDeadline: Instant? {
    isActive == latest.isActive ? ripensAt : min(quietUntil, ripensAt ?? quietUntil)
  }

  /// Looks at the queue; a signal when there is one to tell. `oldest` is since when the oldest task has been ready.
  mutating func evaluate(pending: Int, oldest: Instant?, now: Instant) -> BackpressureSignal? {
    follow(pending, oldest, now)
    guard isActive != latest.isActive, now >= quietUntil else { return nil }
    tell(pending, oldest, now)
    return latest
  }

  private mutating func follow(_ pending: Int, _ oldest: Instant?, _ now: Instant) {
    let age = oldest.map { now.since($0) } ?? .zero
    if isActive {
      let isOld = options.highAge.map { age > (options.lowAge ?? $0.divided(by: 2)) } ?? false
      isActive = pending > options.low || isOld
    } else {
      let isOld = options.highAge.map { age >= $0 && oldest != nil } ?? false
      isActive = pending >= options.highWatermark || isOld
    }
    ripensAt = nil
    if !isActive, let oldest, let highAge = options.highAge { ripensAt = oldest + highAge }
  }

  private mutating func tell(_ pending: Int, _ oldest: Instant?, _ now: Instant) {
    latest = BackpressureSignal(
      isActive: isActive, pendingCount: pending, oldestAge: oldest.map { now.since($0) } ?? .zero, observedAt: now,
      highWatermark: options.highWatermark, lowWatermark: options.low, version: latest.version &+ 1)
    quietUntil = now + options.cooldown
    if signals.isFull { _ = signals.popFirst() }
    _ = signals.append(latest)
  }
}
