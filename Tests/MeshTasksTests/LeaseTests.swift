import MeshBasics
import MeshTasks
import Testing

struct LeaseTests {
  @Test func anExpiredLeaseIsRefusedAtTheMomentOfTheCall() throws {
    let rig = try QueueRig()
    rig.enqueue("a")
    let lease = try #require(rig.lease())
    rig.pass(.seconds(10))
    #expect(rig.ask(.complete(lease.token)).refusal == .leaseExpired)
    #expect(rig.ask(.complete(lease.token)).refusal == .leaseExpired, "after the sweep, too")
    let again = try #require(rig.lease())
    #expect(again.token.attempt == 2 && again.details?.lastError == TaskQueue.expiredReason)
    #expect(rig.ask(.complete(lease.token)).refusal == .leaseInactive, "the next delivery has begun")
    #expect(rig.ask(.complete(again.token)).isDone)
    #expect(rig.ask(.complete(again.token)).refusal == .leaseInactive)
  }

  @Test func aLeaseLastsToTheNanosecond() throws {
    let rig = try QueueRig()
    rig.enqueue("a")
    let lease = try #require(rig.lease())
    #expect(lease.expiresAt == rig.now + .seconds(10) && rig.nextDeadline == lease.expiresAt)
    rig.pass(.seconds(10) - Duration(nanoseconds: 1))
    #expect(rig.ask(.complete(lease.token)).isDone && rig.nextDeadline == nil)
  }

  @Test func whoseLastLeaseExpiredIsToldSoThoughTheTaskDiedOfIt() throws {
    let rig = try QueueRig { $0.attemptsMax = 1 }
    rig.enqueue("a")
    let lease = try #require(rig.lease())
    rig.pass(.seconds(10))
    #expect(rig.ask(.complete(lease.token)).refusal == .leaseExpired && rig.counts.dead == 1)
    #expect(rig.ask(.complete(lease.token)).refusal == .leaseExpired)
    rig.ask(.redrive(lease.token.id))
    #expect(rig.ask(.complete(lease.token)).refusal == .leaseInactive)
  }

