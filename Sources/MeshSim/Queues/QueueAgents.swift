// Those who call the queue.
import MeshBasics
import MeshTasks

/// What a producer makes: its number is the payload.
struct QueueItem {
  let number: Int
  let task: NewTask

  /// The number in a payload; -1 when there is none.
  static func number(of payload: TaskBytes) -> Int {
    let bytes = payload.bytes
    return bytes.count == 8 ? bytes.reduce(0) { $0 << 8 | Int($1) } : -1
  }

  init(_ number: Int, _ random: inout SeededRandom) {
    self.number = number
    let key = random.chance(1, in: 3) ? "key-\(random.below(4))" : ""
    let request = random.chance(1, in: 2) ? "request-\(number)" : ""
    let details = key.isEmpty && request.isEmpty ? nil : TaskDetails(key: key, requestID: request)
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
    task = NewTask(
      TaskBytes(bytes), priority: random.chance(1, in: 4) ? Int(random.below(8)) - 4 : 0,
      delay: random.chance(1, in: 5) ? .milliseconds(Int64(random.below(2_000))) : .zero, details: details)
  }
}

/// Makes tasks one after the other, and asks again until each is admitted.
struct SimProducer {
  var items: [QueueItem] = []
  var made = 0

  init(_ producer: Int, _ random: inout SeededRandom) {
    for number in 0..<Int(10 + random.below(60)) { items.append(QueueItem(producer << 32 | number, &random)) }
  }

  var isDone: Bool { made == items.count }
}

/// Leases tasks one after the other, and does with them as is its habit.
struct SimConsumer {
  enum Habit: CaseIterable { case diligent, slow, hanging, failing, fickle }

  var habit: Habit
  var lease: TaskLease?
  /// What it does yet before it ends its lease.
  var heartbeats = 0

  init(_ random: inout SeededRandom) {
    habit = Habit.allCases[Int(random.below(UInt64(Habit.allCases.count)))]
  }
}

extension QueueSimulation {
  // MARK: Producers

  func produce(_ index: Int) {
    guard !producers[index].isDone else { return }
    let item = producers[index].items[producers[index].made]
    let waits = random.chance(1, in: 2)
    let number = nextCall()
    let call = QueueCall(
      number: number, caller: .producer(index), input: .enqueue(item.task, waiter: waits ? number : nil))
    send(call)
    if waits, random.chance(1, in: 3) {
      events.schedule(.impatience(call), at: now + .milliseconds(Int64(30 + random.below(500))))
    }
  }

  func produced(_ index: Int, _ call: QueueCall, _ answer: TaskQueueAnswer) {
    switch answer {
    case .admitted:
      guard case .enqueue(let task, _) = call.input else { return }
      let hasRequest = task.details?.requestID.isEmpty == false
      // An answer that is lost: who asks for the same again is told the same.
      if hasRequest, !isCalm, random.chance(1, in: 10) { tally.add(.lostAnswer) } else { producers[index].made += 1 }
    case .refused(.full), .refused(.draining), .refused(.closed), .refused(.cancelled): break
    default: ledger.fail("answers", "a producer is told \(QueueWords.of(answer))")
    }
    schedule(.act(.producer(index)), within: .milliseconds(isCalm ? 50 : 400))
  }

  // MARK: Consumers

  func consume(_ index: Int) {
    guard let lease = consumers[index].lease else { return askForWork(index) }
    if consumers[index].heartbeats > 0 {
      consumers[index].heartbeats -= 1
      return send(index, .heartbeat(lease.token))
    }
    switch consumers[index].habit {
    case .diligent, .slow, .hanging: send(index, .complete(lease.token))
    case .fickle: send(index, random.chance(1, in: 4) ? .handBackAll([lease.token]) : .handBack(lease.token))
    case .failing:
      let wait = Duration.milliseconds(Int64(random.below(1_500)))
      let ways: [TaskDisposition] = [.retry, .retry, .retryAfter(wait), .deadLetter]
      send(index, .fail(lease.token, reason: "as ever", ways[Int(random.below(4))]))
    }
  }

  private func askForWork(_ index: Int) {
    let waits = random.chance(2, in: 3)
    let number = nextCall()
    let call = QueueCall(
      number: number, caller: .consumer(index),
      input: .lease(leaseID: nextLeaseID(), waiter: waits ? number : nil))
    send(call)
    if waits, random.chance(1, in: 4) {
      events.schedule(.impatience(call), at: now + .milliseconds(Int64(30 + random.below(2_000))))
    }
  }

  private func send(_ index: Int, _ input: TaskQueueInput) {
    send(QueueCall(number: nextCall(), caller: .consumer(index), input: input))
  }

  func consumed(_ index: Int, _ call: QueueCall, _ answer: TaskQueueAnswer) {
    switch (call.input, answer) {
    case (.lease, .leased(let lease)):
      consumers[index].lease = lease
      return work(index)
    case (.lease, _): break
    case (.heartbeat, .extended): return events.schedule(.act(.consumer(index)), at: now + heartbeatWait)
    default: consumers[index].lease = nil
    }
    schedule(.act(.consumer(index)), within: .milliseconds(100))
  }

  private var heartbeatWait: Duration { options.heartbeatInterval }

  /// Plans what comes of a lease that was just given.
  private func work(_ index: Int) {
    let lease = options.leaseDuration
    switch consumers[index].habit {
    case .diligent: schedule(.act(.consumer(index)), within: lease.divided(by: 3))
    case .failing, .fickle: schedule(.act(.consumer(index)), within: lease.divided(by: 10))
    case .slow:
      consumers[index].heartbeats = Int(random.below(6))
      events.schedule(.act(.consumer(index)), at: now + heartbeatWait)
    case .hanging:
      events.schedule(.act(.consumer(index)), at: now + lease.multiplied(by: Int64(1 + random.below(4))))
    }
  }
}
