import MeshBasics

/// Counts what was given against one limit. It is asked whether the limit has room only while that limit is in force,
/// but it is told of every permit, so that a limit which comes into force knows what was given before.
struct LimitMeter: Sendable {
  /// One of the three is there. They are variables of their own, and no enum, so that they change in place.
  private let concurrency: Int?
  private var bucket: BucketMeter?
  private var window: WindowMeter?

  /// Nothing was given yet.
  init(_ limit: RateLimit) {
    switch limit {
    case .concurrency(let permits): concurrency = permits
    case .tokenBucket(let permits, let period, let burst):
      concurrency = nil
      bucket = BucketMeter(permits: permits, period: period, burst: burst)
    case .slidingWindow(let permits, let window, let segments):
      concurrency = nil
      self.window = WindowMeter(permits: permits, window: window, segments: segments)
    }
  }

  /// Whether there is room for `count` more now, while `held` are out.
  mutating func hasRoom(for count: Int, held: Int, now: Instant) -> Bool {
    if let concurrency { return held <= concurrency &- count }
    return bucket?.hasRoom(for: count, now: now) ?? window?.hasRoom(for: count, now: now) ?? false
  }

  /// When there will be, if no more is given until then; nil when time alone doesn't make room.
  func time(for count: Int) -> Instant? { bucket?.time(for: count) ?? window?.time(for: count) }

  /// `count` were given.
  mutating func charge(_ count: Int, now: Instant) {
    bucket?.charge(count, now: now)
    window?.charge(count, now: now)
  }
}

/// A token bucket in whole numbers: a nanosecond brings `permits` drops, and a permit takes as many drops as its period
/// has nanoseconds. So nothing is rounded, and nothing drifts.
struct BucketMeter: Sendable {
  // A million permits of burst times an hour in nanoseconds are less than a fifth of what 64 bits hold.
  private let permits: UInt64
  private let period: UInt64
  private let capacity: UInt64
  private var drops: UInt64
  private var filledAt = Instant.origin

  init(permits: Int, period: Duration, burst: Int) {
    self.permits = UInt64(clamping: permits)
    self.period = UInt64(clamping: period.nanoseconds)
    capacity = self.period &* UInt64(clamping: burst)
    drops = capacity
  }

  mutating func hasRoom(for count: Int, now: Instant) -> Bool {
    fill(now)
    return drops >= cost(count)
  }

  func time(for count: Int) -> Instant {
    let missing = cost(count) &- min(drops, cost(count))
    let whole = missing / permits &+ (missing % permits == 0 ? 0 : 1)
    return filledAt + Duration(nanoseconds: Int64(clamping: whole))
  }

  /// Takes the cost out; what isn't there isn't owed.
  mutating func charge(_ count: Int, now: Instant) {
    fill(now)
    drops &-= min(drops, cost(count))
  }

  private func cost(_ count: Int) -> UInt64 { UInt64(clamping: count) &* period }

  private mutating func fill(_ now: Instant) {
    guard now > filledAt else { return }
    let (gain, overflow) = (now.nanoseconds &- filledAt.nanoseconds).multipliedReportingOverflow(by: permits)
    drops = overflow || gain >= capacity &- drops ? capacity : drops &+ gain
    filledAt = now
  }
}

/// A sliding window: how many permits were given in the present segment of time and in as many before it as make a
/// window. What leaves the count was given a whole window ago, or longer.
struct WindowMeter: Sendable {
  private let permits: Int
  private let segment: UInt64
  /// A ring; the segment with the number n is at n modulo its length.
  private var counts: [Int]
  private var newest: UInt64 = 0
  private var used = 0

  init(permits: Int, window: Duration, segments: Int) {
    self.permits = permits
    let nanoseconds = UInt64(clamping: window.nanoseconds)
    let parts = UInt64(clamping: segments)
    segment = nanoseconds / parts &+ (nanoseconds % parts == 0 ? 0 : 1)
    counts = [Int](repeating: 0, count: segments &+ 1)
  }

  mutating func hasRoom(for count: Int, now: Instant) -> Bool {
    move(now)
    return used <= permits &- count
  }

  func time(for count: Int) -> Instant {
    var left = used
    let length = UInt64(clamping: counts.count)
    for age in stride(from: min(length &- 1, newest), through: 0, by: -1) where left > permits &- count {
      let number = newest &- age
      left &-= counts[Int(number % length)]
      // The segment leaves the count when it is as old as the ring is long.
      let (end, overflow) = (number &+ length).multipliedReportingOverflow(by: segment)
      if left <= permits &- count { return overflow ? .distantFuture : Instant(nanoseconds: end) }
    }
    return Instant(nanoseconds: newest &* segment)
  }

  mutating func charge(_ count: Int, now: Instant) {
    move(now)
    let slot = Int(newest % UInt64(clamping: counts.count))
    // A segment that is over the limit by itself leaves no room as long as it counts, however far over it is.
    let added = min(count, permits &- counts[slot])
    counts[slot] &+= added
    used &+= added
  }

  private mutating func move(_ now: Instant) {
    let present = now.nanoseconds / segment
    guard present > newest else { return }
    let length = UInt64(clamping: counts.count)
    for step in 1...min(present &- newest, length) {
      let slot = Int((newest &+ step) % length)
      used &-= counts[slot]
      counts[slot] = 0
    }
    newest = present
  }
}
