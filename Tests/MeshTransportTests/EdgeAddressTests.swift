import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

// One control listener at several addresses.

private let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

@Test func eachAddressIsServedWithTLSOrWithoutAndAnnouncesItsOwnHTTP3() throws {
  let edge = try TLSEdge(further: [("127.0.0.1", true), ("127.0.0.1", false), ("::1", false)])
  let ports = edge.server.edge.ports
  #expect(ports.count == 4 && !ports.contains(0))
  for port in ports.prefix(2) {
    let answer = try edge.curl("-w", "|%header{alt-svc}", "https://localhost:\(port)/a")
    #expect(answer.output == "GET /a 0|h3=\":\(port)\"; ma=3600")
    let client = try HTTP3Client(
      edge.mesh.security("node-a"), to: #require(SocketAddress(literal: "127.0.0.1", port: port)))
    let over = try client.waitEnded(client.request(HTTP3Client.fields("GET", of: "/b"), body: []))
    #expect(over.fields["x-version"] == "HTTP/3" && over.body == Array("GET /b 0".utf8))
  }
  for (host, port) in [("127.0.0.1", ports[2]), ("[::1]", ports[3])] {
    let answer = try HTTPClient.get(url: "http://\(host):\(port)/c", timeout: .seconds(20))
    #expect(answer.status == 200 && answer.header("Alt-Svc") == nil)
  }
  #expect(edge.server.edge.statistics.first { $0.name == "handshakesAccepted" }?.value == 2)
  #expect(edge.server.stop())
}

@Test func allAddressesShareTheConnectionsOverTCP() throws {
  var options = EdgeOptions()
  options.connectionsMax = 2
  let server = try EdgeServer(options, further: [("127.0.0.1", false)])
  let ports = server.edge.ports
  let clients = try [ports[0], ports[1], ports[1]].map { port in
    let client = try EdgeClient(port: port)
    client.send(request)
    #expect(client.read(until: "GET / 0").hasSuffix("GET / 0"))
    return client
  }
  #expect(clients[0].readToEnd().isEmpty, "who was idle for longest at the other address")
  clients[1].send(request)
  #expect(clients[1].read(until: "GET / 0").hasSuffix("GET / 0"))
  #expect(server.stop())
}

@Test func allAddressesShareTheConnectionsOverQUIC() throws {
  var options = EdgeOptions()
  options.connectionsMax = 2
  let edge = try TLSEdge(options, further: [("127.0.0.1", true)])
  let ports = edge.server.edge.ports
  let clients = try [ports[0], ports[1], ports[1]].map { port in
    let client = try HTTP3Client(
      edge.mesh.security("node-a"), to: #require(SocketAddress(literal: "127.0.0.1", port: port)))
    _ = try client.waitEnded(client.request(HTTP3Client.fields("GET", of: "/"), body: []))
    // Only whoever has acknowledged its answer is idle.
    let end = MonotonicClock.now() + .milliseconds(200)
    try client.pump("the acknowledgement") { MonotonicClock.now() > end ? true : nil }
    return client
  }
  #expect(try clients[0].waitClosedByPeer().code == HTTP3ErrorCode.noError)
  for client in clients.dropFirst() {
    let answer = try client.waitEnded(client.request(HTTP3Client.fields("GET", of: "/"), body: []))
    #expect(answer.fields[":status"] == "200")
  }
  #expect(edge.server.stop())
}

@Test func aStopFreesEveryAddress() throws {
  let edge = try TLSEdge(further: [("127.0.0.1", true), ("127.0.0.1", false)])
  let ports = edge.server.edge.ports
  #expect(edge.server.stop())
  for (port, speaksTLS) in zip(ports, [true, true, false]) {
    _ = try EdgePort(binding: #require(SocketAddress(literal: "127.0.0.1", port: port)), speaksTLS: speaksTLS)
  }
}
