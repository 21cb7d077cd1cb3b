import MeshBasics
import MeshWire
import Testing

@testable import MeshGossipV1

/// What a room told its host over a while, with the times since the beginning.
private func events(_ rig: inout Rig, _ span: Duration, answering names: [String] = []) throws
  -> [(at: Int64, kind: GuestEvent.Kind, name: String)]
{
  let start = rig.now
  var told: [(Int64, GuestEvent.Kind, String)] = []
  try rig.run(span) { rig in
    told += rig.events.map { (rig.now.since(start).milliseconds, $0.kind, $0.guest.nodeID.name) }
    for post in rig.posts where names.contains(post.endpoint.host) {
      try rig.reply(post.id, v1Envelope(post.endpoint.host))
      told += rig.events.map { (rig.now.since(start).milliseconds, $0.kind, $0.guest.nodeID.name) }
    }
  }
  return told
}

@Test func whoSpeaksIsAGuestAndWhoIsSpokenOfIsNot() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a", member("mesh-b")) { $0.role = "gateway" })
  #expect(rig.kinds == [.joined])
  let guest = try #require(rig.guest("mesh-a"))
  #expect(guest.status == .alive && guest.heardAt == rig.now && guest.metadata.role == "gateway")
  #expect(guest.endpoint.description == "mesh-a:17421" && guest.metadata.endpoint == "mesh-a:17421")
  #expect(rig.guest("mesh-b") == nil)
  let joined = rig.observations.compactMap {
    if case .memberJoined(let facts, let number) = $0 { (facts, number) } else { nil }
  }
  #expect(joined.count == 1 && joined[0].0.peer.name == "mesh-a" && joined[0].1 == rig.events[0].correlation)
  // It is called, and becomes one when it answers.
  let post = try #require(rig.posts.first { $0.endpoint.host == "mesh-b" })
  rig.reply(post.id, try v1Envelope("mesh-b"))
  #expect(rig.kinds == [.joined] && rig.guest("mesh-b")?.status == .alive)
}

@Test func aSeedThatAnswersBecomesAGuestAndOneThatDoesNotIsTriedAgain() throws {
  var rig = try Rig {
    $0.seeds = [Endpoint(parsing: "mesh-a:17421"), Endpoint(parsing: "mesh-b:17421")].compactMap { $0 }
  }
  var calls = 0
  let told = try events(&rig, .seconds(20), answering: ["mesh-a"])
  #expect(told.map(\.name) == ["mesh-a"] && told.map(\.kind) == [.joined])
  try rig.run(.seconds(120)) { calls += $0.envelopes(to: "mesh-b").count }
  #expect((2...6).contains(calls), "less and less often, once a minute at last: \(calls)")
  let more = try events(&rig, .seconds(70), answering: ["mesh-b"])
  #expect(more.contains { $0.kind == .joined && $0.name == "mesh-b" })
}

@Test func aGuestThatAnswersIsCalledEachSecondAndNeverSuspected() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  var calls = 0
  try rig.run(.seconds(60)) { rig in
    #expect(rig.kinds.isEmpty)
    for post in rig.posts {
      if case .envelope(let envelope) = post.message {
        #expect(envelope.member("mesh-a")?.status == .alive, "it hears of itself")
        calls += 1
        try rig.reply(post.id, v1Envelope("mesh-a"))
      }
    }
  }
  #expect((50...60).contains(calls), "\(calls)")
}

@Test func whereThereAreManyBridgesAGuestIsCalledHalfAsOften() throws {
  for (others, range) in [(GossipV1Limits.fewBridges - 1, 50...60), (GossipV1Limits.fewBridges, 24...31)] {
    var rig = try Rig()
    for number in 0..<others { rig.send(.residentChanged(try resident("kit-\(number)"))) }
    try rig.ask(v1Envelope("mesh-a"))
    try rig.run(.seconds(3), answering: ["mesh-a"])
    var calls = 0
    try rig.run(.seconds(60), answering: ["mesh-a"]) { effect in
      if case .post(_, let endpoint, .envelope) = effect, endpoint.host == "mesh-a" { calls += 1 }
    }
    #expect(range.contains(calls), "\(others + 1) bridges: \(calls) calls")
  }
}

