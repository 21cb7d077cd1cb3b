import MeshBasics
import MeshWire
import Testing

@testable import MeshGossipV1

private func call(
  _ body: String, method: String = "POST", path: String = "/mesh/gossip/v1/messages",
  contentType: String? = "application/json; charset=utf-8"
) -> V1Call {
  V1Call(method: method, path: path, contentType: contentType, body: Array(body.utf8))
}

private func text(_ answer: V1Answer) -> String { String(decoding: answer.body(), as: UTF8.self) }

@Test func anEnvelopeIsAnsweredByThisNodesOwnWithItselfFirstAndTheAskerNext() throws {
  var rig = try Rig()
  rig.send(.residentChanged(try resident("other")))
  let answer = try #require(try rig.ask(v1Envelope("mesh-a")).envelope)
  #expect(answer.schema == "v1" && answer.isMeshKit && answer.sender.nodeID.name == "kit")
  #expect(answer.names == ["kit", "mesh-a", "other"])
  #expect(answer.unixTicks == rig.unixTicks)
  #expect(answer.members.map(\.status) == [.alive, .alive, .alive])
  #expect(answer.members[0].lastSeenUnixTicks == rig.unixTicks, "the time of sending")
  #expect(answer.members[0].profile == answer.sender)
  #expect(answer.members[1].profile.metadata.metadataVersion == 1, "its own words, so that it takes them again")
}

@Test func theNumberOfEnvelopesBeginsAtTheClockAndGrowsByOne() throws {
  var rig = try Rig()
  let first = try #require(try rig.ask(v1Envelope("mesh-a")).envelope).sequence
  #expect(first == 1_000_000_001)
  #expect(try rig.ask(v1Envelope("mesh-a")).envelope?.sequence == first + 1)
}

@Test func pathsMindNoCaseAndOthersAreNotFound() throws {
  var rig = try Rig()
  let body = workedExample
  #expect(try rig.ask(call(body, path: "/Mesh/Gossip/V1/Messages")).status == 200)
  for wrong in [call(body, path: "/mesh/gossip/v1"), call(body, path: "/"), call(body, method: "GET")] {
    let answer = try rig.ask(wrong)
    #expect(answer.status == 404 && answer.body().isEmpty)
    #expect(rig.observations.isEmpty)
  }
}

@Test func nullIsAnsweredInV1sWords() throws {
  var rig = try Rig()
  let answer = try rig.ask(call("null"))
  #expect(answer.status == 400 && text(answer) == #"{"error":"Request body required."}"#)
}

