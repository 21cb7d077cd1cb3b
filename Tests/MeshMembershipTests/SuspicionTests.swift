import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// From a suspicion of this node's own to a death, or back to life.
struct SuspicionTests {
  private let others = ["c", "d", "e"]

  /// "b" has fallen silent and this node suspects it; the others answer all they are asked.
  private func suspecting() throws -> Rig {
    var rig = try Rig.connected("b")
    for name in others { try rig.connect(name) }
    try rig.run(.milliseconds(200), answering: others + ["b"])
    for _ in 0..<100 where rig.status("b") == .alive { try rig.run(.milliseconds(50), answering: others) }
    #expect(rig.status("b") == .suspect && rig.room.health.score == 0)
    return rig
  }

  private func silence(_ rig: Rig) throws -> Int64 {
    let suspicion = try #require(rig.suspicion("b"))
    return suspicion.deadline.since(rig.room.silentSince(suspicion, try #require(rig.member("b")))).milliseconds
  }

  /// Conformance 4, 24, 31: the table of 0 to 2 confirmations, through the room.
  @Test func confirmationsBringTheDeathNearer() throws {
    var rig = try suspecting()
    #expect(try silence(rig) == 14_100)
    try rig.hear("c", news(claim("b", 0, .suspect, accuser: "c")))
    #expect(try silence(rig) == 8_168)
    // The same accuser again, whoever brings it, adds nothing; nor do this node, or the suspect itself.
    for accuser in ["c", "m", "b"] { try rig.hear("d", news(claim("b", 0, .suspect, accuser: accuser))) }
    #expect(try silence(rig) == 8_168)
    try rig.hear("d", news(claim("b", 0, .suspect, accuser: "d")))
    #expect(try silence(rig) == 4_700)
    try rig.hear("e", news(claim("b", 0, .suspect, accuser: "e")))
    #expect(try silence(rig) == 4_700)
  }

  /// Conformance 33 and 35: it fires at its time, once.
  @Test func theDeathComesAtItsDeadlineAndOnce() throws {
    var rig = try suspecting()
    for name in ["c", "d"] { try rig.hear(name, news(claim("b", 0, .suspect, accuser: name))) }
    let deadline = try #require(rig.suspicion("b")).deadline
    try rig.run(deadline.since(rig.now) - .milliseconds(1), answering: others)
    #expect(rig.status("b") == .suspect)
    try rig.reach(deadline)
    #expect(rig.events == [.left] && rig.view("b")?.isDead == true && rig.disconnects("b"))
    #expect(rig.told("c").contains { $0.nodeID == "b" && $0.state == .dead && $0.accuser == "m" })
    let events = rig.memberEvents
    #expect(events.map(\.member) == ["b"])
    var later: [String] = []
    try rig.run(.seconds(20)) { later += $0.memberEvents.map(\.member) }
    #expect(!later.contains("b"))
  }

  /// An accusation that was made in a partition may have gone to nobody who could answer it (seed 2537).
  @Test(arguments: [true, false]) func beforeALoneAccuserDeclaresADeathItGoesAndLooks(lives: Bool) throws {
    var rig = try suspecting()
    rig.send(.peerDisconnected(try id("b")))
    func hasLooked() -> Bool { rig.room.marks.contains(.lookedBeforeTheEnd) }
    for _ in 0..<600 where !hasLooked() { try rig.run(.milliseconds(50), answering: others) }
    #expect(try hasLooked() && rig.status("b") == .suspect && rig.room.links.temporary[id("b")] != nil)
    if lives {
      try rig.connect("b")
      #expect(rig.told("b").contains { $0.nodeID == "b" && $0.state == .suspect }, "so that it refutes")
      try rig.hear("b", news(claim("b", 1)))
      try rig.run(.seconds(20), answering: others + ["b"])
      #expect(rig.status("b") == .alive)
    } else {
      try rig.run(.milliseconds(3_900), answering: others)
      #expect(rig.status("b") == .suspect)
      try rig.run(.milliseconds(100), answering: others)
      #expect(rig.view("b")?.isDead == true)
    }
  }

  /// What this node looked for while it was stopped, or cut off, it couldn't see.
  @Test(arguments: [true, false]) func aLookThatThisNodeSleptThroughIsMadeAnew(isPause: Bool) throws {
    var rig = try suspecting()
    rig.send(.peerDisconnected(try id("b")))
    func lookEndsAt() -> Instant? { rig.suspicion("b")?.lookEndsAt }
    for _ in 0..<600 where lookEndsAt() == nil { try rig.run(.milliseconds(50), answering: others) }
    #expect(lookEndsAt() != nil)
    if isPause {
      rig.now = rig.now + .seconds(30)
      rig.send(.deadlineReached)
    } else {
      // Nobody answers any more.
      for _ in 0..<200 where lookEndsAt() != nil { try rig.run(.milliseconds(50)) }
    }
    #expect(lookEndsAt() == nil && rig.status("b") == .suspect)
  }

  @Test func badHealthOfThisNodeGivesMoreTime() throws {
    var rig = try suspecting()
    rig.room.health.note(3)
    rig.room.timeSuspicion(of: try id("b"), now: rig.now)
    #expect(try silence(rig) == 14_100 + 3_000)
  }

  @Test func whoIsHeardAgainIsNotDeclaredDeadThoughItHasNotRefutedYet() throws {
    var rig = try suspecting()
    for name in ["c", "d"] { try rig.hear(name, news(claim("b", 0, .suspect, accuser: name))) }
    for _ in 0..<20 {
      try rig.run(.milliseconds(500), answering: others)
      try rig.hear("b", .ack(Ack()))
    }
    #expect(rig.status("b") == .suspect)
  }

  @Test func anAccusationTravelsOnWithItsAccusers() throws {
    var rig = try suspecting()
    rig.now = rig.now + .milliseconds(20)
    try rig.hear("c", news(claim("b", 0, .suspect, accuser: "c")))
    let told = try #require(rig.room.news[try id("b")]?.record)
    #expect(told.accuser == "m" && told.accusers == ["c"] && told.state == .suspect)
  }

  // MARK: Refusal

  /// "b" was linked; its link closed and its host refused a new one.
  private func refused(among others: [String]) throws -> Rig {
    var rig = try Rig.connected("b")
    for name in others { try rig.connect(name) }
    try rig.run(.milliseconds(200), answering: others + ["b"])
    _ = rig.room.peers.modify(try id("b")) { $0.smoothedRoundTrip = .milliseconds(1) }
    rig.send(.peerDisconnected(try id("b")))
    #expect(rig.room.linkTargets.contains { $0.node.name == "b" } && rig.status("b") == .alive)
    rig.send(.dialFailed(try id("b"), refused: true))
    #expect(rig.events == [.suspect])
    return rig
  }

  /// Half a second, since the link that is gone was a short one.
  @Test func twoThatWereRefusedDeclareTheDeathWithinASecond() throws {
    var rig = try refused(among: others)
    let refusedAt = rig.now
    #expect(rig.told("c").contains { $0.nodeID == "b" && $0.refused && $0.accuser == "m" })
    rig.now = rig.now + .milliseconds(100)
    var word = claim("b", 0, .suspect, accuser: "c")
    word.refused = true
    try rig.hear("c", news(word))
    let deadline = try #require(rig.suspicion("b")).deadline
    #expect(deadline.since(refusedAt) == MembershipLimits.refusalPatience)
    try rig.run(deadline.since(rig.now) - .milliseconds(1), answering: others)
    #expect(rig.status("b") == .suspect)
    rig.advance(.milliseconds(1))
    #expect(rig.events == [.left])
  }

  /// Twice the time in which an answer was due over the link that is gone, or the most where nothing was measured.
  @Test(arguments: [(70, 560), (400, 666), (nil, 666)] as [(Int64?, Int64)])
  func slowLinksAreGivenTwoAnswerTimes(roundTrip: Int64?, patience: Int64) throws {
    var rig = try Rig.connected("b")
    for name in others { try rig.connect(name) }
    try rig.run(.milliseconds(200), answering: others)
    let node = try id("b")
    _ = rig.room.peers.modify(node) { $0.smoothedRoundTrip = roundTrip.map { .milliseconds($0) } }
    rig.send(.peerDisconnected(node))
    rig.send(.dialFailed(node, refused: true))
    var word = claim("b", 0, .suspect, accuser: "c")
    word.refused = true
    try rig.hear("c", news(word))
    let suspicion = try #require(rig.suspicion("b"))
    #expect(suspicion.deadline.since(try #require(suspicion.refusedAt)).milliseconds == patience)
  }

  /// A refusal at an endpoint that only others told proves nothing; the owner's own hello, though it brings nothing
  /// new, makes the endpoint its own.
  @Test func anEndpointThatOthersToldFirstIsTheOwnersOnceItHasSaidHello() throws {
    for saysHello in [false, true] {
      var rig = try Rig.connected("c")
      try rig.hear("c", news(claim("b")))
      if saysHello {
        try rig.connect("b")
        rig.send(.peerDisconnected(try id("b")))
      }
      rig.send(.dialFailed(try id("b"), refused: true))
      #expect((rig.suspicion("b")?.refusedAt != nil) == saysHello)
    }
  }

  @Test func oneThatWasRefusedAloneWaitsForSilence() throws {
    var rig = try refused(among: others)
    #expect(try silence(rig) == 14_100)
    try rig.hear("c", news(claim("b", 0, .suspect, accuser: "c")))
    #expect(try silence(rig) == 8_168)
  }

  @Test func whereNobodyElseCouldBeRefusedOneIsEnough() throws {
    var rig = try refused(among: [])
    try rig.run(.milliseconds(499))
    #expect(rig.status("b") == .suspect)
    try rig.run(.milliseconds(1))
    #expect(rig.status("b") == .left)
  }

  /// Conformance 61: a restart within the time is an update and no death.
  @Test func aRestartInTimeCancelsTheVerdict() throws {
    var rig = try refused(among: others)
    var word = claim("b", 0, .suspect, accuser: "c")
    word.refused = true
    try rig.hear("c", news(word))
    var events: [MembershipEvent.Kind] = []
    try rig.run(.milliseconds(300), answering: others)
    try rig.connect("b", claim("b", epoch: 600))
    events += rig.events
    try rig.run(.seconds(2), answering: others + ["b"])
    events += rig.events
    #expect(events == [.recovered] && rig.status("b") == .alive && rig.view("b")?.epoch == 600)
  }

  @Test func aRefusalByANodeThatWasNeverLinkedProvesNothing() throws {
    var rig = try Rig.connected("c")
    try rig.hear("c", news(claim("b")))
    rig.send(.dialFailed(try id("b"), refused: true))
    #expect(rig.status("b") == .alive && rig.events.isEmpty)
  }

  @Test func aDialThatOnlyTimedOutAsksRelays() throws {
    var rig = try Rig.connected("b", "c")
    try rig.run(.milliseconds(200), answering: ["b", "c"])
    rig.send(.peerDisconnected(try id("b")))
    rig.send(.dialFailed(try id("b"), refused: false))
    #expect(rig.relayRequests(to: "c").count == 1 && rig.status("b") == .alive)
  }

  // MARK: Doubt

  @Test func aDoubtedLinkIsAskedAtOnceAndReplacedWhenNothingAnswers() throws {
    var rig = try Rig.connected("b", "c")
    try rig.run(.milliseconds(200), answering: ["b", "c"])
    rig.send(.linkDoubted(try id("b")))
    #expect(rig.observations.contains(.linkDoubted(peer: "b")))
    let probe = try #require(rig.room.probes[try id("b")])
    #expect(rig.pings(to: "b").count == 1 && probe.isDoubt && rig.status("b") == .alive)
    try rig.reach(probe.relayAt)
    #expect(rig.disconnects("b") && rig.status("b") == .alive)
  }

  @Test func aDoubtThatIsAnsweredIsForgotten() throws {
    var rig = try Rig.connected("b", "c")
    try rig.run(.milliseconds(200), answering: ["b", "c"])
    rig.send(.linkDoubted(try id("b")))
    try rig.answer("b", rig.pings(to: "b").map(\.sequence))
    var closed = false
    try rig.run(.milliseconds(500)) { closed = closed || $0.disconnects("b") }
    #expect(!closed)
    rig.send(.linkDoubted(try id("stranger")))
    #expect(rig.effects.list.isEmpty)
  }

  // MARK: This node's own fault

  @Test func afterAPauseNobodyIsBlamedForTheSilence() throws {
    var rig = try suspecting()
    let deadline = try #require(rig.suspicion("b")).deadline
    rig.now = rig.now + .seconds(60)
    rig.send(.deadlineReached)
    #expect(rig.events.isEmpty)
    #expect(rig.status("b") == .suspect)
    #expect(rig.observations.contains { if case .pauseDetected = $0 { true } else { false } })
    #expect((2...3).contains(rig.room.health.score))
    #expect(try #require(rig.room.timers[.suspicion(id("b"))]) > deadline)
    #expect(rig.suspicion("b")?.confirmedAt == nil)
    #expect(others.allSatisfy { rig.status($0) == .alive })
  }

  @Test func aShortDelayIsNoPause() throws {
    var rig = try Rig.connected("b")
    rig.now = try #require(rig.room.nextDeadline) + .seconds(2)
    rig.send(.deadlineReached)
    #expect(!rig.room.marks.contains(.pause))
    rig.now = try #require(rig.room.nextDeadline) + .seconds(20)
    rig.send(.deadlineReached)
    #expect(rig.room.marks.contains(.pause))
  }

  @Test func aNodeThatHearsNobodyBlamesItselfForAWhile() throws {
    var rig = try Rig.connected("b", "c", "d")
    try rig.run(.milliseconds(200), answering: ["b", "c", "d"])
    var (ends, isolated) = (0, false)
    try rig.run(.seconds(25)) { rig in
      ends += rig.events.count { $0 == .left }
      isolated = isolated || rig.observations.contains(.isolated(true))
    }
    #expect(ends == 0 && isolated)
    try rig.run(.seconds(40)) { ends += $0.events.count { $0 == .left } }
    #expect(ends == 3)
  }

  @Test func ofTwoNobodyWaitsForAThird() throws {
    var rig = try Rig.connected("b")
    var ends = 0
    try rig.run(.seconds(8)) { ends += $0.events.count { $0 == .left } }
    #expect(ends == 1 && !rig.room.marks.contains(.isolated))
  }

  // MARK: Only from others

  @Test func aSuspicionKnownFromOthersAloneEndsInALookOfOnesOwn() throws {
    var rig = try Rig.connected("c", "d")
    try rig.hear("c", news(claim("b")))
    // Watched members without a link are asked for through relays; this one isn't watched.
    try rig.hear("c", news((0..<60).map { claim("n\($0)") }))
    let name = try #require(
      (0..<60).map { "n\($0)" }.first { name in
        !rig.room.rings.watched.contains { $0.name == name }
      })
    for voice in ["c", "d"] { try rig.hear(voice, news(claim(name, 0, .suspect, accuser: voice))) }
    let deadline = try #require(rig.suspicion(name)).deadline
    #expect(deadline.since(rig.now) == .seconds(15))
    try rig.run(.milliseconds(14_900), answering: ["c", "d"])
    #expect(rig.status(name) == .suspect && !rig.room.marks.contains(.staleHearsay))
    try rig.run(.seconds(2), answering: ["c", "d"])
    #expect(rig.room.marks.contains(.staleHearsay))
  }

  @Test func anAccusedPeerIsPingedByWhoeverIsLinkedToIt() throws {
    var rig = try Rig.connected("b", "c")
    try rig.run(.milliseconds(200), answering: ["b", "c"])
    try rig.hear("c", news(claim("b", 0, .suspect, accuser: "c")))
    #expect(rig.pings(to: "b").count == 1)
  }
}
