import MeshBasics

/// The clocks of one simulated machine: a monotonic one that runs a little fast or slow, and a wall clock that may be
/// wrong by days.
struct ProcessClock {
  /// Parts in a million by which the monotonic clock is too fast.
  var drift: Int64
  /// By how much the wall clock is ahead of the truth.
  var wallOffset = Duration.zero

  /// What the monotonic clock shows at the beginning of the run: a machine that has been up for a while.
  private static let uptime: UInt64 = 5_000_000_000_000
  /// The true Unix time at the beginning of the run.
  private static let unixStart: Int64 = 1_800_000_000_000

  /// What the monotonic clock shows at `now`.
  func local(_ now: Instant) -> Instant {
    let elapsed = Int64(clamping: now.nanoseconds)
    let shown = elapsed &+ elapsed / 1_000_000 &* drift
    return Instant(nanoseconds: ProcessClock.uptime &+ UInt64(clamping: shown))
  }

  /// The true time at which the monotonic clock shows `local` or more.
  func time(of local: Instant) -> Instant {
    if local == .distantFuture { return local }
    let shown = Int64(clamping: local.nanoseconds &- min(local.nanoseconds, ProcessClock.uptime))
    let rate = max(1, 1_000_000 &+ drift)
    return Instant(nanoseconds: UInt64(clamping: shown / rate &* 1_000_000 &+ min(shown % rate, 1_000_000)))
  }

  /// Unix time in milliseconds, as the wall clock shows it at `now`.
  func unixMilliseconds(_ now: Instant) -> Int64 {
    ProcessClock.unixStart &+ now.since(.origin).milliseconds &+ wallOffset.milliseconds
  }
}
