import MeshBasics
import MeshTasks
import Testing

/// A limiter with a clock that moves when told.
private final class Rig {
  var limiter: RateLimiter
  var now = Instant(nanoseconds: 5_000_000_123)
  var effects = RateLimiterEffects()

  init(_ normal: RateLimit, _ throttled: RateLimit? = nil, waiters: Int = 8) throws {
    var options = RateGateOptions(normal: normal, throttled: throttled)
    options.waitersMax = waiters
    limiter = try RateLimiter(options)
  }

  @discardableResult
  func ask(_ input: RateLimiterInput) -> RateLimiterAnswer {
    limiter.handle(input, now: now, into: &effects)
    return effects.answer
  }

  /// How many calls for one permit go through now.
  func admitted(of count: Int = 10_000) -> Int {
    (0..<count).reduce(0) { sum, _ in sum + (ask(.acquire(1, waiter: nil)) == .admitted ? 1 : 0) }
  }

  func pass(_ duration: Duration) { now = now + duration }
  var woken: [WaiterID] { effects.wakes.filter { $0.answer == .admitted }.map(\.waiter) }
}

private let second = Duration.seconds(1)

struct RateLimiterTests {
  @Test func permitsOfConcurrencyComeBackWhenTheyAreGivenBack() throws {
    let rig = try Rig(.concurrency(3))
    #expect(rig.ask(.acquire(2, waiter: nil)) == .admitted)
    #expect(rig.ask(.acquire(2, waiter: nil)) == .refused(.exhausted(until: nil)))
    #expect(rig.ask(.acquire(1, waiter: nil)) == .admitted)
    rig.pass(.seconds(3_600))
    #expect(rig.admitted() == 0, "time alone gives none back")
    #expect(rig.ask(.giveBack(2)) == .done)
    #expect(rig.admitted() == 2 && rig.limiter.counts.held == 3)
  }

  @Test func morePermitsThanAreHeldCannotBeGivenBack() throws {
    let rig = try Rig(.concurrency(3))
    rig.ask(.acquire(2, waiter: nil))
    for count in [3, 0, -1, Int.max, Int.min] {
      guard case .refused(.invalid(let fault)) = rig.ask(.giveBack(count)) else {
        Issue.record("\(count) was taken")
        continue
      }
      #expect(fault.description == "permits to give back: \(count); allowed is 1 to 2, which are held")
    }
    #expect(rig.limiter.counts.held == 2)
  }

  @Test func aBucketGivesItsBurstAndThenItsRateToTheNanosecond() throws {
    // Three in a second: a third of a second isn't a whole number of nanoseconds.
    let rig = try Rig(.tokenBucket(permits: 3, period: second, burst: 5))
    #expect(rig.admitted() == 5)
    rig.pass(Duration(nanoseconds: 333_333_333))
    #expect(rig.admitted() == 0)
    rig.pass(Duration(nanoseconds: 1))
    #expect(rig.admitted() == 1)
    rig.pass(.seconds(3_600))
    #expect(rig.admitted() == 5, "a rest fills it up to the burst")
  }

  @Test func aBucketDoesNotDriftHoweverOftenItIsAsked() throws {
    let rig = try Rig(.tokenBucket(permits: 7, period: second, burst: 1))
    var admitted = rig.admitted(of: 1)
    // 11 seconds in odd steps.
    for _ in 0..<11_000_000 / 999 {
      rig.pass(.microseconds(999))
      admitted += rig.admitted(of: 1)
    }
    #expect(admitted == 1 + 7 * 999 * (11_000_000 / 999) / 1_000_000)
  }

  @Test func aWindowNeverHoldsMoreThanItMay() throws {
    let rig = try Rig(.slidingWindow(permits: 5, window: second, segments: 4))
    var random = SeededRandom(seed: 3)
    var times: [Instant] = []
    for _ in 0..<4_000 {
      rig.pass(.milliseconds(Int64(random.below(120))))
      if rig.ask(.acquire(1, waiter: nil)) == .admitted { times.append(rig.now) }
    }
    let inOneWindow = times.indices.map { last in times[...last].count { rig.since($0, times[last]) < second } }
    #expect(inOneWindow.max() == 5)
    #expect(times.count > 800, "\(times.count): nearly five a second must go through")
  }

