import MeshBasics
import Testing

@testable import MeshTasks

struct RetryTests {
  @Test func eachWaitIsLongerUpToTheLongest() {
    var policy = RetryPolicy()
    (policy.first, policy.factor, policy.longest, policy.jitterPercent) = (.seconds(1), 3, .seconds(20), 0)
    var random = SeededRandom(seed: 1)
    let waits = (UInt32(1)...6).map { policy.delay(after: $0, &random) }
    #expect(waits == [1, 3, 9, 20, 20, 20].map { .seconds($0) })
    #expect(policy.delay(after: .max, &random) == .seconds(20))
    policy.first = .zero
    #expect(policy.delay(after: 5, &random) == .zero)
    (policy.first, policy.factor) = (.seconds(2), 1)
    #expect(policy.delay(after: .max, &random) == .seconds(2))
  }

  @Test func jitterStaysInItsBoundsAndUsesThem() {
    var policy = RetryPolicy()
    (policy.first, policy.longest, policy.jitterPercent) = (.seconds(10), .seconds(100), 20)
    var random = SeededRandom(seed: 9)
    let waits = (0..<2_000).map { _ in policy.delay(after: 1, &random) }
    let (least, most) = (waits.min() ?? .zero, waits.max() ?? .zero)
    #expect(
      least >= .seconds(8) && least < .milliseconds(8_100) && most <= .seconds(12) && most > .milliseconds(11_900))
  }

  @Test func noWaitIsLongerThanAnyMayBe() throws {
    var policy = RetryPolicy()
    (policy.first, policy.longest, policy.jitterPercent) = (TaskLimits.delayMax, TaskLimits.delayMax, 100)
    #expect(policy.faults.isEmpty)
    let rig = try QueueRig { $0.retry = policy }
    rig.enqueue("a")
    for _ in 0..<4 {
      rig.fail()
      let delay = try #require(rig.snapshot().tasks.first?.task.delay)
      #expect(delay <= TaskLimits.delayMax && delay >= .zero)
      rig.pass(TaskLimits.delayMax)
    }
  }

  @Test func tasksThatFailTogetherDoNotComeBackTogether() throws {
    let rig = try QueueRig {
      $0.capacity = 100
      $0.retry.first = .seconds(10)
    }
    for _ in 0..<50 { rig.enqueue("a") }
    for _ in 0..<50 { rig.fail() }
    #expect(Set(rig.snapshot().tasks.map(\.task.delay)).count > 45)
  }

  @Test(arguments: [1, 2, 5]) func aTaskIsDeliveredAsOftenAsItMayBe(attemptsMax: Int) throws {
    let rig = try QueueRig { $0.attemptsMax = attemptsMax }
    rig.enqueue("a")
    for _ in 0..<attemptsMax { rig.fail() }
    #expect(rig.lease() == nil && rig.counts.grants == UInt64(attemptsMax))
    let letter = try #require(rig.deadLetter(TaskID(epoch: 7, sequence: 1)))
    #expect(letter.cause == .failed && letter.attempt == attemptsMax && letter.task.details?.lastError == "no")
  }

  @Test func expiriesCountLikeFailures() throws {
    let rig = try QueueRig { $0.attemptsMax = 2 }
    rig.enqueue("a")
    rig.fail()
    let lease = try #require(rig.lease())
    rig.pass(.seconds(10))
    rig.ask(.timePassed)
    #expect(
      rig.effects.events == [.leaseExpired(lease.token), .deadLettered(lease.token.id, .expired, attempt: 2)])
  }

  @Test func theWaitIsTheConsumersWhereItSaysOne() throws {
    let rig = try QueueRig()
    rig.enqueue("a")
    rig.fail(.retryAfter(.seconds(7)))
    #expect(rig.nextDeadline == rig.now + .seconds(7) && rig.counts.delayed == 1)
    rig.pass(.seconds(7))
    rig.fail(.retryAfter(.zero))
    #expect(rig.counts.pending == 1)
    let lease = try #require(rig.lease())
    for wait in [Duration(nanoseconds: -1), TaskLimits.delayMax + Duration(nanoseconds: 1)] {
      guard case .invalid = rig.ask(.fail(lease.token, reason: "", .retryAfter(wait))).refusal else {
        Issue.record("\(wait)")
        return
      }
    }
    #expect(rig.ask(.fail(lease.token, reason: "", .retryAfter(TaskLimits.delayMax))).isDone, "a refusal ends no lease")
  }
}
