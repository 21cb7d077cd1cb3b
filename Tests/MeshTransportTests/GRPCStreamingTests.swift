import COpenSSL
import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

// Calls over listeners: what the kinds of streaming and the deadlines are worth where bytes really move. No method of
// this version takes a stream of messages and gives one answer, so that one of the tests does.

private func framed(_ message: [UInt8]) -> [UInt8] { GRPCDeframer.prefix(length: message.count) + message }

private func fields(_ method: String, _ more: [(String, String)] = []) -> [(String, String)] {
  HTTP2Frame.fields("POST", "/test.Calls/\(method)") + [("content-type", "application/grpc"), ("te", "trailers")] + more
}

private let opening = HTTP2Session.preface + HTTP2Frame.settings().bytes

@Test func aCallerOverHTTP2StreamsMessagesAndGetsOneAnswerWithMetadataOnBothSides() throws {
  let server = try EdgeServer()
  let client = try EdgeClient(port: server.edge.port)
  let metadata = [("x-any-bin", "AP8"), ("x-any-bin", "AQ==,Ag")]
  client.send(
    bytes: opening + HTTP2Frame.headers(1, fields("Sum", metadata), flags: HTTP2Frame.endHeaders).bytes)
  let reader = HTTP2Reader()
  #expect(client.read(into: reader) { $0.answers[1]?.status == "200" }, "the head doesn't wait for the messages")
  #expect(reader.answers[1]?.fields.filter { $0.name == "x-seen-bin" }.map(\.value) == ["AP8", "AQ", "Ag"])
  // Some cut in two, some together in one frame.
  let messages = (1...40).map { framed([UInt8](repeating: 7, count: $0)) }
  for (index, message) in messages.enumerated() where index % 2 == 0 {
    let both = message + messages[index + 1]
    client.send(bytes: HTTP2Frame.data(1, Array(both.prefix(3))).bytes)
    client.send(bytes: HTTP2Frame.data(1, Array(both.dropFirst(3))).bytes)
  }
  client.send(bytes: HTTP2Frame.ping.bytes)
  #expect(client.read(into: reader) { $0.frames.contains { $0.kind == 6 && $0.flags == HTTP2Frame.ack } })
  #expect(reader.answers[1]?.body.isEmpty == true && reader.answers[1]?.isWhole == false, "it waits for the last")
  client.send(bytes: HTTP2Frame.data(1, [], ends: true).bytes)
  #expect(client.read(into: reader) { $0.answers[1]?.isWhole == true })
  #expect(reader.answers[1]?.body == framed(Array("820".utf8)))
  let trailers = [
    HTTPField("grpc-status", "0"), HTTPField("x-messages", "40"), HTTPField("x-messages-bin", "KP8"),
  ]
  #expect(reader.answers[1]?.trailers == trailers)
  #expect(server.stop())
}

@Test func aCallerOverHTTP2SpeaksAndHearsInTurnOnOneStream() throws {
  let server = try EdgeServer()
  let client = try EdgeClient(port: server.edge.port)
  client.send(bytes: opening + HTTP2Frame.headers(1, fields("Echo"), flags: HTTP2Frame.endHeaders).bytes)
  let reader = HTTP2Reader()
  var heard: [UInt8] = []
  for number in UInt8(1)...20 {
    client.send(bytes: HTTP2Frame.data(1, framed([number])).bytes)
    heard += framed([number])
    #expect(client.read(into: reader) { $0.answers[1]?.body == heard }, "\(number)")
  }
  client.send(bytes: HTTP2Frame.data(1, [], ends: true).bytes)
  #expect(client.read(into: reader) { $0.answers[1]?.isWhole == true })
  #expect(reader.answers[1]?.trailers == [HTTPField("grpc-status", "0")])
  #expect(server.stop())
}

