import MeshBasics
import Testing

@testable import MeshTasks

/// What Hugo's task queue gets wrong (contracts: hugo §8.1 to 8.4, 8.7), as far as a queue or its backpressure can:
/// each test is named after the right behaviour, and its comment has the number of the defect. Those about its adapter
/// and its replication are for others.
struct HugoDefectTests {
  // §8.1.1
  @Test func leasesAreInTheSnapshotAndInWhatACloseHandsBack() throws {
    let rig = try QueueRig()
    rig.enqueue("a")
    _ = rig.lease()
    #expect(rig.snapshot().texts == ["a"])
    #expect(rig.ask(.close(.requeueActive, waiter: 1, deadline: rig.now)).snapshot?.texts == ["a"])
  }

  // §8.1.2, §8.1.4, §8.3.17: there is nothing of the host's in a turn; what happened is in its effects.
  @Test func expiryGoesOnThoughATaskDies() throws {
    let rig = try QueueRig { $0.attemptsMax = 1 }
    for text in ["a", "b", "c"] { rig.enqueue(text) }
    for _ in 1...3 { _ = rig.lease() }
    rig.pass(.seconds(10))
    rig.ask(.timePassed)
    #expect(rig.counts.dead == 3 && rig.counts.leased == 0)
  }

  // §8.1.3
  @Test func aTaskThatDiesCanBeReadAndRedriven() throws {
    let rig = try QueueRig { $0.deadLettersMax = 0 }
    let id = try #require(rig.enqueue("a").id)
    rig.fail(.deadLetter)
    #expect(rig.deadLetter(id)?.task.payload.bytes == Array("a".utf8))
    #expect(rig.ask(.redrive(id)).isDone && rig.consume() == "a")
  }

  // §8.1.5
  @Test func aRestoreIsWholeOrNothingAndADrainLosesNothing() throws {
    let rig = try QueueRig { $0.capacity = 2 }
    for text in ["a", "b"] { rig.enqueue(text) }
    let taken = try #require(rig.drain())
    rig.ask(.resume)
    rig.enqueue("c")
    #expect(rig.ask(.restore(taken)).refusal == .snapshotTooLarge(places: 2, free: 1))
    #expect(rig.consume() == "c" && rig.lease() == nil)
    rig.ask(.restore(taken))
    #expect(rig.ask(.restore(taken)).refusal == .alreadyRestored)
    #expect(rig.consume() == "a" && rig.consume() == "b" && rig.lease() == nil)
  }

  // §8.1.6
  @Test func whatExpiresOrFailsWhileTheQueueClosesIsHandedBack() throws {
    let rig = try QueueRig()
    for text in ["fails", "expires", "delayed"] { rig.enqueue(text) }
    let first = try #require(rig.lease())
    _ = rig.lease()
    rig.fail(.retryAfter(.seconds(60)))
    rig.ask(.close(.drain, waiter: 1, deadline: rig.now + .seconds(30)))
    rig.ask(.fail(first.token, reason: "no", .retryAfter(.seconds(60))))
    rig.pass(.seconds(10))
    rig.ask(.timePassed)
    #expect(rig.woken == ["1: [\"fails\", \"expires\", \"delayed\"] and 0 dead, 0 leased"])
  }

  // §8.1.7
  @Test func onePlaceAnswersOneOfThoseWhoWait() throws {
    let rig = try QueueRig { $0.capacity = 1 }
    rig.enqueue("a")
    for _ in 1...3 { rig.enqueue("b", waits: true) }
    #expect(rig.consume() == "a" && rig.woken == ["1: admitted"])
    for _ in 1...3 { rig.askToLease(waits: true) }
    #expect(rig.woken.isEmpty)
  }

  // §8.1.8
  @Test func whatAConsumerDidNotBeginComesBackAtOnceAndFree() throws {
    let rig = try QueueRig { $0.attemptsMax = 1 }
    rig.enqueue("a")
    let lease = try #require(rig.lease())
    rig.ask(.handBack(lease.token))
    #expect(rig.consume() == "a" && rig.counts.dead == 0)
  }

