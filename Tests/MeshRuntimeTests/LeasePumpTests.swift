import Foundation
import MeshRuntime
import MeshThreads
import Testing

/// A pump with its queue and its stream.
private struct Rig {
  let queue: LeaseQueue
  let stream: EventStream
  let pump: LeasePump

  init(
    capacity: Int = 64, _ change: (inout TaskQueueOptions) -> Void = { _ in },
    pump changePump: (inout TaskPumpOptions) -> Void = { _ in }
  ) throws {
    queue = try makeQueue(change)
    stream = try EventStream(capacity: capacity)
    var options = TaskPumpOptions(for: queue.options)
    changePump(&options)
    pump = try LeasePump(queue, to: stream, options, token: 42)
  }

  func enqueue(_ count: Int) throws { for number in 1...count { _ = try queue.enqueue(task("\(number)")) } }

  /// The next task; nil when none comes.
  func next(_ timeout: Duration = .zero) throws -> TaskLease? {
    guard let event = try stream.next(timeout: timeout), case .lease(let pumped) = event.payload else { return nil }
    #expect(event.token == 42 && pumped.queue == "orders" && pumped.lasts == queue.options.leaseDuration)
    return pumped.lease
  }

  /// How the pump ended, which must be the next event.
  func end() throws -> Status? {
    guard let event = try stream.next(timeout: .seconds(20)), case .pumpEnded(let error) = event.payload else {
      return nil
    }
    #expect(event.token == 42)
    return error?.status ?? .ok
  }
}

private func short(_ options: inout TaskQueueOptions) {
  options.leaseDuration = .milliseconds(1_500)
  options.heartbeatInterval = .milliseconds(50)
}

