import MeshBasics
import MeshWire
import Testing

@testable import MeshGossipV1

// The defects of contracts: gossip §12, by their numbers, and what is done about each on this side.

@Test func d1EverybodyIsToldInTurnHoweverManyThereAre() throws {
  var rig = try Rig()
  for number in 100..<400 { rig.send(.residentChanged(try resident("kit-\(number)"))) }
  try rig.run(.milliseconds(1_200))
  var told: [String: Int] = [:]
  var sizes: [Int] = []
  for _ in 0..<40 {
    let envelope = try #require(try rig.ask(v1Envelope("mesh-a")).envelope)
    #expect(envelope.names.prefix(2) == ["kit", "mesh-a"])
    #expect(Set(envelope.names).count == envelope.names.count)
    sizes.append(envelope.members.count)
    for name in envelope.names.dropFirst(2) { told[name, default: 0] += 1 }
  }
  #expect(told.count == 300)
  #expect((told.values.max() ?? 0) - (told.values.min() ?? 0) <= 1, "each as often as any other")
  // 301 bridges: each tells a few.
  #expect(sizes.allSatisfy { $0 <= 2 + GossipV1Limits.windowMin })
}

@Test func d1AloneABridgeTellsAllAtOnceUpToItsLimit() throws {
  for (count, most) in [(200, 200), (300, GossipV1Limits.windowMax)] {
    var rig = try Rig()
    for number in 0..<count {
      var other = try resident("kit-\(number)")
      other.endpoint = nil
      rig.send(.residentChanged(other))
    }
    try rig.run(.milliseconds(1_200))
    let envelope = try #require(try rig.ask(v1Envelope("mesh-a")).envelope)
    // One of those whose turn it is may be the asker itself, which stands before them.
    #expect((most...(most + 1)).contains(envelope.members.count - 1))
  }
}

@Test func d1LabelsThatTakeMuchRoomMakeEnvelopesOfFewer() throws {
  var rig = try Rig()
  for number in 0..<60 {
    var other = try resident("kit-\(number)")
    other.metadata.labels = (0..<4).map { Label(key: "k\($0)", value: String(repeating: "x", count: 4_096)) }
    rig.send(.residentChanged(other))
  }
  let answer = try rig.ask(v1Envelope("mesh-a"))
  #expect(answer.body().count <= GossipV1Limits.windowBytesMax + 20_000)
  #expect(try #require(answer.envelope).members.count > 10)
}

@Test func d2ClocksOfOthersDecideNothing() throws {
  for skew in [-20, 20, 3_600 * 24 * 365] {
    var rig = try Rig()
    try rig.run(.seconds(60)) { rig in
      #expect(rig.kinds.isEmpty)
      if rig.now.nanoseconds % 3 == 0 || rig.guest("mesh-a") == nil {
        var envelope = try v1Envelope("mesh-a")
        envelope.unixTicks = rig.unixTicks + Int64(skew) * 10_000_000
        envelope.members[0].lastSeenUnixTicks = envelope.unixTicks
        try rig.ask(envelope)
      }
      for post in rig.posts { try rig.reply(post.id, v1Envelope("mesh-a")) }
    }
    let guest = try #require(rig.guest("mesh-a"))
    #expect(guest.status == .alive && rig.now.since(guest.heardAt) <= .seconds(3))
  }
}

@Test func d2WhatV1NodesAreToldOfAGuestIsWhenThisNodeHeardIt() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  rig.now = rig.now + .milliseconds(400)
  var envelope = try v1Envelope("mesh-b", member("mesh-a"))
  envelope.members[1].lastSeenUnixTicks = .max
  let told = try #require(try rig.ask(envelope).envelope?.member("mesh-a"))
  #expect(told.lastSeenUnixTicks == noon)
}

@Test func d3NobodyIsRaisedByHearsay() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  try rig.run(.seconds(12))
  #expect(rig.guest("mesh-a")?.status == .left)
  var calls = 0
  for status in [V1Status.alive, .suspect, .alive] {
    var envelope = try v1Envelope("mesh-b", member("mesh-a", status))
    envelope.members[1].lastSeenUnixTicks = nil
    try rig.ask(envelope)
    #expect(rig.guest("mesh-a")?.status == .left)
    try rig.run(.seconds(5), answering: ["mesh-b"]) { effect in
      if case .post(_, let endpoint, _) = effect, endpoint.host == "mesh-a" { calls += 1 }
    }
  }
  #expect(calls > 0, "it is asked itself")
  #expect(rig.guest("mesh-a")?.status == .left)
}

