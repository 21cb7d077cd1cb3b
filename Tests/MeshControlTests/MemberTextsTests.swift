import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshControl

/// Keeps all, and counts what was written anew.
private final class Kept: MemberTexts {
  private var texts: [MemberTextKey: MemberText] = [:]
  private(set) var writes = 0
  var pages = MembersPages()
  private var events = EventTexts()

  func withEvents<R>(_ body: (inout EventTexts) -> R) -> R { body(&events) }

  subscript(key: MemberTextKey) -> MemberText? {
    get { texts[key] }
    set {
      texts[key] = newValue
      writes += 1
    }
  }
}

private func member(_ name: String, heard: Duration = .seconds(1), isLocal: Bool = false) throws -> MemberView {
  MemberView(
    nodeID: try #require(NodeID(name)), status: .alive, isDead: false, epoch: 1, incarnation: 0,
    metadata: NodeMetadata(), lastHeard: .origin + heard, roundTrip: .milliseconds(1), isLocal: isLocal)
}

private func clock(_ span: Duration, stepped: Int64 = 0) -> MemberClock {
  MemberClock(now: .origin + span, unixTicks: 17_000_000_000_000_000 + span.nanoseconds / 100 + stepped)
}

private func text(_ member: MemberView, _ clock: MemberClock, _ kept: Kept?) -> [UInt8] {
  var json = JSONWriter()
  MemberDocument.write(member, at: clock, kept, to: &json)
  return json.bytes
}

@Test func aKeptTextIsThatWhichWouldBeWritten() throws {
  let kept = Kept()
  let member = try member("b")
  for second in 2..<50 {
    let now = clock(.seconds(Int64(second)))
    #expect(text(member, now, kept) == text(member, now, nil))
  }
  #expect(kept.writes == 1)
}

@Test func aMemberThatChangedAndAClockThatWasSetAreWrittenAnew() throws {
  let kept = Kept()
  let now = clock(.seconds(5))
  _ = text(try member("b"), now, kept)
  let later = try member("b", heard: .seconds(3))
  #expect(text(later, now, kept) == text(later, now, nil) && kept.writes == 2)
  let stepped = clock(.seconds(5), stepped: 20_000)
  #expect(text(later, stepped, kept) == text(later, stepped, nil) && kept.writes == 3)
}

@Test func olderStatesOfAMemberAreKeptBesideNewerOnes() throws {
  let kept = Kept()
  let now = clock(.seconds(5))
  let states = try (1...3).map { version in
    var metadata = NodeMetadata()
    metadata.metadataVersion = Int64(version)
    return MemberView(
      nodeID: try #require(NodeID("b")), status: .alive, isDead: false, epoch: 1, incarnation: 0, metadata: metadata,
      lastHeard: .origin, roundTrip: nil, isLocal: false)
  }
  for state in states + states.reversed() { #expect(text(state, now, kept) == text(state, now, nil)) }
  #expect(kept.writes == 3)
}

@Test func aLinkIsToldWhereItSaysSomethingAndItsMemberIsWrittenAnewOnlyThen() throws {
  let kept = Kept()
  let now = clock(.seconds(5))
  var linked = try member("b")
  let plain = String(decoding: text(linked, now, kept), as: UTF8.self)
  for (transport, isTold) in [("http3", false), ("http2", true)] {
    linked.linkTransport = transport
    let link = #","link":{"transport":"\#(transport)"}}"#
    let peers = String(decoding: text(linked, now, kept), as: UTF8.self)
    #expect(peers.hasSuffix(link) == isTold && peers.contains(#""http3Support":\#(!isTold)"#))
    var json = JSONWriter()
    json.beginArray()
    for _ in 0..<2 { MemberDocument.writeWithLink(linked, at: now, kept, to: &json) }
    json.endArray()
    let told = isTold ? peers : String(plain.dropLast()) + link
    #expect(String(decoding: json.bytes, as: UTF8.self) == "[\(told),\(told)]")
  }
  // One for each thing that a link may be.
  #expect(kept.writes == 3)
}

@Test func theLocalMemberIsHeardNowAndNotKept() throws {
  let kept = Kept()
  let local = try member("a", isLocal: true)
  for second in [2, 3] {
    let now = clock(.seconds(Int64(second)))
    #expect(text(local, now, kept) == text(local, now, nil))
  }
  #expect(kept.writes == 0)
}
