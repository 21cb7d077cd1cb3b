import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshControl

private final class Kept: MemberTexts, @unchecked Sendable {
  // Sendable although it has mutable state: each belongs to one test.
  var pages = MembersPages()
  private var events = EventTexts()
  func withEvents<R>(_ body: (inout EventTexts) -> R) -> R { body(&events) }

  subscript(key: MemberTextKey) -> MemberText? {
    get { nil }
    set {}
  }
}

private func view(_ names: [String], picture: UInt64?, at time: Duration, _ kept: Kept) throws -> NodeView {
  let members = try names.map { name in
    MemberView(
      nodeID: try #require(NodeID(name)), status: .alive, isDead: false, epoch: 1, incarnation: 0,
      metadata: NodeMetadata(), lastHeard: .origin, roundTrip: nil, isLocal: name == "a")
  }
  var view = NodeView(
    localNodeID: try #require(NodeID("a")), members: members,
    clock: MemberClock(now: .origin + time, unixTicks: time.nanoseconds / 100), isLeaving: false, notReady: [],
    scopes: [.read], activeRequests: 0, life: 1, revision: picture ?? 0)
  (view.picture, view.texts) = (picture, kept)
  return view
}

private func get(_ target: String, _ view: NodeView, ifNoneMatch: String? = nil) -> ControlResponse {
  let request = ControlRequest(
    method: "GET", target: target, host: "localhost", origin: nil, ifNoneMatch: ifNoneMatch, body: [])
  return Control.respond(to: request, view: view, metrics: { [] }, perform: { _ in .busy })
}

@Test func aPageIsToldAgainForAMomentWhileThePictureIsTheSame() throws {
  let kept = Kept()
  func page(_ names: [String], of picture: UInt64, at time: Duration, _ kept: Kept) throws -> ControlResponse {
    get("/v1/members", try view(names, picture: picture, at: time, kept))
  }
  let life = MembersPages.life
  let first = try page(["a", "b"], of: 7, at: .zero, kept)
  let last = try page(["a", "b"], of: 7, at: life - Duration(nanoseconds: 1), kept)
  #expect(last == first, "the local member's moment is the same")
  let later = try page(["a", "b"], of: 7, at: life, kept)
  let laterAnew = try page(["a", "b"], of: 7, at: life, Kept())
  #expect(later != first && later == laterAnew)
  let newer = try page(["a", "b", "c"], of: 8, at: life, kept)
  let newerAnew = try page(["a", "b", "c"], of: 8, at: life, Kept())
  #expect(newer == newerAnew, "another picture")
}

@Test func whoHasThePageAlreadyIsToldSoAllTheSame() throws {
  let view = try view(["a", "b"], picture: 7, at: .zero, Kept())
  let tag = try #require(get("/v1/members", view).headers.first { $0.name == "ETag" }?.value)
  #expect(get("/v1/members", view, ifNoneMatch: tag).status == 304)
}

@Test func aPageIsToldOnlyToThoseWhoAskForTheSameAndMayHaveIt() throws {
  let kept = Kept()
  let view = try view(["a", "b"], picture: 7, at: .zero, kept)
  let one = get("/v1/members?pageSize=1", view)
  #expect(get("/v1/members?pageSize=2", view).body.count > one.body.count)
  #expect(get("/v1/members?pageSize=1", view) == one)
  var closed = view
  closed.scopes = []
  #expect(get("/v1/members?pageSize=1", closed).status == 403)
}

@Test func pagesAreBounded() throws {
  let kept = Kept()
  let view = try view(["a", "b"], picture: 7, at: .zero, kept)
  let targets = (0...MembersPages.pagesMax).map { "/v1/members?pageSize=\($0 + 1)" }
  for target in targets { _ = get(target, view) }
  #expect(targets.map { kept.pages.page(of: $0, in: view) != nil } == [false, true, true, true, true])
}