@Test func d4WordOfASuspicionOrAnEndIsAReasonToCallAndNoMore() throws {
  for status in [V1Status.suspect, .left] {
    var rig = try Rig()
    for number in 0..<8 { rig.send(.residentChanged(try resident("kit-\(number)"))) }
    try rig.run(.milliseconds(1_500))
    try rig.ask(v1Envelope("mesh-a"))
    try rig.ask(v1Envelope("mesh-b", member("mesh-a", status)))
    #expect(rig.posts.isEmpty, "it was heard just now")
    // With so many bridges its turn comes after two seconds.
    try rig.run(.milliseconds(1_100)) { #expect($0.envelopes(to: "mesh-a").isEmpty) }
    try rig.ask(v1Envelope("mesh-b", member("mesh-a", status)))
    #expect(rig.kinds.isEmpty && rig.guest("mesh-a")?.status == .alive)
    #expect(rig.envelopes(to: "mesh-a").count == 1)
    let post = try #require(rig.posts.first)
    try rig.ask(v1Envelope("mesh-b", member("mesh-a", status)))
    #expect(rig.posts.isEmpty, "one call at a time")
    rig.reply(post.id, try v1Envelope("mesh-a"))
    #expect(rig.kinds.isEmpty)
    #expect(try rig.ask(v1Envelope("mesh-b")).envelope?.member("mesh-a")?.status == .alive, "told alive again")
  }
}

@Test func d5OnlyTheOwnerChangesItsMetadataWhateverTheVersion() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a") { $0.metadataVersion = 5 })
  for version in [Int64(4), 5, 6, .max] {
    try rig.ask(v1Envelope("mesh-b", member("mesh-a", version: version) { $0.role = "forged" }))
    #expect(rig.guest("mesh-a")?.metadata.role == "worker")
    #expect(!rig.kinds.contains(.updated))
  }
  // After a restart it counts from 1 again.
  rig.now = rig.now + .seconds(1)
  try rig.ask(v1Envelope("mesh-a") { $0.role = "gateway" })
  #expect(rig.kinds == [.updated] && rig.guest("mesh-a")?.metadata.role == "gateway")
}

@Test func d5AndD6AHijackOfThisNodesMetadataIsOutbid() throws {
  var rig = try Rig()
  let own = noon / 10_000
  func version(told: Int64, _ role: String) throws -> Int64? {
    let forged = try member("kit", version: told) { metadata in
      metadata.role = role
      metadata.labels = [V1Mark.member, Label(key: "zone", value: "z1")]
    }
    return try rig.ask(v1Envelope("mesh-b", forged)).envelope?.sender.metadata.metadataVersion
  }
  #expect(try version(told: own - 1, "forged") == own)
  #expect(try version(told: own, "worker") == own, "its own words")
  #expect(try version(told: own, "forged") == own + 1)
  #expect(try version(told: own + 1_000_000, "forged") == own + 1_000_001)
  let day = GossipV1Limits.versionFollowedMilliseconds
  #expect(try version(told: own + day - 1, "forged") == own + day)
  #expect(try version(told: own + day + 1, "forged") == own + day, "not beyond a day: there is an end to that")
  #expect(rig.observations.contains { if case .limitReached(_, "mesh-b", _) = $0 { true } else { false } })
  #expect(try version(told: .max, "forged") == own + day)
  #expect(rig.room.own.metadata.role == "worker")
}

@Test func d6ACertificateSpeaksOnlyForItsOwnNames() throws {
  var rig = try Rig()
  #expect(try rig.ask(v1Envelope("mesh-a"), identity: identity("mesh-b")).status == 403)
  #expect(try rig.ask(v1Envelope("mesh-a"), identity: identity("mesh-a", cluster: "elsewhere")).status == 403)
  #expect(rig.room.guestViews.isEmpty)
  #expect(rig.observations.contains(.trustRefused(peer: "mesh-a", reason: "not its name", inbound: true)))
  #expect(try rig.ask(v1Envelope("mesh-a"), identity: identity("mesh-a", cluster: "local")).status == 200)
  #expect(try rig.ask(v1Envelope("mesh-c"), identity: identity()).status == 200, "bound to nobody, as v1 allows")
  #expect(rig.room.guestViews.map(\.nodeID.name) == ["mesh-a", "mesh-c"])
}

