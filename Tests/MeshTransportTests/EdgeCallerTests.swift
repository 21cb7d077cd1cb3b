import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

// One caller takes some of the places of a listener, and leaves the others.

private func options(_ connectionsPerCallerMax: Int = 2) -> EdgeOptions {
  var options = EdgeOptions()
  (options.connectionsMax, options.connectionsPerCallerMax) = (8, connectionsPerCallerMax)
  return options
}

private func request(_ path: String = "/", as caller: String? = nil) -> String {
  "GET \(path) HTTP/1.1\r\nHost: a\r\n\(caller.map { "X-Caller: \($0)\r\n" } ?? "")\r\n"
}

extension EdgeClient {
  /// Whether it is answered; `caller` is its credential.
  fileprivate func ask(as caller: String? = nil) -> Bool {
    send(request(as: caller))
    return read(until: "GET / 0").hasSuffix("GET / 0")
  }

  /// Whether it gets a stream, which goes on.
  fileprivate func watch(as caller: String) -> Bool {
    send(request("/stream", as: caller))
    return read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200 ")
  }
}

extension EdgeServer {
  fileprivate func client() throws -> EdgeClient { try EdgeClient(port: edge.port) }

  /// The limits that were told as reached, and by whom, without the port.
  fileprivate var limits: [String] {
    observations.compactMap {
      guard case .limitReached(let name, let peer, _) = $0 else { return nil }
      return "\(name) by \(peer.prefix { $0 != ":" })"
    }
  }
}

@Test func ofTooManyConnectionsOfOneCallerTheLongestIdleGoes() throws {
  let server = try EdgeServer(options())
  let anna = try (0..<3).map { _ in
    let client = try server.client()
    #expect(client.ask(as: "anna"))
    return client
  }
  #expect(anna[0].readToEnd().isEmpty)
  let bert = try server.client()
  #expect(bert.ask(as: "bert") && anna[1].ask(as: "anna") && anna[2].ask(as: "anna"))
  #expect(server.stop())
  #expect(server.limits == ["control connections of one caller by anna at 127.0.0.1"])
}

