import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshControl

private func member(
  _ name: String, _ status: MemberStatus = .alive, epoch: UInt64 = 1, isLocal: Bool = false
) throws -> MemberView {
  MemberView(
    nodeID: try #require(NodeID(name)), status: status, isDead: false, epoch: epoch, incarnation: 0,
    metadata: NodeMetadata(), lastHeard: nil, roundTrip: nil, isLocal: isLocal)
}

private func ask(_ name: String, scopes: ControlScopes = .observe) throws -> ControlResponse {
  let local = try member("a", isLocal: true)
  let view = NodeView(
    localNodeID: local.nodeID,
    members: [
      local, try member("b"), try member("s", .suspect), try member("gone", .left), try member("v1", epoch: 0),
    ],
    clock: MemberClock(now: .origin, unixTicks: 0), isLeaving: false, notReady: [], scopes: scopes, activeRequests: 0)
  return Control.respond(
    to: ControlRequest(method: "GET", target: "/v1/members/\(name)/health", host: "localhost", origin: nil, body: []),
    view: view, metrics: { [] }, perform: { _ in .busy })
}

private func text(_ response: ControlResponse) -> String { String(decoding: response.body, as: UTF8.self) }

@Suite struct MemberHealthTests {
  @Test(arguments: ["b", "s"]) func aMemberThatMayLiveIsAsked(name: String) throws {
    let response = try ask(name)
    #expect(response.status == 200 && response.asks == NodeID(name))
  }

  @Test(arguments: [
    ("a", 409, "GET /readyz"), ("gone", 409, "has left"), ("v1", 409, "OmniRelay"), ("x", 404, "no member"),
    ("%62", 404, "no member"),
  ])
  func whoCannotBeAskedIsSaidSo(name: String, status: Int, words: String) throws {
    let response = try ask(name)
    #expect(response.status == status && response.asks == nil && text(response).contains(words))
    #expect(response.headers == [ControlHeader("Content-Type", "application/problem+json")])
  }

  @Test func whoMayOnlyReadLetsTheNodeAskNobody() throws { #expect(try ask("b", scopes: .read).status == 403) }

  @Test(arguments: ["/v1/members/b", "/v1/members//health", "/v1/members/b/health/", "/v1/members/b/Health"])
  func otherPathsAreNone(path: String) { #expect(Route.find(method: "GET", target: path) == nil) }

  @Test func theAnswerTellsWhatTheMemberSaidAndHowItCame() throws {
    let node = try #require(NodeID("b"))
    for (status, word) in [
      (GRPCHealth.serving, "SERVING"), (GRPCHealth.notServing, "NOT_SERVING"), (GRPCHealth.unknown, "UNKNOWN"),
    ] {
      let response = MemberHealth.answer(
        node,
        .answered(
          GRPCHealth.response(status), transport: "http2", roundTrip: .microseconds(1_250), attempts: 2))
      #expect(response.status == 200)
      #expect(
        text(response)
          == #"{"nodeId":"b","status":"\#(word)","transport":"http2","roundTripMs":1.25,"attempts":2}"#)
    }
  }

  @Test func whatCameOfTheQuestionIsAStatusOfItsOwn() throws {
    let node = try #require(NodeID("b"))
    let cases: [(MemberHealthOutcome, Int, String?)] = [
      (.answered([0xff], transport: "http3", roundTrip: .zero, attempts: 1), 502, nil), (.failed(code: 12), 502, nil),
      (.unreachable("nobody listens"), 502, nil), (.deadlinePassed, 504, nil),
      (.circuitOpen(retryIn: .milliseconds(1_001)), 503, "2"), (.busy, 429, "1"), (.stopped, 503, "1"),
    ]
    for (outcome, status, retry) in cases {
      let response = MemberHealth.answer(node, outcome)
      #expect(response.status == status && text(response).contains(#""status":\#(status)"#))
      #expect(response.headers.first { $0.name == "Retry-After" }?.value == retry)
    }
  }
}
