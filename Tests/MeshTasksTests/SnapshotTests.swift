import MeshBasics
import MeshTasks
import Testing

struct SnapshotTests {
  private func id(_ epoch: UInt64, _ sequence: UInt64) -> TaskID { TaskID(epoch: epoch, sequence: sequence) }

  private func live(
    _ id: TaskID, attempt: UInt32 = 0, uncharged: UInt32 = 0, delay: Duration = .zero, age: Duration = .zero,
    wasLeased: Bool = false, details: TaskDetails? = nil
  ) -> TaskSnapshot.Live {
    TaskSnapshot.Live(
      id: id, attempt: attempt, uncharged: uncharged, task: NewTask(TaskBytes([1]), delay: delay, details: details),
      age: age, wasLeased: wasLeased)
  }

  private func dead(_ id: TaskID, attempt: UInt32 = 1, deadFor: Duration = .zero) -> TaskSnapshot.Dead {
    TaskSnapshot.Dead(
      id: id, cause: .refused, attempt: attempt, task: NewTask(TaskBytes([1])), age: .seconds(9), deadFor: deadFor)
  }

  private func snapshot(
    _ tasks: [TaskSnapshot.Live], _ dead: [TaskSnapshot.Dead] = [], queue: String = "orders", epoch: UInt64 = 6
  ) -> TaskSnapshot { TaskSnapshot(queue: queue, epoch: epoch, tasks: tasks, dead: dead) }

  @Test func aSnapshotHoldsAllInTheOrderOfAdmissionAndChangesNothing() throws {
    let rig = try QueueRig()
    rig.enqueue("dead")
    rig.fail(.deadLetter)
    rig.enqueue("leased", key: "k")
    rig.enqueue("delayed", delay: .seconds(9))
    rig.enqueue("held", key: "k", delay: .seconds(2))
    _ = rig.lease()
    rig.pass(.seconds(3))
    rig.ask(.timePassed)
    let taken = rig.snapshot()
    #expect(taken.queue == "orders" && taken.epoch == 7 && taken.texts == ["leased", "delayed", "held"])
    #expect(taken.tasks.map(\.wasLeased) == [true, false, false] && taken.tasks.map(\.attempt) == [1, 0, 0])
    #expect(taken.tasks.map(\.task.delay) == [.zero, .seconds(6), .zero])
    #expect(taken.tasks.map(\.age) == [.seconds(3), .seconds(3), .seconds(3)])
    #expect(taken.dead.map(\.deadFor) == [.seconds(3)] && taken.dead.map(\.cause) == [.refused])
    #expect(rig.snapshot() == taken && rig.counts.leased == 1)
  }

  @Test func anotherLifeGoesOnWhereThisOneEnded() throws {
    let rig = try QueueRig { $0.attemptsMax = 3 }
    rig.enqueue("a", key: "k")
    rig.enqueue("b", key: "k")
    rig.enqueue("later", delay: .seconds(10))
    rig.fail()
    let token = try #require(rig.lease()).token
    rig.pass(.seconds(4))
    let taken = try #require(rig.ask(.close(.requeueActive, waiter: 1, deadline: rig.now)).snapshot)
    let next = try rig.nextLife()
    #expect(brief(next.ask(.restore(taken))) == "restored(3, known: 0)" && next.counts.restored == 3)
    let lease = try #require(next.lease())
    #expect(lease.text == "a" && lease.token.id == token.id && lease.token.attempt == 3)
    #expect(lease.admittedAt == next.now + .seconds(-4) && lease.details?.lastError == "no")
    #expect(next.lease() == nil, "b is behind it")
    #expect(next.ask(.complete(token)).refusal == .leaseInactive)
    next.ask(.fail(lease.token, reason: "third", .retry))
    #expect(next.counts.dead == 1 && next.consume() == "b")
    next.pass(.seconds(6))
    #expect(next.consume() == "later" && next.enqueue("new").id == id(8, 1))
  }

