import MeshBasics
import MeshMembership
import MeshTransport
import Testing

@testable import MeshControl
@testable import MeshRuntime

@Suite(.serialized) struct WatchBodyTests {
  /// A turn of the listener that serves a thousand callers began long before the last of them is told.
  @Test func whatIsKeptForOthersTellsTheTimeOfDayHoweverLongTheTurnIs() throws {
    let mesh = try TestMesh(["a", "b"])
    let a = try Node.open(try mesh.configuration("a"))
    let b = try Node.open(try mesh.configuration("b", seeds: [a.meshPort]))
    try eventually("a sees b") { a.names(.alive) == ["a", "b"] }
    let core = a.core
    let request = MembersWatchRequest(query: try MembersQuery(target: "/v1/members"), token: nil)
    let now = MonotonicClock.now()
    let permit = Permit(
      Credential(of: HTTPRequest()), .read, loopback: .read, core.callers, since: core.callers.stamp(now))
    let body = WatchBody(.members(request), permit, principal: nil, caller: "", of: core)
    guard case .bytes = body.next(Instant(nanoseconds: now.nanoseconds - 10_000_000_000)) else {
      Issue.record("no snapshot")
      return
    }
    let member = try #require(core.snapshots.current.members.first { $0.nodeID.name == "b" })
    let text = try #require(core.memberTexts[MemberTextKey(member)])
    #expect(text.clock.agrees(with: .current))
    for node in [a, b] { try node.stopAndWait(timeout: .seconds(10)) }
  }
}
