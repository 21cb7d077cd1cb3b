import Foundation
import MeshControl
import MeshSecurity
import MeshTelemetry
import MeshTransport
import Testing

@testable import MeshRuntime

// What a host or an operator asks of a running node.
@Suite(.serialized) struct OperationTests {
  private func refusal(_ body: () throws(MeshError) -> Void) -> MeshError? {
    do throws(MeshError) {
      try body()
      return nil
    } catch {
      return error
    }
  }

  @Test func broadcastsThatBreakALimitAreRefusedByName() throws {
    let mesh = try TestMesh(["a"])
    let node = try Node.open(try mesh.configuration("a"))
    defer { try? node.stopAndWait(timeout: .seconds(10)) }
    let longest = String(repeating: "é", count: 64)
    for (topic, bytes, message) in [
      ("", 0, "topic: has 0 bytes; allowed: 1 to 128"), (longest, 0, nil),
      (longest + "x", 0, "topic: has 129 bytes; allowed: 1 to 128"),
      ("a\nb", 0, "topic: holds a control character; allowed: text without"), ("t", 65_536, nil),
      ("t", 65_537, "payload: has 65537 bytes; allowed: up to 65536"),
    ] as [(String, Int, String?)] {
      let error = refusal { () throws(MeshError) in
        try node.broadcast(topic: topic, payload: [UInt8](repeating: 0, count: bytes), stream: nil, token: 0)
      }
      #expect(error?.message == message && (error == nil || error?.status == .argument))
    }
  }

  @Test func onlyOthersThatAreKnownAreRemoved() throws {
    let mesh = try TestMesh(["a"])
    let node = try Node.open(try mesh.configuration("a"))
    defer { try? node.stopAndWait(timeout: .seconds(10)) }
    let own = refusal { () throws(MeshError) in
      try node.removeMember(node.configuration.nodeID, stream: nil, token: 0)
    }
    #expect(own?.status == .argument && own?.message.contains("is this node itself") == true)
    let stranger = try #require(NodeID("nobody"))
    let unknown = refusal { () throws(MeshError) in try node.removeMember(stranger, stream: nil, token: 0) }
    #expect(unknown?.status == .notFound && unknown?.message.contains("'") == false)
    #expect(unknown?.message.contains("nobody") == true)
  }

  @Test func everyOperationCompletesOnceAlsoWhenTheNodeStops() throws {
    let mesh = try TestMesh(["a"])
    let node = try Node.open(try mesh.configuration("a"))
    let events = try EventStream(capacity: 64)
    try node.setDraining(true, stream: events, token: 1)
    try node.broadcast(topic: "t", payload: [1], stream: events, token: 2)
    try node.setDraining(false, stream: events, token: 3)
    try node.stop(stream: events, token: 4)
    try node.stopAndWait(timeout: .seconds(10))
    // The node is over: what comes now is all that will ever come.
    var tokens: [UInt64] = []
    while let event = try events.next(timeout: .zero) {
      if case .completed = event.payload { tokens.append(event.token) }
    }
    #expect(tokens.sorted() == [1, 2, 3, 4])
    let late = refusal { () throws(MeshError) in try node.setDraining(true, stream: nil, token: 0) }
    #expect(late?.status == .closed)
  }

  @Test func drainIsSeenEverywhereAndEndsWithResume() throws {
    let mesh = try TestMesh(["a", "b"])
    let a = try Node.open(try mesh.configuration("a"))
    let b = try Node.open(try mesh.configuration("b", seeds: [a.meshPort]))
    try eventually("both see both") { [a, b].allSatisfy { $0.names(.alive) == ["a", "b"] } }
    for wanted in [true, false] {
      try b.setDraining(wanted, stream: nil, token: 0)
      try eventually("both see \(wanted)") {
        [a, b].allSatisfy { $0.members().members.first { $0.nodeID.name == "b" }?.isDraining == wanted }
      }
    }
    try b.stopAndWait(timeout: .seconds(10))
    try a.stopAndWait(timeout: .seconds(10))
  }

