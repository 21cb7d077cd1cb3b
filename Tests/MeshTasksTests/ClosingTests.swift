import MeshBasics
import MeshTasks
import Testing

struct ClosingTests {
  /// One task in each state, and calls of every kind that wait: 1 drains, 2 asks for a task, 3 for a place.
  private func busy() throws -> (rig: QueueRig, lease: TaskLease) {
    let rig = try QueueRig { $0.capacity = 4 }
    rig.enqueue("dead")
    rig.fail(.deadLetter)
    rig.enqueue("leased", key: "k")
    let lease = try #require(rig.lease())
    rig.enqueue("held", key: "k")
    rig.enqueue("ready")
    rig.enqueue("delayed", delay: .seconds(60))
    return (rig, lease)
  }

  @Test func aDrainWaitsForLeasesAndHandsBackTheRest() throws {
    let (rig, lease) = try busy()
    rig.enqueue("waits", waits: true)
    #expect(rig.drain(.seconds(5)) == nil && rig.woken == ["1: draining"])
    #expect(rig.lease() == nil && rig.enqueue("x").refusal == .draining)
    #expect(rig.askToLease().refusal == .draining && rig.askToLease(waits: true).isWaiting)
    #expect(rig.nextDeadline == rig.now + .seconds(5))
    rig.ask(.complete(lease.token))
    #expect(rig.woken == ["2: [\"held\", \"ready\", \"delayed\"] and 0 dead, 0 leased"])
    #expect(rig.effects.events == [.drained(leased: 0)])
    #expect(rig.counts.handedBack == 3 && rig.counts.dead == 1 && rig.nextDeadline == nil)
    #expect(rig.ask(.cancelWait(3)).isDone, "the consumer waits on")
  }

  @Test func aDrainEndsAtItsDeadlineAndLeavesTheLeases() throws {
    let (rig, lease) = try busy()
    _ = rig.drain(.seconds(5))
    rig.pass(.seconds(5))
    rig.ask(.timePassed)
    #expect(rig.woken == ["1: [\"held\", \"ready\", \"delayed\"] and 0 dead, 1 leased"])
    #expect(rig.ask(.complete(lease.token)).isDone && rig.counts.completed == 1)
  }

  @Test func whatComesBackAfterADrainIsLeasedOnceTheQueueIsResumed() throws {
    let (rig, lease) = try busy()
    _ = rig.drain()
    rig.askToLease(waits: true)
    rig.ask(.fail(lease.token, reason: "no", .retry))
    #expect(rig.woken.isEmpty && rig.counts.pending == 1)
    #expect(rig.ask(.resume).isDone && rig.woken == ["2: leased"])
    #expect(rig.ask(.resume).refusal == .notDraining)
  }

  @Test func aResumedQueueTellsThatSomethingIsReady() throws {
    let (rig, lease) = try busy()
    _ = rig.drain()
    rig.ask(.handBack(lease.token))
    #expect(!rig.effects.events.contains(.becameReady) && rig.presentEvents.isEmpty, "nobody may lease it")
    rig.ask(.resume)
    #expect(rig.effects.events == [.becameReady] && rig.presentEvents == [.becameReady])
    #expect(rig.consume() == "leased" && rig.presentEvents.isEmpty)
  }

  @Test func aSecondDrainIsRefusedWhileTheFirstGoesOnAndTakesTheRestAfterIt() throws {
    let (rig, lease) = try busy()
    _ = rig.drain(.seconds(5))
    #expect(rig.drain() == nil && rig.ask(.resume).refusal == .draining)
    rig.pass(.seconds(5))
    rig.ask(.timePassed)
    rig.ask(.fail(lease.token, reason: "no", .retry))
    #expect(rig.drain()?.texts == ["leased"] && rig.counts.handedBack == 4)
  }

  @Test func aTaskKeepsItsKeyThroughADrain() throws {
    let (rig, lease) = try busy()
    let snapshot = try #require(rig.drain())
    rig.ask(.resume)
    rig.ask(.restore(snapshot))
    #expect(rig.consume() == "ready" && rig.lease() == nil, "the key is held by the lease")
    rig.ask(.complete(lease.token))
    #expect(rig.consume() == "held")
  }

