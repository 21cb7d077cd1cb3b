import MeshBasics

@testable import MeshTasks

/// What a lease queue is, as plainly as it can be written: arrays, searches from end to end, nothing kept that can be
/// found by looking. It shares the types of inputs and answers with the room, and nothing of its code.
struct QueueModel {
  enum State { case ready, held, delayed, leased }

  enum Phase {
    case open
    case draining(WaiterID, Instant, closes: Bool)
    case drained
    case closed
  }

  struct Item {
    let id: TaskID
    var task: NewTask
    let admittedAt: Instant
    var attempt: UInt32
    var charges: Int
    var state = State.ready
    /// Ready since; delayed, leased until; held until at least.
    var at: Instant
    var leaseID: UInt64 = 0
  }

  let options: TaskQueueOptions
  let epoch: UInt64
  var now = Instant.origin
  var phase = Phase.open
  var items: [Item] = []
  /// In the order in which they became so.
  var ready: [TaskID] = []
  /// In the order of grants and heartbeats.
  var leased: [TaskID] = []
  /// The tasks of each key; the first holds it.
  var keys: [[TaskID]] = []
  var dead: [DeadLetter] = []
  var requests: [(name: String, id: TaskID)] = []
  var lessees: [(waiter: WaiterID, leaseID: UInt64)] = []
  var producers: [(waiter: WaiterID, task: NewTask)] = []
  /// Tasks of other lives that were ever taken in.
  var strangers: [TaskID] = []
  var returned: [(id: TaskID, attempt: UInt32)] = []
  var monitors: [MonitorModel] = []
  var lastMonitor: MonitorID = 0
  var lastSequence: UInt64 = 0
  /// What happened; what is held is counted when asked.
  var tally = TaskCounts()
  var wakes: [(waiter: WaiterID, answer: TaskQueueAnswer)] = []
  var events: [TaskEvent] = []

  init(_ options: TaskQueueOptions, epoch: UInt64) { (self.options, self.epoch) = (options, epoch) }

  // MARK: What it holds

  func count(_ state: State) -> Int { items.count { $0.state == state } }
  var pending: Int { count(.ready) + count(.held) }
  var places: Int { items.count + max(0, dead.count - options.deadLettersMax) }
  var isFull: Bool { places >= options.capacity }
  var deadHavePlaces: Bool { dead.count <= options.deadLettersMax }
  var oldest: Instant? { items.filter { $0.state == .ready }.map(\.at).min() }

  var isOpen: Bool {
    if case .open = phase { true } else { false }
  }
  var isClosing: Bool {
    if case .draining(_, _, let closes) = phase { closes } else { false }
  }
  var shut: TaskRefusal {
    if case .closed = phase { return .closed }
    return isClosing ? .closed : .draining
  }

  var counts: TaskCounts {
    var counts = tally
    (counts.pending, counts.delayed, counts.leased) = (pending, count(.delayed), count(.leased))
    counts.dead = dead.count
    return counts
  }

  var nextDeadline: Instant? {
    var all = items.filter { $0.state == .leased || $0.state == .delayed }.map(\.at)
    all += monitors.compactMap { $0.next(oldest) }
    if case .draining(_, let deadline, _) = phase { all.append(deadline) }
    return all.min()
  }

  func index(_ id: TaskID) -> Int? { items.firstIndex { $0.id == id } }

  var snapshot: TaskSnapshot {
    TaskSnapshot(
      queue: options.name, epoch: epoch, tasks: items.sorted { $0.id < $1.id }.map(taken),
      dead: dead.sorted { $0.id < $1.id }.map {
        TaskSnapshot.Dead(
          id: $0.id, cause: $0.cause, attempt: $0.attempt, task: $0.task, age: now.since($0.admittedAt),
          deadFor: now.since($0.diedAt))
      })
  }

