import MeshKit
import Testing

private func queue(_ tasks: Int = 0) throws -> LeaseQueue {
  let queue = try LeaseQueue(TaskQueueOptions(name: "q"))
  for number in 0..<tasks { _ = try queue.enqueue(NewTask(TaskBytes([UInt8(number)]))) }
  return queue
}

/// Waits for what must come by itself.
private func eventually(_ condition: () -> Bool) async throws {
  for _ in 0..<2_000 where !condition() { try await Task.sleep(for: .milliseconds(5)) }
  #expect(condition())
}

struct RateGateAsyncTests {
  @Test func aPermitThatIsGivenBackLetsTheNextThrough() async throws {
    let gate = try RateGate(RateGateOptions(normal: .concurrency(1)))
    try await gate.acquire(within: .zero)
    async let second: Void = gate.acquire(within: nil)
    try await eventually { gate.state.counts.waiting == 1 }
    try gate.giveBack()
    try await second
    #expect(gate.state.counts.held == 1)
  }

  @Test func whoWaitsInVainIsToldWhy() async throws {
    let gate = try RateGate(RateGateOptions(normal: .concurrency(1)))
    try await gate.acquire(within: nil)
    let late = await #expect(throws: MeshError.self) { try await gate.acquire(within: .milliseconds(20)) }
    #expect(late?.status == .timeout)
    let waiting = Task { try await gate.acquire(within: nil) }
    try await eventually { gate.state.counts.waiting == 1 }
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await waiting.value }
    #expect(gate.state.counts.waiting == 0 && gate.state.counts.held == 1)
  }

  @Test func permitsComeBackHoweverTheWorkEnds() async throws {
    let gate = try RateGate(RateGateOptions(normal: .concurrency(2)))
    let sum = try await gate.withPermits(2, within: nil) { gate.state.counts.held }
    #expect(sum == 2)
    await #expect(throws: CancellationError.self) {
      try await gate.withPermits(within: nil) { throw CancellationError() }
    }
    #expect(gate.state.counts.held == 0)
  }

  /// However a cancellation and an admission meet, no permit is lost.
  @Test func noCancellationLosesAPermit() async throws {
    let gate = try RateGate(RateGateOptions(normal: .concurrency(1)))
    for turn in 0..<300 {
      try await gate.acquire(within: .zero)
      let waiting = Task { try await gate.acquire(within: nil) }
      if turn % 3 != 0 { await Task.yield() }
      waiting.cancel()
      try gate.giveBack()
      if (try? await waiting.value) != nil { try gate.giveBack() }
      #expect(gate.state.counts.held == 0)
    }
  }
}

struct LeasePumpAsyncTests {
  @Test func tasksComeAsASequenceAndItEndsWithThePump() async throws {
    let queue = try queue(5)
    let (pump, leases) = try queue.pump(credit: 2)
    var seen: [UInt8] = []
    for await lease in leases {
      #expect(pump.state.unsettled <= 2)
      seen += lease.payload.bytes
      try pump.complete(lease.token)
      if seen.count == 5 { pump.close() }
    }
    #expect(seen == [0, 1, 2, 3, 4] && queue.counts.completed == 5 && queue.counts.leased == 0)
  }

  @Test func whatTheReaderOfASequenceLeavesGoesBack() async throws {
    let queue = try queue(5)
    var mine: TaskLease?
    do {
      let (_, leases) = try queue.pump(credit: 4)
      for await lease in leases {
        mine = lease
        break
      }
    }
    try await eventually { queue.counts.pending == 4 }
    #expect(queue.counts.leased == 1)
    try queue.complete(try #require(mine).token)
    #expect(queue.counts.areConserved)
  }

  @Test func aCreditThatCannotBeIsRefusedByName() throws {
    for credit in [0, -1, 16_384, Int.max] {
      #expect(throws: MeshError(.argument, "pump: credit: \(credit); allowed is 1 to 16383")) {
        _ = try queue().pump(credit: credit)
      }
    }
    _ = try queue().pump(credit: 16_383)
  }
}
