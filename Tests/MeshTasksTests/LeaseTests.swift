import MeshBasics
import MeshTasks
import Testing

@Test func tasksComeOutInTheOrderInWhichTheyWentIn() throws {
  let rig = try QueueRig()
  for text in ["a", "b", "c"] { rig.enqueue(text) }
  #expect(rig.consume() == "a" && rig.consume() == "b" && rig.consume() == "c" && rig.consume() == nil)
  #expect(rig.queue.counts.completed == 3 && rig.queue.counts.leased == 0)
}

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

@Test func tasksOfOneKeyAreLeasedOneAfterTheOther() throws {
  let rig = try QueueRig()
  rig.enqueue("k1", key: "k")
  rig.enqueue("k2", key: "k", priority: 3)
  rig.enqueue("other")
  let first = try #require(rig.lease())
  #expect(first.text == "k1" && rig.consume() == "other" && rig.lease() == nil)
  rig.ask(.fail(first.token, reason: "not yet", .retry))
  #expect(rig.lease()?.text == "k1", "the first keeps the key")
}