  func taken(_ item: Item) -> TaskSnapshot.Live {
    var task = item.task
    let waits = item.state == .held || item.state == .delayed
    task.delay = waits && item.at > now ? item.at.since(now) : .zero
    return TaskSnapshot.Live(
      id: item.id, attempt: item.attempt, uncharged: item.attempt - UInt32(item.charges), task: task,
      age: now.since(item.admittedAt), wasLeased: item.state == .leased)
  }

  // MARK: Turns

  mutating func turn(_ input: TaskQueueInput, now: Instant) -> TaskQueueAnswer {
    self.now = max(self.now, now)
    (wakes, events) = ([], [])
    let (wasReady, hadPlaces) = (isOpen && !ready.isEmpty, deadHavePlaces)
    endDue()
    serve()
    let answer = answer(input)
    serve()
    endDrain()
    if !wasReady && isOpen && !ready.isEmpty { events.append(.becameReady) }
    if hadPlaces && !deadHavePlaces { events.append(.deadLettersFull(count: dead.count)) }
    for index in monitors.indices {
      if let signal = monitors[index].look(pending, oldest, self.now) {
        events.append(.backpressure(monitors[index].id, signal))
      }
    }
    return answer
  }

  private mutating func endDue() {
    for id in leased where items[index(id)!].at <= now { expire(id) }
    while let next = items.filter({ $0.state == .delayed && $0.at <= now }).min(by: { ($0.at, $0.id) < ($1.at, $1.id) })
    {
      makeReady(index(next.id)!)
    }
  }

  private mutating func serve() {
    while isOpen {
      if !ready.isEmpty, let first = lessees.first {
        lessees.removeFirst()
        wakes.append((first.waiter, .leased(grant(first.leaseID))))
      } else if let first = producers.first, !isFull || known(first.task) != nil {
        producers.removeFirst()
        wakes.append((first.waiter, admit(first.task)))
      } else {
        return
      }
    }
  }

  private mutating func answer(_ input: TaskQueueInput) -> TaskQueueAnswer {
    if case .closed = phase {
      switch input {
      case .timePassed: return .none
      case .cancelWait: return .refused(.answered)
      case .removeMonitor: break
      default: return .refused(.closed)
      }
    }
    switch input {
    case .enqueue(let task, let waiter): return enqueue(task, waiter)
    case .lease(let leaseID, let waiter): return lease(leaseID, waiter)
    case .heartbeat(let token): return end(token, .heartbeat)
    case .complete(let token): return end(token, .complete)
    case .fail(let token, let reason, let disposition): return end(token, .fail(reason, disposition))
    case .handBack(let token): return end(token, .handBack)
    case .handBackAll(let tokens):
      for token in tokens.reversed() { _ = end(token, .handBack) }
      return .done
    case .cancelWait(let waiter):
      let before = lessees.count + producers.count
      lessees.removeAll { $0.waiter == waiter }
      producers.removeAll { $0.waiter == waiter }
      return before > lessees.count + producers.count ? .done : .refused(.answered)
    case .timePassed: return .none
    case .redrive(let id): return redrive(id)
    case .purge(let id):
      guard let place = dead.firstIndex(where: { $0.id == id }) else { return .refused(.notFound) }
      dead.remove(at: place)
      tally.purged += 1
      return .done
    case .drain(let waiter, let deadline): return drain(waiter, deadline)
    case .resume:
      guard case .drained = phase else { return .refused(isOpen ? .notDraining : .draining) }
      phase = .open
      return .done
    case .close(let mode, let waiter, let deadline): return close(mode, waiter, deadline)
    case .restore(let snapshot): return restore(snapshot)
    case .addMonitor(let options):
      if !options.faults.isEmpty { return .refused(.invalid(options.faults[0])) }
      if monitors.count == TaskLimits.monitorsMax { return .refused(.tooMany(limit: TaskLimits.monitorsMax)) }
      lastMonitor += 1
      monitors.append(MonitorModel(lastMonitor, options, pending, oldest, now))
      return .monitored(lastMonitor)
    case .removeMonitor(let id):
      guard let place = monitors.firstIndex(where: { $0.id == id }) else { return .refused(.notFound) }
      monitors.remove(at: place)
      return .done
    }
  }
}
