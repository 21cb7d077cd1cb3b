import Foundation
import MeshBasics
import Synchronization
import Testing

@testable import MeshThreads

private typealias Duration = MeshBasics.Duration
private struct Refused: Error {}

private final class Counter: @unchecked Sendable {
  // Sendable although it has variables: `lock` guards them.
  let lock = Lock()
  var count = 0
  var turns: [Int] = []
  /// Waits that nobody ended.
  var lost = 0

  /// Waits with the lock held, for longer than any machine stands still.
  func wait(_ condition: ConditionVariable) {
    if !condition.wait(lock, until: now() + Duration.seconds(60)) { lost += 1 }
  }
}

/// Runs `body` on so many threads, with the number of each, and waits for all.
private func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  let threads = (0..<count).map { number in Thread { body(number) } }
  threads.forEach { $0.start() }
  while !threads.allSatisfy(\.isFinished) { usleep(1_000) }
}

private func now() -> Instant {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
}

/// Looks until it is so, for longer than any machine stands still; false when it never was.
private func eventually(_ isSo: () -> Bool) -> Bool {
  for _ in 0..<600_000 {
    if isSo() { return true }
    usleep(100)
  }
  return false
}

/// Busy for so long, as a turn is that takes longer than anybody spins.
private func work(microseconds: Int64) {
  let end = now() + Duration.microseconds(microseconds)
  while now() < end {}
}

struct LockTests {
  @Test(arguments: [2, 4, 16])
  func threadsLoseNoIncrement(threads: Int) {
    let counter = Counter()
    onThreads(threads) { _ in
      for _ in 0..<10_000 { counter.lock.locked { counter.count += 1 } }
    }
    #expect(counter.lock.locked { counter.count } == threads * 10_000)
  }

  /// Turns so long that all others sleep, and so many that sleepers are woken by turns, by naps, and by neither.
  @Test func threadsThatSleepAtALockLoseNoIncrement() {
    let counter = Counter()
    onThreads(8) { number in
      for turn in 0..<1_000 {
        counter.lock.locked {
          let before = counter.count
          if (turn + number) % 16 == 0 { work(microseconds: 30) }
          counter.count = before + 1
        }
      }
    }
    #expect(counter.lock.locked { counter.count } == 8_000)
    #expect(counter.lock.words.pointee.state.load(ordering: .relaxed) == 0)
  }

  /// It is not the fastest that gets it then, but who has waited.
  @Test func whoHasWaitedForLongTakesItNext() {
    let counter = Counter()
    for round in 1...20 {
      counter.lock.locked {
        Thread.detachNewThread { counter.lock.locked { counter.turns.append(round) } }
        #expect(eventually { counter.lock.words.pointee.state.load(ordering: .relaxed) & LockWords.reserved != 0 })
      }
      counter.lock.locked { counter.turns.append(-round) }
    }
    #expect(counter.lock.locked { counter.turns } == (1...20).flatMap { [$0, -$0] })
  }

  /// One that sleeps alone is woken, with nobody else about.
  @Test func whoSleepsAtALockThatBecomesFreeTakesIt() {
    let counter = Counter()
    for round in 1...50 {
      counter.lock.locked {
        Thread.detachNewThread { counter.lock.locked { counter.count += 1 } }
        #expect(eventually { counter.lock.words.pointee.state.load(ordering: .relaxed) >= LockWords.sleeper })
      }
      #expect(eventually { counter.lock.locked { counter.count } == round })
    }
    // Now and then it is between two naps; never so often.
    #expect(counter.lock.words.pointee.wakes.load(ordering: .relaxed) > 0)
  }

  @Test func aLockIsFreeAgainAfterAnError() {
    let lock = Lock()
    #expect(throws: Refused.self) {
      try lock.locked { () throws(Refused) in throw Refused() }
    }
    #expect(lock.locked { 1 } == 1)
  }

  /// A caller may read `errno` of a system call after taking a lock.
  @Test func sleepingAtALockLeavesErrnoAsItWas() {
    let counter = Counter()
    onThreads(4) { _ in
      for _ in 0..<50 {
        errno = EXDEV
        counter.lock.locked { work(microseconds: 50) }
        if errno != EXDEV { counter.lock.locked { counter.count += 1 } }
      }
    }
    #expect(counter.lock.locked { counter.count } == 0)
  }
}

struct ConditionVariableTests {
  @Test func aWaitEndsAtItsDeadline() {
    let counter = Counter()
    let condition = ConditionVariable()
    for deadline in [Instant.origin, Instant(nanoseconds: 1), now(), now() + Duration.milliseconds(5)] {
      var isInTime = true
      // A wait may end early, and then tells nothing.
      while isInTime { isInTime = counter.lock.locked { condition.wait(counter.lock, until: deadline) } }
      #expect(now() >= deadline)
    }
  }

  @Test func aBroadcastWakesAll() {
    let counter = Counter()
    let condition = ConditionVariable()
    Thread.detachNewThread {
      _ = eventually { counter.lock.locked { counter.turns.count } == 4 }
      counter.lock.locked { counter.count = 1 }
      condition.broadcast()
    }
    onThreads(4) { number in
      counter.lock.locked {
        counter.turns.append(number)
        while counter.count == 0, counter.lost == 0 { counter.wait(condition) }
        counter.turns.removeAll { $0 == number }
      }
    }
    #expect(counter.lock.locked { counter.turns } == [])
  }

  /// Threads hand a turn around, each signalled by the one before.
  @Test(arguments: [true, false])
  func noSignalIsLost(whileLocked: Bool) {
    let counter = Counter()
    let conditions = (0..<3).map { _ in ConditionVariable() }
    onThreads(3) { number in
      for _ in 0..<3_000 {
        counter.lock.locked {
          while counter.count % 3 != number, counter.lost == 0 { counter.wait(conditions[number]) }
          counter.count += 1
          if whileLocked { conditions[(number + 1) % 3].signal() }
        }
        if !whileLocked { conditions[(number + 1) % 3].signal() }
      }
    }
    #expect(counter.lock.locked { (counter.count, counter.lost) } == (9_000, 0))
  }

  /// Producers and consumers of one place: a signal may find nobody, and each wait must end.
  @Test func waitersOfTwoConditionsKeepEachOtherGoing() {
    let counter = Counter()
    let (filled, emptied) = (ConditionVariable(), ConditionVariable())
    onThreads(6) { number in
      for turn in 0..<2_000 {
        counter.lock.locked {
          if number % 2 == 0 {
            while counter.turns.count == 1, counter.lost == 0 { counter.wait(emptied) }
            counter.turns.append(turn)
            filled.signal()
          } else {
            while counter.turns.isEmpty, counter.lost == 0 { counter.wait(filled) }
            counter.count += counter.turns.popLast() ?? 0
            emptied.signal()
          }
        }
      }
    }
    #expect(counter.lock.locked { (counter.count, counter.lost) } == (3 * 1_999_000, 0))
  }
}
