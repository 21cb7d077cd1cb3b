import Foundation
import MeshBasics
import Testing

@testable import MeshTransport

private let opening = HTTP2Session.preface + HTTP2Frame.settings().bytes

private func openedPost(_ stream: Int32) -> [UInt8] {
  HTTP2Frame.headers(stream, HTTP2Frame.fields("POST", "/"), flags: HTTP2Frame.endHeaders).bytes
}

@Test(.enabled(if: hasTool("curl"))) func curlSpeaksHTTP2ByPriorKnowledge() throws {
  let server = try EdgeServer()
  // One request for each run: Debian's curl 7.88 breaks a connection that it knew to be HTTP/2 when it uses it again
  // (its issue 10634), with any server.
  let result = try curl(["--http2-prior-knowledge", "-w", "|%{http_version} %{response_code}", "\(server.url)/1"])
  #expect(result.status == 0 && result.output == "GET /1 0|2 200")
  #expect(server.stop())
}

@Test(.enabled(if: hasTool("curl"))) func curlUploadsOverHTTP2WithAndWithoutExpect() throws {
  let server = try EdgeServer()
  let file = FileManager.default.temporaryDirectory.appendingPathComponent("meshkit-post2-\(getpid())")
  try Data(repeating: 65, count: 1_000_000).write(to: file)
  defer { try? FileManager.default.removeItem(at: file) }
  for extra in [["-H", "Expect: 100-continue"], ["-H", "Expect:"]] {
    let result = try curl(["--http2-prior-knowledge", "--data-binary", "@\(file.path)"] + extra + ["\(server.url)/p"])
    #expect(result.status == 0 && result.output == "POST /p 1000000")
  }
  #expect(server.stop())
}

@Test(.enabled(if: hasTool("curl"))) func curlThatOffersAnUpgradeStaysOnHTTP1() throws {
  let server = try EdgeServer()
  let result = try curl(["--http2", "-w", "|%{http_version}", "\(server.url)/1"])
  #expect(result.status == 0 && result.output == "GET /1 0|1.1")
  #expect(server.stop())
}

