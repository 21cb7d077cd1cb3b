import MeshBasics
import MeshTasks
import Testing

/// A pump at a queue, with a clock that moves when told.
final class PumpRig {
  let queue: QueueRig
  var pump: TaskPump
  var effects = TaskPumpEffects()
  /// What the consumer was given, in order.
  var delivered: [TaskLease] = []

  init(hold: Duration = .seconds(60), attempts: Int = 5) throws {
    queue = try QueueRig {
      $0.attemptsMax = attempts
      $0.capacity = 64
    }
    var options = TaskPumpOptions(for: queue.queue.options)
    options.holdMax = hold
    pump = try TaskPump(options)
  }

  func ask(_ input: TaskPumpInput) {
    pump.handle(input, now: queue.now, into: &effects)
    delivered += effects.deliveries
    let (beats, backs) = (effects.heartbeats, effects.handBacks)
    for token in backs { queue.ask(.handBack(token)) }
    for token in beats {
      if case .extended(let until) = queue.ask(.heartbeat(token)) {
        ask(.extended(token, until: until))
      } else {
        ask(.over(token))
      }
    }
    #expect(pump.unsettled <= pump.credit, "more is out than there is credit for")
  }

  /// Leases as much as there is credit for, as the shell does.
  func fill() {
    while pump.wanted > 0, let lease = queue.lease() { ask(.leased(lease)) }
  }

  func pass(_ duration: Duration) {
    queue.pass(duration)
    ask(.timePassed)
    queue.ask(.timePassed)
  }

  /// The consumer's word for the first delivery that it hasn't settled.
  @discardableResult
  func complete(_ lease: TaskLease) -> TaskQueueAnswer {
    let answer = queue.ask(.complete(lease.token))
    ask(.settled(lease.token, keepsCredit: true))
    return answer
  }
}

struct TaskPumpTests {
  @Test func itBringsNoMoreThanThereIsCreditFor() throws {
    let rig = try PumpRig()
    for name in 1...5 { rig.queue.enqueue("\(name)") }
    rig.fill()
    #expect(rig.delivered.isEmpty && rig.pump.wanted == 0)
    rig.ask(.grant(2))
    rig.fill()
    #expect(rig.delivered.map(\.token.id.sequence) == [1, 2] && rig.queue.queue.counts.leased == 2)
    rig.complete(rig.delivered[0])
    rig.fill()
    #expect(rig.delivered.map(\.token.id.sequence) == [1, 2, 3] && rig.pump.unsettled == 2)
  }

  @Test func aTaskThatCameUnaskedGoesBackAndIsNotCharged() throws {
    let rig = try PumpRig(attempts: 1)
    rig.queue.enqueue("a")
    let lease = try #require(rig.queue.lease())
    rig.ask(.leased(lease))
    #expect(rig.delivered.isEmpty && rig.queue.queue.counts.pending == 1)
    rig.ask(.grant(1))
    rig.fill()
    #expect(rig.delivered.count == 1, "its only attempt is still there")
  }

  @Test func leasesThatTheConsumerHasAreRenewed() throws {
    let rig = try PumpRig()
    rig.queue.enqueue("a")
    rig.ask(.grant(1))
    rig.fill()
    for _ in 0..<20 { rig.pass(.seconds(2)) }
    #expect(rig.queue.queue.counts.heartbeats == 20 && rig.queue.queue.counts.expired == 0)
    guard case .done = rig.complete(rig.delivered[0]) else {
      Issue.record("40 seconds later the lease of 10 seconds is over")
      return
    }
    #expect(rig.pump.nextDeadline == nil)
    rig.pass(.seconds(2))
    #expect(rig.queue.queue.counts.heartbeats == 20)
  }

  @Test func aConsumerThatHangsLosesItsTaskInTimeAndGetsNoOther() throws {
    let rig = try PumpRig(hold: .seconds(31))
    for name in ["a", "b"] { rig.queue.enqueue(name) }
    rig.ask(.grant(1))
    rig.fill()
    var ended: Int?
    for seconds in 1...60 {
      rig.pass(.seconds(1))
      rig.fill()
      if ended == nil && rig.queue.queue.counts.expired == 1 { ended = seconds }
    }
    #expect((29...31).contains(try #require(ended)), "held for 31 seconds at most, and nearly so long")
    #expect(rig.delivered.count == 1 && rig.queue.queue.counts.pending == 2 && rig.pump.counts.over == 1)
    // It comes back to life: what it says of the task is refused, and its credit is good again.
    guard case .refused = rig.complete(rig.delivered[0]) else {
      Issue.record("the lease was over")
      return
    }
    rig.fill()
    #expect(rig.delivered.count == 2)
  }

