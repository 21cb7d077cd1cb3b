import MeshBasics
import MeshTasks
import Testing

struct ClockTests {
  @Test func aClockThatGoesBackStandsStill() throws {
    let rig = try QueueRig()
    rig.enqueue("a")
    let start = rig.now
    let lease = try #require(rig.lease())
    rig.now = .origin
    guard case .extended(let until) = rig.ask(.heartbeat(lease.token)) else {
      Issue.record("no extension")
      return
    }
    #expect(until == start + .seconds(10), "reckoned from the latest time that was seen")
    rig.enqueue("b", delay: .seconds(1))
    #expect(rig.nextDeadline == start + .seconds(1) && rig.snapshot().tasks.allSatisfy { $0.age == .zero })
    rig.now = start + .seconds(10)
    rig.ask(.timePassed)
    #expect(rig.counts.expired == 1 && rig.counts.delayed == 0)
  }

  @Test func aClockThatLeapsEndsWhatIsDueAndNothingElse() throws {
    let rig = try QueueRig()
    for text in ["a", "b"] { rig.enqueue(text) }
    _ = rig.lease()
    rig.now = Instant(nanoseconds: .max - 1)
    rig.ask(.timePassed)
    #expect(rig.counts.expired == 1 && rig.counts.pending == 2 && rig.nextDeadline == nil)
    #expect(rig.consume() == "b")
  }

  @Test func nextDeadlineIsTheEarliestOfAllThatWaitsForTime() throws {
    let rig = try QueueRig()
    #expect(rig.nextDeadline == nil)
    let start = rig.now
    rig.enqueue("later", delay: .seconds(30))
    #expect(rig.nextDeadline == start + .seconds(30))
    rig.enqueue("a")
    _ = rig.lease()
    #expect(rig.nextDeadline == start + .seconds(10))
    _ = rig.drain(.seconds(4))
    #expect(rig.nextDeadline == start + .seconds(4))
  }
}