@Test func whatCannotBeReadIsRefusedWithTheNameOfTheField() throws {
  var rig = try Rig()
  let answer = try rig.ask(call(#"{"sender":{"nodeId":"a"}}"#), identity: identity("a"))
  #expect(answer.status == 400 && text(answer) == #"{"error":"members: is missing"}"#)
  #expect(
    rig.observations == [
      .messageFailed(outbound: false), .messageRejected(peer: "a", reason: "members: is missing"),
    ])
  #expect(try rig.ask(call(workedExample, contentType: "text/plain")).status == 415)
  #expect(try rig.ask(call(workedExample, contentType: nil)).status == 415)
  #expect(try rig.ask(call(workedExample, contentType: "application/vnd.x+json")).status == 200)
}

@Test func anotherSchemaIsAnsweredWellAndItsContentIgnored() throws {
  for schema in [nil, "v2", ""] {
    var rig = try Rig()
    var envelope = try v1Envelope("mesh-a", member("mesh-b"))
    envelope.schema = schema
    let answer = try #require(try rig.ask(envelope).envelope)
    #expect(answer.names == ["kit"])
    #expect(rig.room.guestViews.isEmpty && rig.room.contacts.isEmpty)
    #expect(rig.observations == [.schemaRejected(schema: schema ?? "")])
  }
  var rig = try Rig()
  var envelope = try v1Envelope("mesh-a")
  envelope.schema = "V1"
  try rig.ask(envelope)
  #expect(rig.guest("mesh-a") != nil)
}

@Test func aShuffleIsAnsweredWithAFewWhoServeV1() throws {
  var rig = try Rig()
  for number in 0..<30 { try rig.ask(v1Envelope("mesh-\(number)")) }
  rig.send(.residentChanged(try resident("gone", .left)))
  let shuffle = V1Shuffle(sender: "mesh-0:17421", endpoints: [try endpoint("new")])
  guard case .message(.shuffle(let answer)) = try rig.ask(V1Call(.shuffle(shuffle))) else {
    Issue.record("no shuffle")
    return
  }
  #expect(answer.sender == "kit:17421" && answer.endpoints.count == 10)
  #expect(!answer.endpoints.contains { ["mesh-0", "gone"].contains($0.host) })
  #expect(rig.envelopes(to: "new").count == 1, "an endpoint that is told is called")
}

@Test func aBridgeIsToldAllGuestsInAShuffle() throws {
  var rig = try Rig()
  for number in 0..<30 { try rig.ask(v1Envelope("mesh-\(number)")) }
  rig.send(.residentChanged(try resident("bridge")))
  let shuffle = V1Shuffle(sender: "bridge:17421", endpoints: [])
  guard case .message(.shuffle(let answer)) = try rig.ask(V1Call(.shuffle(shuffle))) else {
    Issue.record("no shuffle")
    return
  }
  #expect(answer.endpoints.count == 30)
}

@Test func aNodeThatDoesNotTakePartSaysSo() throws {
  var metadata = NodeMetadata()
  metadata.metadataVersion = 1
  var room = GossipV1(
    configuration: GossipV1Configuration(nodeID: try id("kit"), endpoint: try endpoint("kit"), metadata: metadata),
    seed: 1)
  var effects = GossipV1Effects()
  let request = RequestID(rawValue: 1)
  let call = V1Call(.envelope(try v1Envelope("mesh-a")))
  room.handle(.called(request, call, identity: nil), now: .origin, unixTicks: noon, into: &effects)
  #expect(
    effects.list == [.answer(request, .refusal(status: 503, reason: "The node doesn't take part."))])
  #expect(room.nextDeadline == nil)
}

@Test func messagesAreCountedUnderOmniRelaysNames() throws {
  var rig = try Rig {
    $0.seeds = [Endpoint(parsing: "mesh-a:17421"), Endpoint(parsing: "mesh-b:17421")].compactMap { $0 }
  }
  let posts = rig.posts
  try #require(posts.count == 2)
  rig.now = rig.now + .milliseconds(30)
  rig.reply(posts[0].id, try v1Envelope("mesh-a"))
  #expect(rig.observations.contains { if case .messageSent(kind: "v1Envelope", _) = $0 { true } else { false } })
  rig.send(.failed(posts[1].id, reason: "refused"))
  #expect(rig.observations.contains(.messageFailed(outbound: true)))
  #expect(rig.observations.contains(.requestFailed(target: "mesh-b:17421", reason: "refused")))
  try rig.ask(V1Call(.envelope(v1Envelope("mesh-c")), bytes: 700))
  #expect(rig.observations.contains(.messageReceived(kind: "v1Envelope", bytes: 700)))
  var measured: [Observation] = []
  var fanout: [Int] = []
  try rig.run(.seconds(5), answering: ["mesh-a", "mesh-c"]) { effect in
    guard case .observe(let observation) = effect else { return }
    if case .roundTripMeasured = observation { measured.append(observation) }
    if case .newsSpread(let peers) = observation { fanout.append(peers) }
  }
  #expect(measured.contains(.roundTripMeasured(peer: try id("mesh-a"), .zero)))
  #expect(fanout.count >= 4 && fanout.reduce(0, +) > 0)
  #expect(rig.room.activeView == [try endpoint("mesh-a"), try endpoint("mesh-c")])
  #expect(rig.room.passiveView == [try endpoint("mesh-b")])
  #expect(rig.room.count(of: .alive) == 2)
}
