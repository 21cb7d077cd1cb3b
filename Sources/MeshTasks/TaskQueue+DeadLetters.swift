// Tasks that are delivered no more.
import MeshBasics

extension TaskQueue {
  /// At most `limit` dead letters that come after `id`, in the order of their admission; nil begins with the first.
  public func deadLetters(after id: TaskID?, limit: Int) -> [DeadLetter] {
    let first = id.map { dead.rank(of: $0) &+ (dead[$0] == nil ? 0 : 1) } ?? 0
    let last = min(dead.count, first &+ max(0, min(limit, dead.count)))
    return (first..<max(first, last)).compactMap { dead.element(at: $0)?.value }
  }

  /// One dead letter; nil when there is none.
  public func deadLetter(_ id: TaskID) -> DeadLetter? { dead[id] }

  /// Makes the task at `slot`, which is in no line, a dead letter.
  mutating func die(_ slot: Slot, _ cause: DeadLetter.Cause, _ effects: inout TaskQueueEffects) {
    let task = NewTask(
      store[slot].payload ?? TaskBytes([]), priority: Int(store[slot].priority), details: store[slot].details)
    let letter = DeadLetter(
      id: store.id(of: slot), cause: cause, attempt: store[slot].attempt, task: task,
      admittedAt: store[slot].admittedAt,
      diedAt: now)
    dead[letter.id] = letter
    counts.dead &+= 1
    counts.deadLettered &+= 1
    forget(slot)
    effects.events.append(.deadLettered(letter.id, cause, attempt: letter.attempt))
    if counts.dead == options.deadLettersMax &+ 1 { effects.events.append(.deadLettersFull(count: counts.dead)) }
  }

  mutating func redrive(_ id: TaskID) -> TaskQueueAnswer {
    guard isOpen else { return .refused(.draining) }
    guard let letter = dead[id] else { return .refused(.notFound) }
    // A letter beyond their own number has a place already.
    guard counts.dead > options.deadLettersMax || !isFull else { return .refused(.full) }
    dead.removeValue(forKey: id)
    counts.dead &-= 1
    counts.redriven &+= 1
    enter(
      StoredTask(
        sequence: id.sequence, admittedAt: letter.admittedAt, at: now, payload: letter.task.payload,
        details: letter.task.details, attempt: letter.attempt, charges: 0, epoch: store.number(ofEpoch: id.epoch),
        priority: Int8(truncatingIfNeeded: letter.task.priority), state: .free),
      notBefore: now)
    return .done
  }

  mutating func purge(_ id: TaskID) -> TaskQueueAnswer {
    guard dead.removeValue(forKey: id) != nil else { return .refused(.notFound) }
    counts.dead &-= 1
    counts.purged &+= 1
    return .done
  }
}
