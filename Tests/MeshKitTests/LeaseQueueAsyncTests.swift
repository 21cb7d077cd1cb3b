import MeshKit
import Testing

private func queue(capacity: Int = 10) throws -> LeaseQueue {
  var options = TaskQueueOptions(name: "q")
  options.capacity = capacity
  // An `await` may take as long as the other tests that run.
  options.leaseDuration = .seconds(3_600)
  return try LeaseQueue(options)
}

private func task(_ text: String) -> NewTask { NewTask(TaskBytes(Array(text.utf8))) }

struct LeaseQueueAsyncTests {
  @Test func aConsumerWaitsForATaskAndGetsIt() async throws {
    let queue = try queue()
    async let lease = queue.lease(within: nil)
    _ = try await queue.enqueue(task("work"), within: .zero)
    let leased = try #require(try await lease)
    #expect(leased.payload.bytes == Array("work".utf8))
    try queue.complete(leased.token)
    #expect(queue.counts.completed == 1)
  }

  @Test func whoWaitsInVainIsToldAtTheEndOfTheTime() async throws {
    let queue = try queue(capacity: 1)
    #expect(try await queue.lease(within: .milliseconds(20)) == nil)
    #expect(try await queue.lease(within: .zero) == nil)
    _ = try await queue.enqueue(task("a"), within: nil)
    let error = await #expect(throws: MeshError.self) {
      _ = try await queue.enqueue(task("b"), within: .milliseconds(20))
    }
    #expect(error?.status == .timeout)
    #expect(queue.counts.admitted == 1)
  }

  @Test func aCancelledConsumerLeavesAndTheTaskGoesToAnother() async throws {
    let queue = try queue()
    let waiting = Task { try await queue.lease(within: nil) }
    try await Task.sleep(for: .milliseconds(20))
    waiting.cancel()
    await #expect(throws: CancellationError.self) { _ = try await waiting.value }
    _ = try await queue.enqueue(task("a"), within: .zero)
    #expect(try await queue.lease(within: .zero) != nil)
  }

  /// However a cancellation and a delivery meet, the task is with the consumer or with the queue.
  @Test func noCancellationLosesATask() async throws {
    let queue = try queue()
    var delivered = 0
    for turn in 0..<300 {
      let consumer = Task { try await queue.lease(within: nil) }
      let producer = Task { try await queue.enqueue(task("\(turn)"), within: nil) }
      if turn % 3 != 0 { await Task.yield() }
      consumer.cancel()
      _ = try await producer.value
      var lease = try? await consumer.value
      if lease == nil { lease = try await queue.lease(within: .zero) } else { delivered += 1 }
      try queue.complete(try #require(lease).token)
    }
    #expect(queue.counts.completed == 300 && queue.counts.pending == 0)
    #expect(delivered <= 300)
  }

  @Test func whoWaitsAtAClosedQueueIsTold() async throws {
    let queue = try queue()
    async let lease = queue.lease(within: nil)
    try await Task.sleep(for: .milliseconds(10))
    _ = try queue.close(.discard)
    do {
      _ = try await lease
      Issue.record("a closed queue gave a lease")
    } catch let error as MeshError {
      #expect(error.status == .closed)
    }
  }

  @Test func theSequenceOfEventsEndsWithTheQueue() async throws {
    let queue = try queue()
    var marks = BackpressureOptions(highWatermark: 1)
    // Whatever the machine does meanwhile, that the queue is well again isn't told yet.
    marks.cooldown = .seconds(3_600)
    _ = try queue.addMonitor(marks)
    let events = try queue.events(of: [.ready, .backpressure])
    _ = try await queue.enqueue(task("a"), within: nil)
    _ = try queue.close(.discard)
    var told: [TaskEvent] = []
    for await event in events { told.append(event.event) }
    #expect(told.contains(.becameReady))
    #expect(told.contains { if case .backpressure(_, let signal) = $0 { signal.isActive } else { false } })
    #expect(told.last == .closed)
  }
}
