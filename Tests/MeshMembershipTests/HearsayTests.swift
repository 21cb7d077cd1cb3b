import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// Claims about the end of members that this node has no link to.
struct HearsayTests {
  /// Knows "b" from "c"; linked to "c" and "d".
  private func knowing() throws -> Rig {
    var rig = try Rig.connected("c", "d")
    try rig.run(.milliseconds(200), answering: ["c", "d"])
    try rig.ripen(["c", "d"])
    try rig.hear("c", news(claim("b"), claim("x1"), claim("x2"), claim("x3")))
    return rig
  }

  private func death(_ voice: String, _ incarnation: UInt32 = 0) -> MeshMessage {
    news(claim("b", incarnation, .dead, accuser: voice))
  }

  private func isDialed(_ name: String, _ rig: Rig) -> Bool {
    rig.room.links.temporary.keys.contains { $0.name == name }
  }

  /// Conformance 39.
  @Test func oneVoiceMakesADeathASuspicionAndNoMore() throws {
    var rig = try knowing()
    try rig.hear("c", death("c"))
    #expect(rig.events == [.suspect] && rig.room.hearsay.count == 1)
    for accuser in ["c", "x1", "x2", "x3"] { try rig.hear("c", death(accuser)) }
    #expect(rig.status("b") == .suspect)
  }

  @Test func aSecondNeighbourIsBelieved() throws {
    var rig = try knowing()
    try rig.hear("c", death("x1"))
    try rig.hear("d", death("x1"))
    #expect(rig.events == [.left] && rig.view("b")?.isDead == true && rig.room.marks.contains(.secondVoice))
    #expect(rig.room.hearsay.isEmpty)
  }

  /// All links of a newcomer are young: in its first two seconds they count for a goodbye, and not for a death.
  @Test func aNewcomerBelievesTwoYoungPeersAGoodbyeAndNoDeath() throws {
    for (state, believed) in [(MemberState.left, true), (.dead, false)] {
      var rig = try Rig()
      for name in ["c", "d"] { try rig.connect(name) }
      try rig.hear("c", news(claim("b")))
      let accuser = state == .dead ? "x" : ""
      try rig.hear("c", news(claim("b", 1, state, accuser: accuser)))
      #expect(rig.status("b") != .left)
      try rig.hear("d", news(claim("b", 1, state, accuser: accuser)))
      #expect((rig.status("b") == .left) == believed)
    }
  }

  /// Two that just came back from the other side of a partition may both have it from one liar.
  @Test func aNodeThatIsNoNewcomerBelievesTwoYoungPeersNothing() throws {
    for state in [MemberState.left, .dead] {
      var rig = try Rig.connected("e")
      try rig.hear("e", news(claim("b")))
      try rig.run(MembershipLimits.voiceAge, answering: ["e"])
      for name in ["c", "d"] {
        try rig.connect(name)
        try rig.hear(name, news(claim("b", 1, state, accuser: state == .dead ? "x" : "")))
        #expect(rig.status("b") != .left)
      }
    }
  }

  @Test func oneThatDoesNotCountKeepsNoPlaceFromTwoThatDo() throws {
    var rig = try knowing()
    try rig.connect("young")
    try rig.hear("young", death("young"))
    for voice in ["c", "d"] {
      #expect(rig.status("b") == .suspect)
      try rig.hear(voice, death(voice))
    }
    #expect(rig.status("b") == .left)
  }

  /// Others believe a death that was told in this node's name, and tell it no other: it isn't believed, but looked
  /// into.
  @Test func aDeathInThisNodesNameIsLookedInto() throws {
    var rig = try knowing()
    try rig.hear("c", death("m"))
    #expect(rig.events.isEmpty && rig.status("b") == .alive && isDialed("b", rig))
    try rig.run(.seconds(6), answering: ["c", "d"])
    rig.send(.dialFailed(try id("b"), refused: false))
    try rig.run(.milliseconds(1_100), answering: ["c", "d"])
    #expect(rig.view("b")?.isDead == true)
    // One that answers stays.
    rig = try knowing()
    try rig.hear("c", death("m"))
    try rig.connect("b")
    #expect(rig.status("b") == .alive && rig.room.hearsay.isEmpty)
  }

  @Test func claimAfterClaimDoesNotPutOffTheLook() throws {
    var rig = try knowing()
    for step in 0..<8 {
      try rig.hear("c", news(claim("b", 0, step % 2 == 0 ? .dead : .left, accuser: step % 2 == 0 ? "c" : "")))
      try rig.run(.milliseconds(50), answering: ["c", "d"])
    }
    #expect(isDialed("b", rig))
  }

  @Test func aSecondVoiceAboutAnOlderVersionIsNone() throws {
    var rig = try knowing()
    try rig.hear("c", news(claim("b", 3)))
    try rig.hear("c", death("c", 3))
    try rig.hear("d", death("d", 2))
    #expect(rig.status("b") == .suspect)
  }

