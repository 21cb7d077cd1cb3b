// How tasks come in, and where they are put.
import MeshBasics

extension TaskQueue {
  /// Places that are taken. Dead letters beyond their own number take some too: a task that was admitted has a place to
  /// die in, and producers hear of it before anything is lost.
  var placesTaken: Int {
    counts.pending &+ counts.delayed &+ counts.leased &+ max(0, counts.dead &- options.deadLettersMax)
  }

  /// Whether nothing can be admitted.
  public var isFull: Bool { placesTaken >= options.capacity }

  mutating func enqueue(_ task: NewTask, _ waiter: WaiterID?) -> TaskQueueAnswer {
    guard isOpen else { return .refused(shutRefusal) }
    if let fault = task.fault(payloadMax: options.payloadBytesMax) { return .refused(.invalid(fault)) }
    // Whoever waits is served first; while somebody does, there is no place.
    guard isFull else { return admitOnce(task) }
    if let known = requests.known(task) { return admitted(known) }
    guard let waiter else { return .refused(.full) }
    guard producers.count < TaskLimits.waitersMax else { return .refused(.tooMany(limit: TaskLimits.waitersMax)) }
    producers[waiter] = task
    return .waiting
  }

  /// Admits a task for which there is a place, or finds which one its request had become.
  mutating func admitOnce(_ task: NewTask) -> TaskQueueAnswer {
    if let known = requests.known(task) { return admitted(known) }
    lastSequence &+= 1
    let id = TaskID(epoch: epoch, sequence: lastSequence)
    counts.admitted &+= 1
    enter(
      StoredTask(
        sequence: lastSequence, admittedAt: now, at: now, payload: task.payload, details: task.details, attempt: 0,
        charges: 0, epoch: 0, priority: Int8(truncatingIfNeeded: task.priority), state: .free),
      notBefore: now + task.delay)
    if let requestID = task.details?.requestID, !requestID.isEmpty { requests.remember(requestID, id) }
    return .admitted(id, isNew: true)
  }

  private mutating func admitted(_ known: TaskID) -> TaskQueueAnswer {
    counts.duplicates &+= 1
    return .admitted(known, isNew: false)
  }

  /// Puts a task that is new here into its line.
  mutating func enter(_ task: StoredTask, notBefore: Instant) {
    let slot = store.insert(task)
    if let key = task.details?.key, !key.isEmpty, !keys.join(slot, key, &store) {
      store[slot].state = .held
      store[slot].at = notBefore
      counts.pending &+= 1
    } else {
      settle(slot, notBefore: notBefore)
    }
  }

  /// Puts a task that nothing but time holds back into its line.
  mutating func settle(_ slot: Slot, notBefore: Instant) {
    guard notBefore > now else { return makeReady(slot) }
    store[slot].state = .delayed
    store[slot].at = notBefore
    delayed.set(Delayed(id: store.id(of: slot), slot: slot), at: notBefore)
    counts.delayed &+= 1
  }

  /// Puts a task at the end of the line of its priority.
  mutating func makeReady(_ slot: Slot) {
    store[slot].state = .ready
    store[slot].at = now
    ready.append(slot, &store)
    counts.pending &+= 1
  }

  /// Puts a task at the head of the line of its priority.
  mutating func makeReadyFirst(_ slot: Slot) {
    store[slot].state = .ready
    store[slot].at = now
    ready.prepend(slot, &store)
    counts.pending &+= 1
  }

  /// Since when the task that has been ready for longest has been so; nil when none is.
  public var oldestReadyAt: Instant? { ready.oldest(store) }

  /// Takes a task out that is in no line. The next one of its key takes its turn.
  mutating func forget(_ slot: Slot) {
    if let key = store[slot].details?.key, !key.isEmpty, let next = keys.leave(key, &store) {
      counts.pending &-= 1
      settle(next, notBefore: store[next].at)
    }
    store.free(slot)
  }
}

extension RequestWindow {
  /// Which task the request of `task` had become; nil when it has no request id, or that isn't remembered.
  func known(_ task: NewTask) -> TaskID? {
    guard let requestID = task.details?.requestID, !requestID.isEmpty else { return nil }
    return self.task(of: requestID)
  }
}
