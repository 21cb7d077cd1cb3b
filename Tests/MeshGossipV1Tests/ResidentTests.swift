import MeshBasics
import MeshWire
import Testing

@testable import MeshGossipV1

@Test func v1NodesAreToldOfResidentsByMarkVersionAndEndpoint() throws {
  var rig = try Rig()
  var other = try resident("other", version: 77)
  other.metadata.labels = [Label(key: "Zone", value: "1"), Label(key: "zone", value: "2")]
  rig.send(.residentChanged(other))
  let told = try #require(try rig.ask(v1Envelope("mesh-a")).envelope)
  let member = try #require(told.member("other"))
  #expect(member.status == .alive && member.lastSeenUnixTicks == rig.unixTicks && member.profile.isMarked)
  #expect(member.profile.metadata.metadataVersion == 77 && member.profile.endpoint?.description == "other:17421")
  #expect(member.profile.metadata.labels.map(\.key) == ["Zone", "meshkit.member"], "one of keys that v1 takes for one")
  #expect(told.sender.isMarked && told.sender.metadata.labels.map(\.key) == ["meshkit.member", "zone"])
}

@Test func aResidentThatServesNoV1IsToldWithoutEndpoint() throws {
  var rig = try Rig()
  var other = try resident("other")
  other.endpoint = nil
  rig.send(.residentChanged(other))
  let told = try #require(try rig.ask(v1Envelope("mesh-a")).envelope)
  #expect(told.member("other")?.profile.endpoint == nil)
  #expect(!String(decoding: told.encoded(), as: UTF8.self).contains("other:17421"))
}

@Test func anEndIsToldForAMinuteAndASuspicionNever() throws {
  var rig = try Rig()
  rig.send(.residentChanged(try resident("other")))
  rig.send(.residentChanged(try resident("other", .suspect)))
  #expect(try rig.ask(v1Envelope("mesh-a")).envelope?.names == ["kit", "mesh-a"])
  rig.send(.residentChanged(try resident("other", .dead)))
  #expect(try rig.ask(v1Envelope("mesh-a")).envelope?.member("other")?.status == .left)
  try rig.run(.seconds(59), answering: ["mesh-a"])
  let told = try #require(try rig.ask(v1Envelope("mesh-a")).envelope?.member("other"))
  #expect(told.status == .left && told.lastSeenUnixTicks == noon, "the moment at which it ended")
  try rig.run(.seconds(2), answering: ["mesh-a"])
  #expect(try rig.ask(v1Envelope("mesh-a")).envelope?.member("other") == nil)
  rig.send(.residentChanged(try resident("other")))
  #expect(try rig.ask(v1Envelope("mesh-a")).envelope?.member("other")?.status == .alive)
}

@Test func aForgottenResidentIsToldNoMore() throws {
  var rig = try Rig()
  rig.send(.residentChanged(try resident("other")))
  rig.send(.residentForgotten(try id("other")))
  #expect(try rig.ask(v1Envelope("mesh-a")).envelope?.names == ["kit", "mesh-a"])
}

@Test func aResidentHeardOfThroughV1IsNoGuest() throws {
  var rig = try Rig()
  rig.send(.residentChanged(try resident("other")))
  // A v1 node passes it on, long dead, and one that MeshKit's side doesn't know here yet.
  let marked: (inout NodeMetadata) -> Void = { $0.labels = [V1Mark.member] }
  try rig.ask(v1Envelope("mesh-a", member("other", .left, change: marked), member("unknown", change: marked)))
  #expect(rig.room.guestViews.map(\.nodeID.name) == ["mesh-a"])
  #expect(rig.room.contacts.isEmpty && rig.posts.isEmpty)
  #expect(try rig.ask(v1Envelope("mesh-a")).envelope?.member("other")?.status == .alive)
}

@Test func aMeshKitNodeThatSpeaksV1IsNoGuest() throws {
  var rig = try Rig()
  var envelope = try v1Envelope("bridge", member("mesh-b"))
  envelope.isMeshKit = true
  #expect(try rig.ask(envelope).status == 200)
  #expect(rig.room.guestViews.isEmpty && rig.room.contacts.isEmpty && rig.kinds.isEmpty)
}

@Test func aMigratedNodeIsAGuestNoMoreAndHasNotLeft() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  rig.send(.residentChanged(try resident("mesh-a")))
  #expect(rig.kinds == [.migrated])
  #expect(rig.guest("mesh-a") == nil)
  try rig.run(.seconds(30)) { rig in
    #expect(rig.kinds.isEmpty && rig.envelopes(to: "mesh-a").isEmpty)
  }
}

