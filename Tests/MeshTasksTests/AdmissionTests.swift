import MeshBasics
import MeshTasks
import Testing

struct AdmissionTests {
  @Test func aFullQueueRefusesWhoDoesNotWaitAndServesWhoDoesInOrder() throws {
    let rig = try QueueRig { $0.capacity = 2 }
    rig.enqueue("a")
    rig.enqueue("b")
    #expect(rig.enqueue("x").refusal == .full && rig.isFull)
    #expect(rig.enqueue("c", waits: true).isWaiting && rig.enqueue("d", waits: true).isWaiting)
    let lease = try #require(rig.lease())
    #expect(rig.woken.isEmpty, "a leased task keeps its place")
    rig.ask(.complete(lease.token))
    #expect(rig.woken == ["1: admitted"])
    #expect(rig.enqueue("x").refusal == .full, "the place is taken by who waited")
    #expect(rig.consume() == "b" && rig.woken == ["2: admitted"])
    #expect(rig.consume() == "c" && rig.consume() == "d")
  }

  @Test func delayedAndLeasedTasksTakePlaces() throws {
    let rig = try QueueRig { $0.capacity = 3 }
    rig.enqueue("later", delay: .seconds(5))
    rig.enqueue("a")
    rig.enqueue("b")
    #expect(rig.lease() != nil && rig.enqueue("c").refusal == .full)
    #expect(rig.counts.delayed == 1 && rig.counts.pending == 1 && rig.counts.leased == 1)
  }

  @Test func whoWaitsForATaskIsServedBeforeWhoAsksInTheTurnInWhichOneBecomesReady() throws {
    let rig = try QueueRig()
    rig.enqueue("late", delay: .seconds(5))
    rig.askToLease(waits: true)
    rig.pass(.seconds(5))
    #expect(rig.askToLease().refusal == .empty && rig.woken == ["1: late"])
  }

  @Test func whoWaitsForAPlaceIsServedBeforeWhoAsksInTheTurnInWhichOneComesFree() throws {
    let rig = try QueueRig {
      $0.capacity = 1
      $0.attemptsMax = 1
    }
    rig.enqueue("a")
    _ = rig.lease()
    rig.enqueue("b", waits: true)
    rig.pass(.seconds(10))
    #expect(rig.enqueue("c").refusal == .full && rig.woken == ["1: admitted"])
  }

  @Test func oneRequestIsOneTaskForAsLongAsItIsRemembered() throws {
    let rig = try QueueRig()
    let first = rig.enqueue("a", request: "r1")
    let again = rig.enqueue("other", request: "r1")
    #expect(again.id == first.id && brief(again) == "known" && rig.counts.duplicates == 1)
    #expect(rig.consume() == "a" && rig.consume() == nil)
    #expect(brief(rig.enqueue("a", request: "r1")) == "known", "though it is done")
    for number in 2...4 { rig.enqueue("b", request: "r\(number)") }
    #expect(brief(rig.enqueue("a", request: "r1")) == "known", "the window holds four")
    rig.enqueue("b", request: "r5")
    #expect(brief(rig.enqueue("a", request: "r1")) == "admitted")
    #expect(brief(rig.enqueue("b", request: "r5")) == "known" && brief(rig.enqueue("b", request: "r2")) == "admitted")
  }

  @Test func aKnownRequestNeedsNoPlace() throws {
    let rig = try QueueRig { $0.capacity = 1 }
    rig.enqueue("a", request: "r")
    #expect(brief(rig.enqueue("a", request: "r", waits: true)) == "known")
    #expect(rig.enqueue("b").refusal == .full)
  }

  @Test func twoCallsOfOneRequestThatWaitBecomeOneTask() throws {
    let rig = try QueueRig { $0.capacity = 1 }
    rig.enqueue("a")
    rig.enqueue("b", request: "r", waits: true)
    rig.enqueue("b", request: "r", waits: true)
    // The second needs no place of its own.
    #expect(rig.consume() == "a" && rig.woken == ["1: admitted", "2: known"])
    #expect(rig.consume() == "b" && rig.woken == [] && rig.counts.admitted == 2)
  }

  @Test func withoutAWindowEveryRequestIsNew() throws {
    let rig = try QueueRig { $0.requestWindow = 0 }
    rig.enqueue("a", request: "r")
    #expect(brief(rig.enqueue("a", request: "r")) == "admitted")
  }

