// What operators and owners call.
import MeshBasics
import MeshTasks
import MeshTransport

extension LeaseQueue {
  /// What the queue holds, and what became of the rest; also when it is closed.
  public var counts: TaskCounts { lock.locked { state.pointee.room.counts } }

  /// The counts, and how long the task that has been ready for longest has been so, at one moment; nil when none is.
  public var countsAndOldest: (counts: TaskCounts, oldestAge: Duration?) {
    lock.locked {
      let oldest = state.pointee.room.oldestReadyAt.map { max(.zero, MonotonicClock.now().since($0)) }
      return (state.pointee.room.counts, oldest)
    }
  }

  /// The present, on the clock of queues' instants.
  public static var now: Instant { MonotonicClock.now() }

  /// All that it holds, taken down at one moment. The queue goes on.
  public func snapshot() throws(MeshError) -> TaskSnapshot {
    let unordered = try lock.locked { () throws(MeshError) in
      guard !state.pointee.room.isClosed else { throw MeshError(TaskRefusal.closed, queue: name) }
      return state.pointee.room.unorderedSnapshot()
    }
    // Others needn't wait for this part.
    return unordered.inOrder()
  }

  /// Not fewer than the bytes that a snapshot would take: what an owner asks before the queue gives all away.
  public func snapshotBytesMax() throws(MeshError) -> Int {
    try lock.locked { () throws(MeshError) in
      guard !state.pointee.room.isClosed else { throw MeshError(TaskRefusal.closed, queue: name) }
      return state.pointee.room.snapshotBytesMax()
    }
  }

  /// Takes in what another life of this queue handed back, or this one: all or nothing, and each task once. How many
  /// were taken in. *Errors*: `.argument` for a snapshot of another queue, of a later life, or that can't be;
  /// `.conflict` when all of it was restored before; `.busy` when it doesn't fit.
  @discardableResult
  public func restore(_ snapshot: TaskSnapshot) throws(MeshError) -> Int {
    switch ask(.restore(snapshot)) {
    case .restored(let count, _): return count
    case .refused(let refusal): throw MeshError(refusal, queue: name)
    default: return 0
    }
  }

  /// Stops leasing and admitting, waits until nothing is leased or the time is over, and hands back what is pending.
  /// `leased` tasks were still at consumers, and stay. Consumers that wait go on waiting. *Errors*: `.draining` while
  /// another drain goes on.
  public func drain(timeout: Duration) throws(MeshError) -> (snapshot: TaskSnapshot, leased: Int) {
    try end(timeout) { waiter, deadline in .drain(waiter: waiter, deadline: deadline) }
  }

  /// Leases and admits again after a drain.
  public func resume() throws(MeshError) { try perform(.resume) }

  /// Ends the queue for good: every call that waits gets `.closed`. Only `.drain` waits, up to `timeout`; what is left
  /// then is handed back, leases included. With `.discard` nothing is handed back.
  public func close(_ mode: TaskCloseMode, timeout: Duration = .zero) throws(MeshError) -> TaskSnapshot {
    try end(timeout) { waiter, deadline in .close(mode, waiter: waiter, deadline: deadline) }.snapshot
  }

  private func end(
    _ timeout: Duration, _ input: (WaiterID, Instant) -> TaskQueueInput
  ) throws(MeshError) -> (snapshot: TaskSnapshot, leased: Int) {
    let deadline = MonotonicClock.now() + max(.zero, timeout)
    if timeout > .zero { try refuseOnLibraryThread() }
    // The deadline is the room's: it answers then, whatever is still leased. A drain without time is over at once.
    let answer = try askAndWait(timeout: max(.milliseconds(1), timeout), isBrief: timeout <= .zero) { waiter, _ in
      input(waiter ?? 0, deadline)
    }
    switch answer {
    case .handedBack(let snapshot, let leased)?: return (snapshot, leased)
    case .refused(let refusal)?: throw MeshError(refusal, queue: name)
    default: throw MeshError(.internalError, "queue \(name): no answer at the deadline")
    }
  }

  // MARK: Dead letters

  /// At most `limit` dead letters that come after `id`, in the order of their admission; nil begins with the first.
  public func deadLetters(after id: TaskID? = nil, limit: Int) throws(MeshError) -> [DeadLetter] {
    try lock.locked { () throws(MeshError) in
      guard !state.pointee.room.isClosed else { throw MeshError(TaskRefusal.closed, queue: name) }
      return state.pointee.room.deadLetters(after: id, limit: limit)
    }
  }

  /// Delivers a dead letter again, with all its attempts before it. *Errors*: `.notFound`, `.busy` without a place.
  public func redrive(_ id: TaskID) throws(MeshError) { try perform(.redrive(id)) }

  /// Forgets a dead letter. *Errors*: `.notFound`.
  public func purge(_ id: TaskID) throws(MeshError) { try perform(.purge(id)) }

