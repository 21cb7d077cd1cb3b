import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// Healing, removal by an operator, and leaving.
struct LifeTests {
  /// Conformance 74 to 76.
  @Test func theDeadAreTriedNowAndThenAndTheGoneAreNot() throws {
    var rig = try Rig.connected("c", "d")
    try rig.run(.milliseconds(200), answering: ["c", "d"])
    try rig.hear("c", news(claim("dead"), claim("gone")))
    try rig.bury("dead", voices: ["c", "d"])
    for voice in ["c", "d"] { try rig.hear(voice, news(claim("gone", 1, .left))) }
    var tried: [String] = []
    for _ in 0..<24 {
      try rig.run(.seconds(5), answering: ["c", "d"])
      for target in rig.room.linkTargets where !tried.contains(target.node.name) { tried.append(target.node.name) }
      for node in rig.room.links.temporary.keys where !tried.contains(node.name) { tried.append(node.name) }
    }
    #expect(rig.room.marks.contains(.triedToHeal))
    #expect(!tried.contains("gone"))
  }

  /// Another would answer there, and each dial would replace its link. But its endpoint is its own word only, which
  /// mustn't keep the dead from being found.
  @Test func theDeadAreSeldomTriedWhereAnotherSaysThatItLivesNow() throws {
    let tries = 24 * Int(MembershipLimits.healingAnyway)
    for (taken, least, most) in [("m:17421", 0, 0), ("c:17421", 8, 60), ("b:17421", tries / 2, tries)] {
      var rig = try Rig.connected("c", "d")
      try rig.run(.milliseconds(200), answering: ["c", "d"])
      var dead = claim("b")
      dead.metadata?.endpoint = taken
      try rig.hear("c", news(dead))
      try rig.bury("b", voices: ["c", "d"])
      var tried = Set<Instant>()
      for _ in 0..<tries {
        try rig.run(.seconds(5), answering: ["c", "d"]) { rig in
          if let at = rig.room.links.temporary[try id("b")] { tried.insert(at) }
        }
      }
      #expect((least...most).contains(tried.count), "\(taken): \(tried.count)")
    }
  }

  @Test func aTriedMemberThatAnswersRefutesAndIsBack() throws {
    var rig = try Rig.connected("c", "d")
    try rig.hear("c", news(claim("b")))
    try rig.bury("b", voices: ["c", "d"])
    try rig.connect("b")
    #expect(rig.status("b") == .left && rig.told("b").contains { $0.nodeID == "b" && $0.state == .dead })
    #expect(rig.pings(to: "b").count == 1)
    try rig.hear("b", news(claim("b", 1)))
    // Conformance 65.
    #expect(rig.events == [.joined] && rig.status("b") == .alive)
  }

  @Test func whoSaidGoodbyeIsNotProbedWhenItsLinkComesBack() throws {
    var rig = try Rig.connected("b")
    try rig.hear("b", news(claim("b", 1, .left)))
    rig.send(.peerDisconnected(try id("b")))
    #expect(rig.room.timers[.redial(try id("b"))] == nil)
    #expect(!rig.room.linkTargets.contains { $0.node.name == "b" })
    try rig.connect("b", claim("b", epoch: 500))
    #expect(rig.pings(to: "b").isEmpty && rig.status("b") == .left)
    try rig.connect("b", claim("b", epoch: 501))
    #expect(rig.status("b") == .alive)
  }

  /// Conformance 60.
  @Test func aRemovedMemberIsGoneAtOnceAndAllAreTold() throws {
    var rig = try Rig.connected("b", "c")
    rig.now = rig.now + .milliseconds(20)
    rig.send(.memberRemoved(try id("b")))
    #expect(rig.events == [.left] && rig.view("b")?.isDead == true && rig.disconnects("b"))
    #expect(rig.observations.contains(.memberRemoved(try id("b"), by: "m")))
    #expect(rig.told("c").contains { $0.nodeID == "b" && $0.state == .dead && $0.accuser == "m" && $0.removed })
    // Again: nothing new, but others are told once more. Of one that nobody knows, or of this node itself: nothing.
    rig.now = rig.now + .milliseconds(20)
    rig.send(.memberRemoved(try id("b")))
    #expect(rig.events.isEmpty && rig.told("c").contains { $0.nodeID == "b" && $0.removed })
    for name in ["stranger", "m"] {
      rig.send(.memberRemoved(try id(name)))
      #expect(rig.events.isEmpty && rig.status("m") == .alive)
    }
    // One that lives comes back by itself.
    try rig.hear("c", news(claim("b", 1)))
    #expect(rig.events == [.joined])
  }

  /// Conformance 57.
  @Test func aLeaveWithoutPeersEndsAtOnce() throws {
    var rig = try Rig()
    rig.send(.leaveRequested)
    #expect(rig.effects.list.last == .leaveFinished && rig.room.nextDeadline == nil)
    rig.send(.leaveRequested)
    #expect(rig.effects.list.isEmpty)
  }

