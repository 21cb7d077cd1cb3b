import MeshBasics

/// A lease queue: producers put tasks in, consumers lease them for a time and say how it went, and every task that was
/// admitted is done, dead, handed back, or still there. One value, no clock, no thread; `LeaseQueue` in MeshRuntime is
/// the thread-safe shell around it.
///
/// *Order*: by priority, and within a priority in the order in which tasks became deliverable. Tasks of one key are
/// delivered one after the other, in the order of their admission.
/// *Time* is the shell's monotonic clock; one that goes back is taken for one that stands still.
/// *Waiting calls* are served in the order in which they came, before any later call.
/// *Cost*: O(1) for each input, O(log n) where a delay is set or a call waits; expired leases cost what they are.
///
/// It owns memory and can't be copied. Where a turn uses a part of it, that part is asked and not the whole, because
/// the compiler copies all of a value that can't be copied by a program whenever it lends it to a function that changes
/// nothing.
public struct TaskQueue: ~Copyable, Sendable {
  enum Phase: Equatable, Sendable {
    case open
    case draining(Drain)
    case drained
    case closed

    var isOpen: Bool {
      if case .open = self { true } else { false }
    }
  }

  struct Drain: Equatable, Sendable {
    let waiter: WaiterID
    let deadline: Instant
    let closes: Bool
  }

  /// A task that waits for its time.
  struct Delayed: Comparable, Sendable {
    let id: TaskID
    let slot: Slot

    static func < (left: Delayed, right: Delayed) -> Bool { left.id < right.id }
  }

  /// How it behaves.
  public let options: TaskQueueOptions
  /// Which life of the queue this is: greater than that of every life before.
  public let epoch: UInt64
  /// What it holds, and what became of the rest.
  public internal(set) var counts = TaskCounts()
  /// When it must have a turn though nobody asks for anything; nil when never. It may have passed: what is due at once
  /// is done in turns of bounded length.
  public var nextDeadline: Instant? { deadline == .distantFuture ? nil : deadline }

  /// `nextDeadline`, or the end of time.
  var deadline = Instant.distantFuture
  /// Whether nobody waits, drains or watches: until the next turn by `handle`, a call only does its own work.
  var isQuiet = true
  var phase = Phase.open
  var now = Instant.origin
  var store: TaskStore
  /// A line for each priority, the most urgent first.
  var ready = ReadyLines()
  /// In the order of their expiry, because all leases last equally long.
  var leased = TaskLine()
  var delayed = DeadlineQueue<Delayed>()
  var keys: KeyLines
  var requests: RequestWindow
  var dead = ChunkedMap<TaskID, DeadLetter>()
  var lessees = ChunkedMap<WaiterID, UInt64>()
  var producers = ChunkedMap<WaiterID, NewTask>()
  var monitors: [BackpressureMonitor] = []
  var lastMonitor: MonitorID = 0
  var lastSequence: UInt64 = 0
  /// Tasks of other epochs that were ever taken in.
  var restored = ChunkedMap<TaskID, Bool>()
  /// Tasks that were handed back and not taken in again, with the number of their last delivery: an older snapshot must
  /// not set it back.
  var returned = ChunkedMap<TaskID, UInt32>()
  let seed: UInt64
  var random: SeededRandom

  /// An empty queue. `epoch` must be greater than that of every earlier life of the queue, and `seed` not to be guessed
  /// by producers. *Errors*: the options' faults.
  public init(_ options: TaskQueueOptions, epoch: UInt64, seed: UInt64) throws(TaskQueueFaults) {
    let faults = options.faults
    guard faults.isEmpty else { throw TaskQueueFaults(faults: faults) }
    self.options = options
    self.epoch = epoch
    self.seed = seed
    store = TaskStore(epoch: epoch, seed: seed)
    random = SeededRandom(seed: seed)
    keys = KeyLines(seed: seed)
    requests = RequestWindow(capacity: options.requestWindow, seed: seed)
  }

  /// One turn: what is due is done first, so that a lease ends at its time whoever asks first.
  public mutating func handle(_ input: TaskQueueInput, now: Instant, into effects: inout TaskQueueEffects) {
    self.now = max(self.now, now)
    effects.begin()
    let wasReady = phase.isOpen && !ready.isEmpty
    let deadHadPlaces = counts.dead <= options.deadLettersMax
    if deadline <= self.now {
      endDue(&effects)
      // Who waits comes before who asks now.
      match(&effects)
    }
    effects.answer = answer(input, &effects)
    match(&effects)
    finishDrain(&effects)
    if !wasReady && phase.isOpen && !ready.isEmpty { effects.events.append(.becameReady) }
    if deadHadPlaces && counts.dead > options.deadLettersMax {
      effects.events.append(.deadLettersFull(count: counts.dead))
    }
    if !monitors.isEmpty { evaluateMonitors(&effects) }
    isQuiet = phase.isOpen && lessees.isEmpty && producers.isEmpty && monitors.isEmpty
    findDeadline()
    for monitor in monitors { if let next = monitor.nextDeadline { deadline = min(deadline, next) } }
    if case .draining(let drain) = phase { deadline = min(deadline, drain.deadline) }
  }

