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
  view.members = try (0..<(MemberTextCache.membersMax + 1)).map { number in
    MemberView(
      nodeID: try #require(NodeID("m-\(number)")), status: .alive, isDead: false, epoch: 1, incarnation: 0,
      metadata: NodeMetadata(), lastHeard: nil, roundTrip: nil, isLocal: false)
  }
  let request = ControlRequest(method: "GET", target: "/control/peers", host: "localhost", origin: nil, body: [])
  func answer() -> [UInt8] { Control.respond(to: request, view: view, metrics: { [] }, perform: { _ in .busy }).body }
  let all = view.members
  view.members = Array(all.dropLast())
  _ = answer()
  #expect(cache[try #require(NodeID("m-0"))] != nil)
  view.members = [try #require(all.last)]
  let last = answer()
  #expect(cache[try #require(NodeID("m-0"))] == nil)
  #expect(cache[try #require(all.last?.nodeID)] != nil)
  view.texts = nil
  #expect(answer() == last)
}
