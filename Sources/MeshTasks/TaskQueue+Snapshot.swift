// Taking down all that a queue holds, and taking it in again.
import MeshBasics

extension TaskQueue {
  /// All that the queue holds at the time of its last turn.
  public func snapshot() -> TaskSnapshot { unorderedSnapshot().inOrder() }

  /// `snapshot` but for the order of its tasks: to bring a million into it takes longer than to take them down, and
  /// needs no queue.
  public func unorderedSnapshot() -> TaskSnapshot {
    let letters = dead.map { _, letter in
      TaskSnapshot.Dead(
        id: letter.id, cause: letter.cause, attempt: letter.attempt, task: letter.task,
        age: now.since(letter.admittedAt), deadFor: now.since(letter.diedAt))
    }
    let tasks = store.slotsInUse.map { snapshotTask($0) }
    return TaskSnapshot(queue: options.name, epoch: epoch, tasks: tasks, dead: letters)
  }

  /// The slots of tasks in some states, in the order of their admission.
  func sortedSlots(where matches: (StoredTask.State) -> Bool) -> [Slot] {
    // The ids beside the slots: a sort that looked each up would go through all of the memory for each step.
    var found: [(id: TaskID, slot: Slot)] = []
    found.reserveCapacity(counts.pending &+ counts.delayed &+ counts.leased)
    for slot in store.slotsInUse where matches(store[slot].state) { found.append((store.id(of: slot), slot)) }
    found.sort { $0.id < $1.id }
    return found.map(\.slot)
  }

  /// Not fewer than the bytes that a snapshot would take as protobuf.
  public func snapshotBytesMax() -> Int {
    var bytes = 0
    for slot in store.slotsInUse {
      bytes &+= TaskQueue.bytesMax(store[slot].payload?.count ?? 0, hasDetails: store[slot].details != nil)
    }
    for (_, letter) in dead {
      bytes &+= TaskQueue.bytesMax(letter.task.payload.count, hasDetails: letter.task.details != nil)
    }
    return bytes
  }

  /// A task's numbers take less than 128 bytes, the longest details less than 16 KiB.
  private static func bytesMax(_ payload: Int, hasDetails: Bool) -> Int {
    payload &+ 128 &+ (hasDetails ? 16_384 : 0)
  }

  func snapshotTask(_ slot: Slot) -> TaskSnapshot.Live {
    let task = store[slot]
    let waits = task.state == .delayed || task.state == .held
    return TaskSnapshot.Live(
      id: store.id(of: slot), attempt: task.attempt, uncharged: task.attempt &- UInt32(task.charges),
      task: NewTask(
        task.payload ?? TaskBytes([]), priority: Int(task.priority),
        delay: waits ? max(.zero, task.at.since(now)) : .zero, details: task.details),
      age: now.since(task.admittedAt), wasLeased: task.state == .leased)
  }

  /// Takes in what isn't known yet, all or nothing.
  mutating func restore(_ snapshot: TaskSnapshot, _ effects: inout TaskQueueEffects) -> TaskQueueAnswer {
    guard isOpen else { return .refused(shutRefusal) }
    if let refusal = refusal(of: snapshot) { return .refused(refusal) }
    let tasks = snapshot.tasks.filter { !isKnown($0.id) }
    let letters = snapshot.dead.filter { !isKnown($0.id) }
    let known = snapshot.tasks.count &+ snapshot.dead.count &- tasks.count &- letters.count
    if tasks.isEmpty && letters.isEmpty {
      return snapshot.isEmpty ? .restored(0, known: 0) : .refused(.alreadyRestored)
    }

    let overflow = max(0, counts.dead &+ letters.count &- options.deadLettersMax)
    let places = counts.pending &+ counts.delayed &+ counts.leased &+ tasks.count &+ overflow
    guard places <= options.capacity else {
      return .refused(
        .snapshotTooLarge(places: places &- placesTaken, free: max(0, options.capacity &- placesTaken)))
    }
    guard restored.count &+ tasks.count &+ letters.count <= TaskLimits.knownMax else {
      return .refused(.tooMany(limit: TaskLimits.knownMax))
    }
    for task in tasks { take(task, &effects) }
    for letter in letters { take(letter) }
    counts.restored &+= UInt64(clamping: tasks.count &+ letters.count)
    return .restored(tasks.count &+ letters.count, known: known)
  }