@Test func aGuestThatAsksIsNotCalled() throws {
  var rig = try Rig()
  for _ in 0..<30 {
    try rig.ask(v1Envelope("mesh-a"))
    try rig.run(.milliseconds(900)) { #expect($0.envelopes(to: "mesh-a").isEmpty) }
  }
}

@Test func aSilentGuestIsSuspectAfterFiveSecondsAndGoneAfterEleven() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  let told = try events(&rig, .seconds(30))
  #expect(told.map(\.kind) == [.suspect, .left(graceful: false)])
  #expect((5_000...5_500).contains(told[0].at) && (11_000...11_500).contains(told[1].at), "\(told)")
  #expect(rig.guest("mesh-a")?.status == .left && rig.room.count(of: .left) == 1)
}

@Test func aGuestThatRefusesConnectionsIsJudgedInTheSameTimes() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  let start = rig.now
  var told: [Int64] = []
  try rig.run(.seconds(30)) { rig in
    for post in rig.posts { rig.send(.failed(post.id, reason: "refused")) }
    told += rig.kinds.map { _ in rig.now.since(start).milliseconds }
  }
  #expect(told.count == 2 && (5_000...5_500).contains(told[0]) && (11_000...11_500).contains(told[1]), "\(told)")
}

@Test func aSuspectThatSpeaksHasRecoveredAndOneThatLeftJoins() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  _ = try events(&rig, .seconds(7))
  #expect(rig.guest("mesh-a")?.status == .suspect)
  try rig.ask(v1Envelope("mesh-a"))
  #expect(rig.kinds == [.recovered])
  _ = try events(&rig, .seconds(20))
  #expect(rig.guest("mesh-a")?.status == .left)
  try rig.ask(v1Envelope("mesh-a"))
  #expect(rig.kinds == [.joined] && rig.guest("mesh-a")?.status == .alive)
}

@Test func aGuestThatLeftIsTriedAgainAndComesBackByItsAnswer() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  _ = try events(&rig, .seconds(60))
  let told = try events(&rig, .seconds(130), answering: ["mesh-a"])
  #expect(told.map(\.kind) == [.joined])
}

@Test func aGuestThatMovedIsFoundWhereOthersSayItIs() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  try rig.ask(v1Envelope("mesh-b", member("mesh-a") { $0.endpoint = "new-home:17421" }))
  #expect(rig.guest("mesh-a")?.endpoint.description == "mesh-a:17421", "hearsay alone moves nobody")
  var told: [GuestEvent.Kind] = []
  try rig.run(.seconds(12)) { rig in
    for post in rig.posts where ["new-home", "mesh-b"].contains(post.endpoint.host) {
      let name = post.endpoint.host == "mesh-b" ? "mesh-b" : "mesh-a"
      try rig.reply(post.id, v1Envelope(name) { if name == "mesh-a" { $0.endpoint = "new-home:17421" } })
      told += rig.kinds
    }
  }
  #expect(rig.guest("mesh-a")?.endpoint.description == "new-home:17421")
  #expect(!told.contains(.left(graceful: false)))
}

@Test func anAnswerOfSomebodyElseIsNoSignOfLife() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  var told: [GuestEvent.Kind] = []
  try rig.run(.seconds(15)) { rig in
    told += rig.kinds
    for post in rig.posts where post.endpoint.host == "mesh-a" {
      try rig.reply(post.id, v1Envelope("mesh-x"))
    }
  }
  #expect(told.contains(.suspect) && told.contains(.left(graceful: false)))
}

