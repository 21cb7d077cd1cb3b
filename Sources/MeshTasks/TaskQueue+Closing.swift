// Drain, resume and close: how a queue gives back what it holds.
import MeshBasics

extension TaskQueue {
  mutating func drain(
    _ waiter: WaiterID, _ deadline: Instant, _ effects: inout TaskQueueEffects
  ) -> TaskQueueAnswer {
    if case .draining = phase { return .refused(.draining) }
    guard returned.count &+ counts.pending &+ counts.delayed &+ counts.leased <= TaskLimits.knownMax else {
      return .refused(.tooMany(limit: TaskLimits.knownMax))
    }
    refuseProducers(.draining, &effects)
    phase = .draining(Drain(waiter: waiter, deadline: deadline, closes: false))
    return .waiting
  }

  /// Whether it will be closed as soon as its leases are over.
  var isClosing: Bool {
    if case .draining(let drain) = phase { drain.closes } else { false }
  }

  /// What a call is told that an open queue would have served.
  var shutRefusal: TaskRefusal { isClosing ? .closed : .draining }

  mutating func resume() -> TaskQueueAnswer {
    guard phase == .drained else { return .refused(isOpen ? .notDraining : .draining) }
    phase = .open
    return .done
  }

  mutating func close(
    _ mode: TaskCloseMode, _ waiter: WaiterID, _ deadline: Instant, _ effects: inout TaskQueueEffects
  ) -> TaskQueueAnswer {
    // A drain that is going on ends with the queue.
    if case .draining(let drain) = phase {
      if drain.closes && mode == .drain { return .refused(.draining) }
      effects.wake(drain.waiter, .refused(.closed))
    }
    refuseProducers(.closed, &effects)
    for (waiter, _) in lessees { effects.wake(waiter, .refused(.closed)) }
    lessees.removeAll()
    switch mode {
    case .drain:
      phase = .draining(Drain(waiter: waiter, deadline: deadline, closes: true))
      return .waiting
    case .requeueActive:
      let leased = counts.leased
      return .handedBack(end(keeping: true, &effects), leased: leased)
    case .discard:
      let leased = counts.leased
      return .handedBack(end(keeping: false, &effects), leased: leased)
    }
  }

  /// Ends a drain whose leases are over, or whose time is.
  mutating func finishDrain(_ effects: inout TaskQueueEffects) {
    guard case .draining(let drain) = phase, counts.leased == 0 || now >= drain.deadline else { return }
    let leased = counts.leased
    effects.events.append(.drained(leased: leased))
    if drain.closes {
      effects.wake(drain.waiter, .handedBack(end(keeping: true, &effects), leased: leased))
    } else {
      phase = .drained
      effects.wake(drain.waiter, .handedBack(handBackPending(), leased: leased))
    }
  }

  private mutating func refuseProducers(_ refusal: TaskRefusal, _ effects: inout TaskQueueEffects) {
    for (waiter, _) in producers { effects.wake(waiter, .refused(refusal)) }
    producers.removeAll()
  }

  /// Closes: all that is left goes into the answer, or nowhere.
  private mutating func end(keeping: Bool, _ effects: inout TaskQueueEffects) -> TaskSnapshot {
    let all = snapshot()
    let count = UInt64(clamping: all.tasks.count &+ all.dead.count)
    if keeping { counts.handedBack &+= count } else { counts.discarded &+= count }
    (counts.pending, counts.delayed, counts.leased, counts.dead) = (0, 0, 0, 0)
    removeTasks()
    leased = TaskLine()
    store = TaskStore(epoch: epoch, seed: seed)
    keys = KeyLines(seed: seed)
    dead.removeAll()
    requests = RequestWindow(capacity: 0, seed: seed)
    restored.removeAll()
    returned.removeAll()
    phase = .closed
    effects.events.append(.closed)
    return keeping ? all : TaskSnapshot(queue: options.name, epoch: epoch, tasks: [], dead: [])
  }

  /// Gives back what is pending and delayed; leases and dead letters stay.
  private mutating func handBackPending() -> TaskSnapshot {
    let slots = sortedSlots { $0 != .leased }
    let tasks = slots.map { snapshotTask($0) }
    for slot in slots {
      returned[store.id(of: slot)] = store[slot].attempt
      store.free(slot)
    }
    removeTasks()
    // What is leased held its key before, and holds it still.
    keys = KeyLines(seed: seed)
    for slot in store.slots(of: leased) {
      if let key = store[slot].details?.key, !key.isEmpty { _ = keys.join(slot, key, &store) }
    }
    counts.handedBack &+= UInt64(clamping: tasks.count)
    (counts.pending, counts.delayed) = (0, 0)
    return TaskSnapshot(queue: options.name, epoch: epoch, tasks: tasks, dead: [])
  }

  /// Empties the lines of what isn't leased.
  private mutating func removeTasks() {
    ready = ReadyLines()
    delayed.removeAll()
  }
}
