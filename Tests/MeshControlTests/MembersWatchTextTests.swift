import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshControl

/// Members and their log, without a node.
final class Members: WatchedResource {
  var members: [MemberView] = []
  var log: ChangeLog<MemberView>
  var revision: UInt64 = 0

  init(capacity: Int = 4) { log = ChangeLog(capacity: capacity) }

  /// Changes several members in one step.
  func set(_ names: [String], region: String) throws {
    let before = members
    for name in names { try set(name, region: region, isLogged: false) }
    revision += 1
    log.append(
      revision: revision,
      names.map { name in (before.first { $0.nodeID.name == name }, members.first { $0.nodeID.name == name }) })
  }

  func set(_ name: String, region: String, status: MemberStatus = .alive, isLogged: Bool = true) throws {
    var metadata = NodeMetadata()
    metadata.region = region
    let member = MemberView(
      nodeID: try #require(NodeID(name)), status: status, isDead: false, epoch: 36, incarnation: 0, metadata: metadata,
      lastHeard: nil, roundTrip: nil, isLocal: name == "a")
    let old = members.first { $0.nodeID == member.nodeID }
    members.removeAll { $0.nodeID == member.nodeID }
    members.append(member)
    guard isLogged else { return }
    revision += 1
    log.append(revision: revision, [(old, member)])
  }

  func items() -> (items: WatchedItems<MemberView>, revision: UInt64) { (WatchedItems(members), revision) }
  func place(after revision: UInt64) -> UInt64? { log.place(after: revision) }
  func changes(from place: UInt64, limit: Int) -> [ChangeLog<MemberView>.Change]? {
    log.changes(from: place, limit: limit)
  }
}

@Suite struct MembersWatchTextTests {
  private func ask(_ query: String, lastEventID: String? = nil, mayWatch: Bool = true) throws -> ControlResponse {
    let view = NodeView(
      localNodeID: try #require(NodeID("a")), members: [], clock: MemberClock(now: .origin, unixTicks: 0),
      isLeaving: false, notReady: [], scopes: [.read], activeRequests: 0, mayWatch: mayWatch, life: 36, revision: 7)
    return Control.respond(
      to: ControlRequest(
        method: "GET", target: "/v1/members\(query)", host: "localhost", origin: nil, lastEventID: lastEventID, body: []
      ),
      view: view, metrics: { [] }, perform: { _ in .accepted })
  }

