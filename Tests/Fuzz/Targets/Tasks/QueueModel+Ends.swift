import MeshBasics

@testable import MeshTasks

// How the model ends, and begins again.
extension QueueModel {
  mutating func drain(_ waiter: WaiterID, _ deadline: Instant) -> TaskQueueAnswer {
    if case .draining = phase { return .refused(.draining) }
    refuse(producers: .draining)
    phase = .draining(waiter, deadline, closes: false)
    return .waiting
  }

  mutating func refuse(producers refusal: TaskRefusal) {
    for producer in producers { wakes.append((producer.waiter, .refused(refusal))) }
    producers = []
  }

  mutating func close(_ mode: TaskCloseMode, _ waiter: WaiterID, _ deadline: Instant) -> TaskQueueAnswer {
    if case .draining(let earlier, _, let closes) = phase {
      if closes && mode == .drain { return .refused(.draining) }
      wakes.append((earlier, .refused(.closed)))
    }
    refuse(producers: .closed)
    for lessee in lessees { wakes.append((lessee.waiter, .refused(.closed))) }
    lessees = []
    if mode == .drain {
      phase = .draining(waiter, deadline, closes: true)
      return .waiting
    }
    let leased = count(.leased)
    return .handedBack(end(mode == .requeueActive), leased: leased)
  }

  mutating func endDrain() {
    guard case .draining(let waiter, let deadline, let closes) = phase, leased.isEmpty || now >= deadline else {
      return
    }
    let left = leased.count
    events.append(.drained(leased: left))
    if closes { return wakes.append((waiter, .handedBack(end(true), leased: left))) }
    phase = .drained
    let going = items.filter { $0.state != .leased }.sorted { $0.id < $1.id }
    let snapshot = TaskSnapshot(queue: options.name, epoch: epoch, tasks: going.map(taken), dead: [])
    returned += going.map { ($0.id, $0.attempt) }
    items.removeAll { $0.state != .leased }
    ready = []
    keys = keys.map { $0.filter { index($0) != nil } }.filter { !$0.isEmpty }
    tally.handedBack += UInt64(going.count)
    wakes.append((waiter, .handedBack(snapshot, leased: left)))
  }

  mutating func end(_ keeps: Bool) -> TaskSnapshot {
    let all = snapshot
    let count = UInt64(items.count + dead.count)
    if keeps { tally.handedBack += count } else { tally.discarded += count }
    (items, ready, leased, keys, dead) = ([], [], [], [], [])
    phase = .closed
    events.append(.closed)
    return keeps ? all : TaskSnapshot(queue: options.name, epoch: epoch, tasks: [], dead: [])
  }

  // MARK: Restoring

  mutating func restore(_ snapshot: TaskSnapshot) -> TaskQueueAnswer {
    guard isOpen else { return .refused(shut) }
    guard snapshot.queue == options.name else { return .refused(.foreignSnapshot(name: snapshot.queue)) }
    let ids = snapshot.tasks.map(\.id) + snapshot.dead.map(\.id)
    for id in ids where id.epoch > epoch || (id.epoch == epoch && id.sequence > lastSequence) {
      return .refused(.snapshotFromTheFuture)
    }
    if snapshot.epoch > epoch { return .refused(.snapshotFromTheFuture) }
    let invalid = TaskQueueAnswer.refused(.invalid(TaskFault("snapshot", "", "")))
    if snapshot.tasks.contains(where: { $0.fault != nil }) || snapshot.dead.contains(where: { $0.fault != nil }) {
      return invalid
    }
    if Set(ids).count < ids.count { return invalid }
    let tasks = snapshot.tasks.filter { !isKnown($0.id) }
    let letters = snapshot.dead.filter { !isKnown($0.id) }
    let new = tasks.count + letters.count
    if new == 0 { return ids.isEmpty ? .restored(0, known: 0) : .refused(.alreadyRestored) }
    let overflow = max(0, dead.count + letters.count - options.deadLettersMax)
    let needed = items.count + tasks.count + overflow
    if needed > options.capacity {
      return .refused(.snapshotTooLarge(places: needed - places, free: max(0, options.capacity - places)))
    }
    for task in tasks { take(task) }
    for letter in letters {
      let attempt = note(letter.id, letter.attempt, letter.task)
      dead.append(
        DeadLetter(
          id: letter.id, cause: letter.cause, attempt: attempt, task: letter.task,
          admittedAt: now + (.zero - letter.age), diedAt: now + (.zero - letter.deadFor)))
    }
    tally.restored += UInt64(new)
    return .restored(new, known: ids.count - new)
  }

  func isKnown(_ id: TaskID) -> Bool {
    if returned.contains(where: { $0.id == id }) { return false }
    return id.epoch == epoch || strangers.contains(id)
  }

  private mutating func note(_ id: TaskID, _ attempt: UInt32, _ task: NewTask) -> UInt32 {
    let last = returned.first { $0.id == id }?.attempt ?? 0
    returned.removeAll { $0.id == id }
    if id.epoch != epoch && !strangers.contains(id) { strangers.append(id) }
    remember(task, id)
    return max(last, attempt)
  }

  private mutating func take(_ live: TaskSnapshot.Live) {
    let attempt = note(live.id, live.attempt, live.task)
    var item = Item(
      id: live.id, task: live.task, admittedAt: now + (.zero - live.age), attempt: attempt,
      charges: min(1_000, Int(live.attempt - live.uncharged)), at: now + live.task.delay)
    if live.wasLeased && item.charges >= options.attemptsMax {
      item.task.details = (item.task.details ?? TaskDetails()).failed(TaskQueue.expiredReason)
      bury(item, .expired)
    } else {
      enter(item)
    }
  }
}

/// One monitor: the level follows at once, what is told follows the level once the cooldown is over.
struct MonitorModel {
  let id: MonitorID
  let options: BackpressureOptions
  private(set) var isOver = false
  private(set) var told: [BackpressureSignal] = []

  init(_ id: MonitorID, _ options: BackpressureOptions, _ pending: Int, _ oldest: Instant?, _ now: Instant) {
    (self.id, self.options) = (id, options)
    _ = look(pending, oldest, now)
  }

  mutating func look(_ pending: Int, _ oldest: Instant?, _ now: Instant) -> BackpressureSignal? {
    let age = oldest.map { now.since($0) }
    let low = options.lowWatermark ?? options.highWatermark / 2
    if isOver {
      let isOld = options.highAge.map { (age ?? .zero) > (options.lowAge ?? $0.divided(by: 2)) } ?? false
      isOver = pending > low || isOld
    } else {
      let isOld = options.highAge.map { high in age.map { $0 >= high } ?? false } ?? false
      isOver = pending >= options.highWatermark || isOld
    }
    if let last = told.last, last.isActive == isOver || now < quietUntil { return nil }
    told.append(
      BackpressureSignal(
        isActive: isOver, pendingCount: pending, oldestAge: age ?? .zero, observedAt: now,
        highWatermark: options.highWatermark, lowWatermark: low, version: UInt64(told.count + 1)))
    return told.last
  }

  /// The first signal, which says how things are, makes no cooldown.
  private var quietUntil: Instant {
    guard let last = told.last, told.count > 1 else { return .origin }
    return last.observedAt + options.cooldown
  }

  /// When it must be looked at without any traffic.
  func next(_ oldest: Instant?) -> Instant? {
    var times: [Instant] = []
    if let last = told.last, last.isActive != isOver { times.append(quietUntil) }
    if !isOver, let oldest, let highAge = options.highAge { times.append(oldest + highAge) }
    return times.min()
  }
}
