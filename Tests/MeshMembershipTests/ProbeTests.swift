import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// A probe, the relays that are asked in its place, and the verdict; both sides of it.
struct ProbeTests {
  /// A rig whose peers are well and whose next round has just pinged "b".
  private func pinging(_ others: [String]) throws -> (rig: Rig, probe: Probe) {
    var rig = try Rig.connected("b")
    for name in others { try rig.connect(name) }
    try rig.run(.milliseconds(400), answering: others + ["b"])
    for _ in 0..<2_000 where rig.room.probes[try id("b")] == nil {
      rig.advance(.milliseconds(1))
      let pings = others.map { name in (name, rig.pings(to: name).map(\.sequence)) }
      for (name, numbers) in pings { try rig.answer(name, numbers) }
    }
    return (rig, try #require(rig.room.probes[try id("b")]))
  }

  /// Lets the time of the direct answer pass. Returns the requests by relay.
  private func relays(_ rig: inout Rig, _ probe: Probe, among names: [String]) throws -> [(
    name: String, request: ProbeRequest
  )] {
    try rig.reach(probe.relayAt)
    return names.flatMap { name in rig.relayRequests(to: name).map { (name, $0) } }
  }

  /// Else what far relays say would come after the verdict and count as their silence.
  @Test func theVerdictWaitsForTheNacksOfFarRelays() throws {
    var rig = try Rig.connected("b", "c")
    let node = try id("b")
    var asked: Instant?
    for _ in 0..<500 where asked == nil {
      for name in ["b", "c"] {
        _ = rig.room.peers.modify(try id(name)) { $0.smoothedRoundTrip = .milliseconds(450) }
      }
      try rig.run(.milliseconds(10), answering: ["c"])
      guard let probe = rig.room.probes[node], probe.relayTime == .milliseconds(500) else { continue }
      if probe.relays == [try id("c")] { asked = rig.now }
    }
    let askedAt = try #require(asked)
    let needed = Duration.microseconds(562_500) + MembershipLimits.nackTime
    let wait = try #require(rig.room.timers[.probe(node)]).since(askedAt)
    let probe = try #require(rig.room.probes[node])
    // They were asked within the last step of 10 ms.
    #expect(wait <= needed && needed - wait < .milliseconds(10), "\(wait.milliseconds) ms")
    #expect(wait > probe.verdictAt.since(askedAt))
  }

  /// Conformance 1.
  @Test func aTargetThatAnswersStaysAliveAndTheNumbersGrow() throws {
    var rig = try Rig.connected("b")
    var numbers: [UInt64] = []
    try rig.run(.seconds(5)) { rig in
      numbers += rig.pings(to: "b").map(\.sequence)
      try rig.answer("b", rig.room.probes[id("b")].map { [$0.sequence] } ?? [])
    }
    #expect(numbers.count >= 4 && numbers == numbers.sorted() && rig.status("b") == .alive)
  }

  /// Conformance 3.
  @Test func relaysAreAskedOnlyWhenTheAnswerIsLate() throws {
    let others = ["c", "d", "e", "f", "g"]
    var (rig, probe) = try pinging(others)
    try rig.reach(probe.relayAt + .milliseconds(-1))
    #expect(others.allSatisfy { rig.relayRequests(to: $0).isEmpty })
    let asked = try relays(&rig, probe, among: others + ["b"])
    #expect(asked.count == MembershipLimits.relaysMax && !asked.contains { $0.name == "b" })
    #expect(asked.allSatisfy { $0.request.target == "b" && $0.request.sequence == probe.sequence })
  }

  /// Conformance 2.
  @Test func withoutAnAnswerOnAnyWayTheTargetIsSuspectedByThisNode() throws {
    var (rig, probe) = try pinging(["c", "d"])
    _ = try relays(&rig, probe, among: ["c", "d"])
    try rig.reach(probe.verdictAt + .milliseconds(-1))
    #expect(rig.status("b") == .alive)
    try rig.reach(probe.verdictAt)
    #expect(rig.events == [.suspect])
    #expect(rig.told("c").map(\.accuser) == ["m"] && rig.told("c").map(\.state) == [.suspect])
    #expect(rig.told("b").map(\.accuser) == ["m"])
  }

  @Test func theVerdictWaitsWhileThisNodeIsLateItselfButNotForEver() throws {
    var (rig, probe) = try pinging(["c", "d"])
    _ = try relays(&rig, probe, among: ["c", "d"])
    for extensions in 1...MembershipLimits.extensionsMax {
      rig.now = rig.now + .milliseconds(1)
      rig.send(.late)
      try rig.reach(try #require(rig.room.probes[id("b")]).verdictAt)
      let probe = try #require(rig.room.probes[id("b")])
      #expect(rig.status("b") == .alive && probe.extensions == Int64(extensions))
    }
    rig.send(.late)
    try rig.reach(try #require(rig.room.probes[id("b")]).verdictAt)
    #expect(rig.status("b") == .suspect)
  }

  /// Conformance 71: two that are cut off from each other only.
  @Test func aTargetThatARelayReachesIsNotSuspected() throws {
    var (rig, probe) = try pinging(["c", "d"])
    let asked = try #require(try relays(&rig, probe, among: ["c", "d"]).first)
    rig.now = rig.now + .milliseconds(50)
    try rig.hear(asked.name, reply(to: asked.request, reached: true))
    #expect(rig.member("b")?.evidence == rig.now && rig.room.marks.contains(.reachedByRelay))
    try rig.reach(probe.verdictAt)
    #expect(rig.status("b") == .alive)
  }

  /// Conformance 12 and 13.
  @Test func onlyTheRelaysOfThisProbeCount() throws {
    var (rig, probe) = try pinging(["c", "d", "e", "f"])
    let asked = try relays(&rig, probe, among: ["c", "d", "e", "f"])
    let unasked = try #require(["c", "d", "e", "f"].first { name in !asked.contains { $0.name == name } })
    var stale = asked[0].request
    stale.sequence -= 1
    try rig.hear(asked[0].name, reply(to: stale, reached: true))
    try rig.hear(unasked, reply(to: asked[0].request, reached: true))
    var other = asked[0].request
    other.target = "nobody"
    try rig.hear(asked[0].name, reply(to: other, reached: true))
    #expect(rig.room.probes[try id("b")] != nil)
  }

  /// Conformance 8: who said "no answer either" shows that this node isn't the deaf one.
  @Test func missingNacksAreASignOfBadHealthAndNacksAreNot() throws {
    for missing in 0...3 {
      var (rig, probe) = try pinging(["c", "d", "e"])
      let asked = try relays(&rig, probe, among: ["c", "d", "e"])
      for one in asked.dropFirst(missing) { try rig.hear(one.name, reply(to: one.request, reached: false)) }
      #expect(rig.room.health.score == 0)
      try rig.reach(probe.verdictAt)
      #expect(rig.status("b") == .suspect && rig.room.health.score == min(2, missing))
    }
  }

  /// Conformance 9.
  @Test func aNodeInBadHealthProbesMoreSlowly() throws {
    var rig = try Rig.connected("b")
    for (score, waits) in [(0, 900...1_100), (3, 3_600...4_400), (8, 8_100...9_900)] as [(Int, ClosedRange<Int64>)] {
      rig.room.health.note(score - rig.room.health.score)
      rig.room.runRound(now: rig.now, into: &rig.effects)
      #expect(waits.contains(try #require(rig.room.timers[.round]).since(rig.now).milliseconds))
    }
  }

  @Test func peersThatAreNotWellOrCannotAreNotAsked() throws {
    var rig = try Rig.connected("b", "c", "d")
    try rig.connect("old", version: 1)
    try rig.run(.milliseconds(400), answering: ["b", "c", "d", "old"])
    var ack = Ack()
    ack.health = UInt32(MembershipLimits.poorHealth)
    try rig.hear("c", .ack(ack))
    rig.room.askRelays(about: try id("b"), now: rig.now, into: &rig.effects)
    #expect(rig.relayRequests(to: "c").isEmpty && rig.relayRequests(to: "old").isEmpty)
    #expect(rig.relayRequests(to: "d").count == 1)
    ack.health -= 1
    try rig.hear("c", .ack(ack))
    // One probe asks once; the next one may ask others.
    rig.room.askRelays(about: try id("b"), now: rig.now, into: &rig.effects)
    #expect(rig.relayRequests(to: "c").isEmpty)
    rig.room.endProbe(of: try id("b"))
    rig.room.askRelays(about: try id("b"), now: rig.now, into: &rig.effects)
    #expect(rig.relayRequests(to: "c").count == 1)
  }

  /// Slow nodes and slow networks: what takes long lately is waited for, within the time that a death waits anyhow.
  @Test func aVerdictWaitsForTwoRoundTripsWithinHalfOfTheLongestSilence() throws {
    for (roundTrip, patience) in [(10, 1_000), (499, 1_000), (700, 1_400), (1_250, 2_500), (4_000, 2_500)]
      as [(Int64, Int64)]
    {
      var rig = try Rig.connected("b")
      _ = rig.room.peers.modify(try id("b")) { $0.smoothedRoundTrip = .milliseconds(roundTrip) }
      rig.room.probe(try id("b"), now: rig.now, into: &rig.effects)
      let probe = try #require(rig.room.probes[try id("b")])
      #expect(probe.verdictAt.since(probe.sentAt) == .milliseconds(patience))
    }
  }

  @Test func aNodeToWhomMostAnswersComeLateGivesThatTimeToStrangersAsWell() throws {
    var rig = try Rig.connected("b", "c", "d")
    for (name, roundTrip) in [("b", 5), ("c", 800), ("d", 900)] as [(String, Int64)] {
      _ = rig.room.peers.modify(try id(name)) { $0.smoothedRoundTrip = .milliseconds(roundTrip) }
    }
    rig.room.runRound(now: rig.now, into: &rig.effects)
    try rig.connect("stranger")
    let probe = try #require(rig.room.probes[try id("stranger")])
    #expect(probe.verdictAt.since(probe.sentAt) == .milliseconds(1_600))
  }

  @Test func anAnswerThatTakesLongerThanARoundIsMeasured() throws {
    var rig = try Rig.connected("b", "c", "d")
    try rig.run(.milliseconds(400), answering: ["b", "c", "d"])
    try rig.run(.milliseconds(2_500), answering: ["c", "d"])
    let asked = try #require(rig.room.peers[try id("b")]?.lastAsked)
    #expect(rig.room.sequence > asked.sequence + 2)
    try rig.answer("b", [asked.sequence])
    #expect(rig.room.peers[try id("b")]?.roundTrip == rig.now.since(asked.at))
    #expect(rig.now.since(asked.at) > .seconds(1))
  }

  /// What was asked on the link before may never be answered, and would make the new one look slow.
  @Test func aSecondLinkIsMeasuredByWhatIsAskedOnIt() throws {
    var rig = try Rig.connected("b", "c")
    try rig.run(.milliseconds(400), answering: ["b", "c"])
    try rig.run(.milliseconds(2_500), answering: ["c"])
    let old = try #require(rig.room.peers[try id("b")]?.lastAsked)
    try rig.connect("b")
    let ping = try #require(rig.pings(to: "b").first)
    #expect(try rig.room.peers[id("b")]?.lastAsked?.sequence == ping.sequence && ping.sequence > old.sequence)
    try rig.run(.milliseconds(50), answering: ["c"])
    try rig.answer("b", [ping.sequence])
    #expect(rig.room.peers[try id("b")]?.roundTrip == .milliseconds(50))
  }

  /// A pause of this node's own must not make its peers look slow.
  @Test func whatWasAskedBeforeAPauseIsNotMeasured() throws {
    var rig = try Rig.connected("b", "c")
    try rig.run(.seconds(3), answering: ["b", "c"])
    rig.room.probe(try id("b"), now: rig.now, into: &rig.effects)
    let asked = try #require(rig.room.peers[try id("b")]?.lastAsked)
    let before = rig.room.peers[try id("b")]?.smoothedRoundTrip
    rig.now = rig.now + .seconds(15)
    rig.send(.deadlineReached)
    try rig.answer("b", [asked.sequence])
    let after = rig.room.peers[try id("b")]?.smoothedRoundTrip
    #expect(before != nil && after == before)
  }

  /// Conformance 14: a restart in mid-probe is no verdict about the new life.
  @Test func aRestartEndsTheProbeOfTheOldLife() throws {
    var (rig, _) = try pinging(["c"])
    try rig.hear("b", news(claim("b", epoch: 600)))
    #expect(rig.room.probes[try id("b")] == nil)
  }

  /// Conformance 10: the buddy system.
  @Test func aPingToASuspectBeginsWithItsSuspicion() throws {
    var rig = try Rig.connected("b", "c")
    try rig.run(.milliseconds(400), answering: ["b", "c"])
    try rig.hear("c", news(claim("b", 0, .suspect, accuser: "c")))
    var first: [MemberRecord] = []
    first += rig.pings(to: "b").compactMap(\.news.first)
    #expect(first.map(\.nodeID) == ["b"] && first.map(\.state) == [.suspect])
    #expect(rig.told("b").contains { $0.state == .suspect && $0.accuser == "c" })
  }

  // MARK: In another's place

  private func request(_ target: String, _ number: UInt64 = 77) -> MeshMessage {
    var request = ProbeRequest()
    request.sequence = number
    request.target = target
    return .probeRequest(request)
  }

  private func replies(_ rig: Rig, to name: String) -> [Bool] {
    rig.messages(to: name).compactMap { if case .probeReply(let reply) = $0 { reply.reached } else { nil } }
  }

  @Test func aRelayPingsUnderANumberOfItsOwnAndPassesTheAnswerOn() throws {
    var rig = try Rig.connected("b", "c")
    try rig.run(.milliseconds(400), answering: ["b", "c"])
    try rig.hear("c", request("b"))
    let ping = try #require(rig.pings(to: "b").first)
    #expect(ping.sequence != 77)
    try rig.answer("b", [ping.sequence])
    #expect(replies(rig, to: "c") == [true])
    try rig.answer("b", [ping.sequence])
    #expect(replies(rig, to: "c") == [])
  }

  /// Conformance 8: the nack leaves before the requester's own time is over, and a late answer is passed on still.
  @Test func aRelaySaysSoInTimeWhenNothingComesAndPassesALateAnswerOn() throws {
    var rig = try Rig.connected("b", "c")
    try rig.run(.milliseconds(400), answering: ["b", "c"])
    let time = rig.room.detector.answerTime(rig.room.peers[try id("b")]?.smoothedRoundTrip, health: LocalHealth())
    let start = rig.now
    try rig.hear("c", request("b"))
    let ping = try #require(rig.pings(to: "b").first)
    rig.now = start + time.multiplied(by: 4).divided(by: 5)
    rig.send(.deadlineReached)
    #expect(replies(rig, to: "c") == [false])
    rig.now = rig.now + .milliseconds(100)
    try rig.answer("b", [ping.sequence])
    #expect(replies(rig, to: "c") == [true])
  }

  @Test func aRelayWithoutALinkMakesOneForAMoment() throws {
    var rig = try Rig.connected("c")
    try rig.hear("c", news(claim("b")))
    try rig.hear("c", request("b"))
    #expect(rig.room.linkTargets.contains { $0.node.name == "b" } && replies(rig, to: "c") == [])
    try rig.connect("b")
    #expect(replies(rig, to: "c") == [true])
  }

  @Test func aRelayThatIsLateItselfMakesNoLink() throws {
    var rig = try Rig.connected("c")
    try rig.hear("c", news(claim("b")))
    rig.send(.late)
    try rig.hear("c", request("b"))
    #expect(!rig.room.linkTargets.contains { $0.node.name == "b" } && replies(rig, to: "c") == [false])
  }

  @Test func whatCannotBeRelayedIsAnsweredAtOnce() throws {
    var rig = try Rig.connected("c", "d")
    for target in ["unknown", "c", "m", "not a name"] {
      try rig.hear("c", request(target))
      #expect(replies(rig, to: "c") == [false], "\(target)")
    }
  }

  @Test func relayedProbesHaveTheirLimitForEachPeerAndInAll() throws {
    let perPeer = MembershipLimits.relayJobsPerPeer
    let askers = (0...MembershipLimits.relayJobsMax / perPeer).map { "asker-\($0)" }
    var rig = try Rig.connected("b")
    for name in askers { try rig.connect(name) }
    for (index, name) in askers.enumerated() {
      let isLast = index == askers.count - 1
      for number in 0..<UInt64(perPeer) { try rig.hear(name, request("b", number)) }
      #expect(replies(rig, to: name) == (isLast ? [false] : []))
      #expect(rig.room.relayJobs.count == min((index + 1) * perPeer, MembershipLimits.relayJobsMax))
      try rig.hear(name, request("b", 9_999))
      #expect(replies(rig, to: name) == [false])
      let limit = isLast || index == askers.count - 2 ? "probes for others" : "probes for one peer"
      #expect(rig.observations.contains(.limitReached(limit)))
    }
    // Conformance 17 and 35: all of them end by themselves.
    try rig.run(.seconds(5), answering: askers)
    #expect(rig.room.relayJobs.isEmpty)
  }

  @Test func newLinksForOthersLeaveRoomForThisNodesOwn() throws {
    let names = (0...MembershipLimits.temporaryLinksForOthers).map { "n\($0)" }
    let askers = ["c", "d", "e"]
    var rig = try Rig.connected("c", "d", "e")
    try rig.hear("c", news(names.map { claim($0) }))
    for (index, name) in names.dropLast().enumerated() { try rig.hear(askers[index % 3], request(name)) }
    #expect(rig.room.links.temporary.count == MembershipLimits.temporaryLinksForOthers)
    let last = try #require(names.last)
    try rig.hear("d", request(last))
    #expect(rig.room.links.temporary.count == MembershipLimits.temporaryLinksForOthers)
    #expect(replies(rig, to: "d") == [false])
    #expect(rig.observations.contains(.limitReached("links to probe for others")))
    #expect(rig.room.wantTemporarily(try id(last), now: rig.now))
  }
}