  // MARK: Backpressure

  /// Watches the depth by these marks; the number of the monitor. *Errors*: `.argument` for marks that can't be,
  /// `.resource` for too many monitors.
  public func addMonitor(_ options: BackpressureOptions) throws(MeshError) -> MonitorID {
    switch ask(.addMonitor(options)) {
    case .monitored(let id): return id
    case .refused(let refusal): throw MeshError(refusal, queue: name)
    default: throw MeshError(.internalError, "queue \(name): an answer to another question")
    }
  }

  /// Watches by these marks no longer. *Errors*: `.notFound`.
  public func removeMonitor(_ id: MonitorID) throws(MeshError) { try perform(.removeMonitor(id)) }

  /// The last signal of a monitor; nil when there is no such monitor.
  public func latestSignal(of monitor: MonitorID) -> BackpressureSignal? {
    lock.locked { state.pointee.room.latestSignal(of: monitor) }
  }

  /// The signals of a monitor after `version`, oldest first, and how many before them are gone; nil when there is no
  /// such monitor.
  public func signals(
    of monitor: MonitorID, after version: UInt64
  ) -> (missed: UInt64, signals: [BackpressureSignal])? {
    lock.locked { state.pointee.room.signals(of: monitor, after: version) }
  }

  /// Waits until a monitor sees the queue overloaded, or not: how things are, told or not. False when the time passed.
  /// *Errors*: `.closed` when the queue is closed or the monitor is removed meanwhile.
  public func waitForLevel(of monitor: MonitorID, isActive: Bool, timeout: Duration?) throws(MeshError) -> Bool {
    if timeout.map({ $0 > .zero }) ?? true { try refuseOnLibraryThread() }
    let deadline = timeout.map { MonotonicClock.now() + $0 }
    return try lock.locked { () throws(MeshError) -> Bool in
      let waiter = QueueWaiter()
      state.pointee.levelWaits.append(LevelWait(monitor: monitor, isActive: isActive, waiter: waiter))
      wakeLevelWaits()
      waiter.wait(lock, until: deadline)
      state.pointee.levelWaits.removeAll { $0.waiter === waiter }
      if case .refused(let refusal)? = waiter.answer { throw MeshError(refusal, queue: name) }
      return waiter.answer != nil
    }
  }

  /// With the lock held.
  func wakeLevelWaits() {
    state.pointee.levelWaits.removeAll { wait in
      guard let level = state.pointee.room.isOverloaded(for: wait.monitor), !state.pointee.room.isClosed else {
        _ = wait.waiter.wake(.refused(.closed))
        return true
      }
      guard level == wait.isActive else { return false }
      _ = wait.waiter.wake(.done)
      return true
    }
  }

  // MARK: Events

  /// Tells `stream` what happens from now on, and at once how things are: whether something is ready, and the last
  /// signal of each monitor. *Errors*: `.busy` when the stream has no place for the end of the queue, or too many
  /// streams listen.
  public func subscribe(_ stream: EventStream, topics: QueueTopics) throws(MeshError) {
    // The slot for the end of the queue is reserved now: that event is never lost.
    try stream.reserve()
    do throws(MeshError) {
      try lock.locked { () throws(MeshError) in
        guard !state.pointee.room.isClosed else { throw MeshError(TaskRefusal.closed, queue: name) }
        state.pointee.subscriptions.removeAll { $0.stream?.isOpen != true }
        guard state.pointee.subscriptions.count < EventHub.subscriptionsMax else {
          throw MeshError(.busy, "queue \(name): at most \(EventHub.subscriptionsMax) event streams may subscribe")
        }
        let subscription = Subscription(stream: stream, topics: topics)
        state.pointee.subscriptions.append(subscription)
        for event in state.pointee.room.presentEvents { tell(event, subscription) }
      }
    } catch {
      stream.cancelReservation()
      throw error
    }
  }

  /// With the lock held.
  func publish() {
    // The end is the last that a subscriber hears, whatever the same turn told.
    let events = state.pointee.effects.events
    // Those that have ended would keep the calls of the queue from being brief.
    state.pointee.subscriptions.removeAll { $0.stream?.isOpen != true }
    for event in events.filter({ $0 != .closed }) + events.filter({ $0 == .closed }) {
      for subscription in state.pointee.subscriptions { tell(event, subscription) }
    }
    if state.pointee.room.isClosed { state.pointee.subscriptions = [] }
  }

  private func tell(_ event: TaskEvent, _ subscription: Subscription) {
    guard subscription.topics.want(event), let stream = subscription.stream else { return }
    let event = QueueEvent(queue: name, epoch: epoch, event: event)
    if case .closed = event.event { return stream.complete(.queue(event), token: 0) }
    _ = stream.add(event)
  }
}
