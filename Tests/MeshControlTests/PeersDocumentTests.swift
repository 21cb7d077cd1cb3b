import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshControl

private func metadata(_ role: String, http3: Bool, endpoint: String, labels: [Label]) -> NodeMetadata {
  var metadata = NodeMetadata()
  metadata.role = role
  metadata.http3Support = http3
  metadata.endpoint = endpoint
  metadata.metadataVersion = 1
  metadata.labels = labels
  return metadata
}

private func member(
  _ name: String, _ status: MemberStatus, _ metadata: NodeMetadata, heard: Instant?, roundTrip: Duration?,
  isLocal: Bool = false
) throws -> MemberView {
  MemberView(
    nodeID: try #require(NodeID(name)), status: status, isDead: false, epoch: 1, incarnation: 0, metadata: metadata,
    lastHeard: heard, roundTrip: roundTrip, isLocal: isLocal)
}

private func exampleView() throws -> NodeView {
  let now = Instant(nanoseconds: 100_000_000_000)
  let local = try member(
    "mesh-b", .alive,
    metadata("dispatcher", http3: true, endpoint: "host-b:17421", labels: [Label(key: "mesh.zone", value: "z1")]),
    heard: nil, roundTrip: nil, isLocal: true)
  let suspect = try member(
    "mesh-c", .suspect, metadata("worker", http3: false, endpoint: "host-c:17421", labels: []),
    heard: Instant(nanoseconds: 93_500_000_000), roundTrip: .microseconds(4_210))
  let known = try member(
    "mesh-a", .left, metadata("worker", http3: true, endpoint: "", labels: []), heard: nil, roundTrip: nil)
  return NodeView(
    localNodeID: local.nodeID, members: [suspect, known, local],
    clock: MemberClock(now: now, unixTicks: 17_639_784_001_234_567),
    isLeaving: false, notReady: [], scopes: [.read, .observe], activeRequests: 2)
}

private func get(
  _ target: String, _ view: NodeView, host: String? = "localhost:8080", origin: String? = nil, method: String = "GET"
)
  -> ControlResponse
{
  Control.respond(
    to: ControlRequest(method: method, target: target, host: host, origin: origin, body: []), view: view,
    metrics: { Array("m 1\n".utf8) }, perform: { _ in .busy })
}

private func text(_ response: ControlResponse) -> String { String(decoding: response.body, as: UTF8.self) }

@Test func peersAreTheContractsWorkedExampleByteForByte() throws {
  let response = get("/control/peers", try exampleView())
  #expect(response.status == 200)
  #expect(response.headers == [ControlHeader("Content-Type", "application/json")])
  #expect(
    text(response) == """
      {"schemaVersion":"v1","generatedAt":"2025-11-24T10:00:00.1234567+00:00","localNodeId":"mesh-b",\
      "peers":[{"nodeId":"mesh-b","status":"Alive","lastSeen":"2025-11-24T10:00:00.1234567+00:00",\
      "metadata":{"role":"dispatcher","clusterId":"local","region":"local","meshVersion":"dev","http3Support":true,\
      "endpoint":"host-b:17421","metadataVersion":1,"labels":{"mesh.zone":"z1"}}},\
      {"nodeId":"mesh-a","status":"Left",\
      "metadata":{"role":"worker","clusterId":"local","region":"local","meshVersion":"dev","http3Support":true,\
      "metadataVersion":1,"labels":{}}},\
      {"nodeId":"mesh-c","status":"Suspect","lastSeen":"2025-11-24T09:59:53.6234567+00:00","rttMs":4.21,\
      "metadata":{"role":"worker","clusterId":"local","region":"local","meshVersion":"dev","http3Support":false,\
      "endpoint":"host-c:17421","metadataVersion":1,"labels":{}}}]}
      """)
  #expect(get("/omnirelay/control/peers?x=1", try exampleView()) == response)
}

@Test func roundTripsAreRoundedToTheMicrosecondAndWholeOnesHaveNoFraction() throws {
  var view = try exampleView()
  let worker = metadata("worker", http3: true, endpoint: "", labels: [])
  for (nanoseconds, shown) in [(Int64(1_234_567), "1.235"), (3_000_000, "3"), (499, "0"), (250_000, "0.25")] {
    view.members = [try member("a", .alive, worker, heard: nil, roundTrip: Duration(nanoseconds: nanoseconds))]
    #expect(text(get("/control/peers", view)).contains("\"rttMs\":\(shown),"))
  }
}