@Test func aV1NodeUnderTheNameOfALivingResidentIsReportedAndIgnored() throws {
  var rig = try Rig()
  rig.send(.residentChanged(try resident("mesh-a")))
  #expect(try rig.ask(v1Envelope("mesh-a")).status == 200)
  #expect(rig.guest("mesh-a") == nil)
  #expect(
    rig.observations.contains { if case .duplicateNode(let node, _) = $0 { node.name == "mesh-a" } else { false } })
  try rig.ask(v1Envelope("kit"))
  #expect(rig.observations.contains { if case .duplicateNode(let node, _) = $0 { node.name == "kit" } else { false } })
}

@Test func aNodeThatGoesBackToV1IsAGuestThoughItStillCarriesTheMark() throws {
  var rig = try Rig()
  rig.send(.residentChanged(try resident("mesh-a")))
  rig.send(.residentChanged(try resident("mesh-a", .left)))
  // v1 nodes gave it back the metadata that it had as a MeshKit node.
  let answer = try rig.ask(
    v1Envelope("mesh-a") { $0.labels = [Label(key: "MeshKit.Member", value: "true"), Label(key: "zone", value: "z1")] })
  #expect(rig.guest("mesh-a")?.status == .alive)
  let told = try #require(answer.envelope?.member("mesh-a"))
  #expect(told.status == .alive && told.profile.metadata.labels == [Label(key: "zone", value: "z1")])
}

@Test func aGuestMayNotCallItselfByTheEndpointOfAResident() throws {
  var rig = try Rig()
  rig.send(.residentChanged(try resident("other")))
  try rig.ask(v1Envelope("mesh-a") { $0.endpoint = "other:17421" })
  try rig.ask(v1Envelope("mesh-b") { $0.endpoint = "kit:17421" })
  #expect(rig.room.guestViews.isEmpty)
}

@Test func everyChangeOfThisNodeGetsAGreaterVersion() throws {
  var rig = try Rig()
  let first = try #require(try rig.ask(v1Envelope("mesh-a")).envelope).sender.metadata.metadataVersion
  #expect(first == noon / 10_000, "a time of day")
  var metadata = NodeMetadata()
  metadata.metadataVersion = first
  metadata.role = "gateway"
  rig.send(.metadataChanged(metadata))
  let second = try #require(try rig.ask(v1Envelope("mesh-a")).envelope).sender.metadata
  #expect(second.metadataVersion == first + 1 && second.role == "gateway")
  metadata.metadataVersion = first + 500
  rig.send(.metadataChanged(metadata))
  #expect(try rig.ask(v1Envelope("mesh-a")).envelope?.sender.metadata.metadataVersion == first + 500)
}

@Test func theGoodbyeGoesToAllGuestsTwiceAndNothingComesAfterIt() throws {
  var rig = try Rig()
  for name in ["mesh-a", "mesh-b"] { try rig.ask(v1Envelope(name)) }
  rig.send(.leaveRequested)
  var goodbyes: [String] = []
  var isFinished = false
  func take(_ rig: inout Rig) throws {
    var posts = rig.posts
    while !posts.isEmpty {
      let post = posts.removeFirst()
      guard case .envelope(let envelope) = post.message else { continue }
      #expect(envelope.members[0].status == .left && envelope.isGoodbye)
      goodbyes.append(post.endpoint.host)
      try rig.reply(post.id, v1Envelope(post.endpoint.host))
      isFinished = isFinished || rig.effects.list.contains(.leaveFinished)
      posts += rig.posts
    }
  }
  try take(&rig)
  #expect(try rig.ask(v1Envelope("mesh-a")).envelope?.members[0].status == .left)
  try rig.run(.seconds(10)) { try take(&$0) }
  #expect(goodbyes.sorted() == ["mesh-a", "mesh-a", "mesh-b", "mesh-b"])
  #expect(isFinished && rig.room.nextDeadline == nil)
  #expect(try rig.ask(v1Envelope("mesh-a")).status == 503)
}

@Test func aLeaveWaitsForNobodyLongerThanTwoSeconds() throws {
  var rig = try Rig()
  try rig.ask(v1Envelope("mesh-a"))
  let start = rig.now
  rig.send(.leaveRequested)
  var finished: Int64?
  try rig.run(.seconds(10)) { rig in
    if rig.effects.list.contains(.leaveFinished) { finished = rig.now.since(start).milliseconds }
  }
  #expect(finished == 2_000)
}