  /// Conformance 56: neither the dead nor those that leave at the same time are waited for.
  @Test func onlyTheLivingAreWaitedFor() throws {
    var rig = try Rig.connected("b", "c", "d")
    try rig.hear("b", news(claim("b", 1, .left)))
    rig.send(.leaveRequested)
    let pings = ["b", "c", "d"].map { rig.pings(to: $0).count }
    #expect(pings == [0, 1, 1])
    try rig.answer("c", rig.room.phase.awaited["c"].map { [$0] } ?? [])
    #expect(!rig.effects.list.contains(.leaveFinished))
    rig.send(.peerDisconnected(try id("d")))
    #expect(rig.effects.list.contains(.leaveFinished))
  }

  /// Conformance 27 and 58: a goodbye ends its epoch, in whatever order the claims come.
  @Test func aGoodbyeStandsAgainstEverythingOfItsEpoch() throws {
    let claims = [claim("b", 0), claim("b", 2, .left), claim("b", 1, .suspect, accuser: "c")]
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
      var rig = try Rig.connected("b")
      for index in order { try rig.hear("b", news(claims[index])) }
      #expect(rig.status("b") == .left && rig.view("b")?.isDead == false, "\(order)")
      try rig.hear("b", news(claim("b", 0, epoch: 501)))
      #expect(rig.status("b") == .alive, "\(order)")
    }
  }

  /// Conformance 59: who repeats the goodbye isn't answered without end.
  @Test func aGoodbyeHeardAgainIsNoNews() throws {
    var rig = try Rig.connected("b", "c")
    try rig.hear("b", news(claim("b", 1, .left)))
    rig.advance(.milliseconds(20))
    for name in ["b", "c"] {
      try rig.hear(name, news(claim("b", 1, .left)))
      #expect(rig.events.isEmpty && rig.told("b").isEmpty && rig.told("c").isEmpty)
    }
  }

  /// Conformance 66: who falls behind an end is corrected, by each message once.
  @Test func whoFallsBehindAnEndIsToldOfIt() throws {
    var rig = try Rig.connected("b", "c")
    try rig.hear("b", news(claim("b", 1, .left)))
    try rig.hear("c", news(claim("b", 0), claim("b", 1), claim("b", 0, .suspect, accuser: "c")))
    let corrections = rig.told("c").filter { $0.nodeID == "b" }
    #expect(corrections.count == 3 && corrections.allSatisfy { $0.state == .left && $0.incarnation == 1 })
  }

  @Test func changesWaitForTheirReaderWithoutGrowing() throws {
    var rig = try Rig.connected("b")
    _ = rig.room.takeChanges()
    #expect(rig.room.takeChanges().isEmpty)
    for incarnation in 1...5_000 { try rig.hear("b", news(claim("b", UInt32(incarnation)))) }
    #expect(rig.room.changes.count <= 2 * (rig.room.members.count + MembershipLimits.forgottenChangesMax))
    #expect(rig.room.takeChanges().map(\.name) == ["b"])
    rig.send(.labelsSet([Label(key: "k", value: "v")]))
    try rig.hear("b", news(claim("c")))
    #expect(rig.room.takeChanges().map(\.name) == ["c", "m"])
  }

  /// A machine came up with its clock days ahead, and again with the right one.
  @Test func aLifeWhoseEpochLiesFarAheadGivesWayOnceItHasEnded() throws {
    let far = 1_000 + MembershipLimits.epochAheadMaxMilliseconds + 100_000
    var rig = try Rig.connected("c", "d")
    try rig.connect("b", claim("b", epoch: far))
    #expect(rig.view("b")?.epoch == far)
    // While that life lasts, others' words of an earlier one count for nothing.
    try rig.hear("c", news(claim("b", epoch: 2_000)))
    #expect(rig.view("b")?.epoch == far)
    try rig.hear("b", news(claim("b", 1, .left, epoch: far)))
    #expect(rig.status("b") == .left)
    rig.send(.peerDisconnected(try id("b")))
    var heard = rig
    try rig.connect("b", claim("b", epoch: 2_000))
    try heard.hear("c", news(claim("b", epoch: 2_000)))
    for rig in [rig, heard] {
      #expect(rig.status("b") == .alive && rig.view("b")?.epoch == 2_000)
      #expect(rig.view("b")?.metadata.metadataVersion == 1 && rig.events.contains(.joined))
    }
  }
}

extension Membership.Phase {
  /// The number of the ping that each peer must answer before this node may go.
  fileprivate var awaited: [String: UInt64] {
    guard case .leaving(let awaited) = self else { return [:] }
    return [String: UInt64](uniqueKeysWithValues: awaited.map { ($0.0.name, $0.1) })
  }
}
