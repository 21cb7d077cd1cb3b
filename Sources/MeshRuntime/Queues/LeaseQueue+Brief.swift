// Brief turns: the four calls that come by the million, where nothing else can happen in the same turn. The methods
// whose names end in `Inside` are called with the queue's lock held, and answer nil or false where it must be a turn of
// the other kind, which says why.
import MeshBasics
import MeshTasks
import MeshThreads
import MeshTransport

extension LeaseQueue {
  /// The kernel ticks each 1 to 10 ms.
  private static let tickMax = Duration.milliseconds(100)

  /// Admits a task that has no details and no delay, takes its payload, and tells its id.
  public func admitInside(_ payload: inout TaskBytes?, priority: Int, _ tell: (TaskID) -> Void) -> Bool {
    guard let now = timeInside(),
      let id = state.pointee.room.admitBriefly(&payload, priority: priority, now: now)
    else { return false }
    tell(id)
    return true
  }

  /// Leases the task that is next, and gives it away. `now` is read before the lock is taken, so that others needn't
  /// wait for the clock.
  public func leaseInside(now: Instant, _ give: (borrowing TaskLease) -> Void) -> Bool {
    let now = LeaseQueue.present(now)
    guard mayBeBrief(now: now), state.pointee.room.hasReady else { return false }
    // Given away at once: an optional lease would be copied on its way out of each function.
    give(state.pointee.room.leaseBriefly(state.pointee.leaseIDs.next(), now: now))
    arm()
    return true
  }

  /// Completes a lease.
  public func completeInside(_ token: TaskToken) -> Bool {
    guard let now = timeInside(), state.pointee.room.completeBriefly(token, now: now) else { return false }
    // The next task of its key may begin to wait for its own time.
    arm()
    return true
  }

  /// Extends a lease.
  public func extendInside(_ token: TaskToken, now: Instant) -> Bool {
    let now = LeaseQueue.present(now)
    return mayBeBrief(now: now) && state.pointee.room.extendBriefly(token, now: now)
  }

  /// The present, where `early` was it before the lock was taken: read again after a wait that the kernel's tick shows.
  /// A lease begins when it is given, and not when it was asked for.
  @inline(__always)
  private static func present(_ early: Instant) -> Instant {
    MonotonicClock.lastTick() > early ? MonotonicClock.now() : early
  }

  /// Whether the caller may not wait for a queue.
  public static var isOnLibraryThread: Bool { LibraryThread.isCurrent }

  /// Nobody hears of events, and nobody waits who would have to be told.
  @inline(__always)
  private func mayBeBrief(now: Instant) -> Bool {
    state.pointee.subscriptions.isEmpty && !state.pointee.isAbandoned && state.pointee.room.mayBeBrief(now: now)
  }

  /// The time of a brief turn from which no lease begins; nil when there may be none. Where nothing is due for a while
  /// the kernel's last tick will do, which is cheaper than the present.
  @inline(__always)
  private func timeInside() -> Instant? {
    let tick = MonotonicClock.lastTick()
    if mayBeBrief(now: tick + LeaseQueue.tickMax) { return tick }
    let now = MonotonicClock.now()
    return mayBeBrief(now: now) ? now : nil
  }

  /// Makes a brief turn of a call that may wait so long. False when it must be a turn of the other kind.
  @inline(__always)
  func briefly(timeout: Duration?, _ turn: (_ now: Instant) -> Bool) throws(MeshError) -> Bool {
    if timeout.map({ $0 > .zero }) ?? true { try refuseOnLibraryThread() }
    let now = MonotonicClock.now()
    return lock.locked { turn(now) }
  }
}
