import Foundation
import MeshRuntime
import MeshThreads
import Testing

private func makeGate(_ normal: RateLimit, _ throttled: RateLimit? = nil, waiters: Int = 64) throws -> RateGate {
  var options = RateGateOptions(normal: normal, throttled: throttled)
  options.waitersMax = waiters
  return try RateGate(options)
}

/// A queue with a monitor that tells at once, and a gate that follows it.
private func makeFollower(_ normal: RateLimit, _ throttled: RateLimit) throws -> (LeaseQueue, MonitorID, RateGate) {
  let queue = try makeQueue()
  var marks = BackpressureOptions(highWatermark: 2)
  marks.lowWatermark = 0
  marks.cooldown = .zero
  let monitor = try queue.addMonitor(marks)
  let gate = try makeGate(normal, throttled)
  try gate.follow(monitor, of: queue)
  return (queue, monitor, gate)
}

struct RateGateTests {
  @Test func optionsThatCantBeAreAllNamed() throws {
    let error = #expect(throws: MeshError.self) {
      try makeGate(.concurrency(0), .slidingWindow(permits: 1, window: .zero, segments: 99), waiters: -1)
    }
    let message = try #require(error).message
    #expect(
      ["normal permits: 0", "throttled window: 0 ms", "throttled segments: 99", "waiters: -1"].allSatisfy {
        message.contains($0)
      }, "\(message)")
  }

  @Test func aCallWithoutRoomSaysWhenThereWillBe() throws {
    let gate = try makeGate(.tokenBucket(permits: 1, period: .seconds(3_000), burst: 1))
    try gate.acquire()
    let error = #expect(throws: MeshError.self) { try gate.acquire() }
    #expect(try #require(error).status == .busy)
    #expect((2_900_000...3_000_000).contains(try #require(error).retryAfterMilliseconds))
    #expect(status { try gate.acquire(2) } == .argument)
    let full = try makeGate(.concurrency(1))
    try full.acquire()
    #expect(#expect(throws: MeshError.self) { try full.acquire() }?.retryAfterMilliseconds == -1)
  }

  @Test func aPermitThatIsGivenBackWakesWhoWaits() throws {
    let gate = try makeGate(.concurrency(1))
    try gate.acquire()
    let passed = Guarded(false)
    Thread {
      try? gate.acquire(timeout: .seconds(20))
      passed.value = true
    }.start()
    try eventually("it waits") { gate.state.counts.waiting == 1 }
    try gate.giveBack()
    try eventually("it") { passed.value }
    #expect(gate.state.counts.held == 1 && gate.state.counts.admitted == 2)
    #expect(status { try gate.giveBack(2) } == .argument)
  }

  @Test func timeAloneWakesWhoWaits() throws {
    let gate = try makeGate(.tokenBucket(permits: 1, period: .milliseconds(20), burst: 1))
    for _ in 0..<4 { try gate.acquire(timeout: .seconds(20)) }
    let answers = Guarded<[Int]>([])
    for number in 0..<3 { gate.acquire { _ in answers.add(number) } }
    try eventually("they") { answers.value.count == 3 }
    #expect(answers.value == [0, 1, 2])
  }

  @Test func aWaitThatIsOverLeavesNothingBehind() throws {
    let gate = try makeGate(.concurrency(1))
    try gate.acquire()
    #expect(status { try gate.acquire(timeout: .milliseconds(20)) } == .timeout)
    #expect(gate.state.counts.waiting == 0)
    let answer = Guarded<Status?>(nil)
    let waiter = gate.acquire { result in
      if case .failure(let error) = result { answer.value = error.status }
    }
    #expect(gate.cancel(waiter) && !gate.cancel(waiter))
    #expect(answer.value == .cancelled && gate.state.counts.waiting == 0)
    try gate.giveBack()
    try gate.acquire()
  }

  @Test func theLineIsBounded() throws {
    let gate = try makeGate(.concurrency(1), waiters: 2)
    try gate.acquire()
    for _ in 0..<2 { gate.acquire { _ in } }
    #expect(status { try gate.acquire(timeout: .seconds(20)) } == .busy)
  }

  @Test func everyWaitEndsWithTheGate() throws {
    let gate = try makeGate(.concurrency(1))
    try gate.acquire()
    let statuses = Guarded<[Status?]>([])
    for _ in 0..<3 { Thread { statuses.add(status { try gate.acquire(timeout: nil) }) }.start() }
    gate.acquire { result in statuses.add(status { try result.get() }) }
    try eventually("all wait") { gate.state.counts.waiting == 4 }
    gate.close()
    try eventually("it") { statuses.value.count == 4 }
    #expect(statuses.value.allSatisfy { $0 == .closed } && status { try gate.acquire() } == .closed)
    let dropped = Guarded<Status?>(nil)
    var forgotten: RateGate? = try makeGate(.concurrency(1))
    try forgotten?.acquire()
    forgotten?.acquire { result in dropped.value = status { try result.get() } }
    forgotten = nil
    #expect(dropped.value == .closed, "also when its owner lets go of it")
  }

  @Test func aThreadOfTheLibraryMayNotWait() throws {
    let stream = try EventStream(capacity: 16)
    let gate = try makeGate(.concurrency(1))
    let statuses = Guarded<[Status?]>([])
    try stream.startCallbacks(
      call: { _ in
        statuses.add(status { try gate.acquire(timeout: .seconds(1)) })
        statuses.add(status { try gate.acquire() })
      }, drop: {})
    stream.injectUnknown()
    try eventually("it") { statuses.value.count == 2 }
    #expect(statuses.value == [.wouldDeadlock, nil])
    stream.close()
  }

  @Test func manyThreadsNeverPassTheLimitAndAllComeThrough() throws {
    let gate = try makeGate(.concurrency(3), .concurrency(1), waiters: 64)
    let (inside, most, done) = (Guarded(0), Guarded(0), Guarded(0))
    for number in 0..<8 {
      Thread {
        for turn in 0..<200 {
          let permits = (number + turn) % 3 == 0 ? 1 : 1
          guard (try? gate.acquire(permits, timeout: .seconds(30))) != nil else { return }
          inside.update { $0 += permits }
          most.update { [now = inside.value] in $0 = max($0, now) }
          inside.update { $0 -= permits }
          try? gate.giveBack(permits)
        }
        done.update { $0 += 1 }
      }.start()
    }
    try eventually("all", within: 60) { done.value == 8 }
    #expect(most.value <= 3 && gate.state.counts.admitted == 1_600 && gate.state.counts.held == 0)
  }
}