  @Test func aPermitOfAWindowComesFreeASegmentLateAtMost() throws {
    let rig = try Rig(.slidingWindow(permits: 2, window: second, segments: 4))
    #expect(rig.admitted() == 2)
    guard case .refused(.exhausted(let until?)) = rig.ask(.acquire(2, waiter: nil)) else {
      Issue.record("it went through")
      return
    }
    #expect(rig.since(rig.now, until) >= second && rig.since(rig.now, until) <= .milliseconds(1_250))
    rig.now = Instant(nanoseconds: until.nanoseconds - 1)
    #expect(rig.admitted() == 0)
    rig.now = until
    #expect(rig.admitted() == 2)
  }

  @Test func whoCameFirstGoesFirstWhateverTheOthersAskFor() throws {
    let rig = try Rig(.concurrency(4))
    rig.ask(.acquire(3, waiter: nil))
    #expect(rig.ask(.acquire(3, waiter: 1)) == .waiting)
    #expect(rig.ask(.acquire(1, waiter: 2)) == .waiting, "there is room for one, but another came first")
    #expect(rig.ask(.acquire(1, waiter: nil)) == .refused(.exhausted(until: nil)))
    rig.ask(.giveBack(1))
    #expect(rig.woken == [])
    rig.ask(.giveBack(1))
    #expect(rig.woken == [1])
    rig.ask(.giveBack(1))
    #expect(rig.woken == [2] && rig.limiter.counts.held == 4)
  }

  @Test func whoWaitsForTimeGetsItsTurnAtTheDeadline() throws {
    let rig = try Rig(.tokenBucket(permits: 10, period: second, burst: 2))
    #expect(rig.admitted() == 2 && rig.limiter.nextDeadline == nil)
    rig.ask(.acquire(2, waiter: 1))
    rig.ask(.acquire(1, waiter: 2))
    #expect(rig.limiter.nextDeadline == rig.now + .milliseconds(200))
    rig.pass(.milliseconds(200))
    rig.ask(.timePassed)
    #expect(rig.woken == [1] && rig.limiter.nextDeadline == rig.now + .milliseconds(100))
    rig.pass(.seconds(3_600))
    // What time made room for goes to who waits, before who asks now.
    #expect(rig.ask(.acquire(2, waiter: nil)) == .refused(.exhausted(until: rig.now + .milliseconds(100))))
    #expect(rig.woken == [2])
  }

  @Test func aWaitThatIsCancelledLetsTheNextThrough() throws {
    let rig = try Rig(.concurrency(2))
    rig.ask(.acquire(1, waiter: nil))
    rig.ask(.acquire(2, waiter: 1))
    rig.ask(.acquire(1, waiter: 2))
    #expect(rig.ask(.cancelWait(1)) == .done && rig.woken == [2])
    #expect(rig.ask(.cancelWait(1)) == .refused(.answered) && rig.ask(.cancelWait(2)) == .refused(.answered))
  }

  @Test func theLineIsBounded() throws {
    let rig = try Rig(.concurrency(1), waiters: 2)
    rig.ask(.acquire(1, waiter: nil))
    #expect(rig.ask(.acquire(1, waiter: 1)) == .waiting && rig.ask(.acquire(1, waiter: 2)) == .waiting)
    #expect(rig.ask(.acquire(1, waiter: 3)) == .refused(.lineFull(limit: 2)))
    #expect(rig.limiter.counts.waiting == 2 && rig.limiter.counts.refused == 1)
  }

  @Test func theEndAnswersAllWhoWait() throws {
    let rig = try Rig(.concurrency(1))
    rig.ask(.acquire(1, waiter: nil))
    rig.ask(.acquire(1, waiter: 1))
    rig.ask(.close)
    #expect(rig.effects.wakes.map(\.answer) == [.refused(.closed)])
    #expect(rig.ask(.acquire(1, waiter: nil)) == .refused(.closed))
    #expect(rig.ask(.giveBack(1)) == .done, "what was given can still be given back")
  }