  @Test(arguments: [TaskCloseMode.requeueActive, .discard])
  func closingAtOnceAnswersEveryCallThatWaits(mode: TaskCloseMode) throws {
    let (rig, lease) = try busy()
    rig.enqueue("waits", waits: true)
    let answer = rig.ask(.close(mode, waiter: 9, deadline: rig.now))
    let kept = mode == .discard ? "[] and 0 dead" : "[\"leased\", \"held\", \"ready\", \"delayed\"] and 1 dead"
    #expect(brief(answer) == "\(kept), 1 leased" && rig.woken == ["1: closed"])
    #expect(rig.effects.events == [.closed])
    #expect(rig.counts.handedBack == (mode == .discard ? 0 : 5) && rig.counts.discarded == (mode == .discard ? 5 : 0))
    #expect(rig.nextDeadline == nil && rig.counts.pending == 0 && rig.snapshot().isEmpty)
    for input: TaskQueueInput in [
      .enqueue(rig.task("x"), waiter: 10), .lease(leaseID: 1, waiter: 11), .heartbeat(lease.token),
      .complete(lease.token), .redrive(lease.token.id), .purge(lease.token.id), .resume,
      .drain(waiter: 12, deadline: .origin),
      .close(.discard, waiter: 13, deadline: .origin), .restore(rig.snapshot()), .handBack(lease.token),
      .addMonitor(BackpressureOptions(highWatermark: 1)), .fail(lease.token, reason: "", .retry),
    ] { #expect(rig.ask(input).refusal == .closed, "\(input)") }
    #expect(rig.ask(.cancelWait(1)).refusal == .answered && rig.counts.areConserved)
  }

  @Test func consumersThatWaitHearOfTheClose() throws {
    for mode in [TaskCloseMode.drain, .requeueActive, .discard] {
      let rig = try QueueRig()
      rig.askToLease(waits: true)
      rig.askToLease(waits: true)
      rig.ask(.close(mode, waiter: 9, deadline: rig.now))
      #expect(rig.woken.prefix(2) == ["1: closed", "2: closed"])
    }
  }

  @Test func closingWithADrainWaitsForLeasesAndKeepsEverything() throws {
    let (rig, lease) = try busy()
    #expect(rig.ask(.close(.drain, waiter: 9, deadline: rig.now + .seconds(5))).isWaiting)
    #expect(rig.ask(.close(.drain, waiter: 10, deadline: rig.now)).refusal == .draining)
    #expect(rig.ask(.heartbeat(lease.token)).refusal == nil)
    rig.ask(.complete(lease.token))
    #expect(rig.woken == ["9: [\"held\", \"ready\", \"delayed\"] and 1 dead, 0 leased"])
    #expect(rig.effects.events == [.drained(leased: 0), .closed])
  }

  @Test func atTheDeadlineOfACloseLeasesAreHandedBackToo() throws {
    let (rig, _) = try busy()
    rig.ask(.close(.drain, waiter: 9, deadline: rig.now + .seconds(5)))
    rig.pass(.seconds(5))
    rig.ask(.timePassed)
    #expect(rig.woken == ["9: [\"leased\", \"held\", \"ready\", \"delayed\"] and 1 dead, 1 leased"])
  }

  @Test func nobodyBeginsToWaitWhileTheQueueCloses() throws {
    let (rig, _) = try busy()
    rig.ask(.close(.drain, waiter: 9, deadline: rig.now + .seconds(5)))
    #expect(rig.askToLease(waits: true).refusal == .closed && rig.enqueue("x", waits: true).refusal == .closed)
    #expect(rig.ask(.redrive(TaskID(epoch: 7, sequence: 1))).refusal == .closed)
    #expect(rig.ask(.restore(rig.snapshot())).refusal == .closed && rig.ask(.resume).refusal == .draining)
  }

  @Test func aCloseEndsADrainAndAnotherClose() throws {
    let (rig, _) = try busy()
    _ = rig.drain(.seconds(5))
    rig.ask(.close(.drain, waiter: 9, deadline: rig.now + .seconds(5)))
    #expect(rig.woken == ["1: closed"])
    #expect(brief(rig.ask(.close(.requeueActive, waiter: 10, deadline: rig.now))).hasSuffix("1 dead, 1 leased"))
    #expect(rig.woken == ["9: closed"])
  }

  @Test func aDrainCanNotBeWithdrawn() throws {
    let (rig, _) = try busy()
    _ = rig.drain(.seconds(5))
    #expect(rig.ask(.cancelWait(1)).refusal == .answered)
    rig.pass(.seconds(5))
    rig.ask(.cancelWait(1))
    #expect(rig.woken.count == 1, "its answer comes with the turn of its deadline")
  }
}