  @Test func withoutASecondVoiceThisNodeGoesAndLooks() throws {
    var rig = try knowing()
    try rig.hear("c", death("c"))
    try rig.run(.milliseconds(99), answering: ["c", "d"])
    #expect(!isDialed("b", rig))
    try rig.run(.milliseconds(250), answering: ["c", "d"])
    #expect(isDialed("b", rig) && rig.room.marks.contains(.checkedHearsay))
  }

  @Test func aFailedDialBearsTheClaimOut() throws {
    for refused in [true, false] {
      var rig = try knowing()
      try rig.hear("c", death("c"))
      try rig.run(.milliseconds(350), answering: ["c", "d"])
      // What others told of its place must have stood for a while.
      var early = rig
      early.send(.dialFailed(try id("b"), refused: refused))
      #expect(early.events.isEmpty && early.status("b") == .suspect)
      _ = rig.room.members.modify(try id("b")) { $0.endpointSince = .origin }
      rig.send(.dialFailed(try id("b"), refused: refused))
      #expect(rig.events == (refused ? [.left] : []))
      // Where nobody refused it relays are asked as well.
      try rig.run(.milliseconds(1_100), answering: ["c", "d"])
      #expect(rig.status("b") == .left)
    }
  }

  /// It has all endpoints from others, and only young links. One of them alone could have told a false endpoint.
  @Test func aNewcomerBelievesTwoYoungPeersADeathOnceItsOwnLookFails() throws {
    // "m" is this node itself: what "c" says in its name is nobody's word.
    for (voices, accusers) in [
      (["c"], ["x"]), (["c", "c"], ["x", "y"]), (["c", "c"], ["m", "c"]), (["c", "c"], ["c", "m"]),
      (["c", "d"], ["x", "x"]),
    ] {
      for isRefused in [true, false] {
        var rig = try Rig()
        for name in ["c", "d"] { try rig.connect(name) }
        try rig.hear("c", news(claim("b")))
        for (voice, accuser) in zip(voices, accusers) {
          try rig.hear(voice, news(claim("b", 0, .dead, accuser: accuser)))
        }
        try rig.run(.milliseconds(350), answering: ["c", "d"])
        #expect(isDialed("b", rig))
        rig.send(.dialFailed(try id("b"), refused: isRefused))
        if !isRefused { try rig.run(.milliseconds(1_200), answering: ["c", "d"]) }
        #expect((rig.status("b") == .left) == (voices == ["c", "d"]), "\(accusers)")
      }
    }
  }

  @Test func aLookWithoutAResultProvesNothing() throws {
    var rig = try knowing()
    try rig.hear("c", news(claim("b", 1, .left)))
    #expect(rig.status("b") == .alive)
    // No dial came about at all; the watched member is suspected for its silence, and no more.
    try rig.run(.seconds(4), answering: ["c", "d"])
    #expect(rig.status("b") != .left)
  }

  @Test func aDialBeforeTheLookProvesNothing() throws {
    var rig = try knowing()
    try rig.hear("c", death("c"))
    rig.send(.dialFailed(try id("b"), refused: false))
    #expect(rig.status("b") == .suspect)
  }

  @Test func whoAnswersIsAcquittedAndHearsWhatWasSaidOfIt() throws {
    var rig = try knowing()
    try rig.hear("c", death("c"))
    try rig.run(.milliseconds(350), answering: ["c", "d"])
    try rig.connect("b")
    #expect(rig.room.marks.contains(.disproved) && rig.room.hearsay.isEmpty)
    #expect(rig.told("b").contains { $0.nodeID == "b" && $0.state != .alive })
    try rig.hear("b", news(claim("b", 1)))
    #expect(rig.status("b") == .alive)
  }

  /// A death that this node alone has found is told in its own name: those who only suspect don't stand by it.
  @Test func theDeathThatALookOfItsOwnFindsIsThisNodesWord() throws {
    var rig = try Rig.connected("c", "d")
    try rig.hear("c", news((0..<40).map { claim("n\($0)") }))
    try rig.run(.seconds(6), answering: ["c", "d"])
    let name = try #require(try (0..<40).map { "n\($0)" }.first { name in try !rig.room.wantsLink(to: id(name)) })
    var word = claim(name, 0, .suspect, accuser: "d")
    (word.accusers, word.refused) = (["c"], true)
    try rig.hear("d", news(word))
    for _ in 0..<400 where rig.room.hearsay[try id(name)]?.isChecking != true {
      try rig.run(.milliseconds(50), answering: ["c", "d"])
    }
    try rig.run(.milliseconds(500), answering: ["c", "d"])
    // One that gave a sign of life a moment ago has its time still.
    var early = rig
    _ = early.room.members.modify(try id(name)) { $0.evidence = early.now }
    early.send(.dialFailed(try id(name), refused: false))
    #expect(early.status(name) == .suspect)
    // One that answers hears that it is suspected, and of no death.
    var answered = rig
    try answered.connect(name)
    #expect(answered.told(name).filter { $0.nodeID == name }.allSatisfy { $0.state == .suspect })
    rig.send(.dialFailed(try id(name), refused: false))
    var said: MemberRecord?
    try rig.run(.milliseconds(1_100), answering: ["c", "d"]) { rig in
      said = said ?? rig.told("c").first { $0.nodeID == name }
    }
    let told = try #require(said)
    #expect(told.state == .dead && told.accuser == "m" && told.accusers.isEmpty && !told.refused)
  }

