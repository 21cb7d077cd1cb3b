import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// What comes of this node's own looks at members that others call dead or gone.
struct LookTests {
  /// Knows "b" from "c", at an endpoint that nobody contradicts; linked to "c", "d" and "e".
  private func knowing() throws -> Rig {
    var rig = try Rig.connected("c", "d", "e")
    try rig.run(.milliseconds(200), answering: ["c", "d", "e"])
    try rig.ripen(["c", "d", "e"])
    try rig.hear("c", news(claim("b")))
    _ = rig.room.members.modify(try id("b")) { $0.endpointSince = .origin }
    return rig
  }

  /// The same, after the dial of the look at what "c" says of "b" has timed out.
  private func unanswered(_ claim: MemberRecord) throws -> Rig {
    var rig = try knowing()
    try rig.hear("c", news(claim))
    try rig.run(.milliseconds(350), answering: ["c", "d", "e"])
    rig.send(.dialFailed(try id("b"), refused: false))
    return rig
  }

  /// The dialer tries again within a second, and relays may take longer.
  @Test func asManyDialsAsComeToNothingDoNotOvertakeTheRelays() throws {
    var rig = try unanswered(claim("b", 0, .dead, accuser: "c"))
    for _ in 0..<3 {
      try rig.run(.milliseconds(200), answering: ["c", "d", "e"])
      rig.send(.dialFailed(try id("b"), refused: false))
      #expect(rig.status("b") == .suspect)
    }
    rig.send(.dialFailed(try id("b"), refused: true))
    #expect(rig.status("b") == .left)
  }

  /// It takes what peers say of it from what they may bring, and would be deaf to this node's true words.
  @Test func aLinkedSubjectIsToldOnlySoOftenWhatIsSaidInThisNodesName() throws {
    var rig = try Rig.connected("b", "c", "d")
    try rig.run(.milliseconds(200), answering: ["b", "c", "d"])
    var told = 0
    for number in 0..<64 {
      try rig.hear("c", news(claim("b", UInt32(number + 3), .dead, accuser: "m")))
      told += rig.told("b").count { $0.nodeID == "b" }
    }
    #expect(told == 1)
  }

  /// Their answers would be counted twice, and hide that one of them said nothing.
  @Test func relaysThatWereAskedAlreadyAreNotAskedAgainByALook() throws {
    var rig = try knowing()
    try rig.hear("c", news(claim("b", 0, .dead, accuser: "c")))
    try rig.run(.milliseconds(350), answering: ["c", "d", "e"])
    var effects = MembershipEffects()
    rig.room.askRelays(about: try id("b"), now: rig.now, into: &effects)
    let asked = try #require(rig.room.probes[try id("b")])
    rig.send(.dialFailed(try id("b"), refused: false))
    #expect(try rig.room.hearsay[id("b")]?.isAsked == true && rig.room.probes[id("b")] == asked)
    let askedAgain = ["c", "d", "e"].flatMap { rig.relayRequests(to: $0) }
    #expect(askedAgain.isEmpty && !asked.relays.isEmpty)
  }

  // MARK: The subject hears

  /// Those who believe it have no other link to the subject perhaps, and tell it for ever.
  @Test func aDeathInThisNodesNameIsPassedOnToASubjectThatLives() throws {
    var linked = try Rig.connected("b", "c", "d")
    try linked.run(.milliseconds(200), answering: ["b", "c", "d"])
    try linked.hear("c", news(claim("b", 3, .dead, accuser: "m")))
    var unlinked = try knowing()
    try unlinked.hear("c", news(claim("b", 3, .dead, accuser: "m")))
    try unlinked.connect("b")
    for rig in [linked, unlinked] {
      let told = rig.told("b").filter { $0.nodeID == "b" }
      #expect(told.map(\.state) == [.dead] && told.map(\.accuser) == ["c"] && told.map(\.incarnation) == [3])
      #expect(rig.status("b") == .alive && rig.room.hearsay.isEmpty)
    }
  }

  @Test func aDeathThatNobodyBelievesAnyMoreIsNotPassedOn() throws {
    var rig = try knowing()
    try rig.hear("c", news(claim("b", 2, .dead, accuser: "m")))
    var behind = rig
    try behind.connect("b", claim("b", 1))
    #expect(behind.told("b").contains { $0.nodeID == "b" && $0.incarnation == 2 })
    try rig.connect("b", claim("b", 3))
    #expect(rig.told("b").allSatisfy { $0.nodeID != "b" })
  }

  @Test func ofALieAboutLongMetadataItsOwnerHearsTheVersionAndOutbidsIt() throws {
    var owner = try Rig("b")
    try owner.connect("m")
    var rig = try Rig.connected("c")
    try rig.connect("b", owner.room.localRecord)
    var lie = owner.room.localRecord
    let forged = try #require(lie.metadata).metadataVersion + 5
    lie.metadata?.metadataVersion = forged
    lie.metadata?.labels = [Label(key: "k", value: String(repeating: "v", count: 2_000))]
    try rig.hear("c", news(lie))
    let told = try #require(rig.told("b").first { $0.nodeID == "b" })
    #expect(told.metadata == nil && told.metadataDelta?.toVersion == forged)
    // Over the wire as it is.
    #expect(try MeshMessage.decode(news(told).encoded()) == news(told))
    try owner.hear("m", news(told))
    #expect(try #require(owner.room.localRecord.metadata).metadataVersion > forged)
  }