  @Test func aCallThatWaitsIsWithdrawnOnce() throws {
    let rig = try QueueRig { $0.capacity = 1 }
    rig.askToLease(waits: true)
    #expect(rig.ask(.cancelWait(1)).isDone && rig.ask(.cancelWait(1)).refusal == .answered)
    rig.enqueue("a")
    #expect(rig.woken.isEmpty)
    rig.enqueue("b", waits: true)
    #expect(rig.ask(.cancelWait(2)).isDone && rig.consume() == "a" && rig.woken.isEmpty && rig.lease() == nil)
    #expect(rig.ask(.cancelWait(99)).refusal == .answered)
  }

  @Test func asManyCallsWaitAsMayAndNoMore() throws {
    let rig = try QueueRig { $0.capacity = 1 }
    for _ in 1...TaskLimits.waitersMax { #expect(rig.askToLease(waits: true).isWaiting) }
    #expect(rig.askToLease(waits: true).refusal == .tooMany(limit: TaskLimits.waitersMax))
    let full = try QueueRig { $0.capacity = 1 }
    full.enqueue("a")
    for _ in 1...TaskLimits.waitersMax { #expect(full.enqueue("b", waits: true).isWaiting) }
    #expect(full.enqueue("b", waits: true).refusal == .tooMany(limit: TaskLimits.waitersMax))
  }

  @Test func whatATaskMayHoldIsBounded() throws {
    let rig = try QueueRig { $0.payloadBytesMax = 10 }
    func refusal(_ task: NewTask) -> String? {
      guard case .invalid(let fault) = rig.ask(.enqueue(task, waiter: nil)).refusal else { return nil }
      return "\(fault)"
    }
    func payload(_ count: Int) -> NewTask { NewTask(TaskBytes([UInt8](repeating: 1, count: count))) }
    #expect(refusal(payload(10)) == nil && refusal(payload(0)) == nil)
    #expect(refusal(payload(11)) == "payload: 11 bytes; allowed is at most 10")
    let empty = payload(0).payload
    for priority in TaskLimits.priorityRange.lowerBound...TaskLimits.priorityRange.upperBound {
      #expect(refusal(NewTask(empty, priority: priority)) == nil)
      _ = rig.consume()
    }
    for priority in [-5, 4, .min, .max] { #expect(refusal(NewTask(empty, priority: priority)) != nil, "\(priority)") }
    #expect(refusal(NewTask(empty, delay: TaskLimits.delayMax)) == nil)
    #expect(refusal(NewTask(empty, delay: TaskLimits.delayMax + Duration(nanoseconds: 1))) != nil)
    #expect(refusal(NewTask(empty, delay: Duration(nanoseconds: -1))) == "delay: 0 ms; allowed is 0 to 365 days")
  }

  @Test func whatGoesWithATaskIsBounded() throws {
    let rig = try QueueRig { $0.capacity = 100 }
    func text(_ count: Int) -> String { String(repeating: "x", count: count) }
    func isTaken(_ details: TaskDetails) -> Bool {
      rig.ask(.enqueue(NewTask(TaskBytes([]), details: details), waiter: nil)).refusal == nil
    }
    let max = TaskLimits.textBytesMax
    #expect(isTaken(TaskDetails(key: text(max), contentType: text(max), requestID: text(max))))
    #expect(!isTaken(TaskDetails(key: text(max + 1))) && !isTaken(TaskDetails(contentType: text(max + 1))))
    #expect(!isTaken(TaskDetails(requestID: text(max + 1))) && !isTaken(TaskDetails(key: text(max - 1) + "é")))
    #expect(isTaken(TaskDetails(lastError: text(TaskLimits.reasonBytesMax))))
    #expect(!isTaken(TaskDetails(lastError: text(TaskLimits.reasonBytesMax + 1))))
    func attributes(_ count: Int, bytes: Int) -> [TaskDetails.Attribute] {
      [.init(name: "n", value: text(bytes - count))]
        + (1..<count).map { _ in TaskDetails.Attribute(name: "n", value: "") }
    }
    let most = TaskLimits.attributesMax
    #expect(isTaken(TaskDetails(attributes: attributes(most, bytes: TaskLimits.attributeBytesMax))))
    #expect(!isTaken(TaskDetails(attributes: attributes(most, bytes: TaskLimits.attributeBytesMax + 1))))
    #expect(!isTaken(TaskDetails(attributes: attributes(most + 1, bytes: 100))))
    #expect(!isTaken(TaskDetails(attributes: [.init(name: "", value: "v")])))
  }

  @Test func aRefusedTaskChangesNothing() throws {
    let rig = try QueueRig()
    rig.enqueue("x", priority: 9)
    #expect(rig.counts == TaskCounts() && rig.lease() == nil)
    #expect(rig.enqueue("a").id?.sequence == 1, "and uses no number up")
  }
}