  private func refusal(of snapshot: TaskSnapshot) -> TaskRefusal? {
    guard snapshot.queue == options.name else { return .foreignSnapshot(name: snapshot.queue) }
    let ids = snapshot.tasks.map(\.id) + snapshot.dead.map(\.id)
    // Ids that this life hasn't given yet, or lives that come after it: somebody else has this queue's name.
    let isFuture = ids.contains { $0.epoch > epoch || $0.epoch == epoch && $0.sequence > lastSequence }
    if isFuture || snapshot.epoch > epoch { return .snapshotFromTheFuture }
    for fault in snapshot.tasks.lazy.map(\.fault) + snapshot.dead.lazy.map(\.fault) {
      if let fault { return .invalid(fault) }
    }
    var seen = ChunkedMap<TaskID, Bool>()
    var newEpochs = ChunkedMap<UInt64, Bool>()
    for id in ids {
      if seen[id] != nil { return .invalid(TaskFault("snapshot", "task \(id.epoch)/\(id.sequence) twice", "once")) }
      seen[id] = true
      if !store.epochs.contains(id.epoch) { newEpochs[id.epoch] = true }
    }
    let tooMany = store.epochs.count &+ newEpochs.count > TaskLimits.epochsMax
    return tooMany ? .tooMany(limit: TaskLimits.epochsMax) : nil
  }

  /// Whether a task has been here and wasn't handed back.
  private func isKnown(_ id: TaskID) -> Bool {
    returned[id] == nil && (id.epoch == epoch || restored[id] != nil)
  }

  /// Notes that a task is here. The number of its last delivery, which an older snapshot doesn't set back.
  private mutating func noteTaken(_ id: TaskID, _ task: NewTask, _ attempt: UInt32) -> UInt32 {
    if id.epoch != epoch { restored[id] = true }
    // A dead letter takes its place among the epochs now, so that it can be redriven.
    _ = store.number(ofEpoch: id.epoch)
    // A producer that asks again, because the life before this one ended under its call, is told the same task.
    if let requestID = task.details?.requestID, !requestID.isEmpty, requests.known(task) == nil {
      requests.remember(requestID, id)
    }
    return max(attempt, returned.removeValue(forKey: id) ?? 0)
  }

  private mutating func take(_ task: TaskSnapshot.Live, _ effects: inout TaskQueueEffects) {
    let attempt = noteTaken(task.id, task.task, task.attempt)
    let charges = min(Int(task.attempt &- task.uncharged), TaskLimits.attemptsRange.upperBound)
    let admittedAt = now + (.zero - task.age)
    // Its last lease ended with that life, and may have ended it: a task is not delivered for ever.
    if task.wasLeased && charges >= options.attemptsMax {
      var last = task.task
      last.details = (last.details ?? .none).failed(TaskQueue.expiredReason)
      last.delay = .zero
      return bury(
        DeadLetter(
          id: task.id, cause: .expired, attempt: attempt, task: last, admittedAt: admittedAt, diedAt: now), &effects)
    }
    enter(
      StoredTask(
        sequence: task.id.sequence, admittedAt: admittedAt, at: now, payload: task.task.payload,
        details: task.task.details, attempt: attempt, charges: UInt16(clamping: charges),
        epoch: store.number(ofEpoch: task.id.epoch), priority: Int8(truncatingIfNeeded: task.task.priority),
        state: .free),
      notBefore: now + task.task.delay)
  }

  private mutating func take(_ letter: TaskSnapshot.Dead) {
    let attempt = noteTaken(letter.id, letter.task, letter.attempt)
    dead[letter.id] = DeadLetter(
      id: letter.id, cause: letter.cause, attempt: attempt, task: letter.task,
      admittedAt: now + (.zero - letter.age), diedAt: now + (.zero - letter.deadFor))
    counts.dead &+= 1
  }
}
