import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// What a node does about claims that concern itself.
struct RefutationTests {
  private func own(_ incarnation: UInt32, _ state: MemberState, epoch: UInt64 = 1_000) -> MemberRecord {
    claim("m", incarnation, state, epoch: epoch, accuser: state == .suspect || state == .dead ? "c" : "")
  }

  /// Conformance 25 and 26.
  @Test func anAccusationIsAnsweredAboveItWhateverItsState() throws {
    for state in [MemberState.suspect, .dead] {
      var rig = try Rig.connected("c")
      rig.now = rig.now + .milliseconds(20)
      try rig.hear("c", news(own(0, state)))
      #expect(rig.room.localRecord.incarnation == 1 && rig.room.localRecord.state == .alive)
      #expect(rig.told("c").contains { $0.nodeID == "m" && $0.incarnation == 1 && $0.metadata != nil })
      #expect(rig.observations.contains(.selfRefuted(accuser: try id("c"), incarnation: 1)))
      #expect(rig.room.health.score == 1)
      // The same again is old by now.
      try rig.hear("c", news(own(0, state)))
      #expect(rig.room.localRecord.incarnation == 1)
    }
  }

  /// Conformance 21.
  @Test func metadataThatThisNodeNeverToldIsOutbid() throws {
    var rig = try Rig.connected("c")
    let before = try #require(rig.room.localRecord.metadata)
    var forged = own(0, .alive)
    forged.metadata?.metadataVersion = before.metadataVersion + 5
    forged.metadata?.role = "forged"
    try rig.hear("c", news(forged))
    let after = try #require(rig.room.localRecord.metadata)
    #expect(after.role == before.role && after.metadataVersion == before.metadataVersion + 6)
    #expect(rig.room.localRecord.incarnation == 1 && rig.room.health.score == 0)
  }

  @Test func aGoodbyeOfALifeThatThisNodeHasForgottenRaisesItsEpoch() throws {
    var rig = try Rig.connected("c")
    try rig.hear("c", news(own(3, .left)))
    #expect(rig.effects.list.contains(.raiseEpoch(1_001)) && rig.room.localRecord.state == .alive)
  }

  /// What comes too soon is outbid later: who holds a forged epoch believes nothing lower, and may tell it this node
  /// once only.
  @Test func oneEpochIsRaisedAtATimeAndWhatComesTooSoonIsOutbidLater() throws {
    var rig = try Rig.connected("c")
    func asks(_ epoch: UInt64) throws -> Bool {
      try rig.hear("c", news(own(0, .alive, epoch: epoch)))
      return rig.effects.list.contains(.raiseEpoch(epoch + 1))
    }
    #expect(try asks(2_000))
    #expect(try !asks(4_000))
    rig.send(.epochRaised(2_001))
    #expect(try !asks(3_000))
    var raised: [MembershipEffect] = []
    try rig.run(.seconds(2), answering: ["c"]) { rig in
      raised += rig.effects.list.filter { if case .raiseEpoch = $0 { true } else { false } }
    }
    #expect(raised == [.raiseEpoch(4_001)])
  }

  @Test func claimsOutOfReachAreRefused() throws {
    for (record, raises) in [
      (own(0, .alive, epoch: .max), false), (own(MembershipLimits.incarnationJumpMax + 1, .suspect), true),
      (own(.max, .suspect), true),
    ] {
      var rig = try Rig.connected("c")
      try rig.hear("c", news(record))
      #expect(rig.room.localRecord.epoch == 1_000 && rig.room.localRecord.incarnation == 0)
      // Of this life's epoch somebody may hold it already: a new epoch leaves it behind.
      #expect(rig.effects.list.contains(.raiseEpoch(1_001)) == raises)
      #expect(rig.statistic("claimsRejected") == 1)
    }
  }

  @Test func aFarIncarnationIsLeftBehindByANewEpoch() throws {
    let followed = MembershipLimits.incarnationFollowed
    for (incarnation, raises) in [(followed, false), (followed + 1, true)] {
      var rig = try Rig.connected("c")
      try rig.hear("c", news(own(incarnation, .suspect)))
      #expect(rig.effects.list.contains(.raiseEpoch(1_001)) == raises)
      #expect(rig.room.localRecord.incarnation == (raises ? 0 : followed + 1))
    }
  }