  @Test func broadcastsReachEveryOtherNodeOnceWhateverTheirSize() throws {
    let mesh = try TestMesh(["a", "b", "c"])
    let a = try Node.open(try mesh.configuration("a"))
    let b = try Node.open(try mesh.configuration("b", seeds: [a.meshPort]))
    let c = try Node.open(try mesh.configuration("c", seeds: [a.meshPort]))
    try eventually("all see all") { [a, b, c].allSatisfy { $0.names(.alive) == ["a", "b", "c"] } }
    let streams = try [a, b, c].map { node in
      let stream = try EventStream(capacity: 64)
      try node.subscribe(stream, topics: .broadcasts)
      return stream
    }
    let sizes = [0, 1, 1_024, 1_025, 65_536]
    for size in sizes {
      let payload = [UInt8](repeating: UInt8(size & 0xFF), count: size)
      try a.broadcast(topic: "size/\(size)", payload: payload, stream: nil, token: 0)
    }
    for stream in streams.dropFirst() {
      var heard: [BroadcastMessage] = []
      while heard.count < sizes.count, let event = try stream.next(timeout: .seconds(10)) {
        if case .broadcast(let message) = event.payload { heard.append(message) }
      }
      heard.sort { $0.payload.count < $1.payload.count }
      #expect(heard.map(\.payload.count) == sizes && heard.map(\.topic) == sizes.map { "size/\($0)" })
      #expect(heard.allSatisfy { $0.origin.name == "a" })
      #expect(heard.allSatisfy { message in message.payload.allSatisfy { $0 == UInt8(message.payload.count & 0xFF) } })
      #expect(Set(heard.map(\.sequence)).count == sizes.count)
    }
    usleep(300_000)  // three intervals, in which nothing may come twice, or back to its origin
    for stream in streams { #expect(try stream.next(timeout: .zero) == nil) }
    for node in [c, b, a] { try node.stopAndWait(timeout: .seconds(10)) }
  }

  @Test func aLostMemberThatIsRemovedIsGoneAtOnceAndALivingOneComesBack() throws {
    let mesh = try TestMesh(["a", "b"])
    var slow = try mesh.configuration("a")
    slow.suspicionInterval = .seconds(120)  // so that only the operator's word can end it
    let a = try Node.open(slow)
    var configuration = try mesh.configuration("b", seeds: [a.meshPort])
    configuration.suspicionInterval = .seconds(120)
    let b = try Node.open(configuration)
    try eventually("both see both") { [a, b].allSatisfy { $0.names(.alive) == ["a", "b"] } }
    let events = try EventStream(capacity: 256)
    try a.subscribe(events, topics: .members)
    let name = try #require(NodeID("b"))
    try a.removeMember(name, stream: nil, token: 0)
    var kinds: [MembershipEvent.Kind] = []
    try eventually("b left and is back") {
      while let event = try events.next(timeout: .zero) {
        if case .member(let change) = event.payload, change.kind != .updated { kinds.append(change.kind) }
      }
      return kinds.contains(.left) && a.names(.alive) == ["a", "b"]
    }
    try b.stopAndWait(timeout: .seconds(10))
    try a.stopAndWait(timeout: .seconds(10))
  }

  @Test func aNodeWhoseNameALaterProcessTakesEndsWithAConflict() throws {
    let mesh = try TestMesh(["a"])
    let first = try Node.open(try mesh.configuration("a"))
    let events = try EventStream(capacity: 256)
    try first.subscribe(events, topics: [.node, .log])
    usleep(20_000)  // so that the second one starts in a later millisecond
    let second = try Node.open(try mesh.configuration("a", seeds: [first.meshPort]))
    var records: [LogRecord] = []
    var end: MeshError??
    while end == nil, let event = try events.next(timeout: .seconds(10)) {
      if case .log(let record) = event.payload { records.append(record) }
      if case .nodeStopped(let error) = event.payload { end = error }
    }
    let error = try #require(end ?? nil)
    #expect(error.status == .conflict && error.isFatal && error.message.contains("node id 'a'"))
    #expect(records.contains { $0.eventID == 125 && $0.eventName == "MeshNodeConflict" && $0.level == .critical })
    #expect(records.contains { $0.eventID == 106 && $0.eventName == "MeshDuplicateNode" })
    #expect(second.names(.alive) == ["a"], "the later one stays")
    try second.stopAndWait(timeout: .seconds(10))
    try first.stopAndWait(timeout: .seconds(10))
  }

  /// The control plane is a room, and names the levels of telemetry by its own type: the two must stay in step.
  @Test func theLevelsOfTheControlPlaneAreThoseOfTheRecords() {
    let levels = MinimumLevel.allCases.filter { $0 != .silent }
    #expect(levels.map(\.name) == LogLevel.allCases.map(\.name))
    #expect(levels.map { Int32($0.rawValue) } == LogLevel.allCases.map(\.rawValue))
    #expect(MinimumLevel.silent.rawValue == levels.count)
  }

  @Test func anOperatorSetsTheLeastLevelOfRecords() throws {
    let mesh = try TestMesh(["a"])
    var configuration = try mesh.configuration("a")
    configuration.controlScopes = ["mesh.read", "mesh.observe", "mesh.operate"]
    let node = try Node.open(configuration)
    defer { try? node.stopAndWait(timeout: .seconds(10)) }
    let events = try EventStream(capacity: 64)
    try node.subscribe(events, topics: .log)
    func ask(_ method: String, _ body: String = "") -> HTTPResponse {
      var request = HTTPRequest()
      request.remote = SocketAddress(literal: "127.0.0.1", port: 1)
      (request.method, request.target, request.body) = (method, "/omnirelay/control/logging", Array(body.utf8))
      request.headers = [HTTPField("Host", "localhost"), HTTPField("Content-Type", "application/json")]
      return node.core.answer(request).response
    }
    func set(_ level: String) { #expect(ask("POST", "{\"level\":\"\(level)\"}").status == 204) }
    for _ in 0..<2 { set("none") }
    #expect(String(decoding: ask("GET").body, as: UTF8.self) == #"{"minimumLevel":"None"}"#)
    node.core.observe(.storeFailed(reason: "unheard"))
    set("")
    node.core.observe(.storeFailed(reason: "heard"))
    var told: [String] = []
    while !told.contains("heard") || !told.contains("any"), let event = try events.next(timeout: .seconds(10)) {
      if case .log(let record) = event.payload { told.append(record.fields.first?.value ?? "") }
    }
    #expect(!told.contains("unheard") && told.filter { $0 == "None" }.count == 1 && told.contains("any"))
  }

  /// Nothing makes traces yet: what is set is kept, told, and told of in the log.
  @Test func anOperatorSetsTheSamplingOfTraces() throws {
    let mesh = try TestMesh(["a"])
    var configuration = try mesh.configuration("a")
    configuration.controlScopes = ["mesh.read", "mesh.observe", "mesh.operate"]
    let node = try Node.open(configuration)
    defer { try? node.stopAndWait(timeout: .seconds(10)) }
    let events = try EventStream(capacity: 64)
    try node.subscribe(events, topics: .log)
    func ask(_ method: String, _ body: String = "") -> HTTPResponse {
      var request = HTTPRequest()
      (request.method, request.target, request.body) = (method, "/omnirelay/control/tracing", Array(body.utf8))
      request.remote = SocketAddress(literal: "127.0.0.1", port: 1)
      request.headers = [HTTPField("Host", "localhost"), HTTPField("Content-Type", "application/json")]
      return node.core.answer(request).response
    }
    #expect(ask("GET").body == Array("{}".utf8))
    for text in ["0.25", "0.25", "7"] {
      #expect(ask("POST", "{\"probability\":\(text)}").status == (text == "7" ? 400 : 204))
    }
    #expect(ask("GET").body == Array(#"{"samplingProbability":0.25}"#.utf8))
    node.core.observe(.storeFailed(reason: "last"))
    var told: [String] = []
    while !told.contains("last"), let event = try events.next(timeout: .seconds(10)) {
      if case .log(let record) = event.payload { told.append(record.fields.first?.value ?? "") }
    }
    // The record of the edge thread may come after that of this one.
    while !told.contains("0.25"), let event = try events.next(timeout: .seconds(10)) {
      if case .log(let record) = event.payload { told.append(record.fields.first?.value ?? "") }
    }
    #expect(told.filter { $0 == "0.25" }.count == 1, "no change, no record")
  }

  @Test func callsTellWhatWasNegotiatedAndTheLogTellsWhoCalls() throws {
    let mesh = try TestMesh(["a"])
    let node = try Node.open(try mesh.configuration("a"))
    defer { try? node.stopAndWait(timeout: .seconds(10)) }
    let events = try EventStream(capacity: 64)
    try node.subscribe(events, topics: .log)
    func call(_ path: String, _ fields: [HTTPField]) throws -> (head: HTTPResponse, status: String?) {
      var request = HTTPRequest()
      (request.method, request.target, request.version) = ("POST", path, "HTTP/2")
      request.remote = SocketAddress(literal: "127.0.0.1", port: 1)
      request.headers = [HTTPField("host", "localhost"), HTTPField("content-type", "application/grpc")] + fields
      let answer = node.core.answer(request)
      _ = [UInt8](repeating: 0, count: 5).withUnsafeBufferPointer { answer.reader?.received($0) }
      answer.reader?.ended()
      let body = try #require(answer.body)
      while true {
        guard case .end(let trailers) = body.next(.origin) else { continue }
        return (answer.response, trailers.first { $0.name == "grpc-status" }?.value)
      }
    }
    let check = "/grpc.health.v1.Health/Check"
    let good = try call(check, [HTTPField("rpc-caller", "billing"), HTTPField("x-any-bin", "AP8=,AQ")])
    let names = ["rpc-transport", "rpc-protocol", "rpc-encoding"]
    #expect(names.map(good.head.header) == ["grpc", "HTTP/2", "protobuf"] && good.status == "0")
    let bad = try call(check, [HTTPField("x-any-bin", "!")])
    #expect(names.map(bad.head.header) == ["grpc", "HTTP/2", "protobuf"] && bad.status == "13")
    let filter = try call(
      "/meshkit.control.v1.Members/Watch", [HTTPField("x-a-bin", String(repeating: ",", count: 100))])
    #expect(filter.status == "8", "101 values in one field")
    var request = HTTPRequest()
    (request.method, request.target) = ("GET", "/healthz")
    request.remote = SocketAddress(literal: "127.0.0.1", port: 1)
    request.headers = [HTTPField("Host", "localhost"), HTTPField("Rpc-Caller", "pager\n")]
    #expect(node.core.answer(request).response.header("Rpc-Transport") == "http")
    var callers: [String: String] = [:]
    while callers.count < 2, let event = try events.next(timeout: .seconds(10)) {
      guard case .log(let record) = event.payload, record.eventName == "MeshControlRequest" else { continue }
      callers[record.fields[0].value] = record.fields[3].value
    }
    #expect(callers == ["HTTP/2": "billing", "HTTP/1.1": "pager "])
  }

  @Test func answersAndMetricsTellWhatWasNegotiated() throws {
    let mesh = try TestMesh(["a"])
    let node = try Node.open(try mesh.configuration("a"))
    defer { try? node.stopAndWait(timeout: .seconds(10)) }
    func ask(_ path: String) throws -> HTTPResponse {
      try HTTPClient.get(url: "http://127.0.0.1:\(node.controlPort)\(path)", timeout: .seconds(10))
    }
    let names = ["Rpc-Transport", "Rpc-Protocol", "Rpc-Encoding"]
    func negotiated(_ path: String) throws -> [String?] {
      let answer = try ask(path)
      return names.map(answer.header)
    }
    #expect(try negotiated("/control/peers") == ["http", "HTTP/1.1", "json"])
    #expect(try negotiated("/metrics") == ["http", "HTTP/1.1", "text"])
    #expect(try negotiated("/nothing") == ["http", "HTTP/1.1", nil])
    let text = String(decoding: try ask("/metrics").body, as: UTF8.self)
    for line in [
      #"encoding="json",status="2xx"} 1"#, #"encoding="text",status="2xx"} 1"#, #"encoding="none",status="4xx"} 1"#,
    ] {
      #expect(text.contains(#"mesh_control_requests_total{protocol="HTTP/1.1","# + line), "\(line)")
    }
  }

  @Test func theControlListenerRefusesOperationsUnlessTheConfigurationAllowsThem() throws {
    let mesh = try TestMesh(["a", "b"])
    let guarded = try Node.open(try mesh.configuration("a"))
    var configuration = try mesh.configuration("b", seeds: [guarded.meshPort])
    configuration.controlScopes = ["mesh.read", "mesh.observe", "mesh.operate"]
    let open = try Node.open(configuration)
    func ask(_ node: Node, _ method: String, _ path: String) throws -> (status: Int, text: String) {
      let url = "http://127.0.0.1:\(node.controlPort)\(path)"
      let response = try HTTPClient.request(method, url: url, timeout: .seconds(10))
      return (response.status, String(decoding: response.body, as: UTF8.self))
    }
    for (method, path) in [("POST", "/v1/node/drain"), ("POST", "/v1/node/leave"), ("DELETE", "/v1/members/b")] {
      let answer = try ask(guarded, method, path)
      #expect(answer.status == 403 && answer.text.contains("mesh:control:loopbackScopes"))
    }
    #expect(try ask(guarded, "GET", "/control/peers").status == 200)
    #expect(try ask(open, "DELETE", "/v1/members/nobody").status == 404)
    #expect(try ask(open, "DELETE", "/v1/members/b").status == 409)
    #expect(try ask(open, "POST", "/v1/node/drain").status == 202)
    let events = try EventStream(capacity: 64)
    try open.subscribe(events, topics: .node)
    #expect(try ask(open, "POST", "/v1/node/leave").status == 202)
    guard case .nodeStopped(nil)? = try events.next(timeout: .seconds(10))?.payload else {
      Issue.record("the node did not stop gracefully")
      return
    }
    try guarded.stopAndWait(timeout: .seconds(10))
  }

  /// A node whose control listener lets callers on its host operate it, and a third that it knows.
  private func operable(_ mesh: TestMesh, seeds: [UInt16]) throws -> Node {
    var configuration = try mesh.configuration("a", seeds: seeds)
    configuration.controlScopes = ["mesh.read", "mesh.observe", "mesh.operate"]
    configuration.suspicionInterval = .seconds(120)  // so that only the operator's word can end a member
    return try Node.open(configuration)
  }

  @Test func whatWasAskedLastOverHTTPIsWhatTheMeshSeesHoweverFastItCame() throws {
    let mesh = try TestMesh(["a", "b"])
    let b = try Node.open(try mesh.configuration("b"))
    let a = try operable(mesh, seeds: [b.meshPort])
    try eventually("both see both") { [a, b].allSatisfy { $0.names(.alive) == ["a", "b"] } }
    func post(_ verb: String) throws {
      let url = "http://127.0.0.1:\(a.controlPort)/v1/node/\(verb)"
      #expect(try HTTPClient.request("POST", url: url, timeout: .seconds(10)).status == 202)
    }
    func drains(_ node: Node) -> Bool? { node.members().members.first { $0.nodeID.name == "a" }?.isDraining }
    for round in 0..<20 {
      try post(round % 2 == 0 ? "drain" : "resume")
      try post(round % 2 == 0 ? "resume" : "drain")
      try eventually("round \(round)") { [a, b].allSatisfy { drains($0) == (round % 2 == 1) } }
    }
    for node in [a, b] { try node.stopAndWait(timeout: .seconds(10)) }
  }

  @Test func aMemberThatIsRemovedOverHTTPIsLeftAndRemovingItAgainSaysSo() throws {
    let mesh = try TestMesh(["a", "b"])
    let b = try Node.open(try mesh.configuration("b"))
    let a = try operable(mesh, seeds: [b.meshPort])
    try eventually("both see both") { [a, b].allSatisfy { $0.names(.alive) == ["a", "b"] } }
    b.abandon()
    let url = "http://127.0.0.1:\(a.controlPort)/v1/members/b"
    #expect(try HTTPClient.request("DELETE", url: url, timeout: .seconds(10)).status == 202)
    try eventually("b left") { a.names(.left) == ["b"] }
    let again = try HTTPClient.request("DELETE", url: url, timeout: .seconds(10))
    #expect(again.status == 200)
    #expect(String(decoding: again.body, as: UTF8.self) == #"{"nodeId":"b","status":"Left"}"#)
    try a.stopAndWait(timeout: .seconds(10))
  }
}