  @Test func aGoodbyeThatOthersTellIsPassedOnToALinkedSubject() throws {
    var rig = try Rig.connected("b", "c", "d")
    try rig.run(.milliseconds(200), answering: ["b", "c", "d"])
    try rig.hear("c", news(claim("b", 1, .left)))
    var told: [MemberState] = []
    try rig.run(.milliseconds(400), answering: ["b", "c", "d"]) { rig in
      told += rig.told("b").filter { $0.nodeID == "b" }.map(\.state)
    }
    #expect(told == [.left] && rig.status("b") == .alive)
    // Its answer ends the case.
    try rig.hear("b", news(claim("b", epoch: 501)))
    #expect(rig.room.hearsay.isEmpty)
  }

  /// Where all others are linked to the subject nobody else believes a lie about its life, and tells it.
  @Test func aLifeThatOthersTellIsPassedOnToALinkedSubject() throws {
    let label = Label(key: "k", value: String(repeating: "v", count: 2_000))
    for labels in [[], [label]] {
      var rig = try Rig.connected("b", "c", "d")
      try rig.run(.milliseconds(200), answering: ["b", "c", "d"])
      var lie = claim("b", epoch: 600)
      lie.metadata?.labels = labels
      try rig.hear("c", news(lie))
      let told = rig.told("b").filter { $0.nodeID == "b" }
      #expect(told.map(\.epoch) == [600] && rig.view("b")?.epoch == 500)
      #expect((told.first?.metadata == nil) == !labels.isEmpty)
      // Not for each that says so.
      try rig.hear("d", news(lie))
      #expect(rig.told("b").isEmpty)
    }
  }

  /// A whole mesh, without "evil", whom it knows from no link of the victim's own.
  @Test func aDeathInTheNameOfAMemberThatDoesNotStandByItIsRefuted() throws {
    var mesh = try TestMesh(6)
    try mesh.run(.seconds(6))
    #expect(mesh.isWhole)
    let record = try #require(mesh.nodes["n05"]?.room.localRecord)
    try mesh.say(news(claim("n05", record.incarnation, .dead, epoch: record.epoch, accuser: "n01")), to: "n01")
    try mesh.run(.seconds(2))
    #expect(try #require(mesh.nodes["n05"]?.room.localRecord.incarnation) > record.incarnation && mesh.isWhole)
  }

  // MARK: What the look finds

  /// One hostile voice and one dial that a network lost mustn't make an end.
  @Test func oneVoiceAndOneDialThatTimesOutAreNotEnough() throws {
    for claim in [claim("b", 0, .dead, accuser: "c"), claim("b", 1, .left)] {
      var rig = try unanswered(claim)
      for _ in 0..<3 {
        let probe = try #require(rig.room.probes[try id("b")])
        #expect(rig.status("b") != .left && probe.relays.map(\.name).sorted() == ["c", "d", "e"])
        var request = ProbeRequest()
        (request.sequence, request.target) = (probe.sequence, "b")
        try rig.hear("d", reply(to: request, reached: true))
        #expect(try rig.room.probes[id("b")] == nil)
        try rig.run(.milliseconds(2_500), answering: ["c", "d", "e"])
        // The look isn't over; another dial that comes to nothing is a question to relays again.
        rig.send(.dialFailed(try id("b"), refused: false))
      }
    }
  }

  @Test func whomNoRelayReachesEitherIsBelievedToBeGone() throws {
    for claim in [claim("b", 0, .dead, accuser: "c"), claim("b", 1, .left)] {
      var rig = try unanswered(claim)
      let asked = rig.now
      try rig.run(.milliseconds(900), answering: ["c", "d", "e"])
      #expect(rig.status("b") != .left)
      try rig.run(.milliseconds(200), answering: ["c", "d", "e"])
      #expect(rig.status("b") == .left && rig.view("b")?.isDead == (claim.state == .dead))
      #expect(rig.now.since(asked) < .seconds(2) && rig.room.hearsay.isEmpty && rig.room.suspicions.isEmpty)
    }
  }

  @Test func aSecondVoiceIsBelievedWhileRelaysAreAsked() throws {
    var rig = try unanswered(claim("b", 0, .dead, accuser: "c"))
    try rig.hear("d", news(claim("b", 0, .dead, accuser: "d")))
    #expect(try rig.room.probes[id("b")] == nil && rig.status("b") == .left)
  }

  @Test func aPauseWhileRelaysAreAskedProvesNothing() throws {
    var rig = try unanswered(claim("b", 0, .dead, accuser: "c"))
    rig.now = rig.now + .seconds(15)
    rig.send(.deadlineReached)
    #expect(rig.room.hearsay[try id("b")]?.isAsked == false && rig.status("b") == .suspect)
  }

  /// Who finds an end itself tells it to all its links, as one does whose own probe failed.
  @Test func anEndThatALookFindsIsToldToAllLinksAtOnce() throws {
    let names = (0..<20).map { "n\($0)" }
    var rig = try Rig()
    for name in names { try rig.connect(name) }
    try rig.run(.seconds(2), answering: names)
    try rig.ripen(names)
    try rig.hear("n0", news(claim("x")))
    _ = rig.room.members.modify(try id("x")) { $0.endpointSince = .origin }
    try rig.hear("n0", news(claim("x", 0, .dead, accuser: "n0")))
    try rig.run(.milliseconds(400), answering: names)
    #expect(rig.room.hearsay[try id("x")]?.isChecking == true && rig.room.reachesAllInTwoHops)
    rig.send(.dialFailed(try id("x"), refused: true))
    #expect(rig.events == [.left])
    let told = names.filter { name in rig.told(name).contains { $0.nodeID == "x" && $0.state == .dead } }
    #expect(told == Array(names.dropFirst()))
  }
}