@Test func d6AServerSpeaksOnlyForItsOwnNames() throws {
  var rig = try Rig { $0.seeds = [Endpoint(parsing: "mesh-a:17421")].compactMap { $0 } }
  rig.reply(try #require(rig.posts.first).id, try v1Envelope("mesh-a"), identity: identity("mesh-b"))
  #expect(rig.room.guestViews.isEmpty)
  #expect(rig.observations.contains(.trustRefused(peer: "mesh-a", reason: "not its name", inbound: false)))
}

@Test func d6ClustersDoNotMerge() throws {
  var rig = try Rig()
  #expect(try rig.ask(v1Envelope("mesh-a") { $0.clusterID = "other" }).status == 403)
  try rig.ask(v1Envelope("mesh-b", member("mesh-c") { $0.clusterID = "other" }))
  #expect(rig.room.guestViews.map(\.nodeID.name) == ["mesh-b"])
  #expect(rig.posts.isEmpty && rig.room.contacts.isEmpty)
}

@Test func d7RoundTripsOfOthersAreNeitherTakenNorGiven() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  var envelope = try v1Envelope("mesh-b", member("mesh-a"))
  envelope.members[0].roundTripMilliseconds = 9
  envelope.members[1].roundTripMilliseconds = 9
  let answer = try #require(try rig.ask(envelope).envelope)
  #expect(rig.guest("mesh-a")?.roundTrip == nil && rig.guest("mesh-b")?.roundTrip == nil)
  #expect(answer.members.allSatisfy { $0.roundTripMilliseconds == nil })
}

@Test func d8WhoLeftIsForgottenAfterADay() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  var told: [GuestEvent.Kind] = []
  try rig.run(.seconds(3_700)) { told += $0.kinds }
  #expect(rig.guest("mesh-a")?.status == .left && rig.room.contacts.isEmpty, "not called any more")
  rig.now = rig.now + .seconds(24 * 3_600 - 3_700)
  try rig.run(.seconds(1)) { told += $0.kinds }
  #expect(told == [.suspect, .left(graceful: false)] && rig.guest("mesh-a") != nil)
  try rig.run(.seconds(20)) { told += $0.kinds }
  #expect(told == [.suspect, .left(graceful: false), .forgotten] && rig.guest("mesh-a") == nil)
  #expect(rig.room.ends.isEmpty && rig.room.announced.isEmpty && rig.room.owners.isEmpty)
}

@Test func d9AGoodbyeIsAnEndAtOnce() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  var goodbye = try v1Envelope("mesh-a")
  goodbye.members[0].status = .left
  try rig.ask(goodbye)
  #expect(rig.kinds == [.left(graceful: true)])
  #expect(try rig.ask(v1Envelope("mesh-b")).envelope?.member("mesh-a")?.status == .left)
}