  @Test func aRefutationInTimeEndsTheCase() throws {
    var rig = try knowing()
    try rig.hear("c", death("c"))
    try rig.hear("d", news(claim("b", 1)))
    #expect(rig.status("b") == .alive && rig.room.hearsay.isEmpty)
    try rig.run(.seconds(5), answering: ["c", "d"])
    #expect(!rig.room.marks.contains(.checkedHearsay))
  }

  @Test func manyVoicesDoNotEndAPeerThatThisNodeHears() throws {
    var rig = try Rig.connected("b", "c", "d", "e", "f")
    try rig.run(.milliseconds(200), answering: ["b", "c", "d", "e", "f"])
    for voice in ["c", "d", "e", "f"] { try rig.hear(voice, news(claim("b", 0, .dead, accuser: voice))) }
    #expect(rig.status("b") == .suspect && rig.room.marks.contains(.deathTakenAsSuspicion))
    for voice in ["c", "d", "e", "f"] { try rig.hear(voice, news(claim("b", 1, .left))) }
    #expect(rig.status("b") == .suspect && !rig.disconnects("b"))
  }

  @Test func whatThisNodeSawItselfNeedsOneVoice() throws {
    var rig = try Rig.connected("b", "c", "d", "e")
    try rig.run(.milliseconds(200), answering: ["b", "c", "d", "e"])
    rig.send(.peerDisconnected(try id("b")))
    rig.send(.dialFailed(try id("b"), refused: true))
    try rig.hear("c", death("c"))
    #expect(rig.events == [.left])
  }

  @Test func looksAreRationed() throws {
    var rig = try Rig.connected("c")
    let names = (0..<200).map { "n\($0)" }
    try rig.hear("c", news(names.map { claim($0) }))
    try rig.hear("c", news(names.map { claim($0, 1, .left) }))
    try rig.run(.milliseconds(950), answering: ["c"])
    let looks = Int(rig.room.totals.checks)
    #expect((1...MembershipLimits.checksPerSecond * 2).contains(looks))
  }

  @Test func looksGoOnAtTheirRate() throws {
    var rig = try Rig.connected("c")
    let names = (0..<100).map { "n\($0)" }
    try rig.hear("c", news(names.map { claim($0) }))
    try rig.hear("c", news(names.map { claim($0, 1, .left) }))
    try rig.run(.seconds(10), answering: ["c"])
    let rate = MembershipLimits.checksPerSecond
    #expect((rate * 9...rate * 11).contains(Int(rig.room.totals.checks)))
  }

  @Test func accusationsOfOnePeerAreRationed() throws {
    var rig = try Rig.connected("c")
    let names = (0..<300).map { "n\($0)" }
    try rig.hear("c", news(names.map { claim($0) }))
    try rig.hear("c", news(names.map { claim($0, 0, .suspect, accuser: "c") }))
    #expect(rig.room.suspicions.count == MembershipLimits.accusationsBurst)
    #expect(rig.statistic("claimsRejected") == Int64(300 - MembershipLimits.accusationsBurst))
    rig.now = rig.now + .seconds(1)
    try rig.hear("c", news(names.map { claim($0, 1, .suspect, accuser: "c") }))
    let told = rig.room.members.count { $0.1.version.incarnation == 1 }
    #expect(told == MembershipLimits.accusationsPerSecond)
  }

  @Test func openCasesHaveTheirLimitForEachVoiceAndInAll() throws {
    let perVoice = MembershipLimits.hearsayPerVoice
    let voices = (0...MembershipLimits.hearsayMax / perVoice).map { "voice-\($0)" }
    var rig = try Rig()
    for voice in voices { try rig.connect(voice) }
    try rig.ripen(voices)
    let names = (0..<voices.count * perVoice).map { "n\($0)" }
    try rig.fill(names.map { claim($0) })
    for (index, voice) in voices.enumerated() {
      let own = names[index * perVoice..<(index + 1) * perVoice]
      try rig.hear(voice, news(own.map { claim($0, 1, .left) }))
      #expect(rig.room.hearsay.count == min((index + 1) * perVoice, MembershipLimits.hearsayMax))
      if index == 0 {
        try rig.hear(voice, news(claim(names[perVoice], 1, .left)))
        #expect(rig.room.hearsay.count == perVoice)
      }
    }
  }
}