@Test(.enabled(if: hasTool("nghttp"))) func nghttpFetchesManyThingsAtOnce() throws {
  let server = try EdgeServer()
  let urls = (1...20).map { "\(server.url)/\($0)" }
  let result = try runTool("nghttp", ["--stat"] + urls)
  #expect(result.status == 0)
  for number in 1...20 { #expect(result.output.contains("GET /\(number) 0")) }
  #expect(server.stop())
}

@Test(.enabled(if: hasTool("h2load"))) func h2loadGetsAnAnswerToEachOfItsRequests() throws {
  let server = try EdgeServer()
  let result = try runTool("h2load", ["-n", "5000", "-c", "5", "-m", "50", "\(server.url)/"])
  #expect(result.status == 0 && result.output.contains("5000 succeeded, 0 failed, 0 errored, 0 timeout"))
  #expect(server.stop())
}

@Test func thePrefaceTellsHTTP2AlsoByteByByte() throws {
  let server = try EdgeServer()
  let client = try EdgeClient(port: server.edge.port)
  for byte in opening {
    client.send(bytes: [byte])
    // So that the server reads each by itself.
    usleep(1000)
  }
  client.send(bytes: HTTP2Frame.get(1, "/slow").bytes)
  let reader = HTTP2Reader()
  #expect(client.read(into: reader) { $0.answers[1]?.isWhole == true })
  #expect(reader.answers[1]?.body == Array("GET /slow 0".utf8) && reader.answers[1]?.fields["x-version"] == "HTTP/2")
  #expect(server.stop())
}

@Test func whatOnlyBeginsLikeThePrefaceIsHTTP1() throws {
  let server = try EdgeServer()
  let client = try EdgeClient(port: server.edge.port)
  client.send("PRI /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  #expect(client.readToEnd().hasSuffix("PRI /x 0"))
  let other = try EdgeClient(port: server.edge.port)
  other.send("PRI * HTTP/2.0\r\n\r\nNO")
  #expect(other.readToEnd().hasPrefix("HTTP/1.1 505 "))
  #expect(server.stop())
}

@Test func halfAPrefaceIsSentAwayInTime() throws {
  var options = EdgeOptions()
  options.headTimeout = .milliseconds(200)
  let server = try EdgeServer(options)
  let client = try EdgeClient(port: server.edge.port)
  client.send("PRI * HT")
  #expect(client.readToEnd().hasPrefix("HTTP/1.1 408 "))
  #expect(server.stop())
}

@Test func anIdleHTTP2ConnectionIsToldGoodbyeAlsoWhenItPings() throws {
  var options = EdgeOptions()
  options.idleTimeout = .milliseconds(300)
  let server = try EdgeServer(options)
  let client = try EdgeClient(port: server.edge.port)
  client.send(bytes: opening + HTTP2Frame.get(1).bytes)
  let feeder = Thread {
    for _ in 0..<100 {
      client.send(bytes: HTTP2Frame.ping.bytes)
      usleep(50_000)
    }
  }
  feeder.start()
  let reader = HTTP2Reader()
  #expect(!client.read(into: reader) { _ in false })
  #expect(reader.goaway.map { $0.last == 1 && $0.code == 0 } == true && reader.answers[1]?.isWhole == true)
  #expect(server.stop())
}

@Test func aSlowUploadIsSentAwayAloneAndTheOthersGoOn() throws {
  var options = EdgeOptions()
  options.bodyTimeout = .milliseconds(300)
  let server = try EdgeServer(options)
  let client = try EdgeClient(port: server.edge.port)
  client.send(bytes: opening + openedPost(1))
  let feeder = Thread {
    for number in 1..<40 {
      client.send(bytes: HTTP2Frame.data(1, [1]).bytes + HTTP2Frame.get(Int32(2 * number + 1)).bytes)
      usleep(20_000)
    }
  }
  feeder.start()
  let reader = HTTP2Reader()
  #expect(client.read(into: reader) { $0.answers[1]?.isWhole == true && $0.answers[79]?.isWhole == true })
  #expect(reader.answers[1]?.status == "408" && reader.answers[79]?.status == "200" && reader.goaway == nil)
  #expect(server.stop())
}

@Test func aReaderThatGivesNoWindowIsSentAwayInTime() throws {
  var options = EdgeOptions()
  options.writeTimeout = .milliseconds(300)
  let server = try EdgeServer(options)
  let client = try EdgeClient(port: server.edge.port)
  client.send(bytes: HTTP2Session.preface + HTTP2Frame.settings([(4, 0)]).bytes + HTTP2Frame.get(1).bytes)
  let reader = HTTP2Reader()
  #expect(!client.read(into: reader) { _ in false })
  #expect(reader.answers[1]?.body.isEmpty == true && reader.answers[1]?.status == "200")
  #expect(server.stop())
}

@Test func aBigHTTP2AnswerReachesASlowReaderWhole() throws {
  let server = try EdgeServer()
  let client = try EdgeClient(port: server.edge.port)
  let size = 4 << 20
  client.send(
    bytes: HTTP2Session.preface + HTTP2Frame.settings([(4, 0x7FFF_FFFF)]).bytes
      + HTTP2Frame.window(0, 0x7000_0000).bytes + HTTP2Frame.get(1, "/", [("x-size", "\(size)")]).bytes)
  // So long the server's socket is full, and the rest waits behind it.
  usleep(100_000)
  let reader = HTTP2Reader()
  #expect(client.read(into: reader) { $0.answers[1]?.isWhole == true })
  #expect(reader.answers[1]?.body.count == size)
  #expect(server.stop())
}

@Test func stopTellsHTTP2ClientsGoodbyeAndAnswersWhatIsUnderWay() throws {
  let server = try EdgeServer()
  let (idle, busy) = (try EdgeClient(port: server.edge.port), try EdgeClient(port: server.edge.port))
  let (idleReader, busyReader) = (HTTP2Reader(), HTTP2Reader())
  idle.send(bytes: opening + HTTP2Frame.get(1).bytes)
  #expect(idle.read(into: idleReader) { $0.answers[1]?.isWhole == true })
  busy.send(bytes: opening + HTTP2Frame.get(1).bytes + openedPost(3))
  #expect(busy.read(into: busyReader) { $0.answers[1]?.isWhole == true })
  server.edge.stop()
  #expect(busy.read(into: busyReader) { $0.goaway != nil && $0.frames.contains { $0.kind == 6 } })
  let ping: [UInt8] = busyReader.frames.last(where: { $0.kind == 6 })?.payload ?? []
  busy.send(
    bytes: HTTP2Frame(kind: 6, flags: HTTP2Frame.ack, payload: ping).bytes
      + HTTP2Frame.data(3, [1, 2], ends: true).bytes)
  #expect(!busy.read(into: busyReader) { _ in false })
  #expect(busyReader.answers[3]?.body == Array("POST / 2".utf8))
  #expect(busyReader.goaway.map { $0.last == 3 && $0.code == 0 } == true)
  #expect(!idle.read(into: idleReader) { _ in false })
  #expect(idleReader.goaway.map { $0.last == 1 && $0.code == 0 } == true)
  #expect(server.stop())
}

@Test func aFloodIsReportedWithWhatItWas() throws {
  let server = try EdgeServer()
  let client = try EdgeClient(port: server.edge.port)
  client.send(bytes: opening + (0..<1200).flatMap { _ in HTTP2Frame.ping.bytes })
  let reader = HTTP2Reader()
  #expect(!client.read(into: reader) { _ in false })
  #expect(reader.goaway?.code == 11)
  #expect(server.stop())
  #expect(
    server.observations.contains {
      if case .limitReached("control connection: frames without use", let peer, _) = $0 {
        peer.hasPrefix("127.0.0.1:")
      } else {
        false
      }
    })
}

@Test func aFieldSectionThatNeverEndsIsSentAwayInTime() throws {
  var options = EdgeOptions()
  options.headTimeout = .milliseconds(200)
  let server = try EdgeServer(options)
  let client = try EdgeClient(port: server.edge.port)
  client.send(bytes: opening + HTTP2Frame(kind: 1, flags: HTTP2Frame.endStream, stream: 1).bytes)
  let reader = HTTP2Reader()
  #expect(!client.read(into: reader) { _ in false })
  #expect(reader.goaway?.code == 11 && server.stop())
}

/// The first deadline of a connection is short anyhow; later ones aren't.
@Test func aFieldSectionThatNeverEndsIsSentAwayInTimeAlsoAfterAnAnswer() throws {
  var options = EdgeOptions()
  options.headTimeout = .milliseconds(200)
  let server = try EdgeServer(options)
  let client = try EdgeClient(port: server.edge.port)
  client.send(bytes: opening + HTTP2Frame.get(1).bytes)
  let reader = HTTP2Reader()
  #expect(client.read(into: reader) { $0.answers[1]?.isWhole == true })
  client.send(bytes: HTTP2Frame(kind: 1, flags: HTTP2Frame.endStream, stream: 3).bytes)
  #expect(!client.read(into: reader) { _ in false })
  #expect(reader.goaway?.code == 11 && server.stop())
}

@Test func theBodiesOfAllConnectionsAreBoundedTogether() throws {
  var options = EdgeOptions()
  options.bodiesBytesMax = 3000
  let server = try EdgeServer(options)
  let body = [UInt8](repeating: 1, count: 1000)
  let clients = try (0..<3).map { _ in try EdgeClient(port: server.edge.port) }
  let readers = clients.map { _ in HTTP2Reader() }
  for (client, reader) in zip(clients, readers) {
    // The answer to the second request tells that the body of the first is there.
    client.send(bytes: opening + openedPost(1) + HTTP2Frame.data(1, body).bytes + HTTP2Frame.get(3).bytes)
    #expect(client.read(into: reader) { $0.answers[3]?.isWhole == true })
  }
  let late = try EdgeClient(port: server.edge.port)
  late.send(bytes: Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1".utf8))
  #expect(late.readToEnd().hasPrefix("HTTP/1.1 503 "))
  clients[0].send(bytes: HTTP2Frame.data(1, [1]).bytes)
  #expect(clients[0].read(into: readers[0]) { $0.answers[1]?.status == "503" })
  // Its place is free, and the connection goes on.
  clients[1].send(bytes: HTTP2Frame.data(1, body, ends: true).bytes)
  #expect(clients[1].read(into: readers[1]) { $0.answers[1]?.body == Array("POST / 2000".utf8) })
  clients[0].send(bytes: HTTP2Frame.get(5).bytes)
  #expect(clients[0].read(into: readers[0]) { $0.answers[5]?.isWhole == true })
  #expect(server.stop())
  let limits = server.observations.compactMap { if case .limitReached(let limit, _, _) = $0 { limit } else { nil } }
  #expect(limits == Array(repeating: "control bodies: 3000 bytes", count: 2))
  #expect(
    server.refusals == [
      .requestAnswered(protocol: "HTTP/1.1", encoding: "text", status: 503),
      .requestAnswered(protocol: "HTTP/2", encoding: "text", status: 503),
    ])
}

@Test func whatTheListenerRefusesItselfIsObservedOnce() throws {
  let server = try EdgeServer()
  let broken = try EdgeClient(port: server.edge.port)
  broken.send(bytes: Array("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".utf8))
  #expect(broken.readToEnd().hasPrefix("HTTP/1.1 400 "))
  let plain = try EdgeClient(port: server.edge.port)
  plain.send(bytes: Array("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".utf8))
  #expect(plain.readToEnd().hasPrefix("HTTP/1.1 200 "))
  #expect(server.stop())
  #expect(server.refusals == [.requestAnswered(protocol: "HTTP/1.1", encoding: "text", status: 400)])
}

extension EdgeServer {
  /// What it has told of answers that no route gave.
  fileprivate var refusals: [Observation] {
    observations.filter { if case .requestAnswered = $0 { true } else { false } }
  }
}
