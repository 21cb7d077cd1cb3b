// One lease queue under virtual time: producers, consumers that err in every way, an operator who drains, closes and
// restores, and a clock that jumps. All that happens follows from the seed.
import MeshBasics
import MeshTasks

/// A bug planted on purpose at the queue's door, to prove that a checker sees it.
public enum PlantedQueueBug: String, CaseIterable, Sendable {
  /// A call that waits is forgotten.
  case lostWake
  /// A task is left out when the next life is restored.
  case lostTask
  /// A later life is restored from what an earlier one handed back.
  case replayedSnapshot
  /// A task that is at a consumer is given to another as well.
  case doubledLease
}

/// A call on its way to the queue or back, or waiting there.
struct QueueCall {
  enum Caller: Equatable {
    case producer(Int)
    case consumer(Int)
  }

  /// Which call it is, in the order of departure.
  let number: UInt64
  let caller: Caller
  let input: TaskQueueInput
  /// As whom the queue knows it, in the order of arrival.
  var waiter: WaiterID = 0
}

/// One run.
final class QueueSimulation {
  enum Event {
    /// A call reaches the queue.
    case arrival(QueueCall)
    /// Its answer reaches the caller.
    case answer(QueueCall, TaskQueueAnswer)
    /// The shell's timer; only the newest counts.
    case alarm(UInt64)
    /// A producer or consumer does what is next.
    case act(QueueCall.Caller)
    /// Who waits as this call waits no more.
    case impatience(QueueCall)
    case trouble(Int)
    case proceed
    case calm
  }

  let seed: UInt64
  let plant: PlantedQueueBug?
  let tell: ((String) -> Void)?
  var random: SeededRandom
  var events = EventQueue<Event>()
  var now = Instant.origin + .seconds(3_600)
  var options: TaskQueueOptions
  var room: TaskQueue
  var effects = TaskQueueEffects()
  /// What the queue's clock shows beyond `now`.
  var clockShift = Duration.zero
  var ledger: QueueLedger
  var producers: [SimProducer] = []
  var consumers: [SimConsumer] = []
  var manager = SimOperator()
  /// Calls that wait at the queue, in the order of their arrival.
  var waiting: [QueueCall] = []
  /// Calls that were made and whose answers have not reached their callers.
  var unanswered = OrderedMap<UInt64, Bool>()
  var tally = QueueTally()
  private(set) var hash = TraceHash()
  private(set) var steps = 0
  private(set) var isCalm = false
  private var lastCall: UInt64 = 0
  private var lastWaiter: WaiterID = 0
  private var lastLease: UInt64 = 0
  private var alarms: UInt64 = 0
  private var idleTurns = 0

  /// The run of `seed`. Each step is told to `tell`.
  init(seed: UInt64, plant: PlantedQueueBug? = nil, tell: ((String) -> Void)? = nil) throws(TaskQueueFaults) {
    (self.seed, self.plant, self.tell) = (seed, plant, tell)
    random = SeededRandom(seed: seed)
    options = QueueSimulation.options(&random)
    ledger = QueueLedger(capacity: options.capacity)
    room = try TaskQueue(options, epoch: 1, seed: seed)
    for number in 0..<Int(1 + random.below(4)) { producers.append(SimProducer(number, &random)) }
    for _ in 0..<Int(1 + random.below(5)) { consumers.append(SimConsumer(&random)) }
  }

  private static func options(_ random: inout SeededRandom) -> TaskQueueOptions {
    var options = TaskQueueOptions(name: "simulated")
    options.capacity = [1, 2, 5, 20, 200][Int(random.below(5))]
    options.leaseDuration = .milliseconds(200 + Int64(random.below(3_000)))
    options.heartbeatInterval = options.leaseDuration.divided(by: 3)
    options.attemptsMax = Int(1 + random.below(5))
    options.deadLettersMax = Int(random.below(4))
    options.retry.first = .milliseconds(Int64(random.below(200)))
    options.retry.longest = .seconds(2)
    return options
  }

  /// Runs until all is settled, or something is wrong.
  func run() -> QueueResult {
    for index in producers.indices { schedule(.act(.producer(index)), within: .milliseconds(100)) }
    for index in consumers.indices { schedule(.act(.consumer(index)), within: .milliseconds(100)) }
    let lasting = Duration.seconds(Int64(10 + random.below(30)))
    for number in 0..<Int(random.below(14)) {
      events.schedule(.trouble(number), at: now + random.jittered(lasting.divided(by: 2), percent: 99))
    }
    let calmAt = now + lasting
    events.schedule(.calm, at: calmAt)
    while ledger.problem == nil, !isSettled, let (at, event) = events.popFirst() {
      now = at
      if now > calmAt + .seconds(600) { ledger.fail("rest", unsettled) } else { take(event) }
    }
    if ledger.problem == nil { examine() }
    return QueueResult(
      seed: seed, hash: hash.value, problem: ledger.problem, steps: steps, tasks: ledger.count,
      lasted: now.since(.origin) - .seconds(3_600), tally: tally)
  }

