import MeshBasics
import MeshControl
import MeshTasks
import MeshTelemetry
import MeshThreads
import MeshTransport

/// The lease queues that are attached to a node, for its operators. Queues know nothing of it: it looks at them once a
/// second, on the thread `meshkit-queues`, and when an operator asks. It holds them weakly; one that has ended leaves
/// at the next sample.
///
/// *Threads*: any. *Locks*: its own is held while those of queues are taken, one after the other, and while what
/// happened is observed, so that this is told in its order; nobody who holds the lock of a queue comes here.
final class QueueBook: AttachedQueues, TimedClient, @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards all of it.
  fileprivate struct Entry {
    weak var queue: LeaseQueue?
    var rates = RateWindow()
    var view: QueueView?
    /// Whether its dead letters took places of its own at the last sample.
    var isFullOfDead = false
  }

  /// What one sample found, for after the lock.
  fileprivate struct Found {
    var hasNews = false
    /// Queues end outside of the lock: their last holder calls those who waited.
    var held: [LeaseQueue] = []
  }

  /// The queues, by name, for those who watch.
  let views = ListFeed<QueueView>()
  /// What is told of their overload.
  let news = ListFeed<BackpressureNews>()
  private let lock = Lock()
  private var entries = OrderedMap<String, Entry>()
  private var board = BackpressureBoard()
  private var sampledAt: Instant?
  private var timer: UInt64?
  private var hasEnded = false
  private let observe: @Sendable (Observation) -> Void
  private let wake: @Sendable () -> Void

  /// A book without queues. `observe` must not wait, and calls nothing here; `wake` lets those who watch have what is
  /// new.
  init(observe: @escaping @Sendable (Observation) -> Void, wake: @escaping @Sendable () -> Void) {
    self.observe = observe
    self.wake = wake
  }

  deinit { if let timer { QueueTimer.shared.end(timer) } }

  // MARK: The host's side

  /// *Errors*: `.conflict` where another queue of that name is attached, `.resource` for one too many, `.closed` when
  /// the queue is closed or the node has stopped.
  func attach(_ queue: LeaseQueue) throws(MeshError) {
    try change { _ throws(MeshError) in
      guard !hasEnded else { throw MeshError(.closed, "node: it has stopped") }
      if let other = entries[queue.name] {
        guard other.queue !== queue else { return }
        throw MeshError(.conflict, "queue \(queue.name): another queue of that name is attached to the node")
      }
      guard queue.sample(MonotonicClock.now(), known: { _ in .max }) != nil else {
        throw MeshError(.closed, "queue \(queue.name): it is closed")
      }
      guard entries.count < QueueLimits.attachedMax else {
        throw MeshError(
          .resource, "queue \(queue.name): at most \(QueueLimits.attachedMax) queues may be attached to a node")
      }
      if timer == nil {
        let number = try QueueTimer.shared.begin()
        timer = number
        QueueTimer.shared.arm(number, self, at: MonotonicClock.now() + QueueLimits.interval)
      }
      entries[queue.name] = Entry(queue: queue)
      observe(.queueAttached(queue.name))
    }
  }

  /// *Errors*: `.notFound` for a queue that isn't attached.
  func detach(_ queue: LeaseQueue) throws(MeshError) {
    try change { found throws(MeshError) in
      guard entries[queue.name]?.queue === queue else {
        throw MeshError(.notFound, "queue \(queue.name): it isn't attached to the node")
      }
      publish(remove(queue.name, because: "detached"), &found)
    }
  }

  /// The node ends: nobody asks any more.
  func end() {
    lock.locked {
      hasEnded = true
      entries.removeAll()
    }
  }

  /// Lets what has ended leave, makes a change, and looks at what there is then.
  private func change(_ body: (inout Found) throws(MeshError) -> Void) throws(MeshError) {
    var found = Found()
    let error = lock.locked { () -> MeshError? in
      sample(&found)
      do throws(MeshError) {
        try body(&found)
      } catch {
        return error
      }
      sample(&found)
      return nil
    }
    tell(found)
    if let error { throw error }
  }

  // MARK: Samples

  /// The timer's turn.
  func timePassed() {
    var found = Found()
    lock.locked {
      sample(&found)
      for view in entries.values.compactMap(\.view) {
        observe(.queueSampled(view.name, pending: view.counts.pending, leased: view.counts.leased))
      }
      guard let number = timer else { return }
      if entries.isEmpty {
        QueueTimer.shared.end(number)
        timer = nil
      } else {
        QueueTimer.shared.arm(number, self, at: MonotonicClock.now() + QueueLimits.interval)
      }
    }
    tell(found)
  }

  /// A sample, unless the last one is young enough.
  private func refresh() {
    var found = Found()
    lock.locked {
      let isYoung = sampledAt.map { MonotonicClock.now().since($0) < QueueLimits.sampleLife } ?? false
      if !isYoung { sample(&found) }
    }
    tell(found)
  }

  private func tell(_ found: Found) {
    if found.hasNews { wake() }
    withExtendedLifetime(found.held) {}
  }

  /// With the lock held: looks at every queue, and lets those leave that have ended.
  private func sample(_ found: inout Found) {
    let clock = MemberClock.current
    sampledAt = clock.now
    var steps: [BackpressureBoard.Step] = []
    for name in entries.keys {
      let queue = entries[name]?.queue
      if let queue { found.held.append(queue) }
      guard let queue, let sample = queue.sample(clock.now, known: { board.version(of: $0, name) }) else {
        // In their order, since what all together say follows from it.
        steps += remove(name, because: "ended")
        continue
      }
      steps += hear(sample, of: name, clock)
      _ = entries.modify(name) { $0.take(sample, of: queue, board, clock.now, observe) }
    }
    publish(steps, &found)
  }

  /// With the lock held.
  private func publish(_ steps: [BackpressureBoard.Step], _ found: inout Found) {
    let present = entries.values.compactMap(\.view)
    let changes = QueueBook.changes(from: views.current.items, to: present)
    views.replace(with: present, changes: changes)
    news.replace(with: board.news, changes: steps)
    found.hasNews = found.hasNews || !changes.isEmpty || !steps.isEmpty
  }

  /// What the monitors of a queue have said since the last sample, and those that are gone.
  private func hear(
    _ sample: QueueSample, of name: String, _ clock: MemberClock
  ) -> [BackpressureBoard.Step] {
    var steps: [BackpressureBoard.Step] = []
    for (monitor, signal) in sample.signals {
      let before = board.told(by: monitor, of: name)?.signal
      steps += board.hear(ToldSignal(signal, at: clock), from: monitor, of: name)
      // The first one says how things are; it is news where they aren't well.
      guard before.map({ $0.isActive != signal.isActive }) ?? signal.isActive else { continue }
      observe(
        .backpressureChanged(
          queue: name, isActive: signal.isActive, pending: signal.pendingCount, high: signal.highWatermark,
          low: signal.lowWatermark, after: before.map { signal.observedAt.since($0.observedAt) } ?? .zero))
    }
    for monitor in board.monitors(of: name) where !sample.monitors.contains(where: { $0.id == monitor }) {
      steps += forget(monitor, of: name, clock)
    }
    return steps
  }

  /// A monitor is gone.
  private func forget(_ monitor: MonitorID, of name: String, _ clock: MemberClock) -> [BackpressureBoard.Step] {
    if let last = board.told(by: monitor, of: name)?.signal, last.isActive {
      observe(
        .backpressureChanged(
          queue: name, isActive: false, pending: 0, high: last.highWatermark, low: last.lowWatermark,
          after: clock.now.since(last.observedAt)))
    }
    return board.forget(monitor, of: name, at: clock)
  }

  /// With the lock held: what is to be published of it.
  private func remove(_ name: String, because reason: String) -> [BackpressureBoard.Step] {
    let clock = MemberClock.current
    var steps: [BackpressureBoard.Step] = []
    for monitor in board.monitors(of: name) { steps += forget(monitor, of: name, clock) }
    entries.removeValue(forKey: name)
    observe(.queueDetached(name, reason: reason))
    return steps
  }

  /// Both in the order of names.
  private static func changes(from old: [QueueView], to new: [QueueView]) -> [(old: QueueView?, new: QueueView?)] {
    var changes: [(old: QueueView?, new: QueueView?)] = []
    for view in old where !new.contains(where: { $0.name == view.name }) { changes.append((view, nil)) }
    for view in new {
      let before = old.first { $0.name == view.name }
      if before != view { changes.append((before, view)) }
    }
    return changes
  }

  // MARK: What operators ask

  func sample() -> (queues: [QueueView], revision: UInt64) {
    refresh()
    let (queues, revision) = views.current
    return (queues, revision)
  }

  func backpressure(of queue: String?) -> ToldSignal? {
    refresh()
    return news.current.items.first { $0.queue == queue }?.told
  }

  func deadLetters(of queue: String, after id: TaskID?, limit: Int) -> [DeadLetter]? {
    try? find(queue)?.deadLetters(after: id, limit: limit)
  }

  /// *Errors*: those of `LeaseQueue.redrive`, and `.notFound` for a queue that isn't attached.
  func redrive(_ task: TaskID, of name: String) throws(MeshError) {
    guard let queue = find(name) else {
      throw MeshError(.notFound, "queue \(name): it isn't attached to the node")
    }
    try queue.redrive(task)
    // Who asks next sees it.
    lock.locked { sampledAt = nil }
  }

  private func find(_ name: String) -> LeaseQueue? { lock.locked { entries[name]?.queue } }

  /// The figures of the queues, for metrics.
  var figures: [QueueFigures] { sample().queues.map { QueueFigures($0) } }
}

