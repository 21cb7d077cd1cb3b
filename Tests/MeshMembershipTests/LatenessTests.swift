import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// Timers of this node that fire late: what they put off, and for how long.
struct LatenessTests {
  private let others = ["c", "d", "e"]

  /// Its next round has just pinged "b", which is silent.
  private func pinging() throws -> (rig: Rig, probe: Probe) {
    var rig = try Rig.connected("b")
    for name in others { try rig.connect(name) }
    try rig.run(.milliseconds(400), answering: others + ["b"])
    for _ in 0..<2_000 where rig.room.probes[try id("b")] == nil { try rig.run(.milliseconds(1), answering: others) }
    return (rig, try #require(rig.room.probes[try id("b")]))
  }

  /// Lets the next timer fire late, by just so much that it counts.
  private func hiccup(_ rig: inout Rig) throws {
    rig.now = try #require(rig.room.nextDeadline) + MembershipLimits.lateness
    rig.send(.deadlineReached)
  }

  /// When "b" is suspected, counted from its ping; `each` sees each step.
  private func suspected(_ rig: inout Rig, _ probe: Probe, each: (inout Rig) throws -> Void = { _ in }) throws -> Int64
  {
    for _ in 0..<2_000 where rig.status("b") == .alive {
      try rig.run(.milliseconds(5), answering: others)
      try each(&rig)
    }
    return rig.now.since(probe.sentAt).milliseconds
  }

  @Test func oneLatenessPutsAVerdictOffOnce() throws {
    for count in 0...1 {
      var (rig, probe) = try pinging()
      for _ in 0..<count { try hiccup(&rig) }
      let due = (probe.verdictAt.since(probe.sentAt)).milliseconds * Int64(1 + count)
      let after = try suspected(&rig, probe)
      #expect((due...due + 60).contains(after), "\(count): \(after), due \(due)")
    }
  }

  @Test func aNodeThatGoesOnBeingLatePutsItOffSoOftenAndNotOnceMore() throws {
    var (rig, probe) = try pinging()
    let due = probe.verdictAt.since(probe.sentAt).milliseconds * Int64(1 + MembershipLimits.extensionsMax)
    let after = try suspected(&rig, probe) { rig in
      if rig.now.since(rig.room.lastLateAt) >= .milliseconds(200) { try hiccup(&rig) }
    }
    #expect((due - 60...due + 300).contains(after), "\(after), due \(due)")
    #expect(rig.room.marks.contains(.extendedProbe))
  }

  /// Where answers take long a verdict waits for that once, and not again for each lateness.
  @Test func aSlowWayDoesNotMultiplyWhatALatenessAdds() throws {
    for (roundTrip, patience) in [(10, 1_000), (4_000, 2_500)] as [(Int64, Int64)] {
      var rig = try Rig.connected("b")
      _ = rig.room.peers.modify(try id("b")) { $0.smoothedRoundTrip = .milliseconds(roundTrip) }
      rig.room.probe(try id("b"), now: rig.now, into: &rig.effects)
      var probe = try #require(rig.room.probes[try id("b")])
      probe.extensions = Int64(MembershipLimits.extensionsMax)
      #expect(probe.verdictAt.since(probe.sentAt) == .milliseconds(patience + 4_000))
    }
  }
}
