import MeshBasics
import Testing

@testable import MeshTasks

struct BackpressureTests {
  /// A rig with one monitor: 4 and more is overloaded, 2 and less no longer.
  private func rig(_ change: (inout BackpressureOptions) -> Void = { _ in }) throws -> QueueRig {
    let rig = try QueueRig { $0.capacity = 100 }
    var options = BackpressureOptions(highWatermark: 4)
    change(&options)
    guard case .monitored(1) = rig.ask(.addMonitor(options)) else { throw NoMonitor() }
    rig.pass(.seconds(5))
    return rig
  }

  private struct NoMonitor: Error {}

  private func told(_ rig: QueueRig) -> Bool? {
    for case .backpressure(1, let signal) in rig.effects.events { return signal.isActive }
    return nil
  }

  @Test func betweenTheMarksNothingChanges() throws {
    let rig = try rig()
    for _ in 1...3 { rig.enqueue("a") }
    #expect(told(rig) == nil && rig.isOverloaded(for: 1) == false)
    rig.enqueue("a")
    #expect(told(rig) == true)
    rig.pass(.seconds(5))
    _ = rig.lease()
    #expect(rig.isOverloaded(for: 1) == true)
    _ = rig.lease()
    #expect(told(rig) == false)
    rig.pass(.seconds(5))
    rig.enqueue("a")
    #expect(rig.isOverloaded(for: 1) == false, "at 3 again")
  }

  @Test func aSignalSaysWhatWasSeen() throws {
    let rig = try rig { $0.lowWatermark = 1 }
    for _ in 1...3 { rig.enqueue("a") }
    rig.pass(.seconds(2))
    rig.enqueue("a")
    let signal = BackpressureSignal(
      isActive: true, pendingCount: 4, oldestAge: .seconds(2), observedAt: rig.now, highWatermark: 4, lowWatermark: 1,
      version: 2)
    #expect(rig.latestSignal(of: 1) == signal)
    #expect(rig.signals(of: 1, after: 0)?.signals.map(\.version) == [1, 2], "the first says how it began")
  }

  @Test func anEdgeInTheCooldownIsToldWhenItEndsByTimeAlone() throws {
    let rig = try rig()
    for _ in 1...4 { rig.enqueue("a") }
    #expect(told(rig) == true)
    for _ in 1...4 { _ = rig.consume() }
    #expect(told(rig) == nil && rig.isOverloaded(for: 1) == false && rig.latestSignal(of: 1)?.isActive == true)
    #expect(rig.nextDeadline == rig.now + .seconds(5))
    rig.pass(.seconds(5))
    rig.ask(.timePassed)
    #expect(told(rig) == false && rig.nextDeadline == nil)
  }

  @Test func thereAndBackInACooldownIsNotTold() throws {
    let rig = try rig()
    for _ in 1...4 { rig.enqueue("a") }
    for _ in 1...4 { _ = rig.consume() }
    for _ in 1...4 { rig.enqueue("a") }
    #expect(rig.nextDeadline == nil)
    rig.pass(.seconds(60))
    rig.ask(.timePassed)
    #expect(told(rig) == nil && rig.latestSignal(of: 1)?.version == 2)
  }

  @Test func withoutACooldownEveryEdgeIsTold() throws {
    let rig = try rig { $0.cooldown = .zero }
    for round in 1...3 {
      for _ in 1...4 { rig.enqueue("a") }
      for _ in 1...4 { _ = rig.consume() }
      #expect(rig.latestSignal(of: 1)?.version == UInt64(1 + 2 * round))
    }
  }

  @Test func theAgeOfTheOldestReadyTaskCountsByTimeAlone() throws {
    let rig = try rig { $0.highAge = .seconds(8) }
    rig.enqueue("a")
    #expect(rig.nextDeadline == rig.now + .seconds(8))
    rig.pass(.seconds(8))
    rig.ask(.timePassed)
    #expect(told(rig) == true && rig.latestSignal(of: 1)?.oldestAge == .seconds(8))
    rig.pass(.seconds(5))
    rig.enqueue("b")
    _ = rig.consume()
    #expect(rig.latestSignal(of: 1)?.isActive == false, "the next one is young")
    #expect(rig.nextDeadline == rig.now + .seconds(8), "and ripens in its turn")
  }

  @Test func anAgeThatEndsAndBeginsInOneTurnIsWatchedOn() throws {
    let rig = try rig { $0.highAge = .seconds(6) }
    rig.enqueue("old")
    rig.enqueue("young", delay: .seconds(7))
    rig.pass(.seconds(7))
    #expect(rig.lease()?.text == "old" && rig.isOverloaded(for: 1) == false)
    #expect(rig.nextDeadline == rig.now + .seconds(6), "when the young one is old")
  }

  @Test func whoIsActiveByAgeStaysSoDownToTheLowAge() throws {
    let rig = try rig {
      ($0.highAge, $0.lowAge, $0.cooldown) = (.seconds(8), .seconds(2), .zero)
    }
    rig.enqueue("a")
    rig.pass(.seconds(5))
    rig.enqueue("b")
    rig.pass(.seconds(3))
    rig.ask(.timePassed)
    #expect(rig.isOverloaded(for: 1) == true)
    _ = rig.consume()
    #expect(rig.isOverloaded(for: 1) == true, "b is ready for 3 s")
    _ = rig.consume()
    #expect(rig.latestSignal(of: 1)?.isActive == false)
  }

