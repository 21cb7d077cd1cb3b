import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshControl

// The worked examples of OmniRelay's contract (http §0 to §4 and §14), for the routes that a node has.

/// A node in the middle of 24 November 2025, 10:00, as the examples have it.
private struct Example {
  var view: NodeView

  init(fraction: Int64 = 0) throws {
    view = NodeView(
      localNodeID: try #require(NodeID("mesh-a")), members: [],
      clock: MemberClock(now: .origin + .seconds(1_000), unixTicks: 17_639_784_000_000_000 + fraction),
      isLeaving: false, notReady: [], scopes: [.read, .observe, .operate], activeRequests: 0)
  }

  func ask(_ method: String, _ target: String, _ body: String = "") -> (status: Int, text: String) {
    let response = Control.respond(
      to: ControlRequest(
        method: method, target: target, host: "127.0.0.1:8080", origin: nil, contentType: "application/json",
        body: Array(body.utf8)),
      view: view, metrics: { [] }, perform: { _ in .accepted })
    return (response.status, String(decoding: response.body, as: UTF8.self))
  }
}

private func metadata(_ role: String, http3: Bool, endpoint: String, labels: [Label]) -> NodeMetadata {
  var metadata = NodeMetadata()
  (metadata.role, metadata.http3Support, metadata.endpoint) = (role, http3, endpoint)
  (metadata.clusterID, metadata.region, metadata.meshVersion) = ("local", "local", "dev")
  (metadata.metadataVersion, metadata.labels) = (1, labels)
  return metadata
}

/// The example of §2 but for one thing: a node hears itself when it is asked, so that its `lastSeen` is `generatedAt`.
@Test(arguments: ["/control/peers", "/omnirelay/control/peers"]) func thePeersOfTheContract(path: String) throws {
  var example = try Example(fraction: 1_234_567)
  example.view.members = [
    MemberView(
      nodeID: try #require(NodeID("mesh-b")), status: .suspect, isDead: false, epoch: 1, incarnation: 0,
      metadata: metadata("worker", http3: false, endpoint: "host-b:17421", labels: []),
      lastHeard: Instant(nanoseconds: 1_000_000_000_000 - 6_623_456_700), roundTrip: .microseconds(4_210),
      isLocal: false),
    MemberView(
      nodeID: example.view.localNodeID, status: .alive, isDead: false, epoch: 1, incarnation: 0,
      metadata: metadata(
        "dispatcher", http3: true, endpoint: "host-a:17421", labels: [Label(key: "mesh.zone", value: "z1")]),
      lastHeard: nil, roundTrip: nil, isLocal: true),
  ]
  let answer = example.ask("GET", path)
  #expect(answer.status == 200)
  #expect(
    answer.text == """
      {"schemaVersion":"v1","generatedAt":"2025-11-24T10:00:00.1234567+00:00","localNodeId":"mesh-a",\
      "peers":[{"nodeId":"mesh-a","status":"Alive","lastSeen":"2025-11-24T10:00:00.1234567+00:00",\
      "metadata":{"role":"dispatcher","clusterId":"local","region":"local","meshVersion":"dev","http3Support":true,\
      "endpoint":"host-a:17421","metadataVersion":1,"labels":{"mesh.zone":"z1"}}},\
      {"nodeId":"mesh-b","status":"Suspect","lastSeen":"2025-11-24T09:59:53.5+00:00","rttMs":4.21,\
      "metadata":{"role":"worker","clusterId":"local","region":"local","meshVersion":"dev","http3Support":false,\
      "endpoint":"host-b:17421","metadataVersion":1,"labels":{}}}]}
      """)
}

@Test func aMomentWithoutAFractionIsWrittenWithoutOne() throws {
  #expect(
    try Example().ask("GET", "/control/peers").text
      == #"{"schemaVersion":"v1","generatedAt":"2025-11-24T10:00:00+00:00","localNodeId":"mesh-a","peers":[]}"#)
}

@Test func theTogglesOfTheContract() throws {
  var example = try Example()
  let (logging, tracing) = ("/omnirelay/control/logging", "/omnirelay/control/tracing")
  #expect(example.ask("GET", logging) == (200, "{}") && example.ask("GET", tracing) == (200, "{}"))
  (example.view.minimumLevel, example.view.traceSampling) = (.warning, 0.25)
  #expect(example.ask("GET", logging) == (200, #"{"minimumLevel":"Warning"}"#))
  #expect(example.ask("GET", tracing) == (200, #"{"samplingProbability":0.25}"#))
  #expect(example.ask("POST", logging, #"{"level":"Debug"}"#) == (204, ""))
  #expect(example.ask("POST", tracing, #"{"probability":0.1}"#) == (204, ""))
  #expect(example.ask("POST", logging, #"{"level":"x"}"#) == (400, #"{"error":"Invalid log level 'x'."}"#))
  for path in [logging, tracing] {
    #expect(example.ask("POST", path, "null") == (400, #"{"error":"Request body required."}"#))
  }
  let outside = example.ask("POST", tracing, #"{"probability":1.5}"#)
  #expect(outside.status == 400 && outside.text.hasSuffix(#"(Parameter 'probability')"}"#))
}

@Test func theHealthOfTheContract() throws {
  var example = try Example()
  let ok = #"{"status":"ok","mode":"live","issues":[],"activeRequests":0,"draining":false}"#
  #expect(example.ask("GET", "/healthz") == (200, ok))
  let ready = #"{"status":"ok","mode":"ready","issues":[],"activeRequests":0,"draining":false}"#
  #expect(example.ask("GET", "/readyz") == (200, ready))
  example.view.isLeaving = true
  let draining =
    #"{"status":"unavailable","mode":"ready","issues":["http-inbound:draining"],"activeRequests":0,"draining":true}"#
  #expect(example.ask("GET", "/readyz") == (503, draining))
}

/// §0: 404 without a body, and which paths mind their case.
@Test func thePathsOfTheContract() throws {
  let example = try Example()
  for (method, path, status) in [
    ("GET", "/CONTROL/PEERS", 200), ("GET", "/OmniRelay/control/peers", 404), ("GET", "/HEALTHZ", 200),
    ("GET", "/omnirelay/control/Logging", 404), ("GET", "/omnirelay/control/Tracing", 404),
    ("GET", "/omnirelay/control/tracing/", 404), ("PUT", "/omnirelay/control/tracing", 404),
    ("DELETE", "/omnirelay/control/logging", 404), ("POST", "/control/peers", 404), ("GET", "/Omnirelay/METRICS", 200),
  ] {
    let answer = example.ask(method, path)
    #expect(answer.status == status && (status != 404 || answer.text.isEmpty), "\(method) \(path)")
  }
}
