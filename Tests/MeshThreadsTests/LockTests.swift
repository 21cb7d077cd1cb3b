import Foundation
import MeshBasics
import MeshThreads
import Testing

private struct Refused: Error {}

private final class Counter: @unchecked Sendable {
  // Sendable although it has a variable: `lock` guards it.
  let lock = Lock()
  var count = 0
}

@Test func lockKeepsFourThreadsFromLosingAnIncrement() {
  let counter = Counter()
  let threads = (0..<4).map { _ in
    Thread { for _ in 0..<10_000 { counter.lock.locked { counter.count += 1 } } }
  }
  threads.forEach { $0.start() }
  while !threads.allSatisfy(\.isFinished) { usleep(1_000) }
  #expect(counter.lock.locked { counter.count } == 40_000)
}

@Test func lockIsFreeAgainAfterAnError() {
  let lock = Lock()
  #expect(throws: Refused.self) {
    try lock.locked { () throws(Refused) in throw Refused() }
  }
  #expect(lock.locked { 1 } == 1)
}

@Test func aConditionWakesItsWaiterAndGivesUpAtItsDeadline() {
  let counter = Counter()
  let condition = ConditionVariable()
  #expect(counter.lock.locked { condition.wait(counter.lock, until: Instant(nanoseconds: 1)) } == false)
  let waker = Thread {
    counter.lock.locked {
      counter.count = 1
      condition.broadcast()
    }
  }
  counter.lock.locked {
    waker.start()
    while counter.count == 0 { _ = condition.wait(counter.lock, until: nil) }
  }
  #expect(counter.lock.locked { counter.count } == 1)
}
