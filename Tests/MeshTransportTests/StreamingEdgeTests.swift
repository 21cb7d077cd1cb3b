import Foundation
import MeshBasics
import Testing

@testable import MeshTransport

private let get = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n"
private let opening = HTTP2Session.preface + HTTP2Frame.settings().bytes

extension EdgeServer {
  fileprivate func tell(_ line: String) {
    script.add(line)
    edge.wake()
  }
}

@Test func theHeadOfAStreamDoesNotWaitForItsFirstPart() throws {
  let server = try EdgeServer()
  let client = try EdgeClient(port: server.edge.port)
  client.send(get)
  #expect(client.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200 OK\r\n"))
  server.tell("one")
  #expect(client.read(until: "one").hasPrefix("3\r\none"))
  server.tell("end")
  #expect(client.read(until: "0\r\n\r\n").hasSuffix("0\r\n\r\n"))
  client.send("GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  #expect(client.readToEnd().hasSuffix("GET /next 0"), "the connection goes on")
  #expect(server.stop())
}

@Test func streamsAndOtherRequestsShareAConnectionOfHTTP2() throws {
  let server = try EdgeServer()
  let client = try EdgeClient(port: server.edge.port)
  client.send(bytes: opening + HTTP2Frame.get(1, "/stream").bytes + HTTP2Frame.get(3, "/stream").bytes)
  let reader = HTTP2Reader()
  #expect(client.read(into: reader) { $0.answers[1]?.status == "200" && $0.answers[3]?.status == "200" })
  server.tell("one")
  client.send(bytes: HTTP2Frame.get(5, "/other").bytes)
  #expect(
    client.read(into: reader) {
      $0.answers[1]?.body == Array("one".utf8) && $0.answers[3]?.body == Array("one".utf8)
        && $0.answers[5]?.isWhole == true
    })
  client.send(bytes: HTTP2Frame.reset(3).bytes)
  server.tell("end")
  #expect(client.read(into: reader) { $0.answers[1]?.isWhole == true })
  #expect(reader.answers[1]?.body == Array("one".utf8))
  #expect(server.stop())
}

