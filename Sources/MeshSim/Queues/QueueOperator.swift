// What befalls the queue as a whole.
import MeshBasics
import MeshTasks

/// Who drains, closes and restores the queue, one thing at a time.
struct SimOperator {
  enum Stage: Equatable {
    case idle
    /// A drain goes on, after which the queue is resumed.
    case draining
    /// A close goes on, after which another life begins.
    case closing
  }

  var stage = Stage.idle
  /// The call that drains or closes, and what it got.
  var call: WaiterID?
  /// The drain that a close has ended.
  var former: WaiterID?
  var answer: TaskQueueAnswer?
  var monitors: [MonitorID] = []
  /// The snapshot of an earlier life.
  var old: TaskSnapshot?

  var isIdle: Bool { stage == .idle }
}

extension QueueSimulation {
  func makeTrouble(_ number: Int) {
    guard !isCalm else { return }
    switch random.below(9) {
    case 0: jump(.milliseconds(Int64(random.below(60_000))))
    case 1: jump(.zero - .milliseconds(Int64(random.below(60_000))))
    case 2: drain()
    case 3, 4: close([.drain, .requeueActive, .requeueActive, .discard][Int(random.below(4))])
    case 5: watch()
    case 6: mendDeadLetters()
    default:
      guard let index = consumers.indices.randomElement(using: &random) else { return }
      consumers[index].habit = SimConsumer.Habit.allCases.randomElement(using: &random) ?? .diligent
      say("consumer \(index) is \(consumers[index].habit) now")
    }
  }

  private func jump(_ span: Duration) {
    tally.add(span < .zero ? .jumpedBack : .jumped)
    say("the clock jumps by \(span.milliseconds) ms")
    clockShift = clockShift + span
    turn(.timePassed, nil)
  }

  // MARK: Ends and beginnings

  private func drain() {
    guard manager.isIdle else { return }
    begin(.draining) { .drain(waiter: $0, deadline: clock + .milliseconds(Int64(random.below(2_000)))) }
  }

  private func close(_ mode: TaskCloseMode) {
    // A close comes even amid a drain, which then gets its answer; but not while somebody holds what was handed back.
    if manager.stage == .closing || manager.answer != nil { return }
    begin(.closing) { .close(mode, waiter: $0, deadline: clock + .milliseconds(Int64(random.below(2_000)))) }
  }

  private func begin(_ stage: SimOperator.Stage, _ input: (WaiterID) -> TaskQueueInput) {
    let number = nextWaiter()
    // A drain that goes on is answered that the queue closes.
    (manager.stage, manager.former, manager.call, manager.answer) = (stage, manager.call, number, nil)
    let answer = turn(input(number), nil)
    if case .waiting = answer { return }
    manager.answer = answer
    schedule(.proceed, within: .milliseconds(200))
  }

  /// The operator's next step, when what it waits for has come.
  func proceed() {
    guard case .handedBack(let snapshot, _)? = manager.answer else {
      if manager.answer != nil { ledger.fail("operator", "told \(manager.answer.map(QueueWords.of) ?? "nothing")") }
      return
    }
    let stage = manager.stage
    (manager.stage, manager.call, manager.answer) = (.idle, nil, nil)
    switch stage {
    case .idle: return
    case .draining: turn(.resume, nil)
    case .closing:
      guard beginLife() else { return }
    }
    restore(snapshot)
  }

  private func beginLife() -> Bool {
    tally.add(.lives)
    let next = room.epoch + 1
    say("life \(next) begins")
    guard let room = try? TaskQueue(options, epoch: next, seed: seed &+ next) else {
      ledger.fail("lives", "life \(next) can't begin")
      return false
    }
    self.room = room
    manager.monitors = []
    ledger.beginLife()
    return true
  }

  private func restore(_ handedBack: TaskSnapshot) {
    guard let snapshot = overBytes(handedBack) else { return ledger.fail("snapshots", "the bytes can't be read back") }
    guard case .restored = turn(.restore(spoiled(snapshot)), nil) else {
      return ledger.fail("snapshots", "what was handed back isn't taken in")
    }
    // The same once more does nothing.
    if !snapshot.isEmpty, random.chance(1, in: 2) {
      tally.add(.restoredTwice)
      guard case .refused(.alreadyRestored) = turn(.restore(snapshot), nil) else {
        if plant == nil { ledger.fail("snapshots", "a snapshot was restored twice") }
        return
      }
    }
    manager.old = manager.old ?? snapshot
  }

  private func overBytes(_ snapshot: TaskSnapshot) -> TaskSnapshot? {
    (try? snapshot.encoded()).flatMap { try? TaskSnapshot.decode($0) }
  }

  private func spoiled(_ snapshot: TaskSnapshot) -> TaskSnapshot {
    switch plant {
    case .lostTask:
      return TaskSnapshot(
        queue: snapshot.queue, epoch: snapshot.epoch, tasks: Array(snapshot.tasks.dropFirst()), dead: snapshot.dead)
    case .replayedSnapshot: return manager.old ?? snapshot
    default: return snapshot
    }
  }

  // MARK: Monitors, dead letters

  private func watch() {
    guard room.isOpen else { return }
    if manager.monitors.count > 2, let monitor = manager.monitors.first {
      turn(.removeMonitor(monitor), nil)
      manager.monitors.removeFirst()
      return
    }
    var marks = BackpressureOptions(highWatermark: 1 + Int(random.below(20)))
    marks.cooldown = .milliseconds(Int64(random.below(3_000)))
    marks.highAge = random.chance(1, in: 2) ? .milliseconds(Int64(1 + random.below(2_000))) : nil
    guard case .monitored(let monitor) = turn(.addMonitor(marks), nil) else {
      return ledger.fail("signals", "no monitor may watch")
    }
    manager.monitors.append(monitor)
  }

  private func mendDeadLetters() {
    for letter in room.deadLetters(after: nil, limit: 3) {
      turn(random.chance(1, in: 2) ? .redrive(letter.id) : .purge(letter.id), nil)
    }
  }
}