extension QueueBook.Entry {
  /// Takes what a sample has seen.
  fileprivate mutating func take(
    _ sample: QueueSample, of queue: LeaseQueue, _ board: BackpressureBoard, _ now: Instant,
    _ observe: (Observation) -> Void
  ) {
    let isFull = sample.counts.dead > queue.options.deadLettersMax
    if isFull && !isFullOfDead { observe(.deadLettersFull(queue: queue.name, count: sample.counts.dead)) }
    isFullOfDead = isFull
    view = QueueView(
      name: queue.name, epoch: queue.epoch, state: sample.state, capacity: queue.options.capacity,
      counts: sample.counts, oldestAge: sample.oldestAge, rates: rates.rates(of: sample.counts, now: now),
      monitors: sample.monitors.compactMap { monitor in
        board.told(by: monitor.id, of: queue.name).map {
          MonitorView(id: monitor.id, isActive: monitor.isActive, told: $0)
        }
      })
  }
}

extension QueueFigures {
  fileprivate init(_ queue: QueueView) {
    self.init(name: queue.name)
    let counts = queue.counts
    (pending, delayed, leased, dead) = (counts.pending, counts.delayed, counts.leased, counts.dead)
    oldestAge = queue.oldestAge ?? .zero
    isOverloaded = queue.monitors.contains { $0.told.signal.isActive }
    enqueued = counts.admitted &+ counts.restored
    (granted, completed, heartbeats) = (counts.grants, counts.completed, counts.heartbeats)
    (failed, expired) = (counts.failed, counts.expired)
    (requeued, redelivered, deadLettered) = (counts.requeued, counts.redeliveries, counts.deadLettered)
    leaseDurations = (DurationCounts.bounds, counts.leaseDurations.counts, counts.leaseDurations.sum)
  }
}