@Test func aCallerOverHTTP3StreamsMessagesAndGetsOneAnswer() throws {
  let edge = try TLSEdge()
  let client = try HTTP3Client(
    edge.mesh.security("node-a"), to: #require(SocketAddress(literal: "127.0.0.1", port: edge.server.edge.port)))
  let more = [HTTPField("content-type", "application/grpc"), HTTPField("x-any-bin", "AP8")]
  let stream = try client.request(HTTP3Client.fields("POST", of: "/test.Calls/Sum", more))
  try client.pump("head") { client.answers[stream]?.fields["x-seen-bin"] }
  for count in 1...10 {
    _ = client.http?.send([], framed([UInt8](repeating: 1, count: count)), on: stream)
    try client.pump("message to leave") { true }
  }
  client.http?.finish(stream)
  let answer = try client.waitEnded(stream)
  #expect(answer.body == framed(Array("55".utf8)) && answer.trailers["x-messages-bin"] == "Cv8")
  // What the UDP side has done is told by its turns.
  let figures = edge.server.edge.statistics
  func figure(_ name: String) -> Int64 { figures.first { $0.name == name }?.value ?? -1 }
  #expect(figure("handshakesAccepted") == 1 && figure("connectionsRefused") == 0 && figure("retriesSent") == 0)
  #expect(figure("datagramsReceived") > 2 && figure("datagramsSent") > 2 && figure("bytesReceived") > 1_200)
  #expect(edge.server.stop())
}

/// A client's TLS that asks for HTTP/2.
private func http2Client(trusting mesh: TestMesh) throws -> TLSStream {
  var trust = TLSClientOptions()
  trust.authorityPath = mesh.authority.authorityPath
  let maker = try TLSClient(trust)
  let h2 = [2] + Array("h2".utf8)
  _ = SSL_CTX_set_alpn_protos(maker.context, h2, UInt32(h2.count))
  return try #require(TLSStream(maker, to: "localhost"))
}

/// What a client says that opens its windows wide and makes an endless call, whose answer it may then read or not.
private func endlessCall(timeout: String) -> [UInt8] {
  HTTP2Session.preface + HTTP2Frame.settings([(4, 0x7FFF_FFFF)]).bytes + HTTP2Frame.window(0, 0x7000_0000).bytes
    + HTTP2Frame.headers(1, fields("Endless", [("grpc-timeout", timeout)]), flags: HTTP2Frame.endHeaders).bytes
    + HTTP2Frame.data(1, framed([]), ends: true).bytes
}

@Test func aListenerWithTLSEndsACallAtItsDeadlineAlthoughNobodyReads() throws {
  let edge = try TLSEdge()
  let client = try http2Client(trusting: edge.mesh)
  let socket = try EdgeClient(port: edge.server.edge.port, receiveBufferBytes: 16_384)
  func say() {
    let output = Array(client.output)
    socket.send(bytes: output)
    client.wrote(output.count)
  }
  for _ in 0..<20 where !client.isOpen {
    _ = client.read()
    say()
    if !client.isOpen { client.receive(socket.readSome()[...]) }
  }
  // It stands still from now on, and the kernel holds little for it.
  let frames = endlessCall(timeout: "2S")
  #expect(client.write(frames[...]) == frames.count)
  say()
  var told: String?
  for _ in 0..<200 where told == nil {
    usleep(50_000)
    told = edge.server.script[0]
  }
  #expect(told == "ended with 4")
  #expect(edge.server.stop())
}

@Test func theDeadlineOfACallOverTLSIsKeptWhateverItsReaderDoes() throws {
  let mesh = try TestMesh()
  let security = try NodeSecurity(options: mesh.sharedOptions(["localhost"]))
  let client = try http2Client(trusting: mesh)
  let server = try TLSServer(EdgeTLS(security: security, requiresClientCertificate: false))
  let talk = EdgeConversation(tls: TLSStream(server), options: EdgeOptions())
  let start = Instant.origin + .seconds(1)
  func say() {
    let output = client.output
    talk.receive(output, now: start)
    client.wrote(output.count)
  }
  for _ in 0..<5 {
    _ = client.read()
    say()
    client.receive(talk.output)
    talk.wrote(talk.output.count)
  }
  #expect(client.isOpen && talk.version == "HTTP/2")
  // From now on the client reads nothing more, although its windows are wide open.
  let frames = endlessCall(timeout: "500m")
  #expect(client.write(frames[...]) == frames.count)
  say()
  let given = talk.nextRequest(date: "now")
  let request = try #require(given)
  let handler = Endless()
  let answer = GRPCCall(request, handler: handler, now: start)
  talk.respond(HTTPAnswer(answer.head, body: answer, reader: answer), date: "now", closing: false)
  let end = start + .milliseconds(500)
  for _ in 0..<3 { #expect(talk.produce(start) == end, "it comes back for the deadline") }
  #expect(!talk.output.isEmpty && talk.isStreaming && handler.codes.isEmpty)
  #expect(talk.produce(end) == nil && handler.codes == [4] && !talk.isStreaming)
}
