import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

/// What a node answers to requests that our own links never make.
@Suite(.serialized) struct LinkServiceTests {
  private func message(_ bytes: [UInt8]) -> [UInt8] { GRPCDeframer.prefix(length: bytes.count) + bytes }

  /// Drives `client` until `node` has its `number`th call.
  private func waitCalled(
    _ node: TestNode, by client: HTTP3Client, _ number: Int = 1
  ) throws -> (id: RequestID, message: [UInt8]) {
    try client.pump("call") {
      let calls = node.allEvents.compactMap { event -> (RequestID, [UInt8])? in
        if case .called(let id, method: MeshRequest.pingMethod, _, let message) = event {
          (id, message.bytes)
        } else {
          nil
        }
      }
      return calls.count >= number ? calls[number - 1] : nil
    }
  }

  @Test func aUnaryCallIsAnsweredByAReplyOrByAStatus() throws {
    let mesh = try TestMesh()
    let node = try TestNode(mesh.security("node-b"))
    let client = try HTTP3Client(mesh.security("node-a"), to: node.address)
    let first = try client.request(HTTP3Client.fields("Ping"), body: message([1, 2, 3]))
    let call = try waitCalled(node, by: client)
    #expect(call.message == [1, 2, 3])
    node.post(.reply(call.id, [4, 5]))
    let reply = try client.waitGone(first)
    #expect(reply.fields[":status"] == "200" && reply.body == message([4, 5]))
    #expect(reply.trailers["grpc-status"] == "0")
    let second = try client.request(HTTP3Client.fields("Ping"), body: message([]))
    node.post(.fail(try waitCalled(node, by: client, 2).id, code: 14, message: "a\nb%"))
    let failed = try client.waitGone(second)
    #expect(failed.fields["grpc-status"] == "14" && failed.fields["grpc-message"] == "a%0Ab%25")
    try node.stop()
  }

  @Test(arguments: [
    ("Ping", [HTTPField("grpc-encoding", "gzip")], "12"), ("Pong", [], "12"), ("PingX", [], "12"),
  ])
  func whatTheServiceDoesNotHaveIsUnimplemented(_ path: String, _ more: [HTTPField], _ code: String) throws {
    let mesh = try TestMesh()
    let node = try TestNode(mesh.security("node-b"))
    let client = try HTTP3Client(mesh.security("node-a"), to: node.address)
    let answer = try client.waitGone(client.request(HTTP3Client.fields(path, more), body: message([1])))
    #expect(answer.fields["grpc-status"] == code)
    try node.stop()
  }