  @Test func delayedAndLeasedTasksAreNoDepthAndHeldOnesAre() throws {
    let rig = try rig()
    for _ in 1...4 { rig.enqueue("d", delay: .seconds(60)) }
    for _ in 1...4 { rig.enqueue("k", key: "k") }
    _ = rig.lease()
    #expect(rig.counts.pending == 3 && rig.latestSignal(of: 1)?.isActive == true)
  }

  @Test func monitorsAreIndependentAndBounded() throws {
    let rig = try rig()
    for number in 2...TaskLimits.monitorsMax {
      var options = BackpressureOptions(highWatermark: number)
      options.cooldown = .zero
      guard case .monitored(let id) = rig.ask(.addMonitor(options)) else { return }
      #expect(id == number)
    }
    let one = BackpressureOptions(highWatermark: 1)
    #expect(rig.ask(.addMonitor(one)).refusal == .tooMany(limit: TaskLimits.monitorsMax))
    rig.enqueue("a")
    rig.enqueue("a")
    #expect(rig.isOverloaded(for: 2) == true && rig.isOverloaded(for: 3) == false)
    #expect(rig.ask(.removeMonitor(2)).isDone && rig.ask(.removeMonitor(2)).refusal == .notFound)
    rig.enqueue("a")
    #expect(rig.isOverloaded(for: 2) == nil && rig.latestSignal(of: 2) == nil && rig.signals(of: 2, after: 0) == nil)
    #expect(rig.isOverloaded(for: 3) == true)
    guard case .monitored(17) = rig.ask(.addMonitor(one)) else {
      Issue.record("a number is used again")
      return
    }
  }

  @Test func aNewMonitorSaysAtOnceHowThingsAre() throws {
    let rig = try QueueRig()
    for _ in 1...4 { rig.enqueue("a") }
    rig.ask(.addMonitor(BackpressureOptions(highWatermark: 3)))
    #expect(rig.latestSignal(of: 1)?.isActive == true && rig.latestSignal(of: 1)?.version == 1)
    for _ in 1...3 { _ = rig.lease() }
    #expect(told(rig) == false, "the first change needn't wait")
    for _ in 1...3 { rig.enqueue("b") }
    #expect(rig.isOverloaded(for: 1) == true && rig.latestSignal(of: 1)?.isActive == false, "the next one does")
    let latest = try #require(rig.latestSignal(of: 1))
    #expect(rig.presentEvents == [.becameReady, .backpressure(1, latest)])
  }

  @Test func whoComesLateLearnsHowManySignalsAreGone() throws {
    let rig = try rig { $0.cooldown = .zero }
    for _ in 1...50 {
      for _ in 1...4 { rig.enqueue("a") }
      for _ in 1...4 { _ = rig.consume() }
    }
    #expect(rig.latestSignal(of: 1)?.version == 101)
    let all = try #require(rig.signals(of: 1, after: 0))
    #expect(all.missed == 37 && all.signals.map(\.version) == (38...101).map { $0 })
    let some = try #require(rig.signals(of: 1, after: 99))
    #expect(some.missed == 0 && some.signals.map(\.version) == [100, 101])
    for version in [UInt64(101), 102, .max] {
      #expect(rig.signals(of: 1, after: version)?.signals.count == 0 && rig.signals(of: 1, after: version)?.missed == 0)
    }
  }

  @Test func aClosedQueueIsNotOverloaded() throws {
    let rig = try rig()
    for _ in 1...4 { rig.enqueue("a") }
    rig.ask(.close(.discard, waiter: 1, deadline: rig.now))
    #expect(rig.isOverloaded(for: 1) == false)
    rig.pass(.seconds(5))
    rig.ask(.timePassed)
    #expect(told(rig) == false && rig.ask(.removeMonitor(1)).isDone)
  }

  @Test func marksThatCanNotBeAreRefused() {
    func isRight(_ high: Int, _ change: (inout BackpressureOptions) -> Void = { _ in }) -> Bool {
      var options = BackpressureOptions(highWatermark: high)
      change(&options)
      return options.faults.isEmpty
    }
    #expect(!isRight(0) && isRight(1) && isRight(1 << 24) && !isRight((1 << 24) + 1) && !isRight(-1))
    #expect(BackpressureOptions(highWatermark: 1).low == 0 && BackpressureOptions(highWatermark: 7).low == 3)
    #expect(isRight(4) { $0.lowWatermark = 0 } && isRight(4) { $0.lowWatermark = 3 })
    #expect(!isRight(4) { $0.lowWatermark = 4 } && !isRight(4) { $0.lowWatermark = -1 })
    #expect(!isRight(4) { $0.highAge = .zero } && isRight(4) { $0.highAge = Duration(nanoseconds: 1) })
    #expect(!isRight(4) { $0.lowAge = .zero }, "without a high age")
    #expect(!isRight(4) { ($0.highAge, $0.lowAge) = (.seconds(1), .seconds(1)) })
    #expect(isRight(4) { ($0.highAge, $0.lowAge) = (.seconds(1), .zero) })
    #expect(isRight(4) { $0.cooldown = TaskLimits.delayMax } && !isRight(4) { $0.cooldown = .seconds(-1) })
    #expect(!isRight(4) { $0.cooldown = TaskLimits.delayMax + Duration(nanoseconds: 1) })
  }
}