struct GateFollowTests {
  @Test func theLimitIsSwappedWithinTheTurnThatTellsTheSignal() throws {
    let (queue, _, gate) = try makeFollower(.concurrency(10), .concurrency(1))
    #expect(!gate.state.isThrottled && gate.state.version == 1)
    _ = try queue.enqueue(task("a"))
    _ = try queue.enqueue(task("b"))
    #expect(gate.state.isThrottled && gate.state.version == 2)
    let passed = Guarded(0)
    for _ in 0..<3 { gate.acquire { _ in passed.update { $0 += 1 } } }
    #expect(passed.value == 1)
    while try queue.lease() != nil {}
    #expect(!gate.state.isThrottled && passed.value == 3, "who waited went through in that very turn")
  }

  @Test func aGateThatComesLateHearsHowThingsAre() throws {
    let (queue, monitor, _) = try makeFollower(.concurrency(10), .concurrency(1))
    for name in ["a", "b"] { _ = try queue.enqueue(task(name)) }
    let late = try makeGate(.concurrency(10), .concurrency(1))
    try late.follow(monitor, of: queue)
    #expect(late.state.isThrottled)
    late.unfollow()
    #expect(!late.state.isThrottled && late.state.version == 0)
  }

  @Test func withoutItsMonitorItIsAsUsual() throws {
    for end in ["monitor", "close", "drop"] {
      var (queue, monitor, gate): (LeaseQueue?, MonitorID, RateGate) = try makeFollower(
        .concurrency(10), .concurrency(1))
      for name in ["a", "b"] { _ = try queue?.enqueue(task(name)) }
      #expect(gate.state.isThrottled)
      switch end {
      case "monitor": try queue?.removeMonitor(monitor)
      case "close": _ = try queue?.close(.discard)
      default: queue = nil
      }
      #expect(!gate.state.isThrottled, "\(end)")
      if let queue { #expect(status { try gate.follow(monitor, of: queue) } == .closed) }
    }
  }

  @Test func itFollowsTheMonitorThatItWasToldLast() throws {
    let (first, _, gate) = try makeFollower(.concurrency(10), .concurrency(1))
    let (second, monitor, _) = try makeFollower(.concurrency(10), .concurrency(1))
    for name in ["a", "b"] { _ = try second.enqueue(task(name)) }
    try gate.follow(monitor, of: second)
    #expect(gate.state.isThrottled)
    for name in ["a", "b"] { _ = try first.enqueue(task(name)) }
    while try first.lease() != nil {}
    #expect(gate.state.isThrottled, "the first one's signals are nothing to it any more")
    _ = try first.close(.discard)
    #expect(gate.state.isThrottled)
    while try second.lease() != nil {}
    #expect(!gate.state.isThrottled)
  }

  @Test func aQueueIsFollowedByABoundedNumberOfGates() throws {
    let (queue, monitor, first) = try makeFollower(.concurrency(10), .concurrency(1))
    var gates = try (1..<TaskLimits.followersMax).map { _ in try makeGate(.concurrency(1)) }
    for gate in gates { try gate.follow(monitor, of: queue) }
    let late = try makeGate(.concurrency(1))
    #expect(status { try late.follow(monitor, of: queue) } == .busy)
    gates.removeLast()
    try late.follow(monitor, of: queue)
    first.unfollow()
    try first.follow(monitor, of: queue)
  }

  @Test func gatesFollowWhileAllElseHappensAndNothingIsStuck() throws {
    let (queue, monitor, gate) = try makeFollower(
      .concurrency(4), .tokenBucket(permits: 1, period: .milliseconds(1), burst: 1))
    let isOver = Guarded(false)
    let done = Guarded(0)
    Thread {
      while !isOver.value {
        _ = try? queue.enqueue(task("x"))
        if let lease = try? queue.lease() { try? queue.complete(lease.token) }
      }
      done.update { $0 += 1 }
    }.start()
    Thread {
      while !isOver.value {
        try? gate.follow(monitor, of: queue)
        gate.unfollow()
      }
      done.update { $0 += 1 }
    }.start()
    for _ in 0..<3 {
      Thread {
        for _ in 0..<300 where (try? gate.acquire(timeout: .seconds(30))) != nil { try? gate.giveBack() }
        done.update { $0 += 1 }
      }.start()
    }
    try eventually("the callers", within: 60) { done.value == 3 }
    isOver.value = true
    try eventually("the others") { done.value == 5 }
    #expect(gate.state.counts.held == 0 && gate.state.counts.admitted == 900)
  }
}