  @Test(arguments: [
    ([UInt8](repeating: 2, count: 5), "13"), ([1, 0, 0, 0, 0], "12"), ([0, 0, 0, 0], "13"), ([], "12"),
    ([0, 0, 4, 0, 1], "8"), ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "12"),
    ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9], "13"),
  ])
  func aUnaryCallThatIsNotOneMessageIsRefusedWithOneStatus(_ body: [UInt8], _ code: String) throws {
    let mesh = try TestMesh()
    let node = try TestNode(mesh.security("node-b"))
    let client = try HTTP3Client(mesh.security("node-a"), to: node.address)
    let answer = try client.waitGone(client.request(HTTP3Client.fields("Ping"), body: body))
    #expect(answer.fields["grpc-status"] == code)
    try node.stop()
  }

  @Test func aPeerHasSixteenStreamsAndGetsANewOneForEachThatEnds() throws {
    let mesh = try TestMesh()
    let node = try TestNode(mesh.security("node-b"))
    let client = try HTTP3Client(mesh.security("node-a"), to: node.address)
    let streams = try (0..<16).map { _ in try client.request(HTTP3Client.fields("Ping")) }
    #expect(client.http?.submitRequest(HTTP3Client.fields("Ping")) == nil)
    _ = client.http?.send([], message([1]), on: streams[7])
    client.http?.finish(streams[7])
    node.post(.reply(try waitCalled(node, by: client).id, []))
    _ = try client.waitGone(streams[7])
    let late = try client.pump("a seventeenth stream") { client.http?.submitRequest(HTTP3Client.fields("Pong")) }
    client.http?.finish(late)
    #expect(try client.waitGone(late).fields["grpc-status"] == "12")
    try node.stop()
  }

  @Test func aHeaderSectionAtTheLimitIsReadAndOneOverItClosesTheConnection() throws {
    let mesh = try TestMesh()
    let node = try TestNode(mesh.security("node-b"))
    let client = try HTTP3Client(mesh.security("node-a"), to: node.address)
    let fields = HTTP3Client.fields("Pong")
    let used = fields.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 32 } + 32 + 1
    let filler = String(repeating: "x", count: LinkLimits().http3.sectionBytesMax - used)
    let good = try client.request(fields + [HTTPField("x", filler)], body: [])
    #expect(try client.waitGone(good).fields["grpc-status"] == "12")
    _ = try client.request(fields + [HTTPField("x", filler + "x")], body: [])
    let close = try client.waitClosedByPeer()
    #expect(close.isApplication && close.code == HTTP3ErrorCode.excessiveLoad)
    try node.stop()
  }

  @Test func aBrokenHTTP3RuleClosesTheConnectionWithItsCode() throws {
    let mesh = try TestMesh()
    let node = try TestNode(mesh.security("node-b"))
    let client = try HTTP3Client(mesh.security("node-a"), to: node.address)
    _ = try client.waitGone(client.request(HTTP3Client.fields("Pong"), body: []))
    // The control stream, which may never end (RFC 9114 §6.2.1), is the server's first unidirectional one.
    // The client's own HTTP/3 must not notice first.
    client.quic.streams = nil
    client.quic.stopReading(stream: 3, code: HTTP3ErrorCode.noError)
    let close = try client.waitClosedByPeer()
    #expect(close.isApplication && close.code == 0x104)
    try node.stop()
  }

  private func openLink(_ client: HTTP3Client, to node: TestNode) throws -> Int64 {
    let stream = try client.request(MeshRequest.linkFields(authority: "mesh"))
    try client.pump("link") { client.answers[stream]?.fields.isEmpty == false ? true : nil }
    _ = try node.waitOpened(.accepted(1))
    return stream
  }

  private func pump(_ client: HTTP3Client, untilClosedAt node: TestNode) throws -> LinkEnd {
    try client.pump("end of the link") {
      for case .closed(.accepted(1), let end) in node.allEvents { return end }
      return nil
    }
  }

  @Test func aLinkWhoseStreamThePeerBreaksOffEnds() throws {
    let mesh = try TestMesh()
    let node = try TestNode(mesh.security("node-b"))
    let client = try HTTP3Client(mesh.security("node-a"), to: node.address)
    let stream = try openLink(client, to: node)
    client.quic.stopWriting(stream: stream, code: HTTP3ErrorCode.requestCancelled)
    #expect(try pump(client, untilClosedAt: node) == .closed)
    try node.stop()
  }

  @Test func aLinkWhosePeerTakesNothingMoreEndsWhenSomethingIsSent() throws {
    let mesh = try TestMesh()
    let node = try TestNode(mesh.security("node-b"))
    let client = try HTTP3Client(mesh.security("node-a"), to: node.address)
    let stream = try openLink(client, to: node)
    client.quic.stopReading(stream: stream, code: HTTP3ErrorCode.requestCancelled)
    let end = try client.pump("end of the link") { () -> LinkEnd? in
      node.post(.send(.accepted(1), [1]))
      for case .closed(.accepted(1), let end) in node.allEvents { return end }
      return nil
    }
    #expect(end == .closed)
    try node.stop()
  }

  @Test func aSecondLinkOnAConnectionIsRefused() throws {
    let mesh = try TestMesh()
    let node = try TestNode(mesh.security("node-b"))
    let client = try HTTP3Client(mesh.security("node-a"), to: node.address)
    _ = try openLink(client, to: node)
    let second = try client.request(MeshRequest.linkFields(authority: "mesh"), body: [])
    #expect(try client.waitGone(second).fields["grpc-status"] == "6")
    try node.stop()
  }

  @Test func aPeerThatDoesNotReadLosesItsLinkAtTheLimitOfTheQueue() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.sendQueueBytesMax = 100_000
    let node = try TestNode(mesh.security("node-b"), limits: limits)
    let client = try HTTP3Client(mesh.security("node-a"), to: node.address)
    _ = try openLink(client, to: node)
    // The client is not driven from here on, so nothing is acknowledged.
    node.post(.send(.accepted(1), [UInt8](repeating: 1, count: 99_995)))
    node.post(.send(.accepted(1), []))
    #expect(try node.waitClosed(.accepted(1)) == .protocolError("peer does not read"))
    try node.stop()
  }

  @Test func aConnectionThatOnlyStaysAliveWithoutALinkOrACallIsClosed() throws {
    let mesh = try TestMesh()
    let node = try TestNode(mesh.security("node-b")) { $0.idleTimeout = .seconds(3) }
    let client = try HTTP3Client(mesh.security("node-a"), to: node.address)
    let call = try client.request(HTTP3Client.fields("Ping"))
    client.quic.keepAlive(every: .milliseconds(50))
    _ = client.http?.send([], [0], on: call)
    let close = try client.waitClosedByPeer()
    #expect(close.isApplication && close.code == HTTP3ErrorCode.noError)
    try node.stop()
  }

  @Test func aCallThatIsNeverAnsweredHoldsItsConnectionForTheTimeOfTheLongestCall() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.calls.deadlineMax = .seconds(9)
    let node = try TestNode(mesh.security("node-b"), limits: limits) { $0.idleTimeout = .seconds(4) }
    let client = try HTTP3Client(mesh.security("node-a"), to: node.address)
    client.quic.keepAlive(every: .milliseconds(50))
    let began = MonotonicClock.now()
    _ = try client.request(HTTP3Client.fields("Ping"), body: message([1]))
    _ = try waitCalled(node, by: client)
    let close = try client.waitClosedByPeer()
    #expect(close.isApplication && close.code == HTTP3ErrorCode.noError)
    #expect(MonotonicClock.now().since(began) > .seconds(6))
    try node.stop()
  }
}
