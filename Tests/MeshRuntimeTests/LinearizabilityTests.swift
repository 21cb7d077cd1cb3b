import Foundation
import MeshRuntime
import MeshThreads
import Synchronization
import Testing

/// The shell under real threads: whatever they do at once, it answers as a queue that does one thing at a time. Many
/// short rounds, each a queue of its own, with random calls on each thread, waits among them; a round ends with what
/// the queue hands back at its close, so that a task that went astray is missed.
///
/// Tried by hand against shells that were spoiled: one that forgets to wake a consumer to whom the room gave a task
/// fails in the third round (the wait came to nothing, and the task comes back from the close as delivered), and one
/// that gives a lease out a second time now and then in the tenth. Who makes brief turns while a consumer waits is
/// found by `ModelTests`.
@Suite struct LinearizabilityTests {
  private static let threads = 4
  private static let callsEach = 7
  private static let capacity = 3

  @Test func theShellDoesOneThingAtATime() throws {
    let rounds = ProcessInfo.processInfo.environment["MESHKIT_LINEAR_ROUNDS"].flatMap { UInt64($0) } ?? 300
    for seed in 1...rounds {
      let round = Round(seed: seed)
      let history = try round.play(threads: Self.threads, callsEach: Self.callsEach, capacity: Self.capacity)
      guard history.isLinearizable(from: QueueSpecification(capacity: Self.capacity)) else {
        Issue.record("round \(seed) is not linearizable:\n\(history.text)")
        return
      }
    }
  }

  @Test func theCheckerKnowsWhatNoQueueDoes() {
    typealias Entry = QueueHistory.Entry
    let first = QueueSpecification.Delivery(sequence: 1, attempt: 1)
    let admitted = Entry(thread: 0, call: .enqueue(waits: false), outcome: .admitted(1), begin: 1, end: 2)
    let leased = Entry(thread: 1, call: .lease(waits: true), outcome: .leased(first), begin: 0, end: 4)
    let nothing = Entry(thread: 1, call: .lease(waits: true), outcome: .nothing, begin: 3, end: 4)
    let again = Entry(thread: 2, call: .lease(waits: false), outcome: .leased(first), begin: 0, end: 5)
    func isFine(_ entries: Entry...) -> Bool {
      QueueHistory(entries: entries).isLinearizable(from: QueueSpecification(capacity: 1))
    }
    #expect(isFine(admitted, leased))
    #expect(!isFine(leased, again, admitted), "two consumers with one delivery")
    #expect(!isFine(admitted, nothing), "a task was there all the time")
    #expect(isFine(admitted, leased, nothing))
    #expect(!isFine(leased), "a task out of nothing")
  }
}

/// One queue, and threads that ask it at random.
private final class Round: Sendable {
  private typealias Delivery = QueueSpecification.Delivery
  private let seed: UInt64
  private let ticks = Atomic<Int>(0)
  private let isBegun = Atomic<Bool>(false)
  private let left = Atomic<Int>(0)
  private let shared = Shared()

  /// What the threads leave for each other.
  private final class Shared: @unchecked Sendable {
    let lock = Lock()
    var tokens: [TaskToken] = []
    var entries: [QueueHistory.Entry] = []
  }

  init(seed: UInt64) { self.seed = seed }

  func play(threads: Int, callsEach: Int, capacity: Int) throws -> QueueHistory {
    var options = TaskQueueOptions(name: "orders")
    options.capacity = capacity
    options.attemptsMax = 1_000
    options.retry.first = .zero
    let queue = try LeaseQueue(options)
    left.store(threads, ordering: .sequentiallyConsistent)
    for number in 0..<threads {
      Thread { [self] in
        var random = SeededRandom(seed: seed << 8 | UInt64(number))
        while !isBegun.load(ordering: .sequentiallyConsistent) {}
        for _ in 0..<callsEach { makeCall(queue, number, &random) }
        left.subtract(1, ordering: .sequentiallyConsistent)
      }.start()
    }
    isBegun.store(true, ordering: .sequentiallyConsistent)
    while left.load(ordering: .sequentiallyConsistent) > 0 { usleep(100) }
    note(threads, .close) { try .handedBack(deliveries(queue.close(.requeueActive))) }
    return QueueHistory(entries: shared.entries)
  }

  private func makeCall(_ queue: LeaseQueue, _ thread: Int, _ random: inout SeededRandom) {
    let wait: Duration = random.pick(2) == 0 ? .zero : .milliseconds(1)
    switch random.pick(40) {
    case 0..<15:
      note(thread, .enqueue(waits: wait > .zero)) {
        .admitted(try queue.enqueue(NewTask(TaskBytes([1])), timeout: wait).id.sequence)
      }
    case 15..<28:
      note(thread, .lease(waits: wait > .zero)) {
        guard let lease = try queue.lease(timeout: wait) else { return .nothing }
        shared.lock.locked { shared.tokens.append(lease.token) }
        return .leased(Delivery(lease.token))
      }
    case 28..<38: endLease(queue, thread, &random)
    case 38 where random.pick(3) == 0:
      note(thread, .drain) { .handedBack(deliveries(try queue.drain(timeout: .zero).snapshot)) }
    default: note(thread, .resume, done: { try queue.resume() })
    }
  }

  /// With a token that any of the threads was given, whoever has used it since.
  private func endLease(_ queue: LeaseQueue, _ thread: Int, _ random: inout SeededRandom) {
    let found = shared.lock.locked {
      shared.tokens.isEmpty ? nil : shared.tokens[random.pick(shared.tokens.count)]
    }
    guard let token = found else { return }
    switch random.pick(6) {
    case 0, 1, 2: note(thread, .complete(Delivery(token)), done: { try queue.complete(token) })
    case 3: note(thread, .fail(Delivery(token)), done: { try queue.fail(token, reason: "no") })
    case 4: note(thread, .handBack(Delivery(token)), done: { try queue.handBack(token) })
    default: note(thread, .heartbeat(Delivery(token)), done: { _ = try queue.heartbeat(token) })
    }
  }

  private func note(_ thread: Int, _ call: QueueSpecification.Call, done: () throws -> Void) {
    note(thread, call) {
      try done()
      return .done
    }
  }

  private func note(
    _ thread: Int, _ call: QueueSpecification.Call, _ make: () throws -> QueueSpecification.Outcome
  ) {
    let begin = ticks.add(1, ordering: .sequentiallyConsistent).newValue
    let outcome: QueueSpecification.Outcome
    do {
      outcome = try make()
    } catch {
      outcome = Round.outcome((error as? MeshError)?.status)
    }
    let end = ticks.add(1, ordering: .sequentiallyConsistent).newValue
    shared.lock.locked {
      shared.entries.append(.init(thread: thread, call: call, outcome: outcome, begin: begin, end: end))
    }
  }

  private static func outcome(_ status: Status?) -> QueueSpecification.Outcome {
    switch status {
    case .busy, .timeout: .nothing
    case .draining: .draining
    case .closed: .closed
    case .leaseInactive: .inactive
    default: .notDraining
    }
  }

  private func deliveries(_ snapshot: TaskSnapshot) -> [Delivery] {
    snapshot.tasks.map { Delivery(sequence: $0.id.sequence, attempt: $0.attempt) }
  }
}

extension QueueSpecification.Delivery {
  fileprivate init(_ token: TaskToken) { self.init(sequence: token.id.sequence, attempt: token.attempt) }
}

extension SeededRandom {
  fileprivate mutating func pick(_ count: Int) -> Int { Int(below(UInt64(count))) }
}