  /// A day lies between what the owner follows and what others refuse, for clocks that differ.
  @Test func aFarMetadataVersionIsLeftBehindByANewEpochThatCountsFromNow() throws {
    for (more, raises) in [(Int64(0), false), (1, true)] {
      var rig = try Rig(unixMilliseconds: 1_700_000_000_000)
      try rig.connect("c")
      try rig.ripen(["c"])
      let before = try #require(rig.room.localRecord.metadata)
      let now = rig.room.unixMilliseconds(rig.now)
      let followed = Int64(now + MembershipLimits.metadataFollowedMilliseconds)
      var record = own(0, .alive)
      record.metadata = before
      record.metadata?.metadataVersion = followed + more
      try rig.hear("c", news(record))
      #expect(rig.effects.list.contains(.raiseEpoch(1_001)) == raises)
      let answer = rig.room.localRecord
      #expect(answer.metadata?.metadataVersion == (raises ? before.metadataVersion : followed + 1))
      let behind = PoisonGuard(unixMilliseconds: now - MembershipLimits.metadataFollowedMilliseconds)
      #expect(behind.refusal(of: answer, known: nil) == nil, "also where the clock is a day behind")
      rig.room.updateLocal(now: rig.now, rank: .metadata) { local in
        var metadata = local.metadata.value
        metadata.metadataVersion = .max
        local.metadata = Shared(metadata)
      }
      rig.send(.epochRaised(1_001))
      #expect(rig.room.localRecord.metadata?.metadataVersion == Int64(now))
    }
  }

  @Test func whereTheIncarnationsEndAnEpochBegins() throws {
    var rig = try Rig.connected("c")
    rig.room.local.version.incarnation = .max
    rig.room.digest = 0
    try rig.hear("c", news(own(.max, .suspect)))
    #expect(rig.effects.list.contains(.raiseEpoch(1_001)) && rig.room.localRecord.incarnation == .max)
  }

  /// Newcomers refuse leaps, so that an incarnation may not grow without end.
  @Test func anEpochHoldsSoManyIncarnationsAndNotOneMore() throws {
    let most = MembershipLimits.incarnationsPerEpoch
    #expect(most < MembershipLimits.incarnationJumpMax)
    for (incarnation, raises) in [(most - 1, false), (most, true)] {
      var rig = try Rig.connected("c")
      rig.room.updateLocal(now: rig.now, rank: .join) { $0.version.incarnation = incarnation }
      try rig.hear("c", news(own(incarnation, .suspect)))
      #expect(rig.effects.list.contains(.raiseEpoch(1_001)) == raises)
      #expect(rig.room.localRecord.incarnation == most)
    }
  }

  /// Claims that it lives, too, if they are above what it said: each answer goes to everyone.
  @Test func aPeerMakesThisNodeAnswerSoOftenOnly() throws {
    for state in [MemberState.alive, .suspect] {
      var rig = try Rig.connected("c", "d")
      var toldToD = 0
      for _ in 0..<1_000 {
        rig.now = rig.now + .milliseconds(1)
        let ahead = rig.room.localRecord.incarnation + 1
        try rig.hear("c", news((0..<8).map { own(ahead + $0, state) }))
        toldToD += rig.told("d").count { $0.nodeID == "m" }
      }
      #expect((9...11).contains(rig.room.totals.refutations) && (9...11).contains(toldToD))
      #expect(rig.room.localRecord.incarnation <= 200)
      // But those that an answer has just outbid.
      let most = MembershipLimits.accusationsBurst + MembershipLimits.accusationsPerSecond + 8 * 11
      #expect(try #require(rig.statistic("claimsRejected")) >= Int64(8_000 - most))
      // What is old costs nothing, and another peer has a budget of its own.
      let before = rig.room.totals.refutations
      rig.now = rig.now + MembershipLimits.refutationSpacing
      rig.send(.deadlineReached)
      rig.now = rig.now + MembershipLimits.refutationSpacing
      let rejected = rig.statistic("claimsRejected")
      try rig.hear("c", news(own(rig.room.localRecord.incarnation - 1, .suspect)))
      try rig.hear("d", news(own(rig.room.localRecord.incarnation, .suspect)))
      #expect((before + 1...before + 2).contains(rig.room.totals.refutations))
      #expect(rig.statistic("claimsRejected") == rejected)
    }
  }

