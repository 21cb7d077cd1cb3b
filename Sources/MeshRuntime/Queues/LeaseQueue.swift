import MeshBasics
import MeshTasks
import MeshThreads
import MeshTransport

/// A lease queue for any number of threads: the shell around `TaskQueue`. It needs no node.
///
/// *Threads*: all methods may be called from any thread, at once. *Time*: a `timeout` of zero never waits, nil waits
/// for ever; a call that waits may not be made on a thread of the library. *Errors*: every method throws `.closed` once
/// the queue is closed.
public final class LeaseQueue: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards all of it. The state is in memory of its own, because each
  // access to a class's variable would be checked, twice in a turn.
  struct State: ~Copyable {
    var room: TaskQueue
    var effects = TaskQueueEffects()
    var waiters: [WaiterID: QueueWaiter] = [:]
    var lastWaiter: WaiterID = 0
    /// The answer to a call that waited no longer than the turn that it began.
    var early: TaskQueueEffects.Wake?
    var leaseIDs = LeaseIDs()
    /// When the timer gives the next turn.
    var armedAt: Instant?
    var subscriptions: [Subscription] = []
    /// See `abandon`.
    var isAbandoned = false
    var levelWaits: [LevelWait] = []
    var followers: [Follower] = []
    var pumps = PumpList()
  }

  struct Subscription {
    weak var stream: EventStream?
    let topics: QueueTopics
  }

  /// A thread that waits for a monitor to see the queue overloaded, or not.
  struct LevelWait {
    let monitor: MonitorID
    let isActive: Bool
    let waiter: QueueWaiter
  }

  /// What operators call it.
  public let name: String
  /// How it behaves.
  public let options: TaskQueueOptions
  /// Which life of the queue this is.
  public let epoch: UInt64
  let lock: Lock
  let state: UnsafeMutablePointer<State>
  private let timerNumber: UInt64

  /// An empty queue. `epoch` must be greater than that of every earlier life of the queue; nil is the time of day.
  /// `lock` becomes the queue's own; whoever shares it holds it for `Inside` calls only, and with no other one.
  /// *Errors*: `.argument` names everything that is wrong with the options.
  public init(_ options: TaskQueueOptions, epoch: UInt64? = nil, lock: Lock = Lock()) throws(MeshError) {
    self.lock = lock
    let epoch = epoch ?? QueueEpochs.next()
    var leaseIDs = LeaseIDs()
    let room: TaskQueue
    do throws(TaskQueueFaults) {
      room = try TaskQueue(options, epoch: epoch, seed: leaseIDs.next())
    } catch {
      throw MeshError(.argument, "queue: \(error)")
    }
    timerNumber = try QueueTimer.shared.begin()
    (name, self.options, self.epoch) = (options.name, options, epoch)
    state = .allocate(capacity: 1)
    state.initialize(to: State(room: room, leaseIDs: leaseIDs))
  }

  deinit {
    QueueTimer.shared.end(timerNumber)
    let closed = StreamEvent.Payload.queue(QueueEvent(queue: name, epoch: epoch, event: .closed))
    let calls = state.pointee.waiters.values.compactMap { $0.wake(.refused(.closed)) }
    for call in calls { call(.refused(.closed)) }
    for follower in state.pointee.followers { follower.gate?.monitorEnded(follower.number) }
    for subscription in state.pointee.subscriptions { subscription.stream?.complete(closed, token: 0) }
    state.deinitialize(count: 1)
    state.deallocate()
  }

  // MARK: Turns

  /// One turn of the room, and what follows from it.
  func ask(_ input: TaskQueueInput) -> TaskQueueAnswer {
    var calls = Calls()
    let answer = lock.locked { turn(input, &calls) }
    calls.make()
    return answer
  }

  /// `ask`, for what is refused or done.
  func perform(_ input: TaskQueueInput) throws(MeshError) {
    if case .refused(let refusal) = ask(input) { throw MeshError(refusal, queue: name) }
  }

  /// What is left to call once the lock is open.
  struct Calls {
    private var calls: [(@Sendable (TaskQueueAnswer) -> Void, TaskQueueAnswer)] = []

    mutating func add(_ call: @escaping @Sendable (TaskQueueAnswer) -> Void, _ answer: TaskQueueAnswer) {
      calls.append((call, answer))
    }
    /// Something else to do then.
    mutating func add(_ body: @escaping @Sendable () -> Void) { calls.append(({ _ in body() }, .none)) }
    func make() { for (call, answer) in calls { call(answer) } }
  }

  /// With the lock held.
  func turn(_ input: TaskQueueInput, _ calls: inout Calls) -> TaskQueueAnswer {
    state.pointee.room.handle(input, now: MonotonicClock.now(), into: &state.pointee.effects)
    if !state.pointee.effects.wakes.isEmpty { wake(&calls) }
    if !state.pointee.effects.events.isEmpty && !state.pointee.subscriptions.isEmpty { publish() }
    if !state.pointee.levelWaits.isEmpty { wakeLevelWaits() }
    if !state.pointee.followers.isEmpty { tellFollowers(&calls) }
    if !state.pointee.pumps.isEmpty { tellPumps(&calls) }
    arm()
    return state.pointee.effects.takeAnswer()
  }

  private func wake(_ calls: inout Calls) {
    for wake in state.pointee.effects.takeWakes() {
      guard let waiter = state.pointee.waiters.removeValue(forKey: wake.waiter) else {
        state.pointee.early = wake
        continue
      }
      if let call = waiter.wake(wake.answer) { calls.add(call, wake.answer) }
    }
  }

  /// The timer needs to hear of deadlines that come sooner than what it knows; a later one it finds by itself.
  func arm() {
    guard let next = state.pointee.room.nextDeadline, next < state.pointee.armedAt ?? .distantFuture else { return }
    state.pointee.armedAt = next
    QueueTimer.shared.arm(timerNumber, self, at: next)
  }

  /// The timer's turn.
  func timePassed() {
    var calls = Calls()
    lock.locked {
      state.pointee.armedAt = nil
      _ = turn(.timePassed, &calls)
    }
    calls.make()
  }

  // MARK: Waiting

  /// A thread's wait that has begun.
  private struct Waiting {
    let id: WaiterID
    let waiter: QueueWaiter
    let deadline: Instant?
  }

  /// Asks something that may have to wait, and waits on the calling thread; nil when the time passed. A brief wait is
  /// one for an answer that comes by itself, at once.
  func askAndWait(
    timeout: Duration?, isBrief: Bool = false, _ input: (WaiterID?, inout State) -> TaskQueueInput
  ) throws(MeshError) -> TaskQueueAnswer? {
    let mayWait = timeout.map { $0 > .zero } ?? true
    if mayWait && !isBrief { try refuseOnLibraryThread() }
    var calls = Calls()
    var waiting: Waiting?
    let answer = lock.locked { () -> TaskQueueAnswer? in
      guard mayWait else { return turn(input(nil, &state.pointee), &calls) }
      guard isBrief || !state.pointee.isAbandoned else { return .refused(.closed) }
      let id = nextWaiter()
      let answer = turn(input(id, &state.pointee), &calls)
      guard case .waiting = answer else { return answer }
      if let early = takeEarly(id) { return early }
      let waiter = QueueWaiter()
      state.pointee.waiters[id] = waiter
      waiting = Waiting(id: id, waiter: waiter, deadline: timeout.map { MonotonicClock.now() + $0 })
      return nil
    }
    // What this turn did for others must not wait as long as this thread does.
    calls.make()
    guard let waiting else { return answer }
    return wait(waiting)
  }

  func refuseOnLibraryThread() throws(MeshError) {
    guard LibraryThread.isCurrent else { return }
    throw MeshError(.wouldDeadlock, "queue \(name): a thread of the library must not wait for it")
  }

  /// Asks something that may have to wait; `call` gets the answer, at once or later, on any thread. The number to
  /// cancel it by.
  @discardableResult
  func askAndCall(
    _ input: (WaiterID, inout State) -> TaskQueueInput, _ call: @escaping @Sendable (TaskQueueAnswer) -> Void
  ) -> WaiterID {
    var calls = Calls()
    let id = lock.locked { () -> WaiterID in
      let id = nextWaiter()
      let answer = turn(input(id, &state.pointee), &calls)
      if case .waiting = answer {
        if let early = takeEarly(id) { calls.add(call, early) } else { state.pointee.waiters[id] = QueueWaiter(call) }
      } else {
        calls.add(call, answer)
      }
      return id
    }
    calls.make()
    return id
  }

  private func nextWaiter() -> WaiterID {
    state.pointee.lastWaiter &+= 1
    return state.pointee.lastWaiter
  }

  private func takeEarly(_ id: WaiterID) -> TaskQueueAnswer? {
    guard let early = state.pointee.early, early.waiter == id else { return nil }
    state.pointee.early = nil
    return early.answer
  }

  private func wait(_ waiting: Waiting) -> TaskQueueAnswer? {
    var calls = Calls()
    let answer = lock.locked { () -> TaskQueueAnswer? in
      waiting.waiter.wait(lock, until: waiting.deadline)
      // The room may be about to answer at this very moment: a drain whose deadline this is.
      if waiting.waiter.answer == nil { _ = turn(.cancelWait(waiting.id), &calls) }
      state.pointee.waiters[waiting.id] = nil
      return waiting.waiter.answer
    }
    calls.make()
    return answer
  }

  /// Its owner has let go of it, and nobody can close it any more: whoever waits for a task or a place gets `.closed`,
  /// and so does who would begin to wait; pumps end. A drain that goes on ends as it would have.
  public func abandon() {
    var calls = Calls()
    lock.locked {
      state.pointee.isAbandoned = true
      for id in state.pointee.waiters.keys.sorted() {
        guard case .done = turn(.cancelWait(id), &calls) else { continue }
        let call = state.pointee.waiters.removeValue(forKey: id)?.wake(.refused(.closed))
        if let call { calls.add(call, .refused(.closed)) }
      }
      endPumps(&calls)
    }
    calls.make()
  }
}

/// Epochs for queues that are given none: the time of day, and each greater than the one before.
private enum QueueEpochs {
  private static let lock = Lock()
  nonisolated(unsafe) private static var last: UInt64 = 0

  static func next() -> UInt64 {
    lock.locked {
      last = max(last &+ 1, UInt64(clamping: WallClock.unixNanoseconds()))
      return last
    }
  }
}
