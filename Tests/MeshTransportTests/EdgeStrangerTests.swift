import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

// Strangers take each other's places on a listener with TLS, and nobody else's. The tests' clients are all on this
// host, so most listeners here are told not to know it.

/// A client of HTTP/1.1 over TLS that stays.
final class TLSCaller {
  private let wire: ClientWire

  convenience init(_ edge: TLSEdge, certificate: String) throws {
    try self.init(edge, showing: edge.mesh.options(certificate))
  }

  init(_ edge: TLSEdge, showing own: SecurityOptions? = nil) throws {
    var options = TLSClientOptions()
    options.authorityPath = edge.mesh.authority.authorityPath
    if let own { (options.certificatePath, options.keyPath) = (own.certificatePath, own.keyPath) }
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let address = try #require(SocketAddress(literal: "127.0.0.1", port: edge.server.edge.port))
    #expect(address.withSockaddr { Glibc.connect(socket, $0, $1) } == 0)
    let tls = try #require(TLSStream(try TLSClient(options), to: "localhost"))
    wire = ClientWire(socket, tls: tls, deadline: MonotonicClock.now() + .seconds(20))
  }

  /// Sends `text` and nothing more.
  func say(_ text: String) throws { try wire.send(Array(text.utf8)) }

  /// Whether it is answered; `caller` is its other credential.
  func ask(_ path: String, as caller: String? = nil) -> Bool {
    do {
      let credential = caller.map { "X-Caller: \($0)\r\n" } ?? ""
      try say("GET \(path) HTTP/1.1\r\nHost: a\r\n\(credential)\r\n")
      var answer = ""
      while !answer.hasSuffix("GET \(path) 0") {
        let bytes = try wire.receive()
        if bytes.isEmpty { return false }
        answer += String(decoding: bytes, as: UTF8.self)
      }
      return true
    } catch {
      return false
    }
  }
}

private func options(_ change: (inout EdgeOptions) -> Void = { _ in }) -> EdgeOptions {
  var options = EdgeOptions()
  (options.connectionsMax, options.strangersMax, options.knowsOwnHost) = (4, 2, false)
  change(&options)
  return options
}

@Test func ofTooManyStrangersTheOneThatCameFirstGoesThoughItIsBusy() throws {
  let edge = try TLSEdge(options())
  let strangers = try (0..<3).map { _ in
    let stranger = try TLSCaller(edge)
    // A request that never ends: it is not idle.
    try stranger.say("GET / HTTP/1.1\r\nHost:")
    return stranger
  }
  let raw = try EdgeClient(port: edge.server.edge.port)
  let known = try TLSCaller(edge, certificate: "node-b")
  #expect(known.ask("/"), "strangers have gone for the one without TLS and for this one")
  #expect(!strangers[0].ask("/") && !strangers[1].ask("/"))
  raw.endOutput()
  #expect(edge.server.stop())
}

@Test func whoShowsACertificateOrAnotherCredentialKeepsItsPlace() throws {
  let edge = try TLSEdge(options())
  let byCertificate = try TLSCaller(edge, certificate: "node-b")
  let byToken = try TLSCaller(edge)
  #expect(byCertificate.ask("/") && byToken.ask("/", as: "anna"))
  for _ in 0..<6 {
    let stranger = try TLSCaller(edge)
    #expect(stranger.ask("/"), "each gets in")
    try stranger.say("GET / HTTP/1.1\r\nHost:")
  }
  #expect(byCertificate.ask("/") && byToken.ask("/"))
  #expect(edge.server.stop())
}

@Test func oneAddressHasAShareOfWhatStrangersHave() throws {
  let edge = try TLSEdge(options { ($0.strangersMax, $0.strangersPerAddressMax) = (4, 1) })
  let (first, second) = (try TLSCaller(edge), try TLSCaller(edge))
  #expect(second.ask("/") && !first.ask("/"))
  #expect(edge.server.stop())
}

@Test func callersOfThisHostAreNoStrangersUnlessTheyNeedACertificate() throws {
  let edge = try TLSEdge(options { $0.knowsOwnHost = true })
  let callers = try (0..<4).map { _ in try TLSCaller(edge) }
  for caller in callers { #expect(caller.ask("/")) }
  for caller in callers { #expect(caller.ask("/")) }
  #expect(edge.server.stop())
  let mutual = try TLSEdge(options { $0.knowsOwnHost = true }, requiresClientCertificate: true)
  let silent = try (0..<3).map { _ in try EdgeClient(port: mutual.server.edge.port) }
  #expect(silent[0].readToEnd().isEmpty)
  #expect(try TLSCaller(mutual, certificate: "node-b").ask("/"))
  #expect(mutual.server.stop())
}

@Test func strangersOverQUICTakeEachOthersPlaces() throws {
  let edge = try TLSEdge(options())
  let (address, security) = (
    try #require(SocketAddress(literal: "127.0.0.1", port: edge.server.edge.port)), try edge.mesh.security("node-a")
  )
  func isServed(_ client: HTTP3Client) throws -> Bool {
    let answer = try client.waitEnded(client.request(HTTP3Client.fields("GET", of: "/"), body: []))
    return answer.fields[":status"] == "200"
  }
  // They are idle once they have acknowledged their answers.
  let known = try (0..<2).map { _ in try HTTP3Client(security, to: address) }
  for client in known {
    #expect(try isServed(client))
    let end = MonotonicClock.now() + .milliseconds(200)
    try client.pump("the acknowledgement") { MonotonicClock.now() > end ? true : nil }
  }
  // These never finish what they began.
  let strangers = try (0..<2).map { _ in try HTTP3Client(security, to: address) }
  for stranger in strangers { try stranger.pump("first packet") { true } }
  // All places are taken.
  let late = try HTTP3Client(security, to: address)
  #expect(try isServed(late))
  for client in known { #expect(try isServed(client)) }
  let figures = edge.server.edge.statistics
  #expect(figures.first { $0.name == "retriesSent" }?.value ?? 0 >= 1, "an address that may be forged takes no place")
  #expect(figures.first { $0.name == "connectionsRefused" }?.value == 0)
  #expect(edge.server.stop())
}