@Test func streamsAndOtherRequestsShareAConnectionOfHTTP3() throws {
  let edge = try TLSEdge()
  let client = try HTTP3Client(
    edge.mesh.security("node-a"), to: #require(SocketAddress(literal: "127.0.0.1", port: edge.server.edge.port)))
  let stream = try client.request(HTTP3Client.fields("GET", of: "/stream"), body: [])
  try client.pump("head") { client.answers[stream]?.fields[":status"] }
  edge.server.tell("one")
  try client.pump("part") { client.answers[stream]?.body == Array("one".utf8) ? true : nil }
  let other = try client.waitEnded(client.request(HTTP3Client.fields("GET", of: "/other"), body: []))
  #expect(other.body == Array("GET /other 0".utf8))
  edge.server.tell("end")
  let answer = try client.waitEnded(stream)
  #expect(answer.body == Array("one".utf8) && answer.trailers["told"] == "all")
  #expect(edge.server.stop())
}

/// More is told than a turn sends, all the time: the one that came first must not have it all.
@Test func streamsOfOneConnectionOfHTTP3TakeTurns() throws {
  let edge = try TLSEdge()
  let client = try HTTP3Client(
    edge.mesh.security("node-a"), to: #require(SocketAddress(literal: "127.0.0.1", port: edge.server.edge.port)))
  let streams = try (0..<8).map { _ in try client.request(HTTP3Client.fields("GET", of: "/stream"), body: []) }
  for stream in streams { try client.pump("head") { client.answers[stream]?.fields[":status"] } }
  let line = String(repeating: "x", count: 16 << 10)
  for _ in 0..<32 { edge.server.script.add(line) }
  edge.server.tell("")
  func count(_ stream: Int64) -> Int { client.answers[stream]?.body.count ?? 0 }
  try client.pump("a part of all") { streams.reduce(0) { $0 + count($1) } > 1 << 20 ? true : nil }
  let counts = streams.map(count)
  #expect((counts.min() ?? 0) > (counts.max() ?? 0) / 4, "\(counts)")
  edge.server.tell("end")
  for stream in streams { #expect(try client.waitEnded(stream).body.count == 32 * line.utf8.count) }
  #expect(edge.server.stop())
}

@Test func aReaderThatStopsReadingIsAskedForNoMoreAndLosesItsConnectionInTime() throws {
  var options = EdgeOptions()
  options.writeTimeout = .milliseconds(500)
  let server = try EdgeServer(options)
  let client = try EdgeClient(port: server.edge.port)
  client.send(get)
  _ = client.read(until: "\r\n\r\n")
  for _ in 0..<1_000 { server.script.add(String(repeating: "x", count: 100_000)) }
  server.edge.wake()
  // Longer than it may stand still; nobody reads meanwhile.
  usleep(1_500_000)
  let asked = server.script.asked
  // All that the kernel holds for a socket of this host, and one part.
  #expect(asked > 0 && asked < 200, "\(asked) parts of 100 kB")
  let text = client.readToEnd()
  #expect(text.utf8.count < 20_000_000 && server.script.asked == asked, "cut off")
  #expect(server.stop())
}

@Test func aReaderThatReadsSlowlyGetsAll() throws {
  var options = EdgeOptions()
  options.writeTimeout = .seconds(4)
  let server = try EdgeServer(options)
  let client = try EdgeClient(port: server.edge.port)
  client.send("GET /x HTTP/1.1\r\nHost: a\r\nX-Size: 30000000\r\nConnection: close\r\n\r\n")
  // Less in each 4 s than the kernel waits for before it says that there is room, for three times as long.
  #expect(client.readSlowly(pieces: 40, of: 32_768, each: .milliseconds(300)) > 30_000_000)
  #expect(server.stop())
}

@Test func whoSaysNoMoreAmidAStreamIsGone() throws {
  let server = try EdgeServer()
  let (one, two) = (try EdgeClient(port: server.edge.port), try EdgeClient(port: server.edge.port))
  one.send(get)
  two.send(bytes: opening + HTTP2Frame.get(1, "/stream").bytes)
  let reader = HTTP2Reader()
  #expect(one.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
  #expect(two.read(into: reader) { $0.answers[1]?.status == "200" })
  one.endOutput()
  two.endOutput()
  let start = MonotonicClock.now()
  #expect(one.readToEnd() == "" && !two.read(into: reader) { $0.answers[1]?.isWhole == true })
  #expect(MonotonicClock.now().since(start) < .seconds(15), "ended by the server, not by the test's patience")
  #expect(server.stop())
}

@Test func aBodyIsAskedAgainWhenItSaidSo() throws {
  let edge = try TLSEdge()
  let client = try HTTP3Client(
    edge.mesh.security("node-a"), to: #require(SocketAddress(literal: "127.0.0.1", port: edge.server.edge.port)))
  let stream = try client.request(HTTP3Client.fields("GET", of: "/clock"), body: [])
  #expect(try client.waitEnded(stream).body == Array("tickticktick".utf8))
  #expect(edge.server.stop())
  let server = try EdgeServer()
  let (one, two) = (try EdgeClient(port: server.edge.port), try EdgeClient(port: server.edge.port))
  one.send(get.replacingOccurrences(of: "/stream", with: "/clock"))
  two.send(bytes: opening + HTTP2Frame.get(1, "/clock").bytes)
  let reader = HTTP2Reader()
  #expect(one.read(until: "\r\n0\r\n\r\n").components(separatedBy: "tick").count == 4)
  #expect(two.read(into: reader) { $0.answers[1]?.isWhole == true })
  #expect(reader.answers[1]?.body.count == 12)
  #expect(server.stop())
}

@Test func whoStreamsHasTimeButLeavesPlacesForOthers() throws {
  var options = EdgeOptions()
  options.connectionsMax = 4
  options.idleTimeout = .milliseconds(300)
  let server = try EdgeServer(options)
  let clients = try (0..<3).map { _ in try EdgeClient(port: server.edge.port) }
  for client in clients {
    client.send(get)
    #expect(client.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
  }
  let fourth = try EdgeClient(port: server.edge.port)
  fourth.send(get)
  let refused = fourth.read(until: "go on.\n")
  #expect(refused.hasPrefix("HTTP/1.1 503 ") && refused.contains("Retry-After: 1\r\n"))
  usleep(600_000)
  server.tell("still there")
  for client in clients { #expect(client.read(until: "still there").contains("still there")) }
  #expect(server.stop())
}

@Test func aStopEndsStreamsWhole() throws {
  let edge = try TLSEdge()
  let server = try EdgeServer()
  let (one, two) = (try EdgeClient(port: server.edge.port), try EdgeClient(port: server.edge.port))
  one.send(get)
  two.send(bytes: opening + HTTP2Frame.get(1, "/stream").bytes)
  let reader = HTTP2Reader()
  #expect(one.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
  #expect(two.read(into: reader) { $0.answers[1]?.status == "200" })
  let three = try HTTP3Client(
    edge.mesh.security("node-a"), to: #require(SocketAddress(literal: "127.0.0.1", port: edge.server.edge.port)))
  let stream = try three.request(HTTP3Client.fields("GET", of: "/stream"), body: [])
  try three.pump("head") { three.answers[stream]?.fields[":status"] }
  server.edge.stop()
  edge.server.edge.stop()
  #expect(one.readToEnd() == "0\r\n\r\n")
  #expect(two.read(into: reader) { $0.answers[1]?.isWhole == true })
  #expect(try three.waitEnded(stream).trailers["told"] == "all")
  #expect(server.stop() && edge.server.stop())
}

@Test func anAnswerThatComesLaterIsWholeAndTheConnectionGoesOn() throws {
  let server = try EdgeServer()
  let one = try EdgeClient(port: server.edge.port)
  one.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  let two = try EdgeClient(port: server.edge.port)
  two.send(bytes: opening + HTTP2Frame.get(1, "/later").bytes + HTTP2Frame.get(3, "/other").bytes)
  let reader = HTTP2Reader()
  #expect(two.read(into: reader) { $0.answers[3]?.isWhole == true })
  #expect(reader.answers[1]?.status == nil, "other requests don't wait for it")
  server.tell("now")
  let text = one.readToEnd()
  #expect(text.hasPrefix("HTTP/1.1 202 Accepted\r\nX-Line: now\r\nDate: ") && text.hasSuffix("GET /next 0"))
  #expect(text.contains("Content-Length: 3\r\n\r\nnowHTTP/1.1 200 OK"))
  #expect(two.read(into: reader) { $0.answers[1]?.isWhole == true })
  #expect(reader.answers[1]?.status == "202" && reader.answers[1]?.body == Array("now".utf8))
  #expect(server.stop())
}

@Test func whoSaysNoMoreStillGetsAnAnswerThatComesLater() throws {
  let server = try EdgeServer()
  let client = try EdgeClient(port: server.edge.port)
  client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
  client.endOutput()
  usleep(50_000)
  server.tell("now")
  #expect(client.readToEnd().hasSuffix("\r\n\r\nnow"))
  #expect(server.stop())
}

@Test func anAnswerThatComesLaterIsWholeOverHTTP3() throws {
  let edge = try TLSEdge()
  let client = try HTTP3Client(
    edge.mesh.security("node-a"), to: #require(SocketAddress(literal: "127.0.0.1", port: edge.server.edge.port)))
  let stream = try client.request(HTTP3Client.fields("GET", of: "/later"), body: [])
  _ = try client.waitEnded(client.request(HTTP3Client.fields("GET", of: "/other"), body: []))
  #expect(client.answers[stream]?.fields.isEmpty != false)
  edge.server.tell("now")
  let answer = try client.waitEnded(stream)
  #expect(answer.fields[":status"] == "202" && answer.fields["x-line"] == "now" && answer.body == Array("now".utf8))
  #expect(answer.fields["date"] != nil)
  #expect(edge.server.stop())
}

@Test func aStopEndsWaitingForAnAnswer() throws {
  let server = try EdgeServer()
  let (one, two) = (try EdgeClient(port: server.edge.port), try EdgeClient(port: server.edge.port))
  one.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
  two.send(bytes: opening + HTTP2Frame.get(1, "/later").bytes + HTTP2Frame.get(3, "/other").bytes)
  let reader = HTTP2Reader()
  #expect(two.read(into: reader) { $0.answers[3]?.isWhole == true })
  usleep(100_000)
  server.edge.stop()
  #expect(one.readToEnd().hasPrefix("HTTP/1.1 503 "))
  #expect(two.read(into: reader) { $0.answers[1]?.status == "503" })
  #expect(server.stop())
}
