import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshControl

private func member(
  _ name: String, isLocal: Bool = false, draining: Bool = false, status: MemberStatus = .alive
) throws -> MemberView {
  var metadata = NodeMetadata()
  metadata.draining = draining
  return MemberView(
    nodeID: try #require(NodeID(name)), status: status, isDead: false, epoch: 1, incarnation: 0, metadata: metadata,
    lastHeard: nil, roundTrip: nil, isLocal: isLocal)
}

private func view(draining: Bool = false, leaving: Bool = false, scopes: ControlScopes = [.read, .observe, .operate])
  throws -> NodeView
{
  NodeView(
    localNodeID: try #require(NodeID("a")),
    members: [
      try member("a", isLocal: true, draining: draining), try member("b"), try member("gone", status: .left),
      try member("late", status: .suspect),
    ],
    clock: MemberClock(now: .origin, unixTicks: 0), isLeaving: leaving, notReady: [], scopes: scopes, activeRequests: 0)
}

/// An answer and what the node was asked to do.
private struct Asked {
  let response: ControlResponse
  let actions: [ControlAction]
  var text: String { String(decoding: response.body, as: UTF8.self) }
  var type: String? { response.headers.first { $0.name == "Content-Type" }?.value }
}

private func ask(
  _ method: String, _ target: String, _ view: NodeView, _ verdict: ControlVerdict = .accepted,
  host: String? = "127.0.0.1:8080", origin: String? = nil
) -> Asked {
  var actions: [ControlAction] = []
  let response = Control.respond(
    to: ControlRequest(method: method, target: target, host: host, origin: origin, body: []), view: view,
    metrics: { [] },
    perform: {
      actions.append($0)
      return verdict
    })
  return Asked(response: response, actions: actions)
}

