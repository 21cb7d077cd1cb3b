import MeshBasics

@testable import MeshTasks

/// The room and the model, asked the same; the first difference between them, or what must never be, ends it.
final class QueueDuel {
  private var room: TaskQueue
  private var model: QueueModel
  private var effects = TaskQueueEffects()
  private var now = Instant(nanoseconds: 1_000_000_000_000)
  private var epoch: UInt64 = 5
  private var tokens: [TaskToken] = []
  private var lastLease: UInt64 = 0
  private var turns = 0
  private var briefTurns = 0
  private var lastWaiter: WaiterID = 0
  private var snapshots: [TaskSnapshot] = []
  private var ended: Set<TaskToken> = []
  private var granted: Set<TaskToken> = []
  private var signals: [MonitorID: UInt64] = [:]
  private let options: TaskQueueOptions

  init(_ options: TaskQueueOptions) throws {
    self.options = options
    room = try TaskQueue(options, epoch: epoch, seed: 1)
    model = QueueModel(options, epoch: epoch)
  }

  /// What is wrong at the first step at which something is; nil when nothing ever is.
  static func problem(_ script: QueueScript) -> String? {
    guard let duel = try? QueueDuel(script.options) else { return "the options can't be" }
    for (number, step) in script.steps.enumerated() {
      if let problem = duel.play(step) { return "step \(number + 1), \(step): \(problem)" }
    }
    return duel.rest()
  }

  /// How many of a script's turns were brief ones.
  static func briefTurns(_ script: QueueScript) -> Int {
    guard let duel = try? QueueDuel(script.options) else { return 0 }
    for step in script.steps { _ = duel.play(step) }
    return duel.briefTurns
  }

  private func play(_ step: QueueStep) -> String? {
    now = now + .seconds(Int64(step.after))
    if case .beginNewLife = step.action { return beginNewLife() }
    if case .takeSnapshot = step.action {
      snapshots.append(room.snapshot())
      return nil
    }
    if let problem = ask(input(step.action)) { return problem }
    return passDue()
  }

  /// What is due is done in a few turns: `nextDeadline` hides nothing, and doesn't stay in the past.
  private func passDue() -> String? {
    for _ in 0..<4 {
      guard let next = room.nextDeadline, next <= now else { return nil }
      if let problem = ask(.timePassed) { return "afterwards, \(problem)" }
    }
    return "nextDeadline stays in the past"
  }

  /// After a long time without traffic, what was told last is how things are.
  private func rest() -> String? {
    for _ in 0..<40 {
      guard let next = room.nextDeadline else { break }
      now = max(now, next)
      if let problem = ask(.timePassed) ?? passDue() { return "at rest, \(problem)" }
    }
    for monitor in model.monitors
    where room.latestSignal(of: monitor.id)?.isActive != room.isOverloaded(for: monitor.id) {
      return "at rest, monitor \(monitor.id) last told \(String(describing: room.latestSignal(of: monitor.id)))"
    }
    return nil
  }

  private func beginNewLife() -> String? {
    epoch += 1
    guard let next = try? TaskQueue(options, epoch: epoch, seed: epoch) else { return "no new life" }
    room = next
    model = QueueModel(options, epoch: epoch)
    (ended, signals) = ([], [:])
    return nil
  }

  // MARK: One turn

  private func ask(_ input: TaskQueueInput) -> String? {
    turns += 1
    // Every other turn that may be brief is.
    let brief = turns.isMultiple(of: 2) ? briefAnswer(input) : nil
    if brief != nil { briefTurns += 1 }
    if brief == nil { room.handle(input, now: now, into: &effects) } else { effects = TaskQueueEffects() }
    let expected = model.turn(input, now: now)
    // A brief turn tells nothing; that something is ready now is all that it might have to tell.
    if brief != nil { model.events.removeAll { $0 == .becameReady } }
    let answer = brief ?? effects.takeAnswer()
    if let problem = differ("answer", text(answer), text(expected)) { return problem }
    let wakes = effects.wakes.map { "\($0.waiter): \(text($0.answer))" }
    if let problem = differ("wakes", wakes, model.wakes.map { "\($0.waiter): \(text($0.answer))" }) { return problem }
    if let problem = differ("events", effects.events, model.events) ?? differState() { return problem }
    for answer in [answer] + effects.wakes.map(\.answer) {
      if let problem = note(answer) { return problem }
    }
    return brokenLaw(input, answer)
  }

