import MeshBasics
import MeshTasks

/// What must hold, whatever happens: kept by what the queue was asked and what it answered, and by nothing else.
struct QueueLedger {
  private enum Place: Equatable {
    case queued
    case held(TaskToken, until: Instant)
    case dead
    case completed
    /// Purged, or discarded.
    case gone
    /// In a snapshot.
    case outside
  }

  private struct Entry {
    let item: Int
    let key: String
    var place = Place.queued
    /// The number of the last delivery.
    var attempt: UInt32 = 0
    /// Redriven: its place among those of its key is gone.
    var isLate = false
  }

  private var entries = OrderedMap<TaskID, Entry>()
  /// Which task each request has become in this life.
  private var requests = OrderedMap<String, TaskID>()
  private var versions = OrderedMap<MonitorID, UInt64>()
  private let capacity: Int
  /// The latest that the queue's clock has shown: it never goes back.
  private(set) var time = Instant.origin
  private var held = 0
  private var dead = 0
  /// Tasks that the queue holds and is to deliver.
  private(set) var alive = 0
  /// The first thing that was wrong.
  private(set) var problem: String?

  init(capacity: Int) { self.capacity = capacity }

  /// Tasks that were ever admitted.
  var count: Int { entries.count }

  mutating func fail(_ checker: String, _ what: String) { if problem == nil { problem = "\(checker): \(what)" } }

  /// Whether an answer gives what was asked for.
  func served(_ answer: TaskQueueAnswer) -> Bool {
    switch answer {
    case .leased: true
    case .admitted(_, let isNew): isNew
    default: false
    }
  }

  // MARK: One turn

  /// What one turn did. What was due came first, then the answer, then what followed from it.
  mutating func note(
    _ input: TaskQueueInput, _ answer: TaskQueueAnswer, _ wakes: [(asked: TaskQueueInput?, answer: TaskQueueAnswer)],
    _ events: [TaskEvent], at clock: Instant
  ) {
    time = max(time, clock)
    for case (.enqueue(let task, _)?, .admitted(let id, let isNew)) in wakes { admitted(task, id, isNew) }
    for case .leaseExpired(let token) in events { expired(token) }
    var late: [TaskID] = []
    for case .deadLettered(let id, let cause, _) in events {
      if cause == .expired, entries[id]?.place == .queued { die(id) } else { late.append(id) }
    }
    // After a close nothing is granted: what was, was due before it.
    let grants = wakes.compactMap { if case .leased(let lease) = $0.answer { lease } else { nil } }
    let isClose = if case .close = input { true } else { false }
    if isClose { for lease in grants { granted(lease) } }
    noteAnswer(input, answer)
    for id in late { die(id) }
    if !isClose { for lease in grants { granted(lease) } }
    for case (_, .handedBack(let snapshot, _)) in wakes {
      handedBack(snapshot, isClosed: events.contains(.closed))
    }
    for case .backpressure(let monitor, let signal) in events { told(monitor, signal) }
  }

  private mutating func noteAnswer(_ input: TaskQueueInput, _ answer: TaskQueueAnswer) {
    switch (input, answer) {
    case (.enqueue(let task, _), .admitted(let id, let isNew)): admitted(task, id, isNew)
    case (.lease, .leased(let lease)): granted(lease)
    case (.heartbeat(let token), .extended(let until)): end(token) { $0 = .held(token, until: until) }
    case (.complete(let token), .done): end(token) { $0 = .completed }
    case (.fail(let token, _, _), .done), (.handBack(let token), .done): end(token) { $0 = .queued }
    case (.heartbeat(let token), .refused), (.complete(let token), .refused), (.fail(let token, _, _), .refused),
      (.handBack(let token), .refused):
      refused(token)
    case (.handBackAll(let tokens), .done): for token in tokens { handedBackIfGood(token) }
    case (.redrive(let id), .done):
      move(id) { $0 = .queued }
      _ = entries.modify(id) { $0.isLate = true }
    case (.purge(let id), .done): move(id) { $0 = .gone }
    case (.restore(let snapshot), .restored):
      restored(snapshot)
      remember(snapshot)
    case (.close, .handedBack(let snapshot, _)): handedBack(snapshot, isClosed: true)
    default: break
    }
  }

  // MARK: Tasks

  private mutating func admitted(_ task: NewTask, _ id: TaskID, _ isNew: Bool) {
    let request = task.details?.requestID ?? ""
    if !isNew {
      if requests[request] != id { fail("requests", "request \(request) is told another task, \(id.words)") }
      return
    }
    if entries[id] != nil { return fail("ids", "\(id.words) was given twice") }
    if !request.isEmpty {
      if let known = requests[request] { fail("requests", "\(request) is \(known.words) and \(id.words)") }
      requests[request] = id
    }
    entries[id] = Entry(item: QueueItem.number(of: task.payload), key: task.details?.key ?? "")
    alive += 1
  }

  private mutating func granted(_ lease: TaskLease) {
    let id = lease.token.id
    guard let entry = entries[id] else { return fail("ids", "\(id.words) was never admitted") }
    guard entry.place == .queued else { return fail("deliveries", "\(id.words) is delivered, and is \(entry.place)") }
    if lease.token.attempt <= entry.attempt {
      fail("attempts", "delivery \(lease.token.attempt) of \(id.words) after number \(entry.attempt)")
    }
    if QueueItem.number(of: lease.payload) != entry.item { fail("payloads", "\(id.words) has another's payload") }
    if lease.expiresAt <= time { fail("leases", "a lease of \(id.words) that is over at once") }
    if !entry.key.isEmpty { checkOrder(id, entry) }
    move(id) { $0 = .held(lease.token, until: lease.expiresAt) }
    _ = entries.modify(id) { $0.attempt = lease.token.attempt }
  }