  // §8.2.9
  @Test func aFailureNeverWaitsForAPlace() throws {
    let rig = try QueueRig { $0.capacity = 1 }
    rig.enqueue("a")
    let lease = try #require(rig.lease())
    rig.enqueue("b", waits: true)
    #expect(rig.ask(.fail(lease.token, reason: "no", .retry)).isDone && rig.woken.isEmpty)
    #expect(rig.consume() == "a" && rig.woken == ["1: admitted"])
  }

  // §8.2.10
  @Test func whatExpiresTogetherComesBackTogether() throws {
    let rig = try QueueRig {
      $0.capacity = 64
      $0.retry.first = .seconds(5)
    }
    for _ in 1...64 { rig.enqueue("a") }
    for _ in 1...64 { _ = rig.lease() }
    rig.pass(.seconds(10))
    rig.ask(.timePassed)
    #expect(rig.counts.pending == 64)
    for _ in 1...64 { rig.fail(.retryAfter(.seconds(5))) }
    rig.pass(.seconds(5))
    rig.ask(.timePassed)
    #expect(rig.counts.pending == 64, "the waits run side by side")
  }

  // §8.2.11
  @Test func waitsGrowWithTheDeliveriesAndDiffer() throws {
    let rig = try QueueRig {
      $0.capacity = 100
      $0.retry.first = .seconds(1)
    }
    for _ in 1...20 { rig.enqueue("a") }
    for _ in 1...20 { rig.fail() }
    let first = rig.snapshot().tasks.map(\.task.delay)
    rig.pass(.seconds(2))
    for _ in 1...20 { rig.fail() }
    let second = rig.snapshot().tasks.map(\.task.delay)
    #expect(Set(first).count > 15 && (first.max() ?? .zero) < (second.min() ?? .zero))
  }

  // §8.2.12
  @Test func urgentTasksAndKeysAreServed() throws {
    let rig = try QueueRig()
    rig.enqueue("k1", key: "k")
    rig.enqueue("k2", key: "k")
    rig.enqueue("urgent", priority: 1)
    #expect(rig.consume() == "urgent" && rig.lease()?.text == "k1" && rig.lease() == nil)
  }

  // §8.3.13
  @Test func nothingThatIsLeasedIsLookedAtBeforeItsTime() throws {
    let rig = try QueueRig { $0.capacity = 2_000 }
    for _ in 1...1_000 { rig.enqueue("a") }
    _ = rig.lease()
    rig.pass(.seconds(1))
    for _ in 1...999 { _ = rig.lease() }
    rig.pass(.seconds(9))
    rig.ask(.timePassed)
    #expect(rig.counts.expired == 1 && rig.nextDeadline == rig.now + .seconds(1))
  }

  // §8.3.15
  @Test func whateverGrowsHasABound() throws {
    let rig = try QueueRig { $0.capacity = 1 }
    rig.enqueue("a")
    for _ in 1...TaskLimits.waitersMax { rig.enqueue("b", waits: true) }
    #expect(rig.enqueue("b", waits: true).refusal == .tooMany(limit: TaskLimits.waitersMax))
    _ = rig.lease()
    #expect(rig.isFull, "leases take places")
    rig.pass(.seconds(1))
    #expect(rig.counts.pending + rig.counts.delayed + rig.counts.leased == 1)
  }

  // §8.4.19
  @Test func anEdgeWithinTheCooldownIsToldWhenItEnds() throws {
    let rig = try QueueRig()
    rig.ask(.addMonitor(BackpressureOptions(highWatermark: 2)))
    rig.pass(.seconds(5))
    for _ in 1...2 { rig.enqueue("a") }
    for _ in 1...2 { _ = rig.consume() }
    #expect(rig.latestSignal(of: 1)?.isActive == true && rig.isOverloaded(for: 1) == false)
    rig.pass(.seconds(5))
    rig.ask(.timePassed)
    #expect(rig.latestSignal(of: 1)?.isActive == false)
  }

