import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// Members that this node is to watch and has no link to.
struct UnlinkedTests {
  /// Linked to "c" and "d"; watches "b", whom it can't dial.
  private func watching() throws -> Rig {
    var rig = try Rig.connected("c", "d")
    try rig.run(.seconds(3), answering: ["c", "d"])
    var record = claim("b")
    record.metadata?.endpoint = ""
    try rig.hear("c", news(record))
    #expect(try rig.room.rings.watched.contains(id("b")))
    return rig
  }

  /// Lets time pass while "c" and "d" answer pings, and reach "b" or don't. Returns when they were asked about it.
  private func asked(_ rig: inout Rig, for span: Duration, reached: Bool) throws -> [Duration] {
    let start = rig.now
    var asked: [Duration] = []
    try rig.run(span) { rig in
      let pings = ["c", "d"].map { ($0, rig.pings(to: $0).map(\.sequence)) }
      let requests = ["c", "d"].flatMap { name in rig.relayRequests(to: name).map { (name, $0) } }
      if requests.contains(where: { $0.1.target == "b" }) { asked.append(rig.now.since(start)) }
      for (name, numbers) in pings { try rig.answer(name, numbers) }
      for (name, request) in requests { try rig.hear(name, reply(to: request, reached: reached)) }
    }
    return asked
  }

  @Test func aWatchedMemberIsAskedAboutThroughRelaysWhenNothingWasHeardOfItForTwoIntervals() throws {
    var rig = try watching()
    let asked = try asked(&rig, for: .seconds(10), reached: true)
    // Each answer is evidence, and good for two intervals.
    #expect((3...5).contains(asked.count))
    #expect(try #require(asked.first) >= .seconds(2) && rig.status("b") == .alive)
  }

  @Test func aWatchedMemberThatNobodyReachesDies() throws {
    var rig = try watching()
    _ = try asked(&rig, for: .seconds(5), reached: false)
    #expect(rig.status("b") == .suspect)
    for voice in ["c", "d"] { try rig.hear(voice, news(claim("b", 0, .suspect, accuser: voice))) }
    _ = try asked(&rig, for: .seconds(3), reached: false)
    #expect(rig.view("b")?.isDead == true)
  }

  @Test func aMemberThatItDoesNotWatchIsNobodysBusiness() throws {
    var rig = try watching()
    try rig.hear("c", news((0..<60).map { claim("n\($0)") }))
    let unwatched = (0..<60).map { "n\($0)" }.filter { name in !rig.room.rings.watched.contains { $0.name == name } }
    var targets: [String] = []
    try rig.run(.seconds(10)) { rig in
      for name in ["c", "d"] {
        targets += rig.relayRequests(to: name).map(\.target)
        try rig.answer(name, rig.pings(to: name).map(\.sequence))
      }
    }
    #expect(!targets.isEmpty && !targets.contains { unwatched.contains($0) })
  }

  @Test func aNodeWhoseTimersAreLateAsksNobody() throws {
    var rig = try watching()
    try rig.run(.milliseconds(1_900), answering: ["c", "d"])
    rig.now = try #require(rig.room.nextDeadline) + MembershipLimits.lateness
    rig.send(.deadlineReached)
    #expect(try asked(&rig, for: .milliseconds(1_900), reached: true).isEmpty)
    #expect(try !asked(&rig, for: .seconds(4), reached: true).isEmpty)
  }
}