  private func take(_ event: Event) {
    switch event {
    case .arrival(let call): arrive(call)
    case .answer(let call, let answer): answered(call, answer)
    case .alarm(let number): if number == alarms { turn(.timePassed, nil) }
    case .act(.producer(let index)): produce(index)
    case .act(.consumer(let index)): consume(index)
    case .proceed: proceed()
    case .impatience(let call): giveUp(call)
    case .trouble(let number): makeTrouble(number)
    case .calm: becomeCalm()
    }
  }

  // MARK: Calls

  /// What the queue's clock shows.
  var clock: Instant { now + clockShift }

  func schedule(_ event: Event, within span: Duration) {
    events.schedule(event, at: now + Duration(nanoseconds: Int64(random.below(UInt64(max(1, span.nanoseconds))))))
  }

  func nextCall() -> UInt64 {
    lastCall &+= 1
    return lastCall
  }

  func nextWaiter() -> WaiterID {
    lastWaiter &+= 1
    return lastWaiter
  }

  func nextLeaseID() -> UInt64 {
    lastLease &+= 1
    return lastLease
  }

  /// Sends a call on its way.
  func send(_ call: QueueCall) {
    unanswered[call.number] = true
    schedule(.arrival(call), within: .milliseconds(20))
  }

  private func arrive(_ call: QueueCall) {
    var call = call
    call.waiter = nextWaiter()
    turn(call.input.waiting(as: call.waiter), call)
  }

  private func answered(_ call: QueueCall, _ answer: TaskQueueAnswer) {
    guard unanswered.removeValue(forKey: call.number) != nil else {
      return ledger.fail("answers", "call \(call.number) has two answers")
    }
    switch call.caller {
    case .producer(let index): produced(index, call, answer)
    case .consumer(let index): consumed(index, call, answer)
    }
  }

  private func giveUp(_ call: QueueCall) {
    func waits(_ other: QueueCall) -> Bool { other.number == call.number }
    guard let waiter = waiting.first(where: waits)?.waiter else { return }
    guard case .done = turn(.cancelWait(waiter), nil) else {
      // It may have had its answer in this very turn.
      if waiting.contains(where: waits) {
        ledger.fail("waits", "call \(call.number) waits and can't be given up")
      }
      return
    }
    tally.add(.gaveUp)
    waiting.removeAll(where: waits)
    schedule(.answer(call, .refused(.cancelled)), within: .milliseconds(20))
  }

  // MARK: Turns

  /// One turn of the queue, and what it means to everybody. Of `call` nothing is told if it waits.
  @discardableResult
  func turn(_ input: TaskQueueInput, _ call: QueueCall?) -> TaskQueueAnswer {
    room.handle(input, now: clock, into: &effects)
    steps += 1
    let answer = effects.takeAnswer()
    let wakes = effects.takeWakes()
    trace(input, answer, wakes)
    let woken = wakes.map { wake in (waiting.first { $0.waiter == wake.waiter }?.input, wake.answer) }
    ledger.note(input, answer, woken, effects.events, at: clock)
    if plant == .doubledLease, case .leased = answer { ledger.note(input, answer, [], [], at: clock) }
    for event in effects.events { tally.note(event) }
    tally.note(input, answer)
    ledger.compare(room.counts)
    if case .timePassed = input, wakes.isEmpty, effects.events.isEmpty { idleTurns += 1 } else { idleTurns = 0 }
    if idleTurns > 100 { ledger.fail("alarms", "a hundred turns in a row had nothing to do") }
    wake(wakes)
    if let call { settle(call, answer) }
    arm()
    return answer
  }

  private func settle(_ call: QueueCall, _ answer: TaskQueueAnswer) {
    if case .waiting = answer {
      waiting.append(call)
    } else if waiting.contains(where: { $0.isSameKind(as: call) && call.mayWait }), ledger.served(answer) {
      ledger.fail("waits", "call \(call.number) was served before one that waits")
    } else {
      schedule(.answer(call, answer), within: .milliseconds(20))
    }
  }

