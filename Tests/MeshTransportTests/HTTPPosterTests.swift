import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

/// A poster on a reactor of its own, turned by the test.
final class Posting {
  let reactor: Reactor
  let poster: HTTPPoster
  private let server: Endpoint
  private let address: SocketAddress
  private var last: UInt64 = 0

  init(to port: UInt16, as security: NodeSecurity, idleTimeout: Duration = .seconds(30)) throws {
    reactor = try Reactor()
    server = try #require(Endpoint(host: "localhost", port: port))
    address = try #require(SocketAddress(literal: "127.0.0.1", port: port))
    var options = HTTPPoster.Options(local: try #require(SocketAddress(literal: "0.0.0.0", port: 0)))
    options.idleTimeout = idleTimeout
    poster = try HTTPPoster(reactor: reactor, security: security, options: options) { _ in }
  }

  func begin(_ body: String, path: String = "/here") -> UInt64 {
    last += 1
    poster.post(last, to: address, host: server, path: path, body: Array(body.utf8), MonotonicClock.now())
    return last
  }

  /// Turns until something has ended, for so long at most.
  func ends(within wait: Duration = .seconds(10)) -> [HTTPPoster.End] {
    let end = MonotonicClock.now() + wait
    while MonotonicClock.now() < end {
      let ends = poster.takeEnds()
      if !ends.isEmpty { return ends }
      reactor.turn(until: min(end, poster.expire(MonotonicClock.now())))
    }
    return []
  }

  func answer(_ body: String) throws -> HTTPResponse {
    let request = begin(body)
    let end = try #require(ends().first)
    #expect(end.request == request)
    return try end.outcome.get()
  }
}

private func poster(to edge: TLSEdge, _ name: String = "caller", idleTimeout: Duration = .seconds(30)) throws -> Posting
{
  try Posting(to: edge.server.edge.port, as: edge.mesh.security(name), idleTimeout: idleTimeout)
}

@Test func aPostIsAnsweredAndItsConnectionServesTheNext() throws {
  let edge = try TLSEdge(requiresClientCertificate: true)
  let posting = try poster(to: edge)
  for body in ["{}", "[1,2]"] {
    let answer = try posting.answer(body)
    #expect(String(decoding: answer.body, as: UTF8.self) == "POST /here \(body.count)")
    #expect((answer.status, answer.header("X-Peer")) == (200, "caller"))
    #expect(posting.poster.connectionCount == 1)
  }
  posting.poster.close()
  #expect(posting.poster.connectionCount == 0)
  #expect(edge.server.stop())
}

@Test func manyPostsAtOnceHaveConnectionsOfTheirOwn() throws {
  let edge = try TLSEdge(requiresClientCertificate: true)
  let posting = try poster(to: edge)
  let requests = (0..<8).map { posting.begin(String(repeating: "x", count: $0 + 1)) }
  var ended: [UInt64: String] = [:]
  while ended.count < 8 {
    let ends = posting.ends()
    try #require(!ends.isEmpty)
    for end in ends { ended[end.request] = String(decoding: try end.outcome.get().body, as: UTF8.self) }
  }
  for (place, request) in requests.enumerated() { #expect(ended[request] == "POST /here \(place + 1)") }
  #expect(posting.poster.connectionCount == 8)
  #expect(edge.server.stop())
}

@Test func aConnectionThatTheServerHasClosedMeanwhileCostsNoRequest() throws {
  var options = EdgeOptions()
  options.idleTimeout = .milliseconds(50)
  let edge = try TLSEdge(options, requiresClientCertificate: true)
  let posting = try poster(to: edge)
  _ = try posting.answer("{}")
  usleep(400_000)
  #expect(try posting.answer("{}").status == 200)
  #expect(edge.server.stop())
}

@Test func aConnectionThatIsIdleForTooLongIsClosed() throws {
  let edge = try TLSEdge(requiresClientCertificate: true)
  let posting = try poster(to: edge, idleTimeout: .milliseconds(50))
  _ = try posting.answer("{}")
  #expect(posting.ends(within: .milliseconds(300)).isEmpty)
  #expect(posting.poster.connectionCount == 0)
  #expect(edge.server.stop())
}

@Test func aServerThatAnotherAuthorityVouchesForIsRefused() throws {
  let edge = try TLSEdge()
  let stranger = try TestMesh()
  let posting = try Posting(to: edge.server.edge.port, as: stranger.security("caller"))
  _ = posting.begin("{}")
  let end = try #require(posting.ends().first)
  #expect(end.refusal?.isEmpty == false)
  #expect(throws: TransportError.self) { try end.outcome.get() }
  #expect(posting.poster.connectionCount == 0)
  #expect(edge.server.stop())
}

@Test func nothingIsToldOfARequestThatWasAbandoned() throws {
  let edge = try TLSEdge(requiresClientCertificate: true)
  let posting = try poster(to: edge)
  posting.poster.abandon(posting.begin("{}"))
  #expect(posting.poster.connectionCount == 0)
  #expect(posting.ends(within: .milliseconds(200)).isEmpty)
  #expect(edge.server.stop())
}

@Test func aPortWhereNobodyListensIsAFailureThatNamesIt() throws {
  let mesh = try TestMesh()
  let posting = try Posting(to: 1, as: mesh.security("caller"))
  _ = posting.begin("{}")
  let end = try #require(posting.ends().first)
  let reason = #expect(throws: TransportError.self) { try end.outcome.get() }
  #expect(reason?.description.contains("127.0.0.1:1") == true)
}
