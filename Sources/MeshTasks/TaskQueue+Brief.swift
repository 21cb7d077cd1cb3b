// The four calls that come by the million, as brief turns. `handle` takes in and gives out values that can hold
// anything that may be asked and answered, and looks at all that a turn may bring about: that costs several times what
// these calls do of their own. A brief turn is one in which nothing else can happen, and the room is left as `handle`
// would have left it.
import MeshBasics

extension TaskQueue {
  /// Whether a call may be a brief turn: nobody waits, drains or watches, and nothing is due. A brief turn tells no
  /// event, so that where somebody listens it must be a turn by `handle`.
  public mutating func mayBeBrief(now: Instant) -> Bool { isQuiet && now < deadline && self.now < deadline }

  /// Whether something is ready.
  public var hasReady: Bool { mutating get { !ready.isEmpty } }

  /// Whether a task would be admitted.
  public var hasPlace: Bool { mutating get { placesTaken < options.capacity } }

  /// A brief turn: admits a task that may be leased at once and has no details, and takes its payload. Nil when
  /// `handle` must be asked: without a place, or for a task that can't be.
  public mutating func admitBriefly(_ payload: inout TaskBytes?, priority: Int, now: Instant) -> TaskID? {
    guard hasPlace, TaskLimits.priorityRange.contains(priority), let count = payload?.count,
      count <= options.payloadBytesMax
    else { return nil }
    self.now = max(self.now, now)
    lastSequence &+= 1
    counts.admitted &+= 1
    let slot = store.insert(
      StoredTask(
        sequence: lastSequence, admittedAt: self.now, at: self.now, payload: payload.take(), details: nil,
        attempt: 0, charges: 0, epoch: 0, priority: Int8(truncatingIfNeeded: priority), state: .ready))
    ready.append(slot, &store)
    counts.pending &+= 1
    return TaskID(epoch: epoch, sequence: lastSequence)
  }

  /// A brief turn: leases the task that is next. Something must be ready, and the id not 0.
  public mutating func leaseBriefly(_ leaseID: UInt64, now: Instant) -> TaskLease {
    self.now = max(self.now, now)
    let lease = grant(leaseID)
    // It ends after all others, because all leases last equally long.
    deadline = min(deadline, lease.expiresAt)
    return lease
  }

  /// A brief turn: completes a lease. False when `handle` must be asked why not.
  public mutating func completeBriefly(_ token: TaskToken, now: Instant) -> Bool {
    guard let slot = heldSlot(token) else { return false }
    self.now = max(self.now, now)
    endLease(slot)
    counts.completed &+= 1
    forget(slot)
    findDeadline()
    return true
  }

  /// A brief turn: extends a lease. False when `handle` must be asked why not.
  public mutating func extendBriefly(_ token: TaskToken, now: Instant) -> Bool {
    guard let slot = heldSlot(token) else { return false }
    self.now = max(self.now, now)
    extend(slot)
    findDeadline()
    return true
  }

  /// The slot that a token holds; nil when it holds none.
  @inline(__always)
  private mutating func heldSlot(_ token: TaskToken) -> Slot? {
    guard let slot = store.find(token.id) else { return nil }
    let task = store.task(at: slot)
    // No lease is over: nothing is due.
    guard task.pointee.state == .leased, task.pointee.leaseID == token.leaseID,
      task.pointee.attempt == token.attempt
    else { return nil }
    return slot
  }
}