  @Test func aLeaseThatEndedElsewhereIsRenewedNoMore() throws {
    let rig = try PumpRig()
    rig.queue.enqueue("a")
    rig.ask(.grant(1))
    rig.fill()
    rig.queue.ask(.complete(rig.delivered[0].token))
    for _ in 0..<5 { rig.pass(.seconds(2)) }
    #expect(rig.pump.counts.over == 1 && rig.pump.nextDeadline == nil && rig.pump.unsettled == 1)
    rig.complete(rig.delivered[0])
    #expect(rig.pump.unsettled == 0 && rig.pump.wanted == 1)
  }

  @Test func whatIsUnreadAtTheEndGoesBackUncharged() throws {
    let rig = try PumpRig(attempts: 1)
    for name in ["a", "b", "c"] { rig.queue.enqueue(name) }
    rig.ask(.grant(3))
    rig.fill()
    rig.ask(.close)
    rig.ask(.unread([rig.delivered[1].token, rig.delivered[2].token]))
    #expect(rig.queue.queue.counts.pending == 2 && rig.queue.queue.counts.leased == 1)
    #expect(rig.pump.credit == 1 && rig.pump.wanted == 0 && rig.pump.counts.handedBack == 2)
    rig.pass(.seconds(2))
    #expect(rig.queue.queue.counts.heartbeats == 1, "what the consumer has it keeps")
    guard case .done = rig.complete(rig.delivered[0]) else {
      Issue.record("it may still settle")
      return
    }
    #expect(rig.pump.credit == 0 && rig.pump.counts.delivered == 1)
    #expect(rig.queue.lease()?.token.attempt == 2, "no dead letter, though one attempt is all")
  }

  @Test func creditThatIsHandedBackWithATaskIsGone() throws {
    let rig = try PumpRig()
    rig.queue.enqueue("a")
    rig.ask(.grant(2))
    rig.fill()
    rig.queue.ask(.handBack(rig.delivered[0].token))
    rig.ask(.settled(rig.delivered[0].token, keepsCredit: false))
    #expect(rig.pump.credit == 1 && rig.pump.wanted == 1)
    rig.ask(.settled(rig.delivered[0].token, keepsCredit: false))
    #expect(rig.pump.credit == 1, "once")
  }

  @Test func aForgedTokenSettlesNothing() throws {
    let rig = try PumpRig()
    rig.queue.enqueue("a")
    rig.ask(.grant(1))
    rig.fill()
    let token = rig.delivered[0].token
    for forged in [
      TaskToken(id: token.id, attempt: token.attempt, leaseID: token.leaseID ^ 1),
      TaskToken(id: token.id, attempt: token.attempt + 1, leaseID: token.leaseID),
    ] {
      rig.ask(.settled(forged, keepsCredit: true))
      rig.ask(.unread([forged]))
      rig.ask(.over(forged))
    }
    #expect(rig.pump.unsettled == 1 && rig.pump.nextDeadline != nil && rig.effects.handBacks.isEmpty)
  }

  @Test func creditIsBounded() throws {
    let rig = try PumpRig()
    for count in [0, -1, TaskLimits.creditMax + 1, Int.max, Int.min] {
      let fault = rig.pump.fault(ofGrant: count)
      #expect(fault?.description == "credit: \(count); allowed is 1 to 16383")
      rig.ask(.grant(count))
    }
    #expect(rig.pump.credit == 0)
    rig.ask(.grant(TaskLimits.creditMax))
    #expect(rig.pump.credit == TaskLimits.creditMax && rig.pump.fault(ofGrant: 1) != nil)
  }

  @Test func optionsAreRefusedByNameValueAndWhatIsAllowed() throws {
    let queue = try QueueRig()
    var options = TaskPumpOptions(for: queue.queue.options)
    #expect(options.faults.isEmpty && options.heartbeatInterval == .seconds(2))
    options.heartbeatInterval = .milliseconds(5_001)
    options.holdMax = .milliseconds(9_999)
    #expect(
      options.faults.map(\.description) == [
        "heartbeat interval: 5001 ms; allowed is more than 0, and at most half of the lease duration, 10000 ms",
        "longest hold: 9999 ms; allowed is at least the lease duration, 10000 ms, and at most 7 days",
      ])
    options.heartbeatInterval = .zero
    options.holdMax = TaskLimits.holdMax + .milliseconds(1)
    #expect(options.faults.count == 2)
    options.heartbeatInterval = .milliseconds(5_000)
    options.holdMax = TaskLimits.holdMax
    #expect(options.faults.isEmpty)
  }
}
