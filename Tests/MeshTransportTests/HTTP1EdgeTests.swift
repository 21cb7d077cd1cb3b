import Foundation
import MeshBasics
import Testing

@testable import MeshTransport

@Test(.enabled(if: hasTool("curl"))) func curlReusesOneConnectionForTwoRequests() throws {
  let server = try EdgeServer()
  let result = try curl(["-w", "|%{num_connects}|", "\(server.url)/1", "\(server.url)/2"])
  #expect(result.status == 0 && result.output == "GET /1 0|1|GET /2 0|0|")
  #expect(server.stop())
}

@Test(.enabled(if: hasTool("curl"))) func curlPostsChunkedWithAndWithoutExpect() throws {
  let server = try EdgeServer()
  let file = FileManager.default.temporaryDirectory.appendingPathComponent("meshkit-post-\(getpid())")
  try Data(repeating: 65, count: 300_000).write(to: file)
  defer { try? FileManager.default.removeItem(at: file) }
  for extra in [["-H", "Expect: 100-continue"], ["-H", "Expect:"]] {
    let result = try curl(
      ["-X", "POST", "-H", "Transfer-Encoding: chunked", "--data-binary", "@\(file.path)"] + extra + ["\(server.url)/p"]
    )
    #expect(result.status == 0 && result.output == "POST /p 300000")
  }
  #expect(server.stop())
}

@Test(.enabled(if: hasTool("curl"))) func curlHeadHasLengthAndNoBody() throws {
  let server = try EdgeServer()
  let result = try curl(["-I", "\(server.url)/h"])
  #expect(result.status == 0 && result.output.contains("Content-Length: 9\r\n") && result.output.contains("\r\nDate: "))
  #expect(server.stop())
}

@Test func ourClientReadsOurServerAlsoOverIPv6() throws {
  let server = try EdgeServer()
  #expect(try HTTPClient.get(url: server.url + "/a?b", timeout: .seconds(20)).body == Array("GET /a?b 0".utf8))
  #expect(try HTTPClient.get(url: "http://localhost:\(server.edge.port)/", timeout: .seconds(20)).status == 200)
  #expect(server.stop())
  guard let six = try? EdgeServer(host: "::1") else { return }
  #expect(try HTTPClient.get(url: "http://[::1]:\(six.edge.port)/", timeout: .seconds(20)).status == 200)
  #expect(six.stop())
}

@Test func pipelinedRequestsAreAnsweredInOrder() throws {
  let server = try EdgeServer()
  let client = try EdgeClient(port: server.edge.port)
  client.send(
    (1...50).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined() + "GET /end HTTP/1.0\r\n\r\n")
  let answers = client.readToEnd().components(separatedBy: "GET /").dropFirst().map { $0.prefix { $0 != " " } }
  #expect(answers.map(String.init) == (1...50).map(String.init) + ["end"])
  #expect(server.stop())
}