  @Test func eachTaskIsTakenInOnce() throws {
    let rig = try QueueRig()
    let first = snapshot([live(id(6, 1)), live(id(6, 2))], [dead(id(6, 3))])
    #expect(brief(rig.ask(.restore(first))) == "restored(3, known: 0)")
    #expect(rig.ask(.restore(first)).refusal == .alreadyRestored)
    _ = rig.lease().map { rig.ask(.complete($0.token)) }
    rig.ask(.purge(id(6, 3)))
    #expect(rig.ask(.restore(first)).refusal == .alreadyRestored, "though one is done and one forgotten")
    #expect(brief(rig.ask(.restore(snapshot([live(id(6, 2)), live(id(6, 4))])))) == "restored(1, known: 1)")
    #expect(brief(rig.ask(.restore(snapshot([])))) == "restored(0, known: 0)")
  }

  @Test func itsOwnTasksAreTakenInOnlyAfterTheyWereHandedBack() throws {
    let rig = try QueueRig()
    rig.enqueue("a")
    rig.enqueue("done")
    #expect(rig.ask(.restore(rig.snapshot())).refusal == .alreadyRestored)
    _ = rig.lease().map { rig.ask(.handBack($0.token)) }
    let taken = try #require(rig.drain())
    #expect(rig.ask(.restore(taken)).refusal == .draining)
    rig.ask(.resume)
    #expect(brief(rig.ask(.restore(taken))) == "restored(2, known: 0)" && rig.consume() == "a")
    #expect(rig.ask(.restore(taken)).refusal == .alreadyRestored)
  }

  @Test func anOlderSnapshotDoesNotSetAttemptsBack() throws {
    let rig = try QueueRig()
    rig.enqueue("a")
    let old = rig.snapshot()
    let token = try #require(rig.lease()).token
    rig.pass(.seconds(10))
    _ = rig.drain()
    rig.ask(.resume)
    rig.ask(.restore(old))
    #expect(rig.lease()?.token.attempt == 2 && rig.ask(.complete(token)).refusal == .leaseInactive)
    let stranger = try QueueRig()
    stranger.ask(.restore(snapshot([live(id(6, 1))])))
    stranger.fail()
    _ = stranger.drain()
    stranger.ask(.resume)
    stranger.ask(.restore(snapshot([], [dead(id(6, 1), attempt: 0)])))
    #expect(stranger.deadLetter(id(6, 1))?.attempt == 1)
  }

  @Test func othersSnapshotsAreRefused() throws {
    let rig = try QueueRig()
    rig.enqueue("a")
    #expect(
      rig.ask(.restore(snapshot([live(id(6, 1))], queue: "other"))).refusal == .foreignSnapshot(name: "other"))
    for wrong in [
      snapshot([live(id(8, 1))]), snapshot([live(id(7, 2))]), snapshot([], [dead(id(7, 2))]), snapshot([], epoch: 8),
    ] { #expect(rig.ask(.restore(wrong)).refusal == .snapshotFromTheFuture, "\(wrong)") }
    #expect(rig.ask(.restore(snapshot([live(id(7, 1))]))).refusal == .alreadyRestored, "its own is known")
  }