  private func stream(_ query: String, lastEventID: String? = nil) throws -> MembersWatchText {
    guard case .members(let request)? = try ask(query, lastEventID: lastEventID).watch else {
      throw CancellationError()
    }
    return MembersWatchText(request, localNodeID: try #require(NodeID("a")), life: 36)
  }

  /// The token that a stream of `query` gives for `revision`.
  private func id(_ revision: UInt64, _ query: String) throws -> String {
    WatchToken(life: 36, revision: revision, filter: try MembersQuery(target: "/v1/members" + query).filterHash).text
  }

  private func next(_ stream: inout MembersWatchText, _ members: Members, at seconds: Int64 = 0) -> String? {
    let clock = MemberClock(now: .origin + .seconds(seconds), unixTicks: 0)
    guard case .bytes(let bytes) = stream.next(in: members, clock: clock) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func aStreamTellsASnapshotAndThenChangesWithTheirIDs() throws {
    let metadata =
      #"{"role":"worker","clusterId":"local","region":"x","meshVersion":"dev","http3Support":true,"#
      + #""metadataVersion":0,"labels":{}}"#
    let members = Members()
    try members.set("a", region: "x")
    let query = "?watch=true&region=X"
    var stream = try stream(query)
    #expect(
      next(&stream, members) == """
        retry: 2000

        id: \(try id(1, query))
        event: members.snapshot
        data: {"schemaVersion":"v1","localNodeId":"a","revision":"1","first":true,"complete":true,"members":[{"nodeId":"a","status":"Alive","lastSeen":"1970-01-01T00:00:00+00:00","metadata":\(metadata)}]}


        """)
    try members.set("b", region: "x", status: .suspect)
    try members.set("c", region: "y")
    #expect(
      next(&stream, members) == """
        id: \(try id(2, query))
        event: members.change
        data: {"revision":"2","member":{"nodeId":"b","status":"Suspect","metadata":\(metadata)}}


        """)
    try members.set("b", region: "y")
    #expect(
      next(&stream, members)
        == "id: \(try id(4, query))\nevent: members.removal\ndata: {\"revision\":\"4\",\"nodeId\":\"b\"}\n\n")
    #expect(next(&stream, members) == nil)
  }

  @Test func silenceIsBrokenByHeartbeatsThatTellHowFarTheStreamIs() throws {
    let members = Members()
    try members.set("a", region: "x")
    let query = "?watch=true&region=z"
    var stream = try stream(query)
    _ = next(&stream, members)
    #expect(next(&stream, members, at: 14) == nil)
    // Nothing of it is wanted, but who comes back needn't hear of it again.
    try members.set("b", region: "x")
    #expect(next(&stream, members, at: 14) == nil)
    #expect(next(&stream, members, at: 15) == ": heartbeat\nid: \(try id(2, query))\n\n")
    let due = stream.next(in: members, clock: MemberClock(now: .origin + .seconds(16), unixTicks: 0))
    #expect(due == .nothing(until: .origin + .seconds(30)))
  }

  @Test func aStreamGoesOnWhereItsCallerLeftOff() throws {
    let members = Members()
    try members.set("a", region: "x")
    try members.set("b", region: "x")
    let query = "?watch=true&region=x"
    for (more, field) in [
      ("&after=10-1", nil), ("&after=W/%2210-1%22", nil), ("&after=\(try id(1, query))", nil),
      ("&after=10-0", try id(1, query)),
    ] {
      var stream = try stream(query + more, lastEventID: field)
      let text = try #require(next(&stream, members))
      #expect(
        text.hasPrefix("retry: 2000\n\nid: \(try id(2, query))\nevent: members.change\n")
          && text.contains("\"nodeId\":\"b\""))
    }
  }

  @Test func aTokenOfOtherFiltersMeansResync() throws {
    let members = Members()
    try members.set("a", region: "x")
    var stream = try stream("?watch=true&region=x", lastEventID: try id(1, "?watch=true&region=y"))
    #expect(next(&stream, members)?.contains("token-unknown") == true)
    for same in ["?watch=true&region=X&after=10-1", "?region=x&watch=true"] {
      #expect(try id(1, same) == id(1, "?watch=true&region=x"), "neither case nor order nor the rest counts")
    }
  }

  @Test(arguments: ["9-1", "10-3", "nonsense", "../../etc", "10-99999999999999999999999"])
  func aTokenThatIsNoneOfThisNodeMeansResync(_ token: String) throws {
    let members = Members()
    try members.set("a", region: "x")
    var stream = try stream("?watch=true", lastEventID: token)
    #expect(
      next(&stream, members) == "retry: 2000\n\nevent: members.resync\ndata: {\"reason\":\"token-unknown\"}\n\n")
    #expect(next(&stream, members)?.hasPrefix("id: \(try id(1, "?watch=true"))\nevent: members.snapshot\n") == true)
    #expect(stream.lags == 0)
  }

  @Test func aReaderThatLagsBehindIsToldAndCounted() throws {
    let members = Members()
    var stream = try stream("?watch=true")
    _ = next(&stream, members)
    for number in 0..<5 { try members.set("n\(number)", region: "") }
    #expect(next(&stream, members) == "event: members.resync\ndata: {\"reason\":\"lagged\"}\n\n" && stream.lags == 1)
    #expect(next(&stream, members)?.contains("\"nodeId\":\"n4\"") == true)
  }

  @Test func aWatchHasAHeadOfItsOwnAndABound() throws {
    let answer = try ask("?watch=true", mayWatch: true)
    #expect(answer.status == 200 && answer.watch != nil && answer.body.isEmpty)
    #expect(
      answer.headers == [
        ControlHeader("Content-Type", "text/event-stream"), ControlHeader("Cache-Control", "no-cache"),
      ])
    let refused = try ask("?watch=true", mayWatch: false)
    #expect(
      refused.status == 503 && refused.watch == nil && refused.headers.contains(ControlHeader("Retry-After", "5")))
    #expect(try ask("?watch=false").watch == nil)
  }

  @Test(arguments: [
    "watch=yes", "watch=true&pageSize=5", "watch=true&cursor=v1.a", "after=10-1", "watch=true&watch=true",
  ])
  func aQuestionThatMixesWatchAndPagesIsRefused(_ query: String) throws {
    let answer = try ask("?\(query)")
    #expect(answer.status == 400 && answer.watch == nil)
  }
}