struct LeasePumpTests {
  @Test func itBringsWhatThereIsCreditForAndMoreWhenItIsSettled() throws {
    let rig = try Rig()
    try rig.enqueue(3)
    #expect(rig.queue.counts.leased == 0)
    try rig.pump.grant(2)
    #expect(rig.queue.counts.leased == 2)
    let (first, second) = (try #require(try rig.next()), try #require(try rig.next()))
    #expect(text(first) == "1" && text(second) == "2")
    #expect(try rig.next() == nil)
    try rig.pump.complete(first.token)
    let third = try rig.next()
    #expect(text(third) == "3" && rig.pump.state.unsettled == 2)
    try rig.pump.fail(second.token, reason: "no", .deadLetter)
    _ = try rig.queue.enqueue(task("4"))
    #expect(text(try rig.next()) == "4", "it waited, and the producer's turn brought it")
    #expect(rig.queue.counts.completed == 1 && rig.queue.counts.dead == 1 && rig.queue.counts.areConserved)
  }

  @Test func thoseWhoWaitGetUnreadTasksInTheirOrder() throws {
    let rig = try Rig()
    try rig.enqueue(3)
    try rig.pump.grant(3)
    let got = Guarded<[String?]>([])
    for _ in 0..<2 { rig.queue.lease { got.add(text(try? $0.get())) } }
    #expect(rig.queue.counts.leased == 3 && got.value == [])
    rig.pump.close()
    #expect(got.value == ["1", "2"])
    #expect(text(try rig.queue.lease()) == "3")
  }

  @Test func whatIsHandedBackDoesNotComeAgainByItself() throws {
    let rig = try Rig()
    try rig.enqueue(1)
    try rig.pump.grant(1)
    try rig.pump.handBack(try #require(try rig.next()).token)
    #expect(try rig.next() == nil)
    #expect(rig.queue.counts.pending == 1 && rig.pump.state.credit == 0)
    try rig.pump.grant(1)
    #expect(try rig.next()?.token.attempt == 2)
  }

  @Test func aCallThatMakesNoSenseSettlesNothing() throws {
    let rig = try Rig()
    try rig.enqueue(1)
    try rig.pump.grant(1)
    let lease = try #require(try rig.next())
    #expect(status { try rig.pump.fail(lease.token, reason: "no", .retryAfter(.seconds(-1))) } == .argument)
    #expect(rig.pump.state.unsettled == 1)
    try rig.queue.complete(lease.token)
    #expect(status { try rig.pump.complete(lease.token) } == .leaseInactive)
    #expect(rig.pump.state.unsettled == 0, "whatever the queue says")
  }

  @Test func creditHasItsPlacesOnTheStream() throws {
    // A quarter of 64 places is for completions; one is for the pump's end.
    let rig = try Rig()
    #expect(status { try rig.pump.grant(16) } == .busy)
    try rig.pump.grant(15)
    #expect(status { try rig.pump.grant(1) } == .busy)
    #expect(status { try rig.pump.grant(0) } == .argument && status { try rig.pump.grant(-5) } == .argument)
    try rig.enqueue(40)
    var tokens: [TaskToken] = []
    for _ in 0..<4 {
      while let lease = try rig.next() { tokens.append(lease.token) }
      #expect(rig.pump.state.unsettled <= 15)
      for token in tokens { try rig.pump.complete(token) }
      tokens = []
    }
    #expect(rig.queue.counts.completed == 40)
    rig.pump.close()
    #expect(try rig.end() == .ok)
    // All places are free again.
    let other = try LeasePump(rig.queue, to: rig.stream)
    try other.grant(15)
  }

  @Test func aDeliveryIsSettledThroughItsOwnPumpAndOnce() throws {
    let rig = try Rig()
    try rig.enqueue(1)
    try rig.pump.grant(1)
    let lease = try #require(try rig.next())
    let other = try LeasePump(rig.queue, to: try EventStream(capacity: 64))
    #expect(status { try other.complete(lease.token) } == .leaseInactive)
    #expect(rig.queue.counts.leased == 1 && rig.pump.state.unsettled == 1)
    try rig.pump.complete(lease.token)
    #expect(status { try rig.pump.complete(lease.token) } == .leaseInactive)
    #expect(rig.queue.counts.completed == 1 && rig.pump.state.unsettled == 0)
  }

  /// One thread fills a few thousand places, and leaves the rest to the timer's, which is held up here meanwhile.
  @Test func aGrantOfMoreThanOneThreadFillsIsFilledAllTheSame() throws {
    let queue = try makeQueue { $0.capacity = 10_000 }
    let pump = try LeasePump(queue, to: EventStream(capacity: 65_536))
    for number in 0..<5_000 { _ = try queue.enqueue(task("\(number)")) }
    let other = try makeQueue()
    _ = try other.enqueue(NewTask(TaskBytes([]), delay: .milliseconds(10)))
    let (isHeld, mayGoOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    other.lease { _ in
      isHeld.signal()
      mayGoOn.wait()
    }
    #expect(isHeld.wait(timeout: .now() + 20) == .success)
    try pump.grant(5_000)
    #expect(pump.state.unsettled == 8 * 256)
    mayGoOn.signal()
    try eventually("all are brought") { pump.state.unsettled == 5_000 }
  }

  @Test func leasesAreRenewedWhileTheConsumerHasThemReadOrNot() throws {
    let rig = try Rig(short)
    try rig.enqueue(2)
    try rig.pump.grant(2)
    let read = try #require(try rig.next())
    // For longer than a lease lasts.
    try eventually("they are renewed") { rig.queue.counts.heartbeats >= 70 }
    let unread = try #require(try rig.next())
    try rig.pump.complete(read.token)
    try rig.pump.complete(unread.token)
    #expect(rig.queue.counts.expired == 0)
  }

  @Test func aConsumerThatHangsLosesItsTaskAndHoldsNobodyUp() throws {
    let rig = try Rig(short) { $0.holdMax = $0.leaseDuration }
    try rig.enqueue(3)
    try rig.pump.grant(1)
    let hung = try #require(try rig.next())
    let lively = try LeasePump(rig.queue, to: try EventStream(capacity: 64))
    try lively.grant(3)
    try eventually("the lively one has all") { lively.state.unsettled == 3 }
    #expect(rig.pump.state.unsettled == 1 && rig.queue.counts.expired >= 1)
    #expect([.leaseInactive, .leaseExpired].contains(status { try rig.pump.complete(hung.token) }))
  }

  @Test func theEndHandsBackWhatIsUnreadUncharged() throws {
    let rig = try Rig { $0.attemptsMax = 1 }
    try rig.enqueue(3)
    try rig.pump.grant(3)
    let mine = try #require(try rig.next())
    rig.pump.close()
    rig.pump.close()
    #expect(try rig.end() == .ok)
    #expect(try rig.stream.next(timeout: .zero) == nil, "what was unread is gone, and the end is the last")
    #expect(rig.queue.counts.pending == 2 && rig.queue.counts.leased == 1)
    try rig.pump.complete(mine.token)
    #expect(status { try rig.pump.grant(1) } == .closed)
    let again = try rig.queue.lease(atMost: 3)
    #expect(again.map { text($0) } == ["2", "3"], "in their old order, though one attempt is all that they have")
    #expect(rig.queue.counts.areConserved)
  }

  @Test func aPumpThatIsLetGoOfHandsBackAndWaitsNoMore() throws {
    let queue = try makeQueue()
    let stream = try EventStream(capacity: 64)
    var pump: LeasePump? = try LeasePump(queue, to: stream)
    try pump?.grant(2)
    _ = try queue.enqueue(task("a"))
    #expect(queue.counts.leased == 1)
    pump = nil
    #expect(queue.counts.leased == 0 && queue.counts.pending == 1)
    _ = try queue.enqueue(task("b"))
    #expect(queue.counts.pending == 2, "it waits for no task any more")
  }

  @Test func aStreamThatIsClosedEndsThePump() throws {
    let rig = try Rig()
    try rig.enqueue(2)
    try rig.pump.grant(2)
    let mine = try #require(try rig.next())
    rig.stream.close()
    #expect(!rig.pump.state.isOpen && rig.queue.counts.pending == 1 && rig.queue.counts.leased == 1)
    try rig.pump.complete(mine.token)
    #expect(status { _ = try LeasePump(rig.queue, to: rig.stream) } == .closed)
  }

  @Test func aStreamThatIsClosedEndsAllItsPumpsThoughOneHandsBackWhatAnotherWaitsFor() throws {
    let rig = try Rig()
    let second = try LeasePump(rig.queue, to: rig.stream)
    try rig.pump.grant(4)
    try second.grant(4)
    try rig.enqueue(6)
    rig.stream.close()
    #expect(rig.queue.counts.pending == 6 && rig.queue.counts.leased == 0)
    #expect(!rig.pump.state.isOpen && !second.state.isOpen)
  }

  @Test func aDrainGetsWhatIsUnreadAtOnceAndAResumeGoesOn() throws {
    let rig = try Rig()
    try rig.enqueue(3)
    try rig.pump.grant(2)
    let mine = try #require(try rig.next())
    Thread {
      usleep(50_000)
      try? rig.pump.complete(mine.token)
    }.start()
    let (snapshot, leased) = try rig.queue.drain(timeout: .seconds(20))
    #expect(snapshot.tasks.count == 2 && leased == 0)
    #expect(try rig.stream.next(timeout: .zero) == nil && rig.pump.state.unsettled == 0)
    try rig.queue.resume()
    try rig.queue.restore(snapshot)
    #expect(text(try rig.next()) == "2", "the credit is still good")
    #expect(rig.queue.counts.areConserved)
  }

  @Test func theEndOfTheQueueIsTheEndOfThePump() throws {
    for credit in [0, 2] {
      let rig = try Rig()
      try rig.enqueue(1)
      if credit > 0 { try rig.pump.grant(credit) }
      let snapshot = try rig.queue.close(.requeueActive)
      #expect(snapshot.tasks.count == 1)
      #expect(try rig.end() == .closed)
      #expect(try rig.stream.next(timeout: .zero) == nil && !rig.pump.state.isOpen)
      #expect(status { _ = try LeasePump(rig.queue, to: rig.stream) } == .closed)
    }
  }

  @Test func anAbandonedQueueEndsItsPump() throws {
    for credit in [0, 1] {
      let rig = try Rig()
      if credit > 0 { try rig.pump.grant(credit) }
      rig.queue.abandon()
      #expect(try rig.end() == .closed)
    }
  }

  @Test func aQueueHasABoundedNumberOfPumps() throws {
    let queue = try makeQueue()
    let stream = try EventStream(capacity: 1_024)
    var pumps = try (0..<TaskLimits.pumpsMax).map { _ in try LeasePump(queue, to: stream) }
    #expect(status { _ = try LeasePump(queue, to: stream) } == .busy)
    pumps.removeLast().close()
    _ = try LeasePump(queue, to: stream)
    #expect(
      status {
        _ = try LeasePump(
          queue, to: EventStream(capacity: 16),
          { options in
            var options = options
            options.holdMax = .zero
            return options
          }(TaskPumpOptions(for: queue.options)))
      } == .argument)
  }

  @Test func creditSurvivesAQueueWhoseLineIsFull() throws {
    let queue = try makeQueue()
    let waiters = (0..<TaskLimits.waitersMax).map { _ in queue.lease { _ in } }
    let stream = try EventStream(capacity: 64)
    let pump = try LeasePump(queue, to: stream)
    try pump.grant(1)
    for waiter in waiters { queue.cancel(waiter) }
    _ = try queue.enqueue(task("a"))
    try eventually("it tries again") { pump.state.unsettled == 1 }
  }
}

struct PumpStormTests {
  /// Consumers that come and go, hang, fail and hand back, on pumps of one queue, while it is drained and resumed; in
  /// the end each task is done once or dead.
  @Test func everyTaskIsAccountedForWhateverConsumersDo() throws {
    let queue = try makeQueue { options in
      options.capacity = 10_000
      options.attemptsMax = 1_000
      options.leaseDuration = .milliseconds(300)
      options.heartbeatInterval = .milliseconds(50)
    }
    let total = 3_000
    let (done, ended, isOver) = (Guarded<[UInt64: Int]>([:]), Guarded(0), Guarded(false))
    for consumer in 0..<4 {
      Thread {
        var random = SeededRandom(seed: UInt64(consumer))
        while !isOver.value { try? play(queue, &random, done, isOver) }
        ended.update { $0 += 1 }
      }.start()
    }
    Thread {
      for number in 0..<total {
        while (try? queue.enqueue(task("\(number)"), timeout: .seconds(1))) == nil {}
        if number % 500 == 250, let drained = try? queue.drain(timeout: .milliseconds(20)) {
          try? queue.resume()
          if !drained.snapshot.isEmpty { _ = try? queue.restore(drained.snapshot) }
        }
      }
    }.start()
    try eventually("all are done", within: 90) { done.value.count == total }
    isOver.value = true
    try eventually("the consumers end", within: 30) { ended.value == 4 }
    #expect(done.value.values.allSatisfy { $0 == 1 })
    let counts = queue.counts
    #expect(counts.areConserved && counts.leased == 0 && counts.pending == 0 && counts.completed == UInt64(total))
  }

  /// One life of a consumer.
  private func play(
    _ queue: LeaseQueue, _ random: inout SeededRandom, _ done: Guarded<[UInt64: Int]>, _ isOver: Guarded<Bool>
  ) throws {
    let stream = try EventStream(capacity: 64)
    let pump = try LeasePump(queue, to: stream)
    try pump.grant(Int(random.below(8)) + 1)
    for _ in 0..<random.below(400) where !isOver.value {
      guard let event = try stream.next(timeout: .milliseconds(20)), case .lease(let pumped) = event.payload else {
        continue
      }
      let token = pumped.lease.token
      switch random.below(20) {
      case 0: try? pump.fail(token, reason: "at random")
      case 1:
        try? pump.handBack(token)
        try pump.grant(1)
      default:
        guard (try? pump.complete(token)) != nil else { continue }
        done.update { $0[token.id.sequence, default: 0] += 1 }
      }
    }
    switch random.below(3) {
    case 0: pump.close()
    case 1: stream.close()
    default: break
    }
  }
}
