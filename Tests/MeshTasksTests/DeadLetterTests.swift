import MeshBasics
import MeshTasks
import Testing

struct DeadLetterTests {
  private func rig(dead: Int, _ change: (inout TaskQueueOptions) -> Void = { _ in }) throws -> QueueRig {
    let rig = try QueueRig {
      $0.capacity = 4
      $0.deadLettersMax = 2
      change(&$0)
    }
    for number in 0..<dead {
      rig.enqueue("\(number)")
      rig.fail(.deadLetter, reason: "bad")
    }
    return rig
  }

  private func id(_ sequence: UInt64) -> TaskID { TaskID(epoch: 7, sequence: sequence) }

  @Test func aDeadLetterKeepsAllOfItsTask() throws {
    let rig = try QueueRig()
    let details = TaskDetails(
      key: "k", contentType: "text/plain", requestID: "r", attributes: [.init(name: "n", value: "v")])
    rig.ask(.enqueue(NewTask(TaskBytes([1, 2]), priority: 2, details: details), waiter: nil))
    let admittedAt = rig.now
    rig.pass(.seconds(3))
    rig.fail(.deadLetter, reason: "bad")
    let letter = try #require(rig.deadLetter(id(1)))
    #expect(letter.id == id(1) && letter.cause == .refused && letter.attempt == 1)
    #expect(letter.admittedAt == admittedAt && letter.diedAt == rig.now)
    #expect(letter.task.payload.bytes == [1, 2] && letter.task.priority == 2)
    let kept = TaskDetails(
      key: "k", contentType: "text/plain", requestID: "r", attributes: [.init(name: "n", value: "v")], lastError: "bad")
    #expect(letter.task.details == kept && rig.effects.events == [.deadLettered(id(1), .refused, attempt: 1)])
  }

  @Test func theyAreListedInOrderAndByPages() throws {
    let rig = try rig(dead: 4)
    func ids(_ after: TaskID?, _ limit: Int) -> [UInt64] {
      rig.deadLetters(after: after, limit: limit).map(\.id.sequence)
    }
    #expect(ids(nil, 3) == [1, 2, 3] && ids(id(3), 3) == [4] && ids(id(4), 3) == [] && ids(nil, .max) == [1, 2, 3, 4])
    #expect(ids(nil, 0) == [] && ids(nil, -1) == [] && ids(nil, .min) == [])
    rig.ask(.purge(id(2)))
    #expect(ids(id(2), 9) == [3, 4], "after one that is gone")
    #expect(ids(TaskID(epoch: .max, sequence: .max), 9) == [] && ids(TaskID(epoch: 0, sequence: 0), 9) == [1, 3, 4])
  }

  @Test func thoseBeyondTheirPlacesTakeTheQueuesAndProducersHearOfIt() throws {
    let rig = try rig(dead: 2)
    #expect(rig.effects.events == [.deadLettered(id(2), .refused, attempt: 1)])
    for text in ["a", "b", "c", "d"] { rig.enqueue(text) }
    #expect(rig.enqueue("x").refusal == .full)
    rig.fail(.deadLetter)
    #expect(rig.effects.events.last == .deadLettersFull(count: 3))
    #expect(rig.enqueue("x").refusal == .full, "the third takes a place")
    for _ in 0..<3 { rig.fail(.deadLetter) }
    #expect(rig.counts.dead == 6 && rig.counts.pending == 0 && rig.enqueue("x").refusal == .full)
    #expect(!rig.effects.events.contains(.deadLettersFull(count: 6)), "told when it begins")
    rig.enqueue("waits", waits: true)
    #expect(rig.ask(.purge(id(1))).isDone && rig.woken == ["1: admitted"])
  }

  @Test func aRedrivenTaskIsDeliveredAnewAsOftenAsAnyOther() throws {
    let rig = try rig(dead: 0) { $0.attemptsMax = 2 }
    rig.enqueue("a")
    rig.fail()
    rig.fail()
    #expect(rig.ask(.redrive(id(1))).isDone && rig.counts.redriven == 1)
    let lease = try #require(rig.lease())
    #expect(lease.token.attempt == 3 && lease.details?.lastError == "no")
    rig.ask(.fail(lease.token, reason: "again", .retry))
    rig.fail()
    #expect(rig.deadLetter(id(1))?.attempt == 4 && rig.counts.deadLettered == 2)
  }

  @Test func aLetterWithoutAPlaceOfItsOwnIsRedrivenIntoTheOneThatItTakes() throws {
    let rig = try rig(dead: 3)
    for text in ["a", "b", "c"] { rig.enqueue(text) }
    #expect(rig.isFull && rig.ask(.redrive(id(1))).isDone && rig.isFull)
    #expect(rig.ask(.redrive(id(2))).refusal == .full, "this one has a place of its own")
    #expect(rig.counts.dead == 2 && rig.counts.pending == 4)
  }

  @Test func whatIsNotThereIsNotFound() throws {
    let rig = try rig(dead: 1)
    #expect(rig.ask(.redrive(id(9))).refusal == .notFound && rig.ask(.purge(id(9))).refusal == .notFound)
    #expect(rig.ask(.purge(id(1))).isDone && rig.ask(.purge(id(1))).refusal == .notFound)
    #expect(rig.counts.purged == 1)
  }
}