@Test func whereNoneOfItsConnectionsIsIdleACallersNewOneIsRefused() throws {
  let server = try EdgeServer(options())
  let watchers = try (0..<2).map { _ in try server.client() }
  for watcher in watchers { #expect(watcher.watch(as: "anna")) }
  let third = try server.client()
  third.send(request(as: "anna"))
  let refusal = third.readToEnd()
  #expect(refusal.hasPrefix("HTTP/1.1 503 ") && refusal.contains("Retry-After: 1") && refusal.contains("has 2 conn"))
  let fourth = try server.client()
  fourth.send(
    bytes: HTTP2Session.preface + HTTP2Frame.settings().bytes + HTTP2Frame.get(1, "/", [("x-caller", "anna")]).bytes)
  let reader = HTTP2Reader()
  #expect(fourth.read(into: reader) { $0.answers[1]?.isWhole == true && $0.goaway != nil })
  #expect(reader.answers[1]?.status == "503")
  #expect(try server.client().ask(as: "bert"))
  server.script.add("one")
  server.edge.wake()
  for watcher in watchers { #expect(watcher.read(until: "one").hasPrefix("3\r\none"), "it goes on") }
  server.script.add("end")
  server.edge.wake()
  for watcher in watchers { #expect(watcher.read(until: "0\r\n\r\n").hasSuffix("0\r\n\r\n")) }
  #expect(try server.client().ask(as: "anna"), "one is idle now")
  #expect(server.stop())
  #expect(server.limits == Array(repeating: "control connections of one caller by anna at 127.0.0.1", count: 3))
}

/// Several requests at once, of which the first shows who asks.
@Test func nothingIsDoneForAConnectionThatIsOneTooMany() throws {
  let server = try EdgeServer(options(1))
  let first = try server.client()
  #expect(first.watch(as: "anna"))
  let second = try server.client()
  second.send(request(as: "anna") + request() + "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
  let told = second.readToEnd()
  #expect(told.hasPrefix("HTTP/1.1 503 ") && told.split(separator: "HTTP/1.1").count == 1)
  #expect(server.answered == 1)
  #expect(try server.client().ask(as: "bert"))
  withExtendedLifetime(first) {}
  #expect(server.stop())
}

@Test func oneCallerLeavesPlacesForTheWatchesOfOthers() throws {
  var options = options()
  options.connectionsMax = 4
  let server = try EdgeServer(options)
  var watchers: [EdgeClient] = []
  for (name, isServed) in [("anna", true), ("anna", true), ("anna", false), ("bert", true)] {
    watchers.append(try server.client())
    #expect(watchers[watchers.count - 1].watch(as: name) == isServed)
  }
  let carl = try server.client()
  carl.send(request("/stream", as: "carl"))
  #expect(carl.read(until: "go on.\n").hasPrefix("HTTP/1.1 503 "), "the last place is no watcher's")
  #expect(server.stop())
}

@Test func whoShowsNoCredentialIsNotCounted() throws {
  let server = try EdgeServer(options(1))
  let clients = try (0..<4).map { _ in try server.client() }
  for client in clients { #expect(client.ask()) }
  for client in clients { #expect(client.ask()) }
  #expect(server.stop() && server.limits.isEmpty)
}

@Test func aConnectionCountsByWhatItShowedFirst() throws {
  let server = try EdgeServer(options(1))
  let both = try server.client()
  #expect(both.ask() && both.ask(as: "anna") && both.ask(as: "bert"))
  #expect(try server.client().ask(as: "bert"))
  #expect(both.ask(as: "bert"))
  #expect(try server.client().ask(as: "anna"))
  #expect(both.readToEnd().isEmpty)
  #expect(server.stop())
  #expect(server.limits == ["control connections of one caller by anna at 127.0.0.1"])
}

@Test func aConnectionCountsByTheCallerOfItsRequestBeforeItsCertificate() throws {
  let edge = try TLSEdge(options())
  let own = try edge.mesh.options("node-b")
  func caller(_ name: String? = nil) throws -> TLSCaller {
    let caller = try TLSCaller(edge, showing: own)
    #expect(caller.ask("/", as: name))
    return caller
  }
  let byKey = [try caller(), try caller()]
  // The same certificate stands for each of these.
  let named = [try caller("anna"), try caller("bert")]
  let third = try caller()
  #expect(!byKey[0].ask("/") && byKey[1].ask("/") && third.ask("/") && named[0].ask("/") && named[1].ask("/"))
  // Another key of the same node, and one without a certificate that is anna too.
  #expect(try TLSCaller(edge, certificate: "node-b").ask("/"))
  let more = [try TLSCaller(edge), try TLSCaller(edge)]
  for caller in more { #expect(caller.ask("/", as: "anna")) }
  #expect(!named[0].ask("/") && named[1].ask("/"))
  #expect(edge.server.stop())
  let limit = "control connections of one caller by"
  #expect(edge.server.limits == ["\(limit) node-b at 127.0.0.1", "\(limit) anna at 127.0.0.1"])
}

@Test(arguments: [true, false]) func ofTooManyOfOneCallerOverQUICTheLongestIdleGoes(byCertificate: Bool) throws {
  let edge = try TLSEdge(options(), further: [("127.0.0.1", true)])
  let security = try edge.mesh.security("node-b")
  func client(_ port: Int) throws -> HTTP3Client {
    try HTTP3Client(
      security, to: #require(SocketAddress(literal: "127.0.0.1", port: edge.server.edge.ports[port])),
      showsCertificate: byCertificate)
  }
  func isServed(_ client: HTTP3Client, as caller: String = "anna") throws -> Bool {
    let credential = byCertificate ? [] : [HTTPField("x-caller", caller)]
    let answer = try client.waitEnded(client.request(HTTP3Client.fields("GET", of: "/", credential), body: []))
    try client.acknowledge()
    return answer.fields[":status"] == "200" && answer.fields["x-peer"] == (byCertificate ? "node-b" : "nobody")
  }
  let clients = try [client(0), client(1), client(1)]
  for client in clients { #expect(try isServed(client)) }
  #expect(try clients[0].waitClosedByPeer().code == HTTP3ErrorCode.noError, "at the other port")
  if !byCertificate { #expect(try isServed(client(0), as: "bert")) }
  #expect(try isServed(clients[1]) && isServed(clients[2]))
  #expect(edge.server.stop())
  let name = byCertificate ? "node-b" : "anna"
  #expect(edge.server.limits == ["control connections of one caller by \(name) at 127.0.0.1"])
}

@Test func overQUICWhereNoneOfItsConnectionsIsIdleACallersNewOneIsRefused() throws {
  let edge = try TLSEdge(options(), further: [("127.0.0.1", true)])
  let (one, two) = (try edge.mesh.security("node-b"), try edge.mesh.security("node-c"))
  func client(_ port: Int, _ security: NodeSecurity, showsCertificate: Bool = true) throws -> HTTP3Client {
    try HTTP3Client(
      security, to: #require(SocketAddress(literal: "127.0.0.1", port: edge.server.edge.ports[port])),
      showsCertificate: showsCertificate)
  }
  func fields(_ path: String, as caller: String?) -> [HTTPField] {
    HTTP3Client.fields("GET", of: path, caller.map { [HTTPField("x-caller", $0)] } ?? [])
  }
  func watch(_ client: HTTP3Client, as caller: String? = nil) throws -> Int64 {
    let stream = try client.request(fields("/stream", as: caller), body: [])
    #expect(try client.pump("head") { client.answers[stream]?.fields[":status"] } == "200")
    return stream
  }
  func expectRefused(_ client: HTTP3Client, as caller: String? = nil) throws {
    let answer = try client.waitEnded(client.request(fields("/", as: caller), body: []))
    #expect(answer.fields[":status"] == "503" && answer.fields["retry-after"] == "1")
    #expect(try client.waitClosedByPeer().code == HTTP3ErrorCode.noError)
  }
  let watchers = try [client(0, one), client(1, one)]
  let streams = try watchers.map { try watch($0) }
  try expectRefused(client(1, one))
  // The same by what requests show.
  let named = try (0..<2).map { try client($0, one, showsCertificate: false) }
  for client in named { _ = try watch(client, as: "anna") }
  try expectRefused(client(0, one, showsCertificate: false), as: "anna")
  #expect(edge.server.answered == 4)
  _ = try watch(client(0, two))
  edge.server.script.add("one")
  edge.server.edge.wake()
  for (watcher, stream) in zip(watchers, streams) {
    try watcher.pump("part") { watcher.answers[stream]?.body == Array("one".utf8) ? true : nil }
  }
  #expect(edge.server.edge.statistics.first { $0.name == "connectionsRefused" }?.value == 2)
  withExtendedLifetime(named) {}
  #expect(edge.server.stop())
}