  // §8.4.20
  @Test func anIdleQueueIsLookedAtByTime() throws {
    let rig = try QueueRig()
    var options = BackpressureOptions(highWatermark: 5)
    options.highAge = .seconds(6)
    rig.ask(.addMonitor(options))
    rig.enqueue("a")
    rig.now = try #require(rig.nextDeadline)
    rig.ask(.timePassed)
    #expect(rig.latestSignal(of: 1)?.isActive == true && rig.latestSignal(of: 1)?.pendingCount == 1)
  }

  // §8.4.21
  @Test func monitorsDoNotDisturbEachOther() throws {
    let rig = try QueueRig()
    for high in [1, 2] { rig.ask(.addMonitor(BackpressureOptions(highWatermark: high))) }
    rig.pass(.seconds(5))
    rig.ask(.removeMonitor(1))
    for _ in 1...2 { rig.enqueue("a") }
    #expect(rig.latestSignal(of: 2)?.isActive == true && rig.latestSignal(of: 2)?.highWatermark == 2)
  }

  // §8.4.22
  @Test func signalsAreNumberedSoThatAnOlderOneIsKnown() throws {
    let rig = try QueueRig()
    rig.ask(.addMonitor(BackpressureOptions(highWatermark: 1)))
    rig.pass(.seconds(5))
    rig.enqueue("a")
    #expect(rig.signals(of: 1, after: 0)?.signals.map(\.version) == [1, 2])
    #expect(rig.signals(of: 1, after: 1)?.signals.map(\.isActive) == [true])
  }

  // §8.7.33
  @Test func aStepBackOfTheClockFreezesNothingForLong() throws {
    let rig = try QueueRig()
    rig.enqueue("a")
    _ = rig.lease()
    let expiry = try #require(rig.nextDeadline)
    rig.pass(.seconds(-1))
    rig.ask(.timePassed)
    #expect(rig.nextDeadline == expiry && rig.counts.leased == 1)
    rig.now = expiry
    rig.ask(.timePassed)
    #expect(rig.counts.expired == 1)
  }

  // §8.7.34
  @Test func aHeartbeatThatCanNotKeepALeaseIsRefusedAndOneThatDoesTellsTheExpiry() throws {
    var options = TaskQueueOptions(name: "q")
    (options.leaseDuration, options.heartbeatInterval) = (.seconds(10), .seconds(6))
    #expect(options.faults.count == 1)
    let rig = try QueueRig()
    rig.enqueue("a")
    let lease = try #require(rig.lease())
    rig.pass(.milliseconds(1))
    guard case .extended(let until) = rig.ask(.heartbeat(lease.token)) else {
      Issue.record("no extension")
      return
    }
    #expect(until == rig.now + .seconds(10), "however soon it comes")
  }

  // §8.7.35
  @Test func anExpiredLeaseEndsNothingThoughNoSweepHasMetIt() throws {
    let rig = try QueueRig()
    rig.enqueue("a")
    let lease = try #require(rig.lease())
    rig.pass(.seconds(10))
    #expect(rig.ask(.heartbeat(lease.token)).refusal == .leaseExpired)
    #expect(rig.ask(.complete(lease.token)).refusal == .leaseExpired && rig.counts.completed == 0)
  }

  // §1.7, §1.9: a producer that waits when the queue closes hears the same as everybody else.
  @Test func everyCallThatWaitsHearsOfTheEndInOneWay() throws {
    let rig = try QueueRig { $0.capacity = 1 }
    rig.enqueue("a")
    _ = rig.lease()
    rig.enqueue("b", waits: true)
    rig.askToLease(waits: true)
    rig.ask(.close(.requeueActive, waiter: 9, deadline: rig.now))
    #expect(rig.woken == ["1: closed", "2: closed"])
  }
}
