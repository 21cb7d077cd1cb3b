import MeshBasics
import MeshWire
import Testing

@testable import MeshGossipV1

/// The worked example of the contract (gossip §2), without its white space.
let workedExample =
  #"{"schema":"v1","timestamp":"2025-11-24T10:00:00.1234567+00:00","sequence":812345678901,"#
  + #""sender":{"nodeId":"mesh-a","role":"worker","clusterId":"local","region":"local","meshVersion":"dev","#
  + #""http3Support":true,"metadataVersion":1,"labels":{},"endpoint":"host-a:17421"},"#
  + #""members":[{"nodeId":"mesh-a","status":"Alive","lastSeen":"2025-11-24T10:00:00+00:00","metadata":"#
  + #"{"nodeId":"mesh-a","role":"worker","clusterId":"local","region":"local","meshVersion":"dev","#
  + #""http3Support":true,"metadataVersion":1,"labels":{},"endpoint":"host-a:17421"}},"#
  + #"{"nodeId":"mesh-b","status":"Suspect","lastSeen":"2025-11-24T09:59:53+00:00","rttMs":3.2,"metadata":"#
  + #"{"nodeId":"mesh-b","role":"gateway","clusterId":"local","region":"local","meshVersion":"dev","#
  + #""http3Support":false,"metadataVersion":1,"labels":{"zone":"z1"},"endpoint":"host-b:17421"}}]}"#

func example() throws -> V1Envelope {
  var sender = try profile("mesh-a")
  sender.endpoint = try endpoint("host-a")
  var other = try profile("mesh-b")
  other.endpoint = try endpoint("host-b")
  other.metadata.role = "gateway"
  other.metadata.http3Support = false
  other.metadata.labels = [Label(key: "zone", value: "z1")]
  var envelope = V1Envelope(sender: sender)
  envelope.unixTicks = noon + 1_234_567
  envelope.sequence = 812_345_678_901
  envelope.members = [
    V1Member(profile: sender, status: .alive, lastSeenUnixTicks: noon),
    V1Member(
      profile: other, status: .suspect, lastSeenUnixTicks: noon - 70_000_000, roundTripMilliseconds: 3.2),
  ]
  return envelope
}

func read(_ text: String) throws -> V1Envelope? { try V1Envelope.read(Array(text.utf8)) }

@Test func theWorkedExampleIsWrittenToTheByte() throws {
  #expect(String(decoding: try example().encoded(), as: UTF8.self) == workedExample)
}

@Test func theWorkedExampleIsReadBack() throws {
  #expect(try read(workedExample) == example())
}

@Test func theMarkOfAMeshKitSpeakerStandsBehindWhatV1Knows() throws {
  var envelope = try example()
  envelope.isMeshKit = true
  let text = String(decoding: envelope.encoded(), as: UTF8.self)
  #expect(text == workedExample.dropLast() + #","meshkit":true}"#)
  #expect(try read(text)?.isMeshKit == true)
}

@Test func aShuffleIsWrittenAndReadAsInTheContract() throws {
  let text = #"{"sender":"host-a:17421","endpoints":["host-b:17421","[::1]:17421"]}"#
  let shuffle = try #require(try V1Shuffle.read(Array(text.utf8)))
  #expect(shuffle.sender == "host-a:17421" && shuffle.endpoints.map(\.description) == ["host-b:17421", "[::1]:17421"])
  #expect(String(decoding: shuffle.encoded(), as: UTF8.self) == text)
}

@Test func whatV1LeavesOutIsReadAsItReadsIt() throws {
  let text =
    #"{"SCHEMA":"v9","schema":"V1","sender":{"nodeId":"a","labels":null,"extra":[1,{"x":null}]},"members":"#
    + #"[{"nodeId":"b","status":"sUsPeCt","metadata":{"nodeId":"b"}},"#
    + #"{"nodeId":"c","status":2,"lastSeen":null,"metadata":{"nodeId":"c","labels":{"k":null}}}]}"#
  let envelope = try #require(try read(text))
  #expect(envelope.isReadable && !envelope.isMeshKit && envelope.refusals.isEmpty)
  let metadata = envelope.sender.metadata
  #expect(metadata.metadataVersion == 0 && !metadata.http3Support && metadata.labels.isEmpty)
  #expect(envelope.sender.endpoint == nil)
  #expect(envelope.members.map(\.status) == [.suspect, .left])
  #expect(envelope.members.allSatisfy { $0.lastSeenUnixTicks == nil })
}