  @Test func aClockThatGoesBackStandsStill() throws {
    let rig = try Rig(.tokenBucket(permits: 1, period: second, burst: 1))
    #expect(rig.admitted() == 1)
    rig.now = .origin
    #expect(rig.admitted() == 0)
    rig.now = .distantFuture
    #expect(rig.admitted() == 1, "and one that jumps ahead is no trap")
    rig.now = Instant(nanoseconds: .max - 1)
    #expect(rig.admitted() == 0)
  }
}

extension Rig {
  func since(_ start: Instant, _ end: Instant) -> Duration { end.since(start) }
}

struct RateSwapTests {
  @Test func permitsThatAreHeldCountAgainstTheNewLimit() throws {
    let rig = try Rig(.concurrency(5), .concurrency(2))
    #expect(rig.admitted() == 5)
    rig.ask(.signal(isActive: true, version: 1))
    #expect(rig.limiter.counts.held == 5, "nothing is taken back")
    rig.ask(.giveBack(3))
    #expect(rig.admitted() == 0)
    rig.ask(.giveBack(1))
    #expect(rig.admitted() == 1)
    rig.ask(.signal(isActive: false, version: 2))
    #expect(rig.admitted() == 3)
  }

  @Test func whoWaitsStaysInOrderAndGoesAsTheNewLimitLets() throws {
    let rig = try Rig(.concurrency(4), .concurrency(1))
    rig.ask(.signal(isActive: true, version: 1))
    rig.ask(.acquire(1, waiter: 1))
    for waiter in 2...4 { rig.ask(.acquire(1, waiter: WaiterID(waiter))) }
    rig.ask(.signal(isActive: false, version: 2))
    #expect(rig.woken == [2, 3, 4] && rig.limiter.counts.held == 4)
  }

  @Test func anOlderSignalIsIgnored() throws {
    let rig = try Rig(.concurrency(4), .concurrency(1))
    rig.ask(.signal(isActive: true, version: 3))
    rig.ask(.signal(isActive: false, version: 2))
    rig.ask(.signal(isActive: false, version: 3))
    #expect(rig.limiter.isThrottled && rig.limiter.version == 3 && rig.limiter.counts.swaps == 1)
    rig.ask(.unfollow)
    #expect(!rig.limiter.isThrottled)
    rig.ask(.follow(isActive: true, version: 1))
    #expect(rig.limiter.isThrottled && rig.limiter.version == 1, "another monitor has its own numbers")
  }

  @Test func aSwapGivesNoSecondBurst() throws {
    let bucket = RateLimit.tokenBucket(permits: 10, period: second, burst: 10)
    let rig = try Rig(bucket, .tokenBucket(permits: 10, period: second, burst: 5))
    #expect(rig.admitted() == 10)
    for version in 1...20 {
      rig.ask(.signal(isActive: version % 2 == 1, version: UInt64(version)))
      #expect(rig.admitted() == 0)
    }
  }

  @Test func aBucketOwesNothingForWhatTheOtherLimitGave() throws {
    let rig = try Rig(
      .tokenBucket(permits: 1_000, period: second, burst: 1_000), .tokenBucket(permits: 1, period: second, burst: 1))
    for _ in 0..<10 {
      #expect(rig.admitted() == 1_000)
      rig.pass(second)
    }
    #expect(rig.admitted() == 1_000)
    rig.ask(.signal(isActive: true, version: 1))
    rig.pass(second)
    #expect(rig.admitted() == 1, "the first after a second, not after three hours")
  }

  @Test func whatWasGivenLatelyCountsInTheWindowThatComesIntoForce() throws {
    let rig = try Rig(.concurrency(100), .slidingWindow(permits: 4, window: second, segments: 10))
    #expect(rig.admitted(of: 3) == 3)
    rig.ask(.giveBack(3))
    rig.ask(.signal(isActive: true, version: 1))
    #expect(rig.admitted() == 1)
    rig.ask(.signal(isActive: false, version: 2))
    #expect(rig.admitted(of: 50) == 50)
    rig.ask(.signal(isActive: true, version: 3))
    rig.pass(.milliseconds(1_101))
    #expect(rig.admitted() == 4, "however many there were: a window later they are gone")
  }

