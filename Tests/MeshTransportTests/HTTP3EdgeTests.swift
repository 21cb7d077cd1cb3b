import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

extension TLSEdge {
  /// The limits that were told as reached.
  fileprivate var limits: [String] {
    server.observations.compactMap { if case .limitReached(let name, _, _) = $0 { name } else { nil } }
  }

  /// A client of HTTP/3 with a certificate for `node-a`.
  fileprivate func client() throws -> HTTP3Client {
    try HTTP3Client(
      mesh.security("node-a"), to: #require(SocketAddress(literal: "127.0.0.1", port: server.edge.port)))
  }
}

@Test func anHTTP3ClientGetsWhatTheOtherVersionsGetAndIsKnownByItsCertificate() throws {
  let edge = try TLSEdge()
  let client = try edge.client()
  for path in ["/a", "/b?c=1"] {
    let answer = try client.waitEnded(client.request(HTTP3Client.fields("GET", of: path), body: []))
    #expect(answer.fields[":status"] == "200" && answer.body == Array("GET \(path) 0".utf8))
    #expect(answer.fields["x-version"] == "HTTP/3" && answer.fields["x-peer"] == "node-a")
    #expect(answer.fields["x-chain"] == "1" && answer.fields["x-remote"] == "127.0.0.1")
    #expect(answer.fields["content-length"] == "\(answer.body.count)" && answer.fields["date"] != nil)
  }
  let head = try client.waitEnded(client.request(HTTP3Client.fields("HEAD", of: "/a"), body: []))
  #expect(head.fields["content-length"] == "9" && head.body.isEmpty)
  #expect(edge.server.stop())
}

@Test func bigBodiesPassThroughHTTP3BothWays() throws {
  let edge = try TLSEdge()
  let client = try edge.client()
  let body = [UInt8](repeating: 65, count: 1_000_000)
  let sent = try client.waitEnded(client.request(HTTP3Client.fields("POST", of: "/p"), body: body))
  #expect(sent.body == Array("POST /p 1000000".utf8))
  let size = HTTPField("x-size", "3000000")
  let streams = try (0..<2).map { _ in try client.request(HTTP3Client.fields("GET", of: "/", [size]), body: []) }
  for stream in streams { #expect(try client.waitEnded(stream).body.count == 3_000_000) }
  #expect(edge.server.stop())
}

@Test func theOtherVersionsAnnounceHTTP3OverTLSOnly() throws {
  let edge = try TLSEdge()
  for flag in ["--http2", "--http1.1"] {
    let result = try edge.curl(flag, "-o", "/dev/null", "-w", "%header{alt-svc}", edge.url + "/")
    #expect(result.output == "h3=\":\(edge.server.edge.port)\"; ma=3600")
  }
  let client = try edge.client()
  #expect(try client.waitEnded(client.request(HTTP3Client.fields("GET", of: "/"), body: [])).fields["alt-svc"] == nil)
  #expect(edge.server.stop())
  let clear = try EdgeServer()
  #expect(try curl(["-o", "/dev/null", "-w", "%header{alt-svc}|", clear.url + "/"]).output == "|")
  #expect(clear.stop())
}

@Test func anHTTP3RequestBeyondALimitGetsItsStatusAndTheConnectionGoesOn() throws {
  var options = EdgeOptions()
  options.message.bodyBytesMax = 100
  options.message.headerBytesMax = 1_000
  options.message.startLineBytesMax = 50
  options.message.fieldsMax = 5
  options.streams.bodiesBytesMax = 150
  let edge = try TLSEdge(options)
  let client = try edge.client()
  func status(_ fields: [HTTPField], _ body: [UInt8] = []) throws -> String? {
    try client.waitEnded(client.request(fields, body: body)).fields[":status"]
  }
  func get(_ path: String, _ more: [HTTPField] = []) -> [HTTPField] { HTTP3Client.fields("GET", of: path, more) }
  #expect(try status(get("/"), [UInt8](repeating: 1, count: 100)) == "200")
  #expect(try status(get("/"), [UInt8](repeating: 1, count: 101)) == "413")
  #expect(try status(get("/" + String(repeating: "a", count: 49))) == "200")
  #expect(try status(get("/" + String(repeating: "a", count: 50))) == "414")
  #expect(try status(get("/", [HTTPField("x", String(repeating: "a", count: 2_000))])) == "431")
  #expect(try status(get("/", (0..<5).map { HTTPField("x\($0)", "") })) == "200")
  #expect(try status(get("/", (0..<6).map { HTTPField("x\($0)", "") })) == "431")
  #expect(try status(get("/", [HTTPField("host", "elsewhere")])) == "400")
  #expect(try status(get("/", [HTTPField("expect", "other")])) == "417")
  // What breaks HTTP/3's own rules for messages breaks its stream off (RFC 9114 §4.1.2).
  let twoPaths = try client.request(get("/", [HTTPField(":path", "/")]), body: [])
  #expect(try client.waitGone(twoPaths).fields.isEmpty)
  let half = try client.request(get("/"))
  _ = client.http?.send([], [UInt8](repeating: 1, count: 90), on: half)
  #expect(try status(get("/"), [UInt8](repeating: 1, count: 90)) == "503")
  client.http?.finish(half)
  #expect(try client.waitEnded(half).fields[":status"] == "200")
  #expect(edge.server.stop())
  let statuses = edge.server.observations.compactMap {
    if case .requestAnswered("HTTP/3", "text", let status, _) = $0 { status } else { nil }
  }
  #expect(statuses == [413, 414, 431, 431, 400, 417, 503])
}

@Test func aFieldSectionWithoutEndClosesTheHTTP3Connection() throws {
  let edge = try TLSEdge()
  let client = try edge.client()
  let long = ["x", "y"].map { HTTPField($0, String(repeating: "a", count: 33_000)) }
  _ = try client.request(HTTP3Client.fields("GET", of: "/", long), body: [])
  let close = try client.waitClosedByPeer()
  #expect(close.isApplication && close.code == HTTP3ErrorCode.excessiveLoad, "\(close)")
  #expect(edge.server.stop())
}

@Test(arguments: [false, true]) func streamsThatAreBrokenOffAgainAndAgainEndTheHTTP3Connection(asksFirst: Bool) throws {
  var options = EdgeOptions()
  options.streams.resetsBurst = 20
  options.streams.resetsPerSecond = 1
  let edge = try TLSEdge(options)
  let client = try edge.client()
  // It throws when the server has closed the connection.
  #expect(throws: TransportError.self) {
    for _ in 0..<200 {
      // A whole request, whose answer nobody reads, or one that never becomes whole.
      let size = HTTPField("x-size", "200000")
      let fields = HTTP3Client.fields("POST", of: "/", [size])
      let stream = try client.request(fields, body: asksFirst ? [] : nil)
      try client.pump("the request to leave") { true }
      client.quic.stopReading(stream: stream, code: HTTP3ErrorCode.requestCancelled)
      if !asksFirst { client.quic.stopWriting(stream: stream, code: HTTP3ErrorCode.requestCancelled) }
      try client.pump("its end") { client.answers[stream]?.isGone == true ? true : nil }
    }
  }
  #expect(try client.waitClosedByPeer().code == HTTP3ErrorCode.excessiveLoad)
  #expect(edge.server.stop())
  #expect(edge.limits == ["control connection: streams that are broken off"])
}

@Test func anHTTP3FieldSectionThatIsNeverWholeEndsTheConnectionThoughOthersAreAnswered() throws {
  var options = EdgeOptions()
  options.headTimeout = .milliseconds(1_000)
  let edge = try TLSEdge(options)
  let client = try edge.client()
  #expect(try client.waitEnded(client.request(HTTP3Client.fields("GET", of: "/"), body: [])).fields[":status"] == "200")
  // The first bytes of a HEADERS frame of 1,000.
  try client.say([1, 0x43, 0xe8, 0, 0], on: #require(client.quic.openStream(bidirectional: true)))
  #expect(throws: TransportError.self) {
    while true {
      _ = try client.waitEnded(client.request(HTTP3Client.fields("HEAD", of: "/"), body: []))
    }
  }
  #expect(try client.waitClosedByPeer().code == HTTP3ErrorCode.excessiveLoad)
  #expect(edge.server.stop())
  #expect(edge.limits == ["control connection: a field section that took too long"])
}

@Test func whereAllPlacesAreTakenTheLongestIdleHTTP3ClientGivesUpIts() throws {
  var options = EdgeOptions()
  options.connectionsMax = 2
  let edge = try TLSEdge(options)
  let clients = try (0..<3).map { _ in
    let client = try edge.client()
    _ = try client.waitEnded(client.request(HTTP3Client.fields("GET", of: "/"), body: []))
    // Only whoever has acknowledged its answer is idle.
    let end = MonotonicClock.now() + .milliseconds(200)
    try client.pump("the acknowledgement") { MonotonicClock.now() > end ? true : nil }
    return client
  }
  #expect(try clients[0].waitClosedByPeer().code == HTTP3ErrorCode.noError)
  let answer = try clients[1].waitEnded(clients[1].request(HTTP3Client.fields("GET", of: "/"), body: []))
  #expect(answer.fields[":status"] == "200")
  #expect(edge.server.stop())
}

@Test func aTLSMessageAfterTheHandshakeEndsTheConnectionAndNothingElse() throws {
  // TLS's key update, which QUIC forbids; GnuTLS would act on it, and ngtcp2 would then end the process.
  let keyUpdate: [UInt8] = [24, 0, 0, 1, 0]
  let edge = try TLSEdge()
  let node = try TestNode(edge.mesh.security("node-b"))
  let control = try #require(SocketAddress(literal: "127.0.0.1", port: edge.server.edge.port))
  for address in try [control, node.address] {
    let client = try HTTP3Client(edge.mesh.security("node-a"), to: address)
    try client.pump("the end of the handshake") { client.quic.isHandshakeComplete ? true : nil }
    #expect(client.sayInTLS(keyUpdate))
    let close = try client.waitClosedByPeer()
    #expect(!close.isApplication && close.tlsAlert == TLSAlert.unexpectedMessage, "\(close)")
  }
  try node.stop()
  #expect(edge.server.stop())
}

@Test func anHTTP3RequestThatNeverEndsIsAnswered408() throws {
  var options = EdgeOptions()
  options.bodyTimeout = .milliseconds(300)
  let edge = try TLSEdge(options)
  let client = try edge.client()
  let stream = try client.request(HTTP3Client.fields("POST", of: "/"))
  #expect(try client.waitEnded(stream).fields[":status"] == "408")
  #expect(try client.waitEnded(client.request(HTTP3Client.fields("GET", of: "/"), body: [])).fields[":status"] == "200")
  #expect(edge.server.stop())
}

@Test func silentHTTP3ClientsAreSentAwayWhetherTheyAskedOrNot() throws {
  var options = EdgeOptions()
  options.headTimeout = .milliseconds(1_000)
  options.idleTimeout = .milliseconds(1_500)
  let edge = try TLSEdge(options)
  for asks in [false, true] {
    let client = try edge.client()
    try client.pump("connection") { client.http }
    if asks { _ = try client.waitEnded(client.request(HTTP3Client.fields("HEAD", of: "/"), body: [])) }
    // Its own pings must not keep it.
    client.quic.keepAlive(every: .milliseconds(100))
    let close = try client.waitClosedByPeer()
    #expect(close.isApplication && close.code == HTTP3ErrorCode.noError)
  }
  #expect(edge.server.stop())
}

@Test func aStoppingListenerEndsItsHTTP3ConnectionsInOrder() throws {
  let edge = try TLSEdge()
  let client = try edge.client()
  _ = try client.waitEnded(client.request(HTTP3Client.fields("GET", of: "/"), body: []))
  #expect(edge.server.stop())
  let close = try client.waitClosedByPeer()
  #expect(close.isApplication && close.code == HTTP3ErrorCode.noError)
}

@Test func theUDPPortOfAListenerIsFreeAgainWhenItHasStopped() throws {
  let edge = try TLSEdge()
  let address = try #require(SocketAddress(literal: "127.0.0.1", port: edge.server.edge.port))
  #expect(throws: TransportError.self) { try UDPSocket(binding: address, receiveBufferBytes: 4096) }
  #expect(edge.server.stop())
  _ = try UDPSocket(binding: address, receiveBufferBytes: 4096)
}
