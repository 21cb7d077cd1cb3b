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
    let id = store.id(of: slot)
    let (attempt, admittedAt) = (store[slot].attempt, store[slot].admittedAt)
    forget(slot)
    bury(
      DeadLetter(id: id, cause: cause, attempt: attempt, task: task, admittedAt: admittedAt, diedAt: now), &effects)
  }

  mutating func bury(_ letter: DeadLetter, _ effects: inout TaskQueueEffects) {
    dead[letter.id] = letter
    counts.dead &+= 1
    counts.deadLettered &+= 1
    effects.events.append(.deadLettered(letter.id, letter.cause, attempt: letter.attempt))
  }

  mutating func redrive(_ id: TaskID) -> TaskQueueAnswer {
    guard isOpen else { return .refused(shutRefusal) }
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
