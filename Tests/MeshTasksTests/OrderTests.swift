import MeshBasics
import MeshTasks
import Testing

struct OrderTests {
  @Test func tasksComeOutInTheOrderInWhichTheyWentIn() throws {
    let rig = try QueueRig()
    for text in ["a", "b", "c"] { rig.enqueue(text) }
    #expect(rig.consume() == "a" && rig.consume() == "b" && rig.consume() == "c" && rig.consume() == nil)
    #expect(rig.counts.completed == 3 && rig.counts.leased == 0)
  }

  @Test func theMoreUrgentGoFirstAndEqualOnesInOrder() throws {
    let rig = try QueueRig { $0.capacity = 100 }
    for round in 0..<2 { for priority in -4...3 { rig.enqueue("\(priority)/\(round)", priority: priority) } }
    let order = (0..<16).compactMap { _ in rig.consume() }
    #expect(order == (-4...3).reversed().flatMap { ["\($0)/0", "\($0)/1"] })
  }

  @Test func aTaskIsInLineFromWhenItIsReady() throws {
    let rig = try QueueRig()
    rig.enqueue("later", delay: .seconds(2))
    rig.enqueue("sooner", delay: .seconds(1))
    rig.enqueue("both", delay: .seconds(1))
    rig.enqueue("now")
    rig.pass(.seconds(2))
    let order = (0..<4).compactMap { _ in rig.consume() }
    #expect(order == ["now", "sooner", "both", "later"], "equal times in the order of admission")
  }

  @Test func tasksOfOneKeyAreLeasedOneAfterTheOther() throws {
    let rig = try QueueRig()
    rig.enqueue("k1", key: "k")
    rig.enqueue("k2", key: "k", priority: 3)
    rig.enqueue("other")
    let first = try #require(rig.lease())
    #expect(first.text == "k1" && rig.consume() == "other" && rig.lease() == nil)
    #expect(rig.counts.pending == 1, "held tasks are pending")
    rig.ask(.fail(first.token, reason: "not yet", .retryAfter(.seconds(5))))
    #expect(rig.lease() == nil, "the first keeps the key while it waits")
    rig.pass(.seconds(5))
    #expect(rig.consume() == "k1" && rig.consume() == "k2" && rig.consume() == nil)
  }

  @Test func aKeyIsGivenUpByDeathToo() throws {
    let rig = try QueueRig()
    for text in ["k1", "k2", "k3"] { rig.enqueue(text, key: "k") }
    rig.fail(.deadLetter)
    #expect(rig.consume() == "k2")
    rig.ask(.redrive(TaskID(epoch: 7, sequence: 1)))
    #expect(rig.consume() == "k3" && rig.consume() == "k1", "redriven behind those that wait")
  }

  @Test func aTaskOfAKeyWaitsForItsTimeWithoutHoldingTheKeyBack() throws {
    let rig = try QueueRig()
    rig.enqueue("k1", key: "k")
    rig.enqueue("k2", key: "k", delay: .seconds(5))
    rig.enqueue("k3", key: "k")
    #expect(rig.consume() == "k1" && rig.lease() == nil && rig.counts.delayed == 1)
    rig.pass(.seconds(5))
    #expect(rig.consume() == "k2" && rig.consume() == "k3")
  }

  @Test func aTimeThatPassesWhileATaskIsHeldIsNotWaitedForAgain() throws {
    let rig = try QueueRig()
    rig.enqueue("k1", key: "k")
    rig.enqueue("k2", key: "k", delay: .seconds(5))
    let first = try #require(rig.lease())
    rig.pass(.seconds(6))
    rig.ask(.complete(first.token))
    #expect(rig.consume() == "k2")
  }

  @Test func becameReadyIsToldWhenNothingWasAndOnce() throws {
    let rig = try QueueRig()
    rig.enqueue("a")
    #expect(rig.effects.events == [.becameReady])
    rig.enqueue("b")
    #expect(rig.effects.events.isEmpty)
    _ = (rig.consume(), rig.consume())
    rig.askToLease(waits: true)
    rig.enqueue("c")
    #expect(rig.effects.events.isEmpty, "it went to who waited")
  }
}
