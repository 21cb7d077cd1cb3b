import MeshBasics
import MeshTasks

/// How often what happened, so that a campaign can tell what it never tried.
struct QueueTally: Equatable, Sendable {
  enum Count: Int, CaseIterable, Sendable {
    case admitted, known, full, leased, extended, completed, failed, handedBack, leaseInactive, leaseExpired, expired
    case deadLettered, deadLettersFull, redriven, purged, signalled, drained, lives, restoredTwice, jumped, jumpedBack
    case gaveUp, lostAnswer, waited, discarded
  }

  private var counts = Array(repeating: 0, count: Count.allCases.count)

  mutating func add(_ count: Count) { counts[count.rawValue] += 1 }

  mutating func add(_ other: QueueTally) { for index in counts.indices { counts[index] += other.counts[index] } }

  mutating func note(_ event: TaskEvent) {
    switch event {
    case .leaseExpired: add(.expired)
    case .deadLettered: add(.deadLettered)
    case .deadLettersFull: add(.deadLettersFull)
    case .backpressure: add(.signalled)
    case .drained: add(.drained)
    case .becameReady, .closed: break
    }
  }

  mutating func note(_ input: TaskQueueInput, _ answer: TaskQueueAnswer) {
    switch (input, answer) {
    case (_, .admitted(_, let isNew)): add(isNew ? .admitted : .known)
    case (_, .leased): add(.leased)
    case (_, .extended): add(.extended)
    case (_, .waiting): add(.waited)
    case (.complete, .done): add(.completed)
    case (.fail, .done): add(.failed)
    case (.handBack, .done): add(.handedBack)
    case (.redrive, .done): add(.redriven)
    case (.purge, .done): add(.purged)
    case (.close(.discard, _, _), _): add(.discarded)
    case (_, .refused(.full)): add(.full)
    case (_, .refused(.leaseInactive)): add(.leaseInactive)
    case (_, .refused(.leaseExpired)): add(.leaseExpired)
    default: break
    }
  }

  /// All by name; 0 for what never happened.
  var entries: [(name: String, count: Int)] { Count.allCases.map { ("\($0)", counts[$0.rawValue]) } }
  /// The names of what never happened.
  var unhit: [String] { entries.filter { $0.count == 0 }.map(\.name) }
}

/// How one run ended.
struct QueueResult {
  let seed: UInt64
  /// Over all that the queue was asked, and what came of it.
  let hash: UInt64
  /// The first check that failed.
  let problem: String?
  /// Turns of the queue.
  let steps: Int
  /// Tasks that were admitted.
  let tasks: Int
  let lasted: Duration
  let tally: QueueTally
}

/// Inputs and answers for people.
enum QueueWords {
  static func of(_ input: TaskQueueInput) -> String {
    switch input {
    case .enqueue(let task, let waiter): "enqueue item \(QueueItem.number(of: task.payload))\(of(waiter))"
    case .lease(_, let waiter): "lease\(of(waiter))"
    case .heartbeat(let token): "heartbeat of \(of(token))"
    case .complete(let token): "complete \(of(token))"
    case .fail(let token, _, let way): "fail \(of(token)), \(way)"
    case .handBack(let token): "hand back \(of(token))"
    case .handBackAll(let tokens): "hand back \(tokens.map(of).joined(separator: "; "))"
    case .restore(let snapshot): "restore \(snapshot.tasks.count) tasks and \(snapshot.dead.count) dead"
    default: "\(input)"
    }
  }

  static func of(_ answer: TaskQueueAnswer) -> String {
    switch answer {
    case .leased(let lease): "\(of(lease.token))"
    case .admitted(let id, let isNew): "\(id.words)\(isNew ? "" : ", as before")"
    case .handedBack(let snapshot, let leased):
      "\(snapshot.tasks.count) tasks and \(snapshot.dead.count) dead, \(leased) leased"
    default: "\(answer)"
    }
  }

  private static func of(_ token: TaskToken) -> String { "\(token.id.words), delivery \(token.attempt)" }
  private static func of(_ waiter: WaiterID?) -> String { waiter.map { ", call \($0)" } ?? "" }
}
