import MeshBasics
import MeshControl
import MeshMembership
import MeshWire
import Testing

@testable import MeshRuntime

@Test func theTextsOfMembersAreBoundedAndComeBack() throws {
  let cache = MemberTextCache()
  var view = NodeView(
    localNodeID: try #require(NodeID("a")), members: [], clock: MemberClock(now: .origin, unixTicks: 0),
    isLeaving: false, notReady: [], scopes: [.read], activeRequests: 0)
  view.texts = cache
  view.members = try (0..<(MemberTextCache.textsMax + 1)).map { number in
    MemberView(
      nodeID: try #require(NodeID("m-\(number)")), status: .alive, isDead: false, epoch: 1, incarnation: 0,
      metadata: NodeMetadata(), lastHeard: nil, roundTrip: nil, isLocal: false)
  }
  let request = ControlRequest(method: "GET", target: "/control/peers", host: "localhost", origin: nil, body: [])
  func answer() -> [UInt8] { Control.respond(to: request, view: view, metrics: { [] }, perform: { _ in .busy }).body }
  let all = view.members
  view.members = Array(all.dropLast())
  _ = answer()
  let (first, newest) = (try #require(all.first), try #require(all.last))
  #expect(cache[MemberTextKey(first)] != nil)
  view.members = [newest]
  let last = answer()
  #expect(cache[MemberTextKey(first)] == nil && cache[MemberTextKey(newest)] != nil)
  view.texts = nil
  #expect(answer() == last)
}