  /// Tasks of one key come one after the other, in the order of their admission.
  private mutating func checkOrder(_ id: TaskID, _ entry: Entry) {
    for (other, its) in entries where its.key == entry.key && other != id {
      if case .held = its.place {
        fail("keys", "\(id.words) and \(other.words) are at consumers, both of \(entry.key)")
      }
      if its.place == .queued, other < id, !its.isLate, !entry.isLate {
        fail("keys", "\(id.words) is delivered before \(other.words), both of \(entry.key)")
      }
    }
  }

  /// A call that was entitled to end a lease, or to extend it.
  private mutating func end(_ token: TaskToken, _ change: (inout Place) -> Void) {
    guard case .held(token, let until)? = entries[token.id]?.place else {
      return fail("tokens", "a token of \(token.id.words) was taken that holds nothing")
    }
    if time >= until { fail("tokens", "a token of \(token.id.words) was taken after its time") }
    move(token.id, change)
  }

  /// Of many tokens those that entitle to nothing are passed over.
  private mutating func handedBackIfGood(_ token: TaskToken) {
    guard case .held(token, let until)? = entries[token.id]?.place, time < until else { return }
    move(token.id) { $0 = .queued }
  }

  private mutating func refused(_ token: TaskToken) {
    guard case .held(token, let until)? = entries[token.id]?.place, time < until else { return }
    fail("tokens", "a good token of \(token.id.words) was refused")
  }

  private mutating func expired(_ token: TaskToken) {
    guard case .held(token, let until)? = entries[token.id]?.place else {
      return fail("expiries", "a lease of \(token.id.words) expired that was over")
    }
    if time < until { fail("expiries", "a lease of \(token.id.words) expired before its time") }
    move(token.id) { $0 = .queued }
  }

  private mutating func die(_ id: TaskID) {
    if entries[id]?.place != .queued { fail("dead letters", "\(id.words) died, and wasn't in the queue") }
    move(id) { $0 = .dead }
  }

  private mutating func move(_ id: TaskID, _ change: (inout Place) -> Void) {
    guard var place = entries[id]?.place else { return fail("ids", "\(id.words) was never admitted") }
    count(place, -1)
    change(&place)
    count(place, 1)
    _ = entries.modify(id) { $0.place = place }
  }

  private mutating func count(_ place: Place, _ step: Int) {
    switch place {
    case .queued: alive += step
    case .held: (alive, held) = (alive + step, held + step)
    case .dead: dead += step
    case .completed, .gone, .outside: break
    }
  }

  // MARK: Lives

  private mutating func handedBack(_ snapshot: TaskSnapshot, isClosed: Bool) {
    for id in snapshot.tasks.map(\.id) + snapshot.dead.map(\.id) {
      switch entries[id]?.place {
      case .queued, .held, .dead: move(id) { $0 = .outside }
      default: fail("snapshots", "\(id.words) is handed back, and wasn't there")
      }
    }
    // What a closed queue neither holds nor hands back was discarded.
    if isClosed {
      for (id, entry) in entries {
        switch entry.place {
        case .queued, .held, .dead: move(id) { $0 = .gone }
        default: break
        }
      }
    }
  }

  private mutating func restored(_ snapshot: TaskSnapshot) {
    for (id, place) in snapshot.tasks.map({ ($0.id, Place.queued) }) + snapshot.dead.map({ ($0.id, Place.dead) }) {
      switch entries[id]?.place {
      case .outside: move(id) { $0 = place }
      case .queued, .held, .dead: break
      default: fail("lives", "\(id.words) comes back, and had ended")
      }
    }
  }

  /// Another life of the queue begins, which remembers no requests but those of what it is given.
  mutating func beginLife() {
    requests = OrderedMap()
    versions = OrderedMap()
    time = .origin
  }

  /// The request of a task that is restored is that task's.
  private mutating func remember(_ snapshot: TaskSnapshot) {
    for (id, task) in snapshot.tasks.map({ ($0.id, $0.task) }) + snapshot.dead.map({ ($0.id, $0.task) }) {
      if let request = task.details?.requestID, !request.isEmpty, requests[request] == nil { requests[request] = id }
    }
  }

  // MARK: Counts, signals, the end

  /// The queue's own counts are those of the ledger, and add up.
  mutating func compare(_ counts: TaskCounts) {
    let own = counts.pending + counts.delayed + counts.leased
    if !counts.areConserved { fail("conservation", "\(counts)") }
    if own != alive || counts.leased != held || counts.dead != dead {
      fail(
        "conservation",
        "the queue counts \(own) tasks, \(counts.leased) leased and \(counts.dead) dead, and has told of \(alive), "
          + "\(held) and \(dead)")
    }
    if own > capacity { fail("capacity", "\(own) tasks, of \(capacity) at most") }
  }

  private mutating func told(_ monitor: MonitorID, _ signal: BackpressureSignal) {
    if signal.version != (versions[monitor] ?? 1) + 1 {
      fail("signals", "monitor \(monitor) tells version \(signal.version) after \(versions[monitor] ?? 1)")
    }
    versions[monitor] = signal.version
  }

  /// In the end every task has ended.
  mutating func examine() {
    for (id, entry) in entries where entry.place != .completed && entry.place != .gone {
      fail("conservation", "\(id.words) is \(entry.place) in the end")
    }
  }
}

extension TaskID {
  var words: String { "task \(epoch)/\(sequence)" }
}
