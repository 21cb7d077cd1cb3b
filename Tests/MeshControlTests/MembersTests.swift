import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshControl

@Suite struct MembersTests {
  private func view(revision: UInt64 = 7, life: UInt64 = 36) throws -> NodeView {
    let members = try (0..<12).map { number in
      var metadata = NodeMetadata()
      metadata.role = number % 2 == 0 ? "worker" : "gateway"
      metadata.region = "r \(number % 3)"
      metadata.meshVersion = "1.\(number)"
      metadata.labels =
        [Label(key: "zone/a", value: "z\(number % 4)")] + (number == 5 ? [Label(key: "x", value: "")] : [])
      return MemberView(
        nodeID: try #require(NodeID("n\(number)")), status: number == 3 ? .left : .alive, isDead: false, epoch: 1,
        incarnation: 0, metadata: metadata, lastHeard: nil, roundTrip: nil, isLocal: number == 8)
    }
    return NodeView(
      localNodeID: try #require(NodeID("n8")), members: members.reversed(),
      clock: MemberClock(now: .origin, unixTicks: 0),
      isLeaving: false, notReady: [], scopes: [.read], activeRequests: 0, life: life, revision: revision)
  }

  private func get(
    _ query: String, _ view: NodeView, ifNoneMatch: String? = nil
  ) -> (status: Int, document: JSONValue?, tag: String?) {
    let response = Control.respond(
      to: ControlRequest(
        method: "GET", target: "/v1/members\(query)", host: "localhost", origin: nil, ifNoneMatch: ifNoneMatch, body: []
      ),
      view: view, metrics: { [] }, perform: { _ in .accepted })
    return (
      response.status, try? JSONValue.parse(response.body), response.headers.first { $0.name == "ETag" }?.value
    )
  }

  private func names(_ document: JSONValue?) -> [String] {
    guard case .array(let members)? = document?.member("members") else { return [] }
    return members.compactMap { $0.member("nodeId")?.text }
  }

  @Test func pagesFollowEachOtherByTheirCursorsUntilAllMembersAreThere() throws {
    let view = try view()
    var (all, query, pages): ([String], String, Int) = ([], "?pageSize=5", 0)
    while pages < 10 {
      let (status, document, _) = get(query, view)
      #expect(status == 200 && document?.member("localNodeId")?.text == "n8")
      all += names(document)
      pages += 1
      guard let cursor = document?.member("nextCursor")?.text else { break }
      query = "?pageSize=5&cursor=\(cursor)"
    }
    #expect(pages == 3 && all == ["n0", "n1", "n10", "n11"] + (2...9).map { "n\($0)" })
  }

  @Test func aPageSizeBeyondItsBoundsIsMovedToThem() throws {
    for query in ["", "?pageSize=0", "?pageSize=-5", "?pageSize=501", "?pageSize=12"] {
      #expect(names(get(query, try view()).document).count == 12)
    }
    #expect(try MembersQuery(target: "/v1/members?pageSize=0").pageSize == 100)
    #expect(try MembersQuery(target: "/v1/members?pageSize=501").pageSize == 500)
  }

  @Test func theParametersOfTheDocumentAreThoseThatAreRead() {
    let documented = Route.Answer.members.document.parameters.filter { $0.place == .query }.map(\.name)
    #expect(documented == MembersQuery.parameters)
  }

  @Test func aPageEndsExactlyWithTheLastMember() throws {
    let (_, document, _) = get("?pageSize=12", try view())
    #expect(names(document).count == 12 && document?.member("nextCursor") == nil)
    // A member that is gone meanwhile doesn't matter to its cursor.
    #expect(names(get("?cursor=v1.n75", try view()).document) == ["n8", "n9"])
  }

  @Test(arguments: [
    ("?role=GateWay&pageSize=2", ["n1", "n11"]), ("?region=r%200", ["n0", "n3", "n6", "n9"]), ("?status=LEFT", ["n3"]),
    ("?version=1.10", ["n10"]), ("?label=zone%2Fa%3Dz1", ["n1", "n5", "n9"]), ("?label=zone/a=z1&label=x", ["n5"]),
    ("?label=x=", ["n5"]), ("?label=x=y", []), ("?cluster=other", []),
    ("?cluster=&region=&version=&status=&cursor=&role=GATEWAY&pageSize=1", ["n1"]),
    ("?label=zone/a=Z1", []), ("?label=k=%CC%81x", []),
    ("?&role=worker&&status=alive&region=r%202", ["n2", "n8"]),
  ])
  func onlyMembersThatMatchAllFiltersAreGiven(query: String, expected: [String]) throws {
    let (status, document, _) = get(query, try view())
    #expect(status == 200 && names(document) == expected)
  }

  @Test(arguments: [
    ("?pageSize=", "pageSize"), ("?pageSize=x", "pageSize"), ("?pageSize=1&pageSize=2", "pageSize is given twice"),
    ("?pageSize=99999999999999999999", "pageSize"), ("?role=a+b", "role is not percent-encoded"),
    ("?cursor=n1", "cursor"), ("?cursor=v1.", "cursor"), ("?cursor=+", "cursor"), ("?cursor=v1.a%20b", "cursor"),
    ("?status=dead", "status"),
    ("?label=", "label"), ("?label==x", "label"), ("?role=%", "role"), ("?role=%zz", "role"), ("?role=%ff", "role"),
    ("?rolle=a", "The query has an unknown parameter; allowed: pageSize, cursor"), ("?\u{7}=", "The query"),
    ("?" + String(repeating: "label=a&", count: 5), "label"),
  ])
  func aQueryThatCannotBeReadIsToldWithItsParameter(query: String, word: String) throws {
    let (status, document, tag) = get(query, try view())
    #expect(status == 400 && tag == nil)
    #expect(document?.member("title")?.text == "Bad Request")
    #expect(document?.member("detail")?.text?.hasPrefix(word) == true)
  }

  @Test func whoHasTheRevisionGetsNoSecondCopyUntilSomethingChanges() throws {
    let tag = try #require(get("", try view()).tag)
    #expect(tag == #"W/"10-7""#)
    for known in [tag, #""10-7""#, #""x", W/"10-7" "#, "*"] {
      let again = get("", try view(), ifNoneMatch: known)
      #expect(again.status == 304 && again.document == nil && again.tag == tag)
    }
    for known in [#"W/"10-8""#, "10-7", ""] { #expect(get("", try view(), ifNoneMatch: known).status == 200) }
    #expect(get("", try view(revision: 8), ifNoneMatch: tag).status == 200)
    #expect(get("", try view(life: 37), ifNoneMatch: tag).status == 200, "another life of the node")
  }
}