  /// What a brief turn answers; nil where the room asks for the other kind.
  private func briefAnswer(_ input: TaskQueueInput) -> TaskQueueAnswer? {
    guard room.mayBeBrief(now: now) else { return nil }
    switch input {
    case .enqueue(let task, _) where task.details == nil && task.delay == .zero:
      var payload: TaskBytes? = task.payload
      return room.admitBriefly(&payload, priority: task.priority, now: now).map { .admitted($0, isNew: true) }
    case .lease(let leaseID, _) where leaseID != 0 && room.hasReady:
      return .leased(room.leaseBriefly(leaseID, now: now))
    case .complete(let token): return room.completeBriefly(token, now: now) ? .done : nil
    case .heartbeat(let token):
      return room.extendBriefly(token, now: now) ? .extended(until: room.now + options.leaseDuration) : nil
    default: return nil
    }
  }

  private func differState() -> String? {
    var counts = room.counts
    if !counts.areConserved { return "tasks aren't conserved: \(counts)" }
    if counts.pending + counts.delayed + counts.leased > options.capacity { return "more than its capacity" }
    counts.leaseDurations = DurationCounts()
    let problem =
      differ("counts", counts, model.counts) ?? differ("deadline", room.nextDeadline, model.nextDeadline)
      ?? differ("oldest", room.oldestReadyAt, model.oldest) ?? differ("full", room.isFull, model.isFull)
    if let problem { return problem }
    let (kept, expected) = (room.snapshot(), model.snapshot)
    if kept != expected { return differ("snapshot", text(kept), text(expected)) ?? "payloads differ in a snapshot" }
    if room.deadLetters(after: nil, limit: 100) != model.dead.sorted(by: { $0.id < $1.id }) { return "dead letters" }
    for monitor in model.monitors {
      let told = room.signals(of: monitor.id, after: 0)?.signals ?? []
      if let problem = differ("signals", told, monitor.told.suffix(TaskLimits.signalsKept).map { $0 }) {
        return problem
      }
    }
    return nil
  }

  /// What must hold whatever the model says.
  private func brokenLaw(_ input: TaskQueueInput, _ answer: TaskQueueAnswer) -> String? {
    let isDone = if case .done = answer { true } else { false }
    switch input {
    case .complete(let token), .handBack(let token), .fail(let token, _, _):
      if isDone && !granted.contains(token) { return "a token that was never given" }
      if isDone && !ended.insert(token).inserted { return "a token taken twice" }
    default: break
    }
    for case .leaseExpired(let token) in effects.events where !ended.insert(token).inserted {
      return "an expiry of a lease that was over"
    }
    for case .backpressure(let monitor, let signal) in effects.events {
      if signal.version <= signals[monitor] ?? 1 { return "signals out of order" }
      signals[monitor] = signal.version
    }
    return nil
  }

  private func note(_ answer: TaskQueueAnswer) -> String? {
    if case .handedBack(let snapshot, _) = answer { snapshots.append(snapshot) }
    guard case .leased(let lease) = answer else { return nil }
    if tokens.contains(where: { $0.id == lease.token.id && $0.attempt >= lease.token.attempt && isOfThisLife($0) }) {
      return "attempt \(lease.token.attempt) of \(lease.token.id) again"
    }
    tokens.append(lease.token)
    granted.insert(lease.token)
    return nil
  }

  /// Grants of this life: an older snapshot in a later life may bring a task as it was.
  private func isOfThisLife(_ token: TaskToken) -> Bool { token.leaseID >> 32 == epoch }

  private func differ<Value: Equatable>(_ what: String, _ room: Value, _ model: Value) -> String? {
    room == model ? nil : "\(what): the room says \(room), the model \(model)"
  }

  // MARK: Inputs