@Test func nullIsNoEnvelope() throws {
  #expect(try read("null") == nil)
  #expect(try V1Shuffle.read(Array("null".utf8)) == nil)
}

@Test(arguments: [
  ("[]", "envelope: not an object"), ("{}", "sender: is missing"), (#"{"sender":null}"#, "sender: is missing"),
  (#"{"sender":{}}"#, "sender.nodeId: is missing"), (#"{"sender":{"nodeId":null}}"#, "sender.nodeId: is missing"),
  (#"{"sender":{"nodeId":"a b"}}"#, "sender.nodeId: not the name of a node"),
  (#"{"sender":{"nodeId":7}}"#, "sender.nodeId: not a text"),
  (#"{"sender":{"nodeId":"a"}}"#, "members: is missing"),
  (#"{"sender":{"nodeId":"a"},"members":null}"#, "members: is missing"),
  (#"{"sender":{"nodeId":"a"},"members":{}}"#, "members: not an array"),
  (#"{"sender":{"nodeId":"a","endpoint":"h:65536"},"members":[]}"#, "sender.endpoint: not host:port"),
  (#"{"sender":{"nodeId":"a","endpoint":"h:99999999999999999999"},"members":[]}"#, "sender.endpoint: not host:port"),
  (#"{"sender":{"nodeId":"a","endpoint":":8080"},"members":[]}"#, "sender.endpoint: not host:port"),
  (#"{"sender":{"nodeId":"a","http3Support":1},"members":[]}"#, "sender.http3Support: not true or false"),
  (
    #"{"sender":{"nodeId":"a","metadataVersion":1.5},"members":[]}"#,
    "sender.metadataVersion: not a whole number of 64 bits"
  ),
  (
    #"{"sender":{"nodeId":"a","metadataVersion":9223372036854775808},"members":[]}"#,
    "sender.metadataVersion: not a whole number of 64 bits"
  ),
  (#"{"sender":{"nodeId":"a","labels":[]},"members":[]}"#, "sender.labels: not an object"),
  (#"{"sender":{"nodeId":"a","labels":{"k":1}},"members":[]}"#, "sender.labels: a value that is no text"),
  (#"{"sender":{"nodeId":"a","labels":{"":"v"}},"members":[]}"#, "sender.labels.key: is missing"),
  (#"{"sender":{"nodeId":"a","labels":{"k":"\u0000"}},"members":[]}"#, "sender.labels.value: holds a NUL character"),
  (#"{"sender":{"nodeId":"a","role":"\n"},"members":[]}"#, "sender.role: holds a control character"),
  (#"{"sender":{"nodeId":"a"},"members":[],"timestamp":"soon"}"#, "timestamp: not a moment in ISO 8601"),
  (#"{"sender":{"nodeId":"a"},"members":[],"sequence":"1"}"#, "sequence: not a whole number of 64 bits"),
  (#"{"sender":{"nodeId":"a"},"members":[],"schema":1}"#, "schema: not a text"),
])
func aBrokenEnvelopeIsRefusedByTheNameOfItsField(text: String, reason: String) {
  #expect(throws: WireError(reason)) { try read(text) }
}

@Test(arguments: [
  ("7", "members[0]: not an object"), ("{}", "members[0].nodeId: is missing"),
  (#"{"nodeId":"b"}"#, "members[0].metadata: is missing"),
  (#"{"nodeId":"b","metadata":null}"#, "members[0].metadata: is missing"),
  (#"{"nodeId":"b","metadata":{}}"#, "members[0].metadata.nodeId: is missing"),
  (#"{"nodeId":"b","metadata":{"nodeId":"c"}}"#, "members[0].metadata.nodeId: not the name of the member"),
  (#"{"nodeId":"b","metadata":{"nodeId":"b"}}"#, "members[0].status: none of Alive, Suspect, Left"),
  (#"{"nodeId":"b","metadata":{"nodeId":"b"},"status":"Dead"}"#, "members[0].status: none of Alive, Suspect, Left"),
  (#"{"nodeId":"b","metadata":{"nodeId":"b"},"status":3}"#, "members[0].status: none of Alive, Suspect, Left"),
  (#"{"nodeId":"b","metadata":{"nodeId":"b"},"status":-1}"#, "members[0].status: none of Alive, Suspect, Left"),
  (
    #"{"nodeId":"b","metadata":{"nodeId":"b"},"status":0,"rttMs":1e999}"#, "members[0].rttMs: not a number"
  ),
  (
    #"{"nodeId":"b","metadata":{"nodeId":"b"},"status":0,"lastSeen":"2025-02-30T00:00:00Z"}"#,
    "members[0].lastSeen: not a moment in ISO 8601"
  ),
  (
    #"{"nodeId":"b","metadata":{"nodeId":"b","endpoint":"h:0"},"status":0}"#,
    "members[0].metadata.endpoint: not host:port"
  ),
])
func aPoisonedMemberCostsNobodyElse(text: String, reason: String) throws {
  let sound = #"{"nodeId":"c","status":0,"metadata":{"nodeId":"c"}}"#
  let envelope = try #require(try read(#"{"sender":{"nodeId":"a"},"members":[\#(text),\#(sound)]}"#))
  #expect(envelope.names == ["c"])
  #expect(envelope.refusals == [WireError(reason)])
}

@Test func eachLimitHoldsToTheLastOne() throws {
  func text(members: Int) -> String {
    let items = (0..<members).map { #"{"nodeId":"n\#($0)","status":0,"metadata":{"nodeId":"n\#($0)"}}"# }
    return #"{"sender":{"nodeId":"a"},"members":[\#(items.joined(separator: ","))]}"#
  }
  let most = GossipV1Limits.membersReadMax
  #expect(try read(text(members: most))?.members.count == most)
  #expect(throws: WireError("members: \(most + 1) items, allowed are \(most)")) { try read(text(members: most + 1)) }

  func text(labels: Int) -> String {
    let items = (0..<labels).map { #""k\#($0)":"v""# }
    return #"{"sender":{"nodeId":"a","labels":{\#(items.joined(separator: ","))}},"members":[]}"#
  }
  let labels = GossipV1Limits.labelsMax
  #expect(try read(text(labels: labels))?.sender.metadata.labels.count == labels)
  #expect(throws: WireError("sender.labels: \(labels + 1) labels, allowed are \(labels)")) {
    try read(text(labels: labels + 1))
  }

  let bytes = GossipV1Limits.bodyBytesMax
  let padding = #"{"sender":{"nodeId":"a"},"members":[]}"#
  #expect(try read(padding + String(repeating: " ", count: bytes - padding.utf8.count)) != nil)
  #expect(throws: WireError.self) { try read(padding + String(repeating: " ", count: bytes + 1 - padding.utf8.count)) }

  let endpoints = GossipV1Limits.shuffleReadMax
  func shuffle(_ count: Int) -> [UInt8] {
    let items = (0..<count).map { #""h\#($0):1""# }
    return Array(#"{"sender":"a:1","endpoints":[\#(items.joined(separator: ","))]}"#.utf8)
  }
  #expect(try V1Shuffle.read(shuffle(endpoints))?.endpoints.count == endpoints)
  #expect(throws: WireError.self) { try V1Shuffle.read(shuffle(endpoints + 1)) }
}

@Test func labelsThatDifferInCaseOnlyAreReadOnce() throws {
  let envelope = try read(#"{"sender":{"nodeId":"a","labels":{"Zone":"1","zone":"2","b":"3"}},"members":[]}"#)
  #expect(envelope?.sender.metadata.labels == [Label(key: "Zone", value: "1"), Label(key: "b", value: "3")])
}

@Test func refusalsOfManyMembersAreCutShort() throws {
  let items = [String](repeating: "1", count: 100).joined(separator: ",")
  let envelope = try read(#"{"sender":{"nodeId":"a"},"members":[\#(items)]}"#)
  #expect(envelope?.refusals.count == GossipV1Limits.refusalsKept)
}

@Test func noBytesBreakTheReaders() throws {
  var random = SeededRandom(seed: 1)
  let sample = Array(workedExample.utf8)
  for _ in 0..<4_000 {
    var bytes = sample
    for _ in 0...random.below(6) {
      let place = Int(random.below(UInt64(bytes.count)))
      switch random.below(4) {
      case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
      case 1: bytes.remove(at: place)
      case 2: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
      default: bytes.removeSubrange(place..<min(bytes.count, place + Int(random.below(40))))
      }
      if bytes.isEmpty { bytes = [0x7B] }
    }
    // Whatever could be read can be written and read again.
    guard let envelope = try? V1Envelope.read(bytes) else { continue }
    var again = try #require(try V1Envelope.read(envelope.encoded()))
    again.refusals = envelope.refusals
    #expect(again == envelope)
  }
  for _ in 0..<4_000 {
    let bytes = (0..<random.below(64)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    _ = try? V1Envelope.read(bytes)
    _ = try? V1Shuffle.read(bytes)
  }
}