@Test func aBigAnswerReachesASlowReaderWhole() throws {
  let server = try EdgeServer()
  let client = try EdgeClient(port: server.edge.port)
  let size = 8 << 20
  client.send(
    "GET / HTTP/1.1\r\nHost: a\r\nX-Size: \(size)\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  usleep(100_000)
  let text = client.readToEnd()
  #expect(text.utf8.count > size && text.hasSuffix("GET /2 0"))
  #expect(server.stop())
}

@Test func aRefusedRequestGetsItsAnswerAlthoughMoreWasSent() throws {
  let server = try EdgeServer()
  let client = try EdgeClient(port: server.edge.port)
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n" + String(repeating: "x", count: 500_000))
  #expect(client.readToEnd().hasPrefix("HTTP/1.1 413 "))
  #expect(server.stop())
}

@Test func aSlowLorisIsSentAwayWith408AndASilentOneWithNothing() throws {
  var options = EdgeOptions()
  options.headTimeout = .milliseconds(200)
  let server = try EdgeServer(options)
  let slow = try EdgeClient(port: server.edge.port)
  let silent = try EdgeClient(port: server.edge.port)
  slow.send("GET / HTTP/1.1\r\nHo")
  #expect(slow.readToEnd().hasPrefix("HTTP/1.1 408 "))
  #expect(silent.readToEnd().isEmpty)
  #expect(server.stop())
}

@Test func aTrickleOfBytesDoesNotExtendTheDeadline() throws {
  var options = EdgeOptions()
  options.headTimeout = .milliseconds(300)
  let server = try EdgeServer(options)
  let client = try EdgeClient(port: server.edge.port)
  let feeder = Thread {
    for _ in 0..<200 {
      client.send("G")
      usleep(50_000)
    }
  }
  feeder.start()
  #expect(client.readToEnd().hasPrefix("HTTP/1.1 408 "))
  #expect(server.stop())
}

@Test func anIdleConnectionIsClosedAndASlowBodyToo() throws {
  var options = EdgeOptions()
  options.idleTimeout = .milliseconds(200)
  options.bodyTimeout = .milliseconds(200)
  let server = try EdgeServer(options)
  let idle = try EdgeClient(port: server.edge.port)
  idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  #expect(idle.readToEnd().hasSuffix("GET / 0"))
  let body = try EdgeClient(port: server.edge.port)
  body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
  #expect(body.readToEnd().hasPrefix("HTTP/1.1 408 "))
  #expect(server.stop())
}

@Test func oneConnectionTooManyTakesThePlaceOfTheLongestIdle() throws {
  var options = EdgeOptions()
  options.connectionsMax = 2
  let server = try EdgeServer(options)
  let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
  let first = try EdgeClient(port: server.edge.port)
  first.send(request)
  #expect(first.read(until: "GET / 0").hasSuffix("GET / 0"))
  let second = try EdgeClient(port: server.edge.port)
  second.send(request)
  #expect(second.read(until: "GET / 0").hasSuffix("GET / 0"))
  let third = try EdgeClient(port: server.edge.port)
  third.send(request)
  #expect(third.read(until: "GET / 0").hasSuffix("GET / 0"))
  #expect(first.readToEnd().isEmpty)
  second.send(request)
  #expect(second.read(until: "GET / 0").hasSuffix("GET / 0"))
  #expect(server.stop())
}

@Test func aHalfClosedClientIsAnswered() throws {
  let server = try EdgeServer()
  let client = try EdgeClient(port: server.edge.port)
  client.send("GET /half HTTP/1.1\r\nHost: a\r\n\r\n")
  client.endOutput()
  #expect(client.readToEnd().hasSuffix("GET /half 0"))
  #expect(server.stop())
}

@Test func stopClosesEverythingAndThePortIsFreeAgain() throws {
  let server = try EdgeServer()
  let idle = try EdgeClient(port: server.edge.port)
  idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  #expect(idle.read(until: "GET / 0").hasSuffix("GET / 0"))
  #expect(server.stop())
  #expect(idle.readToEnd().isEmpty)
  let address = try #require(SocketAddress(literal: "127.0.0.1", port: server.edge.port))
  let again = try EdgeTransport(address: address, answer: { _ in HTTPAnswer(HTTPResponse()) }, observe: { _ in })
  again.stop()
  again.run()
}

@Test func aPortInUseIsAnErrorThatSaysSo() throws {
  let server = try EdgeServer()
  let address = try #require(SocketAddress(literal: "127.0.0.1", port: server.edge.port))
  let error = #expect(throws: TransportError.self) {
    _ = try EdgeTransport(address: address, answer: { _ in HTTPAnswer(HTTPResponse()) }, observe: { _ in })
  }
  #expect(error?.addressInUse == true && error?.description.contains("127.0.0.1:\(server.edge.port)") == true)
  #expect(server.stop())
}

@Test(arguments: ["0.0.0.0", "::", "10.0.0.1"])
func anAddressThatOthersReachIsRefusedInClear(host: String) throws {
  let address = try #require(SocketAddress(literal: host, port: 0))
  let error = #expect(throws: TransportError.self) {
    _ = try EdgeTransport(address: address, answer: { _ in HTTPAnswer(HTTPResponse()) }, observe: { _ in })
  }
  #expect(error?.description.contains("loopback") == true && error?.description.contains(host) == true)
}

@Test func theClientTellsATimeoutFromARefusal() throws {
  // Port 1 is nobody's.
  let port = 1
  let refused = #expect(throws: TransportError.self) {
    try HTTPClient.get(url: "http://127.0.0.1:\(port)/x", timeout: .seconds(20))
  }
  #expect(refused?.timedOut == false && refused?.description.contains("http://127.0.0.1:\(port)/x") == true)
  let address = try #require(SocketAddress(literal: "127.0.0.1", port: 0))
  // Listening, but nobody accepts.
  let silent = try EdgeTransport(address: address, answer: { _ in HTTPAnswer(HTTPResponse()) }, observe: { _ in })
  let late = #expect(throws: TransportError.self) {
    try HTTPClient.get(url: "http://127.0.0.1:\(silent.port)/", timeout: .milliseconds(200))
  }
  #expect(late?.timedOut == true && late?.description.contains("200 ms") == true)
}