@Test func aMemberHeardAfterTheSnapshotsNowIsSeenNow() throws {
  var view = try exampleView()
  let worker = metadata("worker", http3: true, endpoint: "", labels: [])
  view.members = [try member("a", .alive, worker, heard: .distantFuture, roundTrip: nil)]
  #expect(text(get("/control/peers", view)).contains("\"lastSeen\":\"2025-11-24T10:00:00.1234567+00:00\""))
}

@Test func hostileLabelsStayInsideTheirStrings() throws {
  var view = try exampleView()
  let hostile = metadata("wor\"ker\n", http3: true, endpoint: "", labels: [Label(key: "a\\", value: "\u{1}é")])
  view.members = [try member("a", .alive, hostile, heard: nil, roundTrip: nil)]
  let document = try JSONValue.parse(get("/control/peers", view).body)
  guard case .object(let members) = document else { Issue.record("not an object"); return }
  #expect(members.map(\.name) == ["schemaVersion", "generatedAt", "localNodeId", "peers"])
}

@Test(arguments: [
  ("/CONTROL/Peers", 200), ("/omnirelay/control/peers", 200), ("/omnirelay/Control/peers", 404),
  ("/control/peers/", 404),
  ("/control", 404), ("/", 404), ("*", 404), ("", 404), ("/HealthZ", 200), ("/READYZ", 200), ("/Metrics", 200),
  ("/omnirelay/METRICS", 200), ("/control/peers?a=/b", 200), ("/control%2Fpeers", 404), ("/control/peers#x", 404),
])
func pathsMindTheirCaseAsTheContractSays(target: String, status: Int) throws {
  let response = get(target, try exampleView())
  #expect(response.status == status)
  if status == 404 { #expect(response.body.isEmpty && response.headers.isEmpty) }
}

@Test(arguments: ["POST", "HEAD", "PUT", "DELETE", "OPTIONS", "get"])
func otherMethodsAre404WithoutABody(method: String) throws {
  let response = get("/control/peers", try exampleView(), method: method)
  #expect(response == ControlResponse(status: 404, headers: [], body: []))
}

@Test func metricsAreServedAsPrometheusText() throws {
  for path in ["/metrics", "/omnirelay/metrics"] {
    let response = get(path, try exampleView())
    #expect(response.headers == [ControlHeader("Content-Type", "text/plain; version=0.0.4; charset=utf-8")])
    #expect(text(response) == "m 1\n")
  }
}

@Test func healthAndReadinessHaveTheContractsShape() throws {
  var view = try exampleView()
  let ok = #","issues":[],"activeRequests":2,"draining":false}"#
  #expect(text(get("/healthz", view)) == #"{"status":"ok","mode":"live""# + ok)
  #expect(text(get("/readyz", view)) == #"{"status":"ok","mode":"ready""# + ok)
  view.notReady = ["node:starting"]
  view.isLeaving = true
  #expect(get("/healthz", view).status == 200)
  let unready = get("/readyz", view)
  #expect(unready.status == 503)
  #expect(
    text(unready) == #"{"status":"unavailable","mode":"ready","issues":["node:starting","http-inbound:draining"],"#
      + #""activeRequests":2,"draining":true}"#)
}

@Test(arguments: [
  ("localhost", true), ("LOCALHOST:8080", true), ("127.0.0.1", true), ("127.255.3.4:1", true), ("[::1]", true),
  ("[::1]:8080", true), ("", false), ("localhost:", false), ("localhost:99999", false), ("localhost:80a", false),
  ("evil.example", false), ("127.0.0.1.evil.example", false), ("127.0.0", false), ("127.0.0.256", false),
  ("127.0.0.0001", false), ("128.0.0.1", false), ("[::2]", false), ("::1", false), ("localhost.evil.example:80", false),
  ("evil@localhost", false), ("localhost@evil", false), ("0.0.0.0", false), ("127.+1.0.1", false),
])
func onlyLoopbackNamesPassAsHost(host: String, allowed: Bool) throws {
  let response = get("/healthz", try exampleView(), host: host)
  #expect(response.status == (allowed ? 200 : 403))
  if !allowed { #expect(text(response).hasPrefix(#"{"error":""#)) }
}

@Test(arguments: [
  ("http://localhost:3000", true), ("https://127.0.0.1", true), ("http://[::1]:8080", true), ("null", false),
  ("http://evil.example", false), ("http://localhost.evil.example", false), ("file://", false), ("", false),
  ("http://localhost:3000/path", false),
])
func foreignOriginsAreRefused(origin: String, allowed: Bool) throws {
  #expect(get("/healthz", try exampleView(), origin: origin).status == (allowed ? 200 : 403))
}

@Test func programsWithoutHostOrOriginAreServed() throws {
  #expect(get("/healthz", try exampleView(), host: nil).status == 200)
}