  @Test func aSnapshotFitsOrIsRefusedWhole() throws {
    let rig = try QueueRig {
      $0.capacity = 3
      $0.deadLettersMax = 2
    }
    rig.enqueue("a")
    let letters = (1...4).map { dead(id(6, $0)) }
    let tasks = (5...6).map { live(id(6, $0)) }
    #expect(rig.ask(.restore(snapshot(tasks, letters))).refusal == .snapshotTooLarge(places: 4, free: 2))
    #expect(rig.counts.restored == 0 && rig.snapshot().texts == ["a"])
    #expect(
      rig.ask(.restore(snapshot(tasks, Array(letters.prefix(3))))).refusal == .snapshotTooLarge(places: 3, free: 2))
    #expect(brief(rig.ask(.restore(snapshot([tasks[0]], Array(letters.prefix(3)))))) == "restored(4, known: 0)")
    #expect(rig.isFull && rig.effects.events == [.deadLettersFull(count: 3)])
  }

  @Test func whatCanNotBeIsRefused() throws {
    let rig = try QueueRig()
    let one = id(6, 1)
    let long = TaskDetails(lastError: String(repeating: "x", count: TaskLimits.reasonBytesMax + 1))
    for wrong in [
      snapshot([live(one), live(one)]), snapshot([live(one)], [dead(one)]), snapshot([], [dead(one), dead(one)]),
      snapshot([live(one, attempt: 1, uncharged: 2)]),
      snapshot([live(one, delay: .seconds(-1))]), snapshot([live(one, delay: TaskLimits.delayMax + .seconds(1))]),
      snapshot([live(one, age: .seconds(-1))]), snapshot([live(one, details: long)]),
      snapshot([], [dead(one, deadFor: .seconds(-1))]),
    ] {
      guard case .invalid = rig.ask(.restore(wrong)).refusal else {
        Issue.record("\(wrong)")
        return
      }
    }
    #expect(rig.counts.restored == 0)
  }

  @Test func noNumberOfDeliveriesBeginsAnew() throws {
    let rig = try QueueRig { $0.attemptsMax = 1_000 }
    rig.ask(.restore(snapshot([live(id(6, 1), attempt: .max - 1, uncharged: .max - 1)])))
    for _ in 1...3 {
      #expect(rig.lease()?.token.attempt == .max)
      rig.pass(.seconds(10))
    }
    let next = try rig.nextLife()
    #expect(brief(next.ask(.restore(rig.snapshot()))) == "restored(1, known: 0)")
    let charged = try QueueRig { $0.attemptsMax = 1_000 }
    charged.ask(.restore(snapshot([live(id(6, 1), attempt: .max)])))
    charged.fail()
    #expect(charged.counts.dead == 1, "more than may be charged counts as all that may")
  }

  @Test func tasksOfAsManyLivesAsMayBeAreTakenIn() throws {
    let epoch = UInt64(TaskLimits.epochsMax) + 10
    let rig = try QueueRig(epoch: epoch) {
      $0.capacity = 2_000
      $0.deadLettersMax = 2_000
    }
    let lives = (1..<UInt64(TaskLimits.epochsMax)).map { dead(id($0, $0)) }
    #expect(brief(rig.ask(.restore(snapshot([], lives)))) == "restored(1023, known: 0)")
    let more = snapshot([live(id(epoch - 1, 1))])
    #expect(rig.ask(.restore(more)).refusal == .tooMany(limit: TaskLimits.epochsMax), "letters count, too")
    for letter in lives { #expect(rig.ask(.redrive(letter.id)).isDone) }
    #expect(rig.snapshot().tasks.map(\.id) == lives.map(\.id))
  }

  @Test func aTaskWhoseLastDeliveryWasCutOffIsNotDeliveredForEver() throws {
    let rig = try QueueRig { $0.attemptsMax = 2 }
    let taken = snapshot([live(id(6, 1), attempt: 2, wasLeased: true), live(id(6, 2), attempt: 2)])
    rig.ask(.restore(taken))
    #expect(rig.effects.events.first == .deadLettered(id(6, 1), .expired, attempt: 2))
    #expect(rig.deadLetter(id(6, 1))?.task.details?.lastError == TaskQueue.expiredReason)
    #expect(rig.lease()?.token.id == id(6, 2), "it wasn't at a consumer")
  }

  @Test func deliveriesThatDoNotCountStillDoNotAfterwards() throws {
    let rig = try QueueRig { $0.attemptsMax = 2 }
    rig.enqueue("a")
    for _ in 1...3 { _ = rig.lease().map { rig.ask(.handBack($0.token)) } }
    rig.fail()
    let next = try rig.nextLife()
    next.ask(.restore(rig.snapshot()))
    #expect(next.snapshot().tasks.map(\.uncharged) == [3])
    next.fail()
    #expect(next.deadLetter(id(7, 1))?.attempt == 5)
  }

  @Test func theRequestsOfRestoredTasksAreRemembered() throws {
    let rig = try QueueRig()
    rig.enqueue("a", request: "r")
    let next = try rig.nextLife()
    next.ask(.restore(rig.snapshot()))
    let again = next.enqueue("a", request: "r")
    #expect(again.id == id(7, 1) && brief(again) == "known")
  }

  @Test func aRestoreServesThoseWhoWait() throws {
    let rig = try QueueRig()
    rig.askToLease(waits: true)
    rig.ask(.restore(snapshot([live(id(6, 1)), live(id(6, 2))])))
    #expect(rig.woken.count == 1 && rig.effects.events == [.becameReady])
  }
}