  private func wake(_ wakes: [TaskQueueEffects.Wake]) {
    for wake in wakes {
      if plant == .lostWake, random.chance(1, in: 20) { continue }
      guard let index = waiting.firstIndex(where: { $0.waiter == wake.waiter }) else {
        if wake.waiter == manager.call {
          manager.answer = wake.answer
          schedule(.proceed, within: .milliseconds(200))
        } else if wake.waiter != manager.former {
          ledger.fail("answers", "an answer to call \(wake.waiter), which doesn't wait")
        }
        continue
      }
      let call = waiting[index]
      if ledger.served(wake.answer), waiting[..<index].contains(where: { $0.isSameKind(as: call) }) {
        ledger.fail("waits", "call \(call.number) was served before one that had waited longer")
      }
      waiting.remove(at: index)
      schedule(.answer(call, wake.answer), within: .milliseconds(20))
    }
  }

  /// The shell's timer is late at times.
  private func arm() {
    guard let next = room.nextDeadline else { return }
    alarms &+= 1
    let late = random.chance(1, in: 20) ? Duration.milliseconds(Int64(random.below(3_000))) : .zero
    events.schedule(.alarm(alarms), at: max(now, next + (.zero - clockShift)) + late)
  }

  // MARK: The end

  private func becomeCalm() {
    isCalm = true
    say("CALM")
    // A clock that went back is right again.
    clockShift = max(clockShift, ledger.time.since(now))
    for index in consumers.indices { consumers[index].habit = .diligent }
    schedule(.proceed, within: .milliseconds(100))
  }

  /// All is produced, nothing is left in the queue, and nobody is amid anything but waiting for more.
  private var isSettled: Bool {
    isCalm && producers.allSatisfy(\.isDone) && ledger.alive == 0 && manager.isIdle && room.isOpen
      && unanswered.count == waiting.count
  }

  private var unsettled: String {
    "not settled after 600 s of calm: \(ledger.alive) tasks left, \(producers.count { !$0.isDone }) producers aren't "
      + "done, \(unanswered.count - waiting.count) calls without an answer"
  }

  /// What must be so in the end.
  private func examine() {
    // Cooldowns end; what was told last is how things are.
    for _ in 0..<20 {
      guard let next = room.nextDeadline else { break }
      now = max(now, next + (.zero - clockShift))
      turn(.timePassed, nil)
    }
    for monitor in manager.monitors {
      let last = room.latestSignal(of: monitor)
      if last?.isActive != room.isOverloaded(for: monitor) || last?.isActive != false {
        ledger.fail("signals", "at rest, monitor \(monitor) last told \(last.map { "\($0)" } ?? "nothing")")
      }
    }
    turn(.close(.discard, waiter: nextWaiter(), deadline: clock), nil)
    if let call = waiting.first { ledger.fail("waits", "call \(call.number) waits at a closed queue") }
    ledger.examine()
  }

  // MARK: The trace

  func say(_ what: @autoclosure () -> String) {
    guard let tell else { return }
    let time = "\(now.since(.origin).milliseconds - 3_600_000)"
    tell(String(repeating: " ", count: max(0, 8 - time.utf8.count)) + time + "  \(what())")
  }

  private func trace(_ input: TaskQueueInput, _ answer: TaskQueueAnswer, _ wakes: [TaskQueueEffects.Wake]) {
    hash.combine(now.nanoseconds)
    hash.combine(room.counts.admitted)
    hash.combine(room.counts.grants)
    hash.combine(room.counts.pending &+ room.counts.leased << 20)
    for wake in wakes { hash.combine(wake.waiter) }
    say("\(QueueWords.of(input)): \(QueueWords.of(answer))")
    for wake in wakes { say("  call \(wake.waiter): \(QueueWords.of(wake.answer))") }
    for event in effects.events { say("  \(event)") }
  }
}

extension TaskQueueInput {
  /// The same of a call that the queue knows as `waiter`, if it may wait.
  fileprivate func waiting(as waiter: WaiterID) -> TaskQueueInput {
    switch self {
    case .enqueue(let task, .some): .enqueue(task, waiter: waiter)
    case .lease(let leaseID, .some): .lease(leaseID: leaseID, waiter: waiter)
    default: self
    }
  }
}

extension QueueCall {
  /// Whether both wait in one line.
  func isSameKind(as other: QueueCall) -> Bool {
    switch (input, other.input) {
    case (.lease, .lease), (.enqueue, .enqueue): true
    default: false
    }
  }

  var mayWait: Bool {
    switch input {
    case .enqueue, .lease: true
    default: false
    }
  }
}