@Test func operationsAreHandedToTheNodeOnceAndAnswered202() throws {
  let b = try #require(NodeID("b"))
  let late = try #require(NodeID("late"))
  for (method, target, draining, action, body) in [
    ("POST", "/v1/node/drain", false, ControlAction.setDraining(true), #"{"nodeId":"a","draining":true}"#),
    ("POST", "/v1/node/resume", true, .setDraining(false), #"{"nodeId":"a","draining":false}"#),
    ("POST", "/v1/node/leave", false, .leave, #"{"nodeId":"a","leaving":true}"#),
    ("DELETE", "/v1/members/b", false, .removeMember(b), #"{"nodeId":"b","status":"Alive"}"#),
    ("DELETE", "/v1/members/b?force=1", false, .removeMember(b), #"{"nodeId":"b","status":"Alive"}"#),
    ("DELETE", "/v1/members/late", false, .removeMember(late), #"{"nodeId":"late","status":"Suspect"}"#),
  ] {
    let asked = ask(method, target, try view(draining: draining))
    #expect(asked.response.status == 202 && asked.actions == [action] && asked.text == body, "\(target)")
    #expect(asked.type == "application/json")
  }
}

@Test func whatIsOverAlreadyIs200AndAsksNothing() throws {
  for (method, target, leaving, body) in [
    ("POST", "/v1/node/leave", true, #"{"nodeId":"a","leaving":true}"#),
    ("DELETE", "/v1/members/gone", false, #"{"nodeId":"gone","status":"Left"}"#),
  ] {
    let asked = ask(method, target, try view(leaving: leaving))
    #expect(asked.response.status == 200 && asked.actions.isEmpty && asked.text == body, "\(target)")
  }
}

// The view may be older than a drain that is on its way to the engine.
@Test func theLastWordAboutDrainingIsHandedOverWhateverTheViewShows() throws {
  for (target, wanted) in [("/v1/node/drain", true), ("/v1/node/resume", false)] {
    for shown in [true, false] {
      let asked = ask("POST", target, try view(draining: shown))
      #expect(asked.response.status == 202 && asked.actions == [.setDraining(wanted)], "\(target) \(shown)")
    }
  }
}

@Test(arguments: ["/v1/node/drain", "/v1/node/resume", "/v1/node/leave", "/v1/members/b", "/v1/members/nobody"])
func withoutTheScopeNothingIsToldOrDone(target: String) throws {
  let method = target.hasPrefix("/v1/members") ? "DELETE" : "POST"
  let asked = ask(method, target, try view(scopes: [.read, .observe]))
  #expect(asked.response.status == 403 && asked.actions.isEmpty)
  #expect(asked.type == "application/problem+json")
  #expect(
    asked.text
      == #"{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.4","title":"Forbidden","status":403,"#
      + #""detail":"This needs the scope mesh.operate; callers on this host have mesh.read mesh.observe. The "#
      + #"configuration key mesh:control:loopbackScopes gives them more."}"#)
}

@Test func aForeignHostOrOriginIsRefusedBeforeTheScope() throws {
  #expect(ask("POST", "/v1/node/leave", try view(), host: "evil.example").response.status == 403)
  for origin in ["http://evil.example", "null"] {
    let asked = ask("POST", "/v1/node/leave", try view(), origin: origin)
    #expect(asked.response.status == 403 && asked.actions.isEmpty && asked.text.hasPrefix(#"{"error":"#))
  }
}

/// A Host, an Origin, and the answer to what would change the node.
private let pages: [(host: String?, origin: String?, status: Int)] = [
  ("127.0.0.1:8080", "http://localhost:3000", 403), ("127.0.0.1:8080", "http://127.0.0.1:8081", 403),
  ("127.0.0.1:8080", "http://localhost:8080", 403), ("localhost", "http://localhost:80", 403),
  (nil, "http://127.0.0.1:8080", 403), ("127.0.0.1:8080", "http://127.0.0.1:8080", 202),
  ("LOCALHOST:8080", "http://localhost:8080", 202), ("[::1]:1", "http://[::1]:1", 202), ("127.0.0.1:8080", nil, 202),
]

// A page of another server of this host is at a loopback name as well.
@Test(arguments: pages)
func onlyAPageOfTheListenersOwnAddressOperatesTheNode(host: String?, origin: String?, status: Int) throws {
  for (method, target) in [
    ("POST", "/v1/node/drain"), ("POST", "/v1/node/resume"), ("POST", "/v1/node/leave"), ("DELETE", "/v1/members/b"),
  ] {
    let asked = ask(method, target, try view(), host: host, origin: origin)
    #expect(asked.response.status == status && asked.actions.isEmpty == (status == 403), "\(target)")
  }
  #expect(ask("GET", "/control/peers", try view(), host: host, origin: origin).response.status == 200)
}

@Test(arguments: ["nobody", "a%2Eb", "\u{202E}", String(repeating: "x", count: 129), ".."])
func aMemberThatIsNotKnownIs404AndItsNameIsNotRepeated(name: String) throws {
  let asked = ask("DELETE", "/v1/members/\(name)", try view())
  #expect(asked.response.status == 404 && asked.actions.isEmpty)
  #expect(asked.type == "application/problem+json")
  #expect(!asked.text.contains(name) || name == "..")
}

@Test func theNodeItselfIsNotRemovedButToldToLeave() throws {
  let asked = ask("DELETE", "/v1/members/a", try view())
  #expect(asked.response.status == 409 && asked.actions.isEmpty)
  #expect(asked.text.contains("POST /v1/node/leave"))
}

@Test(arguments: [("POST", "/v1/node/drain"), ("POST", "/v1/node/resume"), ("DELETE", "/v1/members/b")])
func aLeavingNodeTakesNoMoreOperations(method: String, target: String) throws {
  let leaving = ask(method, target, try view(leaving: true))
  #expect(leaving.response.status == 409 && leaving.actions.isEmpty)
  #expect(leaving.text.contains(#""title":"Conflict""#) && leaving.text.contains("leaving the mesh"))
  let stopped = ask(method, target, try view(), .stopping)
  #expect(stopped.response.status == 409 && stopped.actions.count == 1)
}

@Test func aBusyNodeSaysWhenToTryAgain() throws {
  let asked = ask("POST", "/v1/node/drain", try view(), .busy)
  #expect(asked.response.status == 429)
  #expect(asked.response.headers.contains(ControlHeader("Retry-After", "1")))
}

@Test(arguments: [
  ("GET", "/v1/node/drain"), ("PUT", "/v1/node/drain"), ("POST", "/V1/node/drain"), ("POST", "/v1/node/drain/"),
  ("POST", "/v1/node"), ("DELETE", "/v1/members/"), ("DELETE", "/v1/members"), ("DELETE", "/v1/members/b/c"),
  ("POST", "/v1/members/b"), ("DELETE", "/V1/members/b"), ("GET", "/v1/members/b"),
])
func otherMethodsAndPathsAre404WithoutABody(method: String, target: String) throws {
  let asked = ask(method, target, try view())
  #expect(asked.response == ControlResponse(status: 404, headers: [], body: []) && asked.actions.isEmpty)
}

@Test func aDrainingNodeIsNotReadyAndItsPeersDocumentSaysSo() throws {
  let draining = ask("GET", "/readyz", try view(draining: true))
  #expect(draining.response.status == 503 && draining.text.contains(#""http-inbound:draining""#))
  #expect(ask("GET", "/healthz", try view(draining: true)).response.status == 200)
  let peers = ask("GET", "/control/peers", try view(draining: true)).text
  #expect(peers.contains(#"{"nodeId":"a","status":"Alive","lastSeen":"1970-01-01T00:00:00+00:00","draining":true,"#))
  #expect(peers.components(separatedBy: "draining").count == 2, "only where it says something")
}

@Test func scopesAreKnownByTheirNames() {
  #expect(ControlScopes(names: ["mesh.operate", "mesh.read", "mesh.nothing"]) == [.operate, .read])
  #expect(ControlScopes(names: []) == [])
}

extension String {
  fileprivate func components(separatedBy word: String) -> [Substring] { split(separator: word) }
}
