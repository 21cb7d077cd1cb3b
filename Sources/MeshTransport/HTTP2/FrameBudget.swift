import MeshBasics

/// How many frames of a kind a client may still send: a bucket that refills with time.
struct FrameBudget {
  private let burst: Int
  private let perSecond: Int
  private var left: Int
  /// Up to when the bucket was refilled; nil before the first frame.
  private var refilledTo: Instant?

  init(burst: Int, perSecond: Int) {
    self.burst = burst
    self.perSecond = perSecond
    left = burst
  }

  /// Takes one; false when none is left.
  mutating func take(_ now: Instant) -> Bool {
    refill(now)
    guard left > 0 else { return false }
    left &-= 1
    return true
  }

  /// Puts `count` back, up to the burst.
  mutating func give(_ count: Int) { left = min(burst, left &+ count) }

  private mutating func refill(_ now: Instant) {
    guard let before = refilledTo else {
      refilledTo = now
      return
    }
    let passed = min(max(0, now.since(before).milliseconds), 3_600_000)
    let refill = Int(passed) &* perSecond / 1000
    // Time that is too short for one frame is not lost.
    guard refill > 0 else { return }
    refilledTo = now
    give(refill)
  }
}
