import Foundation
import MeshRuntime
import MeshSecurity
import MeshTransport
import Testing

@Suite struct LeaseQueueTests {
  @Test func aTaskGoesThroughAQueueWithoutANode() throws {
    let queue = try makeQueue()
    #expect(try queue.lease() == nil)
    let first = try queue.enqueue(task("a"))
    #expect(first.isNew && first.id.sequence == 1 && first.id.epoch == queue.epoch)
    let lease = try #require(try queue.lease())
    #expect(text(lease) == "a" && lease.token.leaseID != 0)
    #expect(try queue.heartbeat(lease.token) == queue.options.leaseDuration)
    try queue.complete(lease.token)
    #expect(status { try queue.complete(lease.token) } == .leaseInactive)
    #expect(queue.counts.completed == 1 && queue.counts.areConserved)
  }

  @Test func optionsThatCantBeAreAllNamed() throws {
    let error = #expect(throws: MeshError.self) {
      try makeQueue { options in
        options.capacity = 0
        options.heartbeatInterval = .seconds(20)
        options.attemptsMax = 0
      }
    }
    let message = try #require(error).message
    #expect(["capacity", "heartbeat interval", "attempts"].allSatisfy { message.contains($0) }, "\(message)")
  }

  /// The end of a lease may let the next task of its key begin to wait for its time: long before the timer's next turn.
  @Test func aDelayThatBeginsWithACompletionEndsInTime() throws {
    let queue = try makeQueue()
    _ = try queue.enqueue(task("a", key: "k"))
    let lease = try #require(try queue.lease())
    var next = task("b", key: "k")
    next.delay = .milliseconds(50)
    _ = try queue.enqueue(next)
    try queue.complete(lease.token)
    try eventually("it is ready") { queue.counts.delayed == 0 && queue.counts.pending == 1 }
  }

  @Test func aWaitingConsumerGetsTheNextTask() throws {
    let queue = try makeQueue()
    let got = Guarded<String?>(nil)
    let consumer = Thread { got.value = text(try? queue.lease(timeout: .seconds(20))) ?? "none" }
    consumer.start()
    usleep(20_000)
    _ = try queue.enqueue(task("a"))
    try eventually("it") { got.value != nil }
    #expect(got.value == "a")
  }

  @Test func aWaitThatIsOverLeavesNothingBehind() throws {
    let queue = try makeQueue { $0.capacity = 1 }
    #expect(try queue.lease(timeout: .milliseconds(20)) == nil)
    _ = try queue.enqueue(task("a"))
    #expect(status { _ = try queue.enqueue(task("b")) } == .busy)
    #expect(status { _ = try queue.enqueue(task("b"), timeout: .milliseconds(20)) } == .timeout)
    let first = try queue.lease()
    #expect(text(first) == "a" && queue.counts.admitted == 1, "the wait that was given up admits nothing")
  }

  @Test func aWaitingProducerGetsThePlaceThatComesFree() throws {
    let queue = try makeQueue { $0.capacity = 1 }
    _ = try queue.enqueue(task("a"))
    let admitted = Guarded<UInt64?>(nil)
    let producer = Thread { admitted.value = (try? queue.enqueue(task("b"), timeout: nil))?.id.sequence ?? 0 }
    producer.start()
    usleep(20_000)
    try queue.complete(try #require(try queue.lease()).token)
    try eventually("it") { admitted.value != nil }
    #expect(admitted.value == 2)
    #expect(text(try queue.lease()) == "b")
  }

  @Test func aLeaseThatRunsOutWakesAWaitingConsumerWithoutAnyCall() throws {
    let queue = try makeQueue { options in
      options.leaseDuration = .milliseconds(50)
      options.heartbeatInterval = .milliseconds(10)
    }
    _ = try queue.enqueue(task("a"))
    let silent = try #require(try queue.lease())
    let again = try #require(try queue.lease(timeout: .seconds(20)))
    #expect(again.token.attempt == 2)
    #expect(status { try queue.complete(silent.token) } == .leaseInactive)
  }

  @Test func everyWaitEndsWithTheQueue() throws {
    let queue = try makeQueue { $0.capacity = 1 }
    let full = try makeQueue { $0.capacity = 1 }
    _ = try full.enqueue(task("a"))
    let statuses = Guarded<[Status?]>([])
    for _ in 0..<3 {
      Thread { statuses.add(status { _ = try queue.lease(timeout: nil) }) }.start()
      Thread { statuses.add(status { _ = try full.enqueue(task("b"), timeout: nil) }) }.start()
    }
    usleep(50_000)
    #expect(try queue.close(.requeueActive).isEmpty)
    #expect(try full.close(.requeueActive).tasks.count == 1)
    try eventually("it") { statuses.value.count == 6 }
    #expect(statuses.value.allSatisfy { $0 == .closed })
    #expect(status { _ = try queue.enqueue(task("c")) } == .closed)
    #expect(status { _ = try queue.close(.discard) } == .closed)
  }

  @Test func aDrainWaitsForLeasesAndHandsBackTheRest() throws {
    let queue = try makeQueue()
    for name in ["a", "b", "c"] { _ = try queue.enqueue(task(name)) }
    let lease = try #require(try queue.lease())
    Thread {
      usleep(30_000)
      try? queue.complete(lease.token)
    }.start()
    let (snapshot, leased) = try queue.drain(timeout: .seconds(20))
    #expect(snapshot.tasks.map(\.id.sequence) == [2, 3] && leased == 0)
    #expect(status { _ = try queue.enqueue(task("d")) } == .draining)
    try queue.resume()
    #expect(try queue.restore(snapshot) == 2)
    #expect(status { try queue.restore(snapshot) } == .conflict)
    #expect(text(try queue.lease()) == "b")
    #expect(queue.counts.areConserved)
  }

  @Test func aDrainEndsAtItsDeadlineThoughAConsumerNeverAnswers() throws {
    let queue = try makeQueue()
    _ = try queue.enqueue(task("a"))
    let lease = try #require(try queue.lease())
    let (snapshot, leased) = try queue.drain(timeout: .milliseconds(30))
    #expect(snapshot.isEmpty && leased == 1)
    try queue.complete(lease.token)
    let none = try queue.drain(timeout: .zero)
    #expect(none.snapshot.isEmpty && none.leased == 0)
  }

  @Test func waitsWithoutAThreadAreAnsweredOnceAndCanBeCancelled() throws {
    let queue = try makeQueue()
    let results = Guarded<[String]>([])
    let first = queue.lease { results.add(text(try? $0.get()) ?? "none") }
    queue.lease { results.add(text(try? $0.get()) ?? "none") }
    #expect(queue.cancel(first) && !queue.cancel(first))
    _ = try queue.enqueue(task("a"))
    #expect(results.value == ["none", "a"])
  }

  @Test func callsThatADrainAnswersDoNotWaitForIt() throws {
    let queue = try makeQueue { $0.capacity = 1 }
    _ = try queue.enqueue(task("a"))
    let lease = try #require(try queue.lease())
    let (told, isOver) = (Guarded<Status?>(nil), Guarded(false))
    queue.enqueue(task("b")) { result in
      if case .failure(let error) = result { told.value = error.status }
    }
    Thread {
      _ = try? queue.drain(timeout: .seconds(20))
      isOver.value = true
    }.start()
    try eventually("the producer is refused") { told.value == .draining }
    #expect(!isOver.value)
    try queue.complete(lease.token)
    try eventually("the drain is over") { isOver.value }
  }

  @Test func aQueueThatIsLetGoAnswersWhoeverWaits() throws {
    let results = Guarded<[Status?]>([])
    do {
      let queue = try makeQueue()
      queue.lease { result in
        if case .failure(let error) = result { results.add(error.status) }
      }
    }
    #expect(results.value == [.closed])
    let queue = try makeQueue()
    Thread { results.add(status { _ = try queue.lease(timeout: nil) }) }.start()
    usleep(50_000)
    queue.abandon()
    try eventually("the thread is awake") { results.value == [.closed, .closed] }
    #expect(status { _ = try queue.lease(timeout: nil) } == .closed)
  }

  @Test func theEndIsTheLastThatASubscriberHears() throws {
    let queue = try makeQueue()
    var options = BackpressureOptions(highWatermark: 1)
    options.lowWatermark = 0
    options.cooldown = .zero
    _ = try queue.addMonitor(options)
    _ = try queue.enqueue(task("a"))
    let stream = try EventStream(capacity: 64)
    try queue.subscribe(stream, topics: .all)
    _ = try queue.close(.discard)
    #expect(status { _ = try queue.snapshot() } == .closed)
    var events: [TaskEvent] = []
    while let event = try stream.next(timeout: .zero) {
      if case .queue(let told) = event.payload { events.append(told.event) }
    }
    #expect(events.last == .closed && events.count == 3)
  }

  @Test func subscribersHearOfWhatHappensAndOfTheEnd() throws {
    let queue = try makeQueue { $0.attemptsMax = 1 }
    let monitor = try queue.addMonitor(BackpressureOptions(highWatermark: 2))
    let stream = try EventStream(capacity: 64)
    try queue.subscribe(stream, topics: .all)
    _ = try queue.enqueue(task("a"))
    _ = try queue.enqueue(task("b"))
    let lease = try #require(try queue.lease())
    try queue.fail(lease.token, reason: "no such order")
    _ = try queue.close(.discard)
    var events: [TaskEvent] = []
    while let event = try stream.next(timeout: .zero) {
      if case .queue(let told) = event.payload { events.append(told.event) }
    }
    #expect(events.contains(.becameReady) && events.last == .closed)
    #expect(events.contains(.deadLettered(lease.token.id, .failed, attempt: 1)))
    let signals = events.compactMap { event -> BackpressureSignal? in
      if case .backpressure(monitor, let signal) = event { signal } else { nil }
    }
    #expect(signals.last?.version == 2 && signals.last?.isActive == true, "the next one waits for the cooldown")
    #expect(status { try queue.subscribe(stream, topics: .all) } == .closed)
  }

  @Test func aSignalComesAtTheEndOfItsCooldownThoughNothingHappens() throws {
    let queue = try makeQueue()
    var options = BackpressureOptions(highWatermark: 2)
    options.cooldown = .milliseconds(40)
    let monitor = try queue.addMonitor(options)
    for name in ["a", "b"] { _ = try queue.enqueue(task(name)) }
    try eventually("it") { queue.latestSignal(of: monitor)?.isActive == true }
    _ = try queue.lease(atMost: 2)
    try eventually("it") { queue.latestSignal(of: monitor)?.isActive == false }
    let told = try #require(queue.signals(of: monitor, after: 0))
    #expect(told.missed == 0 && told.signals.map(\.isActive) == [false, true, false])
  }

  @Test func manyThreadsLoseNothingAndDoubleNothing() throws {
    let queue = try makeQueue { options in
      options.capacity = 64
      options.attemptsMax = 100
    }
    let (producers, consumers, each) = (4, 4, 500)
    let done = Guarded<[String]>([])
    let failures = Guarded<[String]>([])
    for producer in 0..<producers {
      Thread {
        for number in 0..<each {
          do { _ = try queue.enqueue(task("\(producer)/\(number)"), timeout: .seconds(30)) } catch {
            failures.add("\(error)")
          }
        }
      }.start()
    }
    let ended = Guarded(0)
    for consumer in 0..<consumers {
      Thread {
        var turn = consumer
        while let lease = try? queue.lease(timeout: .seconds(30)) {
          turn += 1
          if turn % 7 == 0 {
            try? queue.fail(lease.token, reason: "again")
          } else if turn % 11 == 0 {
            try? queue.handBack(lease.token)
          } else if status({ try queue.complete(lease.token) }) == nil {
            done.add(text(lease) ?? "")
          }
        }
        ended.update { $0 += 1 }
      }.start()
    }
    try eventually("all are done", within: 60) { done.value.count == producers * each }
    _ = try queue.close(.drain, timeout: .seconds(5))
    try eventually("it") { ended.value == consumers }
    #expect(failures.value.isEmpty && Set(done.value).count == producers * each)
    #expect(queue.counts.areConserved && queue.counts.completed == UInt64(producers * each))
  }
}
