import MeshBasics
import MeshTasks
import MeshThreads
import MeshTransport

/// Lets any number of threads through at a rate: the shell around `RateLimiter`. It needs no queue and no node; it may
/// follow a monitor of a queue, and lets less through while that queue is overloaded.
///
/// *Threads*: all methods may be called from any thread, at once. *Time*: a `timeout` of zero never waits, nil waits
/// for ever; a call that waits may not be made on a thread of the library. *Order*: who came first goes first.
public final class RateGate: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards all of it.
  private typealias Waiter = CallWaiter<RateLimiterAnswer>

  private struct Following {
    weak var queue: LeaseQueue?
    let number: UInt64
  }

  /// How it behaves.
  public let options: RateGateOptions
  private let lock = Lock()
  private var limiter: RateLimiter
  private var effects = RateLimiterEffects()
  private var waiters: [WaiterID: Waiter] = [:]
  private var lastWaiter: WaiterID = 0
  private var following: Following?
  private var lastFollowing: UInt64 = 0
  /// What it followed before, whose queues still tell it.
  private var replaced: [Following] = []
  /// When the timer gives the next turn.
  private var armedAt: Instant?
  private let timerNumber: UInt64

  /// A gate through which nobody went. *Errors*: `.argument` names everything that is wrong with the options.
  public init(_ options: RateGateOptions) throws(MeshError) {
    do throws(TaskQueueFaults) {
      limiter = try RateLimiter(options)
    } catch {
      throw MeshError(.argument, "gate: \(error)")
    }
    self.options = options
    timerNumber = try QueueTimer.shared.begin()
  }

  deinit {
    QueueTimer.shared.end(timerNumber)
    let calls = waiters.values.compactMap { $0.wake(.refused(.closed)) }
    for call in calls { call(.refused(.closed)) }
  }

  // MARK: Callers

  /// Takes permits and goes through. *Errors*: `.busy` without room and without time, and when too many calls wait;
  /// `.timeout` when there was no room in time; `.closed`; `.argument` for more permits than may go through at once.
  public func acquire(_ permits: Int = 1, timeout: Duration? = .zero) throws(MeshError) {
    let mayWait = timeout.map { $0 > .zero } ?? true
    if mayWait && LibraryThread.isCurrent {
      throw MeshError(.wouldDeadlock, "gate: a thread of the library must not wait for it")
    }
    let deadline = timeout.map { MonotonicClock.now() + $0 }
    var calls = LeaseQueue.Calls()
    var waiting: (id: WaiterID, waiter: Waiter)?
    var answer = lock.locked { () -> RateLimiterAnswer? in
      let id = nextWaiter()
      let answer = turn(.acquire(permits, waiter: mayWait ? id : nil), &calls)
      if case .waiting = answer { waiting = (id, wait(as: id, Waiter())) }
      return answer
    }
    // What this turn did for others must not wait as long as this thread does.
    calls.make()
    if let waiting { answer = sleep(waiting.id, waiting.waiter, until: deadline) }
    guard let answer else { throw MeshError(.timeout, "gate: there was no room in time") }
    if case .refused(let refusal) = answer { throw MeshError(refusal, now: MonotonicClock.now()) }
  }

  /// `acquire` that never blocks: `call` is called once, at once or later, on any thread and without a lock held. The
  /// number to cancel it by.
  @discardableResult
  public func acquire(
    _ permits: Int = 1, _ call: @escaping @Sendable (Result<Void, MeshError>) -> Void
  ) -> WaiterID {
    let tell: @Sendable (RateLimiterAnswer) -> Void = { answer in
      if case .refused(let refusal) = answer {
        call(.failure(MeshError(refusal, now: MonotonicClock.now())))
      } else {
        call(.success(()))
      }
    }
    var calls = LeaseQueue.Calls()
    let id = lock.locked { () -> WaiterID in
      let id = nextWaiter()
      let answer = turn(.acquire(permits, waiter: id), &calls)
      if case .waiting = answer { _ = wait(as: id, Waiter(tell)) } else { calls.add { tell(answer) } }
      return id
    }
    calls.make()
    return id
  }

  /// Ends a wait: its call gets `.cancelled`. False when it has its answer.
  @discardableResult
  public func cancel(_ waiter: WaiterID) -> Bool {
    var calls = LeaseQueue.Calls()
    let isCancelled = lock.locked { () -> Bool in
      guard case .done = turn(.cancelWait(waiter), &calls) else { return false }
      wake(waiter, .refused(.cancelled), &calls)
      return true
    }
    calls.make()
    return isCancelled
  }

  /// Gives permits back, where one of the limits counts those that are out; elsewhere this does nothing. *Errors*:
  /// `.argument` for more than are out.
  public func giveBack(_ permits: Int = 1) throws(MeshError) {
    var calls = LeaseQueue.Calls()
    let answer = lock.locked { turn(.giveBack(permits), &calls) }
    calls.make()
    if case .refused(let refusal) = answer { throw MeshError(refusal, now: MonotonicClock.now()) }
  }

  /// Lets nobody through any more; who waits gets `.closed`.
  public func close() {
    unfollow()
    var calls = LeaseQueue.Calls()
    lock.locked { _ = turn(.close, &calls) }
    calls.make()
  }

  /// What it let through, which limit is in force, and the number of the last signal that it took.
  public var state: (counts: RateGateCounts, isThrottled: Bool, version: UInt64) {
    lock.locked { (limiter.counts, limiter.isThrottled, limiter.version) }
  }

  // MARK: Following

  /// Is throttled from now on as long as this monitor says that its queue is overloaded, in place of the monitor
  /// before. When the monitor is removed, or its queue closed, the normal limit is in force again. *Errors*: `.closed`
  /// when it is so already, `.busy` when too many gates follow that queue; then nothing has changed.
  public func follow(_ monitor: MonitorID, of queue: LeaseQueue) throws(MeshError) {
    let number = lock.locked { () -> UInt64 in
      lastFollowing &+= 1
      return lastFollowing
    }
    try queue.addFollower(self, monitor, number)
    let replaced = lock.locked { () -> [Following] in
      defer { self.replaced = [] }
      return self.replaced
    }
    for before in replaced { before.queue?.removeFollower(before.number, of: self) }
  }

  /// Follows nobody any more: the normal limit is in force.
  public func unfollow() {
    guard let before = lock.locked({ following }) else { return }
    before.queue?.removeFollower(before.number, of: self)
    monitorEnded(before.number)
  }

  /// The queue, with its lock held: from now on what it says counts.
  func begin(_ number: UInt64, at queue: LeaseQueue, _ signal: BackpressureSignal, _ calls: inout LeaseQueue.Calls) {
    lock.locked {
      if let following { replaced.append(following) }
      following = Following(queue: queue, number: number)
      _ = turn(.follow(isActive: signal.isActive, version: signal.version), &calls)
    }
  }

  /// The queue, with its lock held: its monitor has said something.
  func hear(_ signal: BackpressureSignal, _ number: UInt64, _ calls: inout LeaseQueue.Calls) {
    lock.locked {
      guard following?.number == number else { return }
      _ = turn(.signal(isActive: signal.isActive, version: signal.version), &calls)
    }
  }

  /// The monitor says nothing any more.
  func monitorEnded(_ number: UInt64) {
    var calls = LeaseQueue.Calls()
    lock.locked {
      guard following?.number == number else { return }
      following = nil
      _ = turn(.unfollow, &calls)
    }
    calls.make()
  }

  // MARK: Turns, with the lock held

  private func turn(_ input: RateLimiterInput, _ calls: inout LeaseQueue.Calls) -> RateLimiterAnswer {
    limiter.handle(input, now: MonotonicClock.now(), into: &effects)
    for (waiter, answer) in effects.wakes { wake(waiter, answer, &calls) }
    if let next = limiter.nextDeadline, next < armedAt ?? .distantFuture {
      armedAt = next
      QueueTimer.shared.arm(timerNumber, self, at: next)
    }
    return effects.answer
  }

  private func wake(_ id: WaiterID, _ answer: RateLimiterAnswer, _ calls: inout LeaseQueue.Calls) {
    if let call = waiters.removeValue(forKey: id)?.wake(answer) { calls.add { call(answer) } }
  }

  private func nextWaiter() -> WaiterID {
    lastWaiter &+= 1
    return lastWaiter
  }

  private func wait(as id: WaiterID, _ waiter: Waiter) -> Waiter {
    waiters[id] = waiter
    return waiter
  }

  // MARK: Without the lock

  /// Nil when the time passed.
  private func sleep(_ id: WaiterID, _ waiter: Waiter, until deadline: Instant?) -> RateLimiterAnswer? {
    var calls = LeaseQueue.Calls()
    let answer = lock.locked { () -> RateLimiterAnswer? in
      waiter.wait(lock, until: deadline)
      // At this very moment there may be room: the turn looks first, and wakes the waiter then.
      if waiter.answer == nil { _ = turn(.cancelWait(id), &calls) }
      waiters[id] = nil
      return waiter.answer
    }
    calls.make()
    return answer
  }
}

extension RateGate: TimedClient {
  /// The timer's turn.
  func timePassed() {
    var calls = LeaseQueue.Calls()
    lock.locked {
      armedAt = nil
      _ = turn(.timePassed, &calls)
    }
    calls.make()
  }
}

extension MeshError {
  /// What a host is told when a gate refuses.
  fileprivate init(_ refusal: RateLimiterRefusal, now: Instant) {
    switch refusal {
    case .exhausted(let until):
      // Rounded up: a retry that is a moment early is in vain.
      let wait = until.map { ($0.since(now) + Duration(nanoseconds: 999_999)).milliseconds }
      self.init(.busy, "gate: there is no room", retryAfterMilliseconds: wait.map { max(0, $0) } ?? -1)
    case .lineFull(let limit): self.init(.busy, "gate: at most \(limit) calls may wait")
    case .invalid(let fault): self.init(.argument, "gate: \(fault)")
    case .closed: self.init(.closed, "the gate is closed")
    case .cancelled: self.init(.cancelled, "gate: the wait was cancelled")
    case .answered: self.init(.argument, "gate: the call has its answer")
    }
  }
}