  @Test func eachHeartbeatGivesTheWholeTimeAgain() throws {
    let rig = try QueueRig()
    rig.enqueue("a")
    rig.enqueue("b")
    let (a, b) = (try #require(rig.lease()), try #require(rig.lease()))
    for _ in 1...5 {
      rig.pass(.seconds(9))
      guard case .extended(let until) = rig.ask(.heartbeat(a.token)) else {
        Issue.record("no extension")
        return
      }
      #expect(until == rig.now + .seconds(10))
    }
    #expect(rig.counts.heartbeats == 5 && rig.counts.expired == 1, "the other's is over")
    #expect(rig.ask(.heartbeat(b.token)).refusal == .leaseExpired && rig.ask(.complete(a.token)).isDone)
    #expect(rig.ask(.heartbeat(a.token)).refusal == .leaseInactive)
  }

  @Test func aTokenIsGoodForOneEnd() throws {
    let ends: [(TaskToken) -> TaskQueueInput] = [
      { .complete($0) }, { .handBack($0) }, { .fail($0, reason: "r", .retry) }, { .fail($0, reason: "r", .deadLetter) },
      { .fail($0, reason: "r", .retryAfter(.seconds(1))) },
    ]
    for first in ends {
      for second in ends + [{ .heartbeat($0) }] {
        let rig = try QueueRig()
        rig.enqueue("a")
        let token = try #require(rig.lease()).token
        #expect(rig.ask(first(token)).isDone && rig.ask(second(token)).refusal == .leaseInactive)
        rig.pass(.seconds(20))
        #expect(rig.ask(second(token)).refusal == .leaseInactive, "an end that came in time stays one")
      }
    }
  }

  @Test func onlyTheTokenItselfEndsALease() throws {
    let rig = try QueueRig()
    rig.enqueue("a")
    let token = try #require(rig.lease()).token
    let others = [
      TaskToken(id: TaskID(epoch: 8, sequence: 1), attempt: 1, leaseID: token.leaseID),
      TaskToken(id: TaskID(epoch: 7, sequence: 2), attempt: 1, leaseID: token.leaseID),
      TaskToken(id: token.id, attempt: 0, leaseID: token.leaseID),
      TaskToken(id: token.id, attempt: 2, leaseID: token.leaseID),
      TaskToken(id: token.id, attempt: 1, leaseID: token.leaseID + 1), TaskToken(id: token.id, attempt: 1, leaseID: 0),
    ]
    for other in others { #expect(rig.ask(.complete(other)).refusal == .leaseInactive, "\(other)") }
    #expect(rig.ask(.complete(token)).isDone)
  }

  @Test func noTokenWithoutAnIDEndsATaskThatWasNeverLeased() throws {
    let rig = try QueueRig()
    let id = try #require(rig.enqueue("a").id)
    #expect(rig.ask(.complete(TaskToken(id: id, attempt: 0, leaseID: 0))).refusal == .leaseInactive)
    guard case .invalid = rig.ask(.lease(leaseID: 0, waiter: nil)).refusal else {
      Issue.record("a lease without an id")
      return
    }
    #expect(rig.counts.leased == 0)
  }

  @Test func aTaskThatIsHandedBackIsNextAgainAndPaysNothing() throws {
    let rig = try QueueRig { $0.attemptsMax = 2 }
    for text in ["a", "b"] { rig.enqueue(text) }
    for attempt in 1...5 {
      let lease = try #require(rig.lease())
      #expect(lease.text == "a" && lease.token.attempt == attempt)
      #expect(rig.ask(.handBack(lease.token)).isDone)
    }
    rig.fail()
    #expect(rig.counts.dead == 0, "the first of two that count")
    _ = rig.consume()
    rig.fail()
    #expect(rig.counts.dead == 1 && rig.counts.requeued == 6)
  }

  @Test func tasksHandedBackTogetherComeInTheirOrderToThoseWhoWait() throws {
    let rig = try QueueRig()
    for text in ["a", "b", "c"] { rig.enqueue(text) }
    let tokens = try (0..<3).map { _ in try #require(rig.lease()).token }
    for _ in 0..<2 { #expect(brief(rig.askToLease(waits: true)) == "waiting") }
    rig.ask(.complete(tokens[1]))
    #expect(rig.ask(.handBackAll(tokens)).isDone && rig.woken == ["1: a", "2: c"])
  }

  @Test func whatIsDueIsDoneInTurnsOfBoundedLength() throws {
    let rig = try QueueRig { $0.capacity = 300 }
    for number in 0..<100 { rig.enqueue("\(number)") }
    for _ in 0..<100 { _ = rig.lease() }
    for number in 100..<200 { rig.enqueue("\(number)", delay: .seconds(10)) }
    rig.pass(.seconds(10))
    for left in [(36, 100), (0, 72), (0, 8), (0, 0)] {
      #expect(try #require(rig.nextDeadline) <= rig.now)
      rig.ask(.timePassed)
      #expect(rig.counts.leased == left.0 && rig.counts.delayed == left.1)
    }
    #expect(rig.nextDeadline == nil)
  }

  @Test func aLeaseWhoseTurnToEndHasNotComeIsOverAllTheSame() throws {
    let rig = try QueueRig { $0.capacity = 300 }
    for number in 0..<200 { rig.enqueue("\(number)") }
    let leases = (0..<200).compactMap { _ in rig.lease() }
    rig.pass(.seconds(10))
    #expect(rig.ask(.complete(leases[199].token)).refusal == .leaseExpired)
    #expect(rig.counts.leased == 200 - TaskLimits.dueMax - 1 && rig.counts.expired == 65)
  }

  @Test func howLongLeasesLastedIsCounted() throws {
    let rig = try QueueRig()
    for span in [Duration.zero, .milliseconds(1), .milliseconds(2), .seconds(3)] {
      rig.enqueue("a")
      let lease = try #require(rig.lease())
      rig.pass(span)
      rig.ask(.complete(lease.token))
    }
    #expect(rig.counts.leaseDurations.counts == [2, 1, 0, 0, 0, 0, 1, 0, 0, 0])
    #expect(rig.counts.leaseDurations.sum == .milliseconds(3_003))
  }

  @Test func theReasonOfAFailureIsCutBetweenItsCharacters() throws {
    let rig = try QueueRig()
    rig.enqueue("a")
    rig.fail(reason: "x" + String(repeating: "é", count: 600))
    let error = try #require(rig.lease()?.details?.lastError)
    #expect(error.utf8.count == 1_023 && error == "x" + String(repeating: "é", count: 511))
  }
}