  @Test func whatComesTooSoonAfterAnAnswerIsOutbidWithTheNext() throws {
    var rig = try Rig.connected("c", "d")
    try rig.hear("c", news(own(0, .suspect)))
    #expect(rig.room.localRecord.incarnation == 1)
    rig.now = rig.now + .milliseconds(30)
    var forged = own(4, .alive)
    forged.metadata?.metadataVersion = try #require(rig.room.localRecord.metadata).metadataVersion + 3
    try rig.hear("d", news(own(7, .suspect), forged))
    #expect(rig.room.localRecord.incarnation == 1)
    let due = try #require(rig.room.timers[.answer])
    #expect(due.since(rig.now) == MembershipLimits.refutationSpacing - .milliseconds(30))
    let version = try #require(forged.metadata).metadataVersion
    rig.now = due
    rig.send(.deadlineReached)
    #expect(rig.room.localRecord.incarnation == 8)
    #expect(rig.room.localRecord.metadata?.metadataVersion == version + 1)
    #expect(rig.room.timers[.answer] == nil)
  }

  @Test func aNodeThatLeavesDoesNotRefute() throws {
    var rig = try Rig.connected("c")
    rig.send(.leaveRequested)
    let left = rig.room.localRecord
    try rig.hear("c", news(own(9, .suspect)))
    #expect(rig.room.localRecord == left && left.state == .left)
  }

  /// Conformance 20: a greater incarnation clears a suspicion, and nothing else does.
  @Test func onlyAGreaterIncarnationEndsASuspicion() throws {
    for (incarnation, cleared) in [(UInt32(4), false), (5, false), (6, true)] {
      var rig = try Rig.connected("c")
      try rig.hear("c", news(claim("b", 5)))
      try rig.hear("c", news(claim("b", 5, .suspect, accuser: "c")))
      try rig.hear("c", news(claim("b", incarnation)))
      #expect((rig.status("b") == .alive) == cleared, "\(incarnation)")
    }
  }

  /// Conformance 24 and 26: what is said of unknown members, and what is old.
  @Test func accusationsOfTheUnknownAndOldOnesAreIgnored() throws {
    var rig = try Rig.connected("c", "d")
    for state in [MemberState.suspect, .dead, .left] {
      try rig.hear("c", news(claim("nobody", 0, state, accuser: state == .left ? "" : "c")))
      #expect(rig.status("nobody") == nil)
    }
    try rig.hear("c", news(claim("b", 5)))
    for voice in ["c", "d"] {
      try rig.hear(voice, news(claim("b", 4, .suspect, accuser: voice), claim("b", 4, .dead, accuser: voice)))
    }
    #expect(rig.status("b") == .alive && rig.events.isEmpty)
  }

  @Test func aFalseSuspicionIsCounted() throws {
    var rig = try Rig.connected("b", "c")
    try rig.run(.milliseconds(200), answering: ["b", "c"])
    rig.room.suspect(try id("b"), refused: false, now: rig.now, into: &rig.effects)
    try rig.hear("b", news(claim("b", 1)))
    #expect(rig.events == [.recovered])
    #expect(rig.observations.contains(.falseSuspicion(peer: try id("b"))))
    #expect(rig.statistic("falseSuspicions") == 1)
  }

  @Test func theSuspicionOfAProcessThatStartedAgainWasNotFalse() throws {
    var rig = try Rig.connected("b", "c")
    try rig.run(.milliseconds(200), answering: ["b", "c"])
    rig.room.suspect(try id("b"), refused: false, now: rig.now, into: &rig.effects)
    try rig.hear("b", news(claim("b", epoch: 600)))
    #expect(rig.events == [.recovered])
    #expect(!rig.observations.contains(.falseSuspicion(peer: try id("b"))))
    #expect(rig.statistic("falseSuspicions") == 0)
  }
}