  @Test func permitsOfARateAreHeldWhereTheOtherLimitCountsThem() throws {
    let rig = try Rig(.tokenBucket(permits: 10, period: second, burst: 10), .concurrency(3))
    #expect(rig.admitted(of: 5) == 5 && rig.limiter.counts.held == 5)
    rig.ask(.signal(isActive: true, version: 1))
    #expect(rig.ask(.acquire(1, waiter: 1)) == .waiting && rig.limiter.nextDeadline == nil)
    rig.ask(.giveBack(3))
    #expect(rig.woken == [1])
    let rates = try Rig(.tokenBucket(permits: 1, period: second, burst: 1))
    #expect(rates.admitted() == 1 && rates.limiter.counts.held == 0)
    #expect(rates.ask(.giveBack(1)) == .done && rates.admitted() == 0, "a rate takes nothing back")
  }

  @Test func noCallMayAskForMoreThanBothLimitsLetThroughAtOnce() throws {
    let rig = try Rig(.concurrency(100), .slidingWindow(permits: 4, window: second, segments: 10))
    for count in [5, 0, -7, Int.max, Int.min] {
      guard case .refused(.invalid(let fault)) = rig.ask(.acquire(count, waiter: 1)) else {
        Issue.record("\(count) was taken")
        continue
      }
      #expect(fault.description == "permits: \(count); allowed is 1 to 4")
    }
    #expect(rig.ask(.acquire(4, waiter: nil)) == .admitted)
  }
}

struct RateGateOptionsTests {
  private func faults(_ normal: RateLimit, _ throttled: RateLimit? = nil, waiters: Int = 1) -> [String] {
    var options = RateGateOptions(normal: normal, throttled: throttled)
    options.waitersMax = waiters
    return options.faults.map(\.description)
  }

  @Test func optionsAreRefusedByNameValueAndWhatIsAllowed() {
    #expect(
      faults(.concurrency(0), .tokenBucket(permits: 1_000_001, period: .zero, burst: -1), waiters: 4_097) == [
        "normal permits: 0; allowed is 1 to 1000000", "throttled permits: 1000001; allowed is 1 to 1000000",
        "throttled period: 0 ms; allowed is 1 ms to 1 hour", "throttled burst: -1; allowed is 1 to 1000000",
        "waiters: 4097; allowed is 0 to 4096",
      ])
    #expect(
      faults(.slidingWindow(permits: Int.max, window: .seconds(3_601), segments: 65)) == [
        "normal permits: \(Int.max); allowed is 1 to 1000000", "normal window: 3601000 ms; allowed is 1 ms to 1 hour",
        "normal segments: 65; allowed is 1 to 64",
      ])
  }

  @Test func theLimitsThemselvesAreAllowedAndOverflowNothing() throws {
    let most = TaskLimits.permitsMax
    let rig = try Rig(
      .tokenBucket(permits: most, period: .seconds(3_600), burst: most),
      .slidingWindow(permits: most, window: .seconds(3_600), segments: 64), waiters: 4_096)
    #expect(rig.ask(.acquire(most, waiter: nil)) == .admitted)
    #expect(rig.ask(.acquire(most, waiter: 1)) == .waiting)
    #expect(rig.limiter.nextDeadline == rig.now + .seconds(3_600))
    rig.ask(.signal(isActive: true, version: .max))
    rig.now = .distantFuture
    rig.ask(.timePassed)
    #expect(rig.woken == [1])
    let short = try Rig(.tokenBucket(permits: most, period: .milliseconds(1), burst: 1))
    #expect(short.admitted() == 1)
    short.pass(Duration(nanoseconds: 1))
    #expect(short.admitted() == 1, "a thousand million a second")
    let single = try Rig(.slidingWindow(permits: 1, window: .milliseconds(1), segments: 1))
    #expect(single.admitted() == 1)
  }
}