@Test func d10NobodyIsSuspectedWhoWasNotAsked() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  var failures = 0
  try rig.run(.seconds(30)) { rig in
    let silence = rig.now.since(try #require(rig.guest("mesh-a")).heardAt)
    if rig.kinds == [.suspect] { #expect(silence >= .seconds(5) && failures >= 1) }
    if rig.kinds == [.left(graceful: false)] { #expect(silence >= .seconds(11) && failures >= 3) }
    let failure = Observation.requestFailed(target: "mesh-a:17421", reason: "no answer within 2000 ms")
    failures += rig.observations.contains(failure) ? 1 : 0
  }
  #expect(rig.guest("mesh-a")?.status == .left)
}

@Test func d11ASilentPeerHoldsUpNobody() throws {
  var rig = try Rig()
  let names = (100..<160).map { "mesh-\($0)" }
  for name in names { try rig.ask(v1Envelope(name)) }
  // Half of them take connections and answer nothing.
  let living = Array(names.prefix(30))
  var most = 0
  try rig.run(.seconds(4), answering: living)
  try rig.run(.seconds(20), answering: living) { _ in }
  for name in living { #expect(rig.guest(name)?.status == .alive) }
  for name in names.suffix(30) { #expect(rig.guest(name)?.status == .left) }
  most = rig.room.exchanges.count
  #expect(most <= GossipV1Limits.exchangesMax)
}

@Test func d11RequestsAtOnceAreBoundedAndEachEndsAfterTwoSeconds() throws {
  var rig = try Rig()
  for number in 0..<300 { try rig.ask(v1Envelope("mesh-\(number)")) }
  var waiting: [ExchangeID: Instant] = [:]
  var most = 0
  try rig.run(.seconds(10)) { rig in
    for effect in rig.effects.list {
      switch effect {
      case .post(let id, _, _): waiting[id] = rig.now
      case .abandon(let id):
        #expect(waiting.removeValue(forKey: id).map { rig.now.since($0) } == .seconds(2))
      default: break
      }
    }
    most = max(most, waiting.count)
  }
  #expect(most == GossipV1Limits.exchangesMax)
}

@Test func d12EndpointsOfAShuffleAreCalledUntilSomebodyAnswers() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  var shuffles = 0
  try rig.run(.seconds(10)) { rig in
    for post in rig.posts {
      switch post.message {
      case .envelope: if post.endpoint.host != "late" { try rig.reply(post.id, v1Envelope(post.endpoint.host)) }
      case .shuffle:
        shuffles += 1
        let answer = V1Shuffle(sender: "", endpoints: [try endpoint("late")])
        rig.send(.replied(post.id, .message(.shuffle(answer)), identity: nil))
      }
    }
    if rig.guest("mesh-b") == nil { try rig.ask(v1Envelope("mesh-b")) }
  }
  #expect((4...6).contains(shuffles))
  #expect(rig.room.passiveView == [try endpoint("late")] && rig.guest("late") == nil)
  var joined: [String] = []
  try rig.run(.seconds(40), answering: ["mesh-a", "mesh-b", "late"]) { effect in
    if case .notify(let event) = effect { joined.append(event.guest.nodeID.name) }
  }
  #expect(joined == ["late"])
}

@Test func d13WhatIsPassedOnHarmsNoV1Node() throws {
  var rig = try Rig()
  let body = """
    {"schema":"v1","sender":{"nodeId":"mesh-a","clusterId":"local","endpoint":"mesh-a:17421","labels":null},"members":[
    {"nodeId":"bad-port","status":"Alive","metadata":{"nodeId":"bad-port","clusterId":"local","endpoint":"h:70000"}},
    {"nodeId":"no-metadata","status":"Alive","metadata":null},
    {"nodeId":"nul","status":"Alive","metadata":{"nodeId":"nul","clusterId":"local","labels":{"k":"\\u0000"}}}]}
    """
  let call = V1Call(
    method: "POST", path: "/mesh/gossip/v1/messages", contentType: "application/json", body: Array(body.utf8))
  #expect(try rig.ask(call).status == 200)
  #expect(rig.observations.contains { if case .messageRejected("mesh-a", _) = $0 { true } else { false } })
  #expect(rig.guest("mesh-a")?.status == .alive && rig.room.contacts.isEmpty)
  let answer = try rig.ask(v1Envelope("mesh-b"))
  let text = String(decoding: answer.body(), as: UTF8.self)
  #expect(
    text.contains(
      #""nodeId":"mesh-a","role":"","clusterId":"local","region":"","meshVersion":"","http3Support":false,"#
        + #""metadataVersion":0,"labels":{},"endpoint":"mesh-a:17421""#), "every key, and never null")
}

@Test func d16TablesAreBounded() throws {
  var rig = try Rig()
  let most = GossipV1Limits.guestsMax
  for number in 0..<most { try rig.ask(v1Envelope("mesh-\(number)")) }
  #expect(rig.room.guests.count == most && rig.kinds == [.joined])
  try rig.ask(v1Envelope("one-more"))
  #expect(rig.room.guests.count == most && rig.guest("one-more") == nil)
  #expect(rig.observations.contains(.limitReached("v1 guests")))
  // One that left makes room.
  var goodbye = try v1Envelope("mesh-7")
  goodbye.members[0].status = .left
  try rig.ask(goodbye)
  try rig.ask(v1Envelope("one-more"))
  #expect(rig.kinds == [.forgotten, .joined] && rig.room.guests.count == most && rig.guest("mesh-7") == nil)
}

@Test func d16EndpointsToTryAreBounded() throws {
  var rig = try Rig()
  let most = GossipV1Limits.contactsMax
  for page in 0..<8 {
    var envelope = try v1Envelope("mesh-a")
    envelope.members += try (0..<40).map { try member("ghost-\(page)-\($0)") }
    try rig.ask(envelope)
  }
  #expect(rig.room.contacts.count == most)
  #expect(rig.observations.contains(.limitReached("v1 contacts")))
  var busy = 0
  try rig.run(.seconds(120), answering: ["mesh-a"]) { _ in }
  busy = rig.room.contacts.count
  #expect(busy == 0, "nobody tells them any more")
}

@Test func d16SeedsAndCallsOfContactsAreBounded() throws {
  let seeds = try (0...GossipV1Limits.seedsMax).map { try endpoint("seed-\($0)") }
  var rig = try Rig { $0.seeds = seeds }
  #expect(rig.room.contacts.count == GossipV1Limits.seedsMax)
  #expect(rig.posts.count == GossipV1Limits.exchangesWithContacts)
  // Those that find no room wait for it, and seeds are never given up.
  var called = Set(rig.posts.map(\.endpoint))
  try rig.run(.seconds(300)) { rig in
    #expect(rig.room.exchanges.count <= GossipV1Limits.exchangesWithContacts)
    for post in rig.posts { called.insert(post.endpoint) }
  }
  #expect(called.count == GossipV1Limits.seedsMax && rig.room.contacts.count == GossipV1Limits.seedsMax)
}