  private func input(_ action: QueueStep.Action) -> TaskQueueInput {
    switch action {
    case .enqueue(let priority, let key, let request, let delay, let waits):
      let details = key == 0 && request == 0 ? nil : TaskDetails(key: name("k", key), requestID: name("r", request))
      let task = NewTask(
        TaskBytes([UInt8(truncatingIfNeeded: priority), UInt8(key)]), priority: priority,
        delay: .seconds(Int64(delay)), details: details)
      return .enqueue(task, waiter: waiter(waits))
    case .enqueueInvalid: return .enqueue(NewTask(TaskBytes([UInt8](repeating: 0, count: 9))), waiter: nil)
    case .lease(let waits):
      lastLease += 1
      return .lease(leaseID: epoch << 32 | lastLease, waiter: waiter(waits))
    case .heartbeat(let number): return .heartbeat(token(number))
    case .complete(let number): return .complete(token(number))
    case .handBack(let number): return .handBack(token(number))
    case .handBackAll(let count): return .handBackAll((0..<count).map { token($0) })
    case .fail(let number): return .fail(token(number), reason: "no", .retry)
    case .failAfter(let number, let wait): return .fail(token(number), reason: "", .retryAfter(.seconds(Int64(wait))))
    case .refuse(let number): return .fail(token(number), reason: "never", .deadLetter)
    case .cancelWait(let number): return .cancelWait(lastWaiter - min(lastWaiter, UInt64(number)))
    case .redrive(let number): return .redrive(deadLetter(number))
    case .purge(let number): return .purge(deadLetter(number))
    case .drain(let seconds):
      return .drain(waiter: waiter(true) ?? 0, deadline: now + .seconds(Int64(seconds)))
    case .resume: return .resume
    case .close(let mode, let seconds):
      return .close(mode, waiter: waiter(true) ?? 0, deadline: now + .seconds(Int64(seconds)))
    case .restore(let number, let wrong):
      guard !snapshots.isEmpty else { return .restore(TaskSnapshot(queue: "orders", epoch: 1, tasks: [], dead: [])) }
      return .restore(spoiled(snapshots[snapshots.count - 1 - number % snapshots.count], wrong))
    case .addMonitor(let high, let cooldown, let highAge):
      var options = BackpressureOptions(highWatermark: high)
      options.cooldown = .seconds(Int64(cooldown))
      options.highAge = highAge > 0 ? .seconds(Int64(highAge)) : nil
      return .addMonitor(options)
    case .removeMonitor(let number): return .removeMonitor(MonitorID(number + 1))
    case .timePassed, .beginNewLife, .takeSnapshot: return .timePassed
    }
  }

  private func name(_ letter: String, _ number: Int) -> String { number == 0 ? "" : "\(letter)\(number)" }

  private func waiter(_ waits: Bool) -> WaiterID? {
    guard waits else { return nil }
    lastWaiter += 1
    return lastWaiter
  }

  private func token(_ number: Int) -> TaskToken {
    guard !tokens.isEmpty else { return TaskToken(id: TaskID(epoch: epoch, sequence: 1), attempt: 1, leaseID: 77) }
    return tokens[tokens.count - 1 - number % tokens.count]
  }

  private func deadLetter(_ number: Int) -> TaskID {
    model.dead.isEmpty ? TaskID(epoch: 1, sequence: 1) : model.dead[number % model.dead.count].id
  }

  /// The snapshot with something wrong; unchanged where it holds no task to spoil.
  private func spoiled(_ snapshot: TaskSnapshot, _ wrong: QueueStep.Wrong) -> TaskSnapshot {
    var (name, epoch, tasks) = (snapshot.queue, snapshot.epoch, snapshot.tasks)
    if let first = tasks.first {
      var task = first.task
      var (attempt, uncharged, age) = (first.attempt, first.uncharged, first.age)
      switch wrong {
      case .attempt: (attempt, uncharged) = (1, 2)
      case .delay: task.delay = .seconds(-1)
      case .ageless: age = .seconds(-1)
      case .spent: (attempt, uncharged) = (3, 0)
      default: break
      }
      tasks[0] = TaskSnapshot.Live(
        id: first.id, attempt: attempt, uncharged: uncharged, task: task, age: age,
        wasLeased: wrong == .spent || first.wasLeased)
      if wrong == .twice { tasks.append(first) }
    }
    if wrong == .name { name = "others" }
    if wrong == .epoch { epoch = self.epoch + 1 }
    return TaskSnapshot(queue: name, epoch: epoch, tasks: tasks, dead: snapshot.dead)
  }
}