@Test func answersThatCannotBeReadProveNeitherLifeNorDeath() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  try rig.run(.seconds(60)) { rig in
    #expect(rig.kinds.isEmpty)
    for post in rig.posts {
      rig.send(.replied(post.id, V1Reply(status: 200, path: post.message.path, body: [0x7B]), identity: nil))
      #expect(rig.kinds.isEmpty)
    }
  }
  #expect(rig.guest("mesh-a")?.status == .alive)
  let told = try events(&rig, .seconds(60))
  #expect(told.map(\.kind) == [.suspect, .left(graceful: false)], "no answer at all is one")
}

@Test func statusesThatAreNoSuccessAreFailures() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  var told: [GuestEvent.Kind] = []
  try rig.run(.seconds(15)) { rig in
    told += rig.kinds
    for post in rig.posts {
      rig.send(.replied(post.id, V1Reply(status: 500, path: post.message.path, body: []), identity: nil))
      told += rig.kinds
    }
  }
  #expect(told == [.suspect, .left(graceful: false)])
}

@Test func aPauseOfThisProcessIsNobodysSilence() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  // A call is on its way when the process stops for a minute.
  try rig.run(.milliseconds(2_300))
  rig.now = rig.now + .seconds(60)
  rig.send(.deadlineReached)
  #expect(rig.kinds.isEmpty)
  #expect(rig.observations.contains { if case .pauseDetected = $0 { true } else { false } })
  let told = try events(&rig, .seconds(20), answering: ["mesh-a"])
  #expect(told.isEmpty, "\(told)")
}

@Test func whoHearsNobodyAtAllWaitsLongerUnlessMeshKitsSideLives() throws {
  for hasResident in [false, true] {
    var rig = try Rig()
    if hasResident { rig.send(.residentChanged(try resident("other"))) }
    for name in ["mesh-a", "mesh-b", "mesh-c"] { try rig.ask(v1Envelope(name)) }
    let told = try events(&rig, .seconds(40)).filter { $0.kind == .left(graceful: false) }
    #expect(told.count == 3)
    #expect(
      told.allSatisfy { hasResident ? (11_000...11_500).contains($0.at) : (30_000...30_500).contains($0.at) }, "\(told)"
    )
  }
}

@Test func oneThatChangesAllTheTimeIsToldOnceInAnInterval() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  var told = 0
  for number in 1...200 {
    rig.now = rig.now + .milliseconds(10)
    try rig.ask(v1Envelope("mesh-a") { $0.role = "role-\(number)" })
    told += rig.kinds.count
  }
  #expect((1...2).contains(told))
  // The last word is told in the end.
  rig.now = rig.now + .seconds(1)
  try rig.ask(v1Envelope("mesh-a") { $0.role = "last" })
  #expect(rig.kinds == [.updated] && rig.guest("mesh-a")?.metadata.role == "last")
}

@Test func oneThatSaysGoodbyeAgainAndAgainComesBackOnceInAnInterval() throws {
  var rig = try Rig()
  var goodbye = try v1Envelope("mesh-a")
  goodbye.members[0].status = .left
  var told = 0
  for _ in 0..<100 {
    rig.now = rig.now + .milliseconds(10)
    try rig.ask(v1Envelope("mesh-a"))
    told += rig.kinds.count
    try rig.ask(goodbye)
    told += rig.kinds.count
  }
  #expect((2...4).contains(told))
  rig.now = rig.now + .seconds(1)
  try rig.ask(v1Envelope("mesh-a"))
  #expect(rig.guest("mesh-a")?.status == .alive)
}

@Test func aChangeOfMetadataIsToldOnce() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  try rig.ask(v1Envelope("mesh-a"))
  #expect(rig.kinds.isEmpty)
  rig.now = rig.now + .seconds(1)
  try rig.ask(v1Envelope("mesh-a") { $0.labels = [Label(key: "zone", value: "z2")] })
  #expect(rig.kinds == [.updated])
  try rig.ask(
    v1Envelope("mesh-a") { metadata in
      metadata.labels = [Label(key: "zone", value: "z2")]
      metadata.metadataVersion = 9
    })
  #expect(rig.kinds.isEmpty, "a version alone is no news")
  #expect(rig.guest("mesh-a")?.metadata.metadataVersion == 9)
}