  /// Sets `deadline` by the leases and delays.
  @inline(__always)
  mutating func findDeadline() {
    deadline = leased.isEmpty ? .distantFuture : store[leased.first].at
    if let first = delayed.next { deadline = min(deadline, first) }
  }

  private mutating func answer(_ input: TaskQueueInput, _ effects: inout TaskQueueEffects) -> TaskQueueAnswer {
    if case .closed = phase { return closedAnswer(input) }
    switch input {
    case .enqueue(let task, let waiter): return enqueue(task, waiter)
    case .lease(let leaseID, let waiter): return lease(leaseID, waiter)
    case .heartbeat(let token): return heartbeat(token, &effects)
    case .complete(let token): return complete(token, &effects)
    case .fail(let token, let reason, let disposition): return fail(token, reason, disposition, &effects)
    case .handBack(let token): return handBack(token, &effects)
    case .handBackAll(let tokens): return handBackAll(tokens, &effects)
    case .cancelWait(let waiter): return cancelWait(waiter)
    case .timePassed: return .none
    case .redrive(let id): return redrive(id)
    case .purge(let id): return purge(id)
    case .drain(let waiter, let deadline): return drain(waiter, deadline, &effects)
    case .resume: return resume()
    case .close(let mode, let waiter, let deadline): return close(mode, waiter, deadline, &effects)
    case .restore(let snapshot): return restore(snapshot, &effects)
    case .addMonitor(let options): return addMonitor(options)
    case .removeMonitor(let id): return removeMonitor(id)
    }
  }

  /// A closed queue lets its monitors go, and knows of no call that waits.
  private mutating func closedAnswer(_ input: TaskQueueInput) -> TaskQueueAnswer {
    switch input {
    case .timePassed: return .none
    case .cancelWait: return .refused(.answered)
    case .removeMonitor(let id): return removeMonitor(id)
    default: return .refused(.closed)
    }
  }

  /// Ends leases and delays whose time has come, at most `TaskLimits.dueMax`.
  private mutating func endDue(_ effects: inout TaskQueueEffects) {
    var left = TaskLimits.dueMax
    while left > 0, !leased.isEmpty, store[leased.first].at <= now {
      expire(leased.first, &effects)
      left &-= 1
    }
    while left > 0, let due = delayed.popDue(now) {
      counts.delayed &-= 1
      makeReady(due.slot)
      left &-= 1
    }
  }

  /// Gives what is ready to those who wait for it, and the places that came free to those who wait for them.
  private mutating func match(_ effects: inout TaskQueueEffects) {
    guard isOpen else { return }
    while true {
      if !ready.isEmpty, let (waiter, leaseID) = lessees.element(at: 0) {
        lessees.removeValue(forKey: waiter)
        effects.wake(waiter, .leased(grant(leaseID)))
      } else if let (waiter, task) = producers.element(at: 0), !isFull || requests.known(task) != nil {
        producers.removeValue(forKey: waiter)
        effects.wake(waiter, admitOnce(task))
      } else {
        return
      }
    }
  }

  /// Whether it admits and leases.
  public var isOpen: Bool { phase.isOpen }

  /// Whether it has ended for good.
  public var isClosed: Bool {
    if case .closed = phase { true } else { false }
  }

  /// What somebody who begins to listen would have heard last: that something is ready, and what each monitor said.
  public var presentEvents: [TaskEvent] {
    (phase.isOpen && !ready.isEmpty ? [.becameReady] : []) + monitors.map { .backpressure($0.id, $0.latest) }
  }

  private mutating func cancelWait(_ waiter: WaiterID) -> TaskQueueAnswer {
    let waited = lessees.removeValue(forKey: waiter) != nil || producers.removeValue(forKey: waiter) != nil
    return waited ? .done : .refused(.answered)
  }
}

/// Why a queue, a gate or a pump couldn't be made.
public struct TaskQueueFaults: Error, Equatable, Sendable, CustomStringConvertible {
  /// All that is wrong with the options.
  public let faults: [TaskFault]

  /// A sentence for people.
  public var description: String { faults.map(\.description).joined(separator: "; ") }
}
