import Foundation
import MeshBasics
import Testing

@testable import MeshTransport

/// A control listener on a port of the kernel's choice, on a thread of its own.
private final class Server: @unchecked Sendable {
  let edge: EdgeTransport
  private let thread: Thread
  private let done = DispatchSemaphore(value: 0)

  init(_ options: EdgeOptions = EdgeOptions(), host: String = "127.0.0.1") throws {
    let address = try #require(SocketAddress(literal: host, port: 0))
    let edge = try EdgeTransport(
      address: address, options: options,
      answer: { request in
        var response = HTTPResponse()
        response.headers = [("Content-Type", "text/plain")]
        let size = Int(request.header("X-Size") ?? "") ?? 0
        response.body =
          size > 0
          ? [UInt8](repeating: 120, count: size)
          : Array("\(request.method) \(request.target) \(request.body.count)".utf8)
        return response
      }, observe: { _ in })
    self.edge = edge
    let done = done
    thread = Thread {
      edge.run()
      done.signal()
    }
    thread.start()
  }

  /// Stops, and says whether the thread came back.
  func stop() -> Bool {
    edge.stop()
    return done.wait(timeout: .now() + 20) == .success
  }

  var url: String { "http://127.0.0.1:\(edge.port)" }
}

/// A raw socket, for bytes that no proper client sends. Reads give up after 20 s.
private final class RawClient: @unchecked Sendable {
  private let socket: Int32

  init(port: UInt16) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let address = try #require(SocketAddress(literal: "127.0.0.1", port: port))
    #expect(address.withSockaddr { Glibc.connect(socket, $0, $1) } == 0)
  }

  deinit { close(socket) }

  func send(_ text: String) {
    let bytes = Array(text.utf8)
    _ = Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }

  func endOutput() { shutdown(socket, Int32(SHUT_WR)) }

  /// All until the server closes.
  func readToEnd() -> String { read { _ in false } }

  /// All until `text` was seen, or the server closes.
  func read(until text: String) -> String { read { $0.contains(text) } }

  private func read(while finished: (String) -> Bool) -> String {
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = recv(socket, &chunk, chunk.count, 0)
      if count <= 0 { break }
      all += chunk.prefix(count)
      if finished(String(decoding: all, as: UTF8.self)) { break }
    }
    return String(decoding: all, as: UTF8.self)
  }
}

private func curl(_ arguments: [String]) throws -> (status: Int32, output: String) {
  let process = Process()
  let pipe = Pipe()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
  process.arguments = ["--silent", "--show-error", "--max-time", "20", "--noproxy", "*"] + arguments
  process.standardOutput = pipe
  try process.run()
  let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  process.waitUntilExit()
  return (process.terminationStatus, output)
}

private let hasCurl = FileManager.default.isExecutableFile(atPath: "/usr/bin/curl")

@Test(.enabled(if: hasCurl)) func curlReusesOneConnectionForTwoRequests() throws {
  let server = try Server()
  let result = try curl(["-w", "|%{num_connects}|", "\(server.url)/1", "\(server.url)/2"])
  #expect(result.status == 0 && result.output == "GET /1 0|1|GET /2 0|0|")
  #expect(server.stop())
}

@Test(.enabled(if: hasCurl)) func curlPostsChunkedWithAndWithoutExpect() throws {
  let server = try Server()
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

@Test(.enabled(if: hasCurl)) func curlHeadHasLengthAndNoBody() throws {
  let server = try Server()
  let result = try curl(["-I", "\(server.url)/h"])
  #expect(result.status == 0 && result.output.contains("Content-Length: 9\r\n") && result.output.contains("\r\nDate: "))
  #expect(server.stop())
}

@Test func ourClientReadsOurServerAlsoOverIPv6() throws {
  let server = try Server()
  #expect(try HTTPClient.get(url: server.url + "/a?b", timeout: .seconds(20)).body == Array("GET /a?b 0".utf8))
  #expect(try HTTPClient.get(url: "http://localhost:\(server.edge.port)/", timeout: .seconds(20)).status == 200)
  #expect(server.stop())
  guard let six = try? Server(host: "::1") else { return }
  #expect(try HTTPClient.get(url: "http://[::1]:\(six.edge.port)/", timeout: .seconds(20)).status == 200)
  #expect(six.stop())
}

@Test func pipelinedRequestsAreAnsweredInOrder() throws {
  let server = try Server()
  let client = try RawClient(port: server.edge.port)
  client.send(
    (1...50).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined() + "GET /end HTTP/1.0\r\n\r\n")
  let answers = client.readToEnd().components(separatedBy: "GET /").dropFirst().map { $0.prefix { $0 != " " } }
  #expect(answers.map(String.init) == (1...50).map(String.init) + ["end"])
  #expect(server.stop())
}

@Test func aBigAnswerReachesASlowReaderWhole() throws {
  let server = try Server()
  let client = try RawClient(port: server.edge.port)
  let size = 8 << 20
  client.send(
    "GET / HTTP/1.1\r\nHost: a\r\nX-Size: \(size)\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  usleep(100_000)
  let text = client.readToEnd()
  #expect(text.utf8.count > size && text.hasSuffix("GET /2 0"))
  #expect(server.stop())
}

@Test func aRefusedRequestGetsItsAnswerAlthoughMoreWasSent() throws {
  let server = try Server()
  let client = try RawClient(port: server.edge.port)
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n" + String(repeating: "x", count: 500_000))
  #expect(client.readToEnd().hasPrefix("HTTP/1.1 413 "))
  #expect(server.stop())
}

@Test func aSlowLorisIsSentAwayWith408AndASilentOneWithNothing() throws {
  var options = EdgeOptions()
  options.headTimeout = .milliseconds(200)
  let server = try Server(options)
  let slow = try RawClient(port: server.edge.port)
  let silent = try RawClient(port: server.edge.port)
  slow.send("GET / HTTP/1.1\r\nHo")
  #expect(slow.readToEnd().hasPrefix("HTTP/1.1 408 "))
  #expect(silent.readToEnd().isEmpty)
  #expect(server.stop())
}

@Test func aTrickleOfBytesDoesNotExtendTheDeadline() throws {
  var options = EdgeOptions()
  options.headTimeout = .milliseconds(300)
  let server = try Server(options)
  let client = try RawClient(port: server.edge.port)
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
  let server = try Server(options)
  let idle = try RawClient(port: server.edge.port)
  idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  #expect(idle.readToEnd().hasSuffix("GET / 0"))
  let body = try RawClient(port: server.edge.port)
  body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
  #expect(body.readToEnd().hasPrefix("HTTP/1.1 408 "))
  #expect(server.stop())
}

@Test func oneConnectionTooManyTakesThePlaceOfTheLongestIdle() throws {
  var options = EdgeOptions()
  options.connectionsMax = 2
  let server = try Server(options)
  let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
  let first = try RawClient(port: server.edge.port)
  first.send(request)
  #expect(first.read(until: "GET / 0").hasSuffix("GET / 0"))
  let second = try RawClient(port: server.edge.port)
  second.send(request)
  #expect(second.read(until: "GET / 0").hasSuffix("GET / 0"))
  let third = try RawClient(port: server.edge.port)
  third.send(request)
  #expect(third.read(until: "GET / 0").hasSuffix("GET / 0"))
  #expect(first.readToEnd().isEmpty)
  second.send(request)
  #expect(second.read(until: "GET / 0").hasSuffix("GET / 0"))
  #expect(server.stop())
}

@Test func aHalfClosedClientIsAnswered() throws {
  let server = try Server()
  let client = try RawClient(port: server.edge.port)
  client.send("GET /half HTTP/1.1\r\nHost: a\r\n\r\n")
  client.endOutput()
  #expect(client.readToEnd().hasSuffix("GET /half 0"))
  #expect(server.stop())
}

@Test func stopClosesEverythingAndThePortIsFreeAgain() throws {
  let server = try Server()
  let idle = try RawClient(port: server.edge.port)
  idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  #expect(idle.read(until: "GET / 0").hasSuffix("GET / 0"))
  #expect(server.stop())
  #expect(idle.readToEnd().isEmpty)
  let address = try #require(SocketAddress(literal: "127.0.0.1", port: server.edge.port))
  let again = try EdgeTransport(address: address, answer: { _ in HTTPResponse() }, observe: { _ in })
  again.stop()
  again.run()
}

@Test func aPortInUseIsAnErrorThatSaysSo() throws {
  let server = try Server()
  let address = try #require(SocketAddress(literal: "127.0.0.1", port: server.edge.port))
  let error = #expect(throws: TransportError.self) {
    _ = try EdgeTransport(address: address, answer: { _ in HTTPResponse() }, observe: { _ in })
  }
  #expect(error?.addressInUse == true && error?.description.contains("127.0.0.1:\(server.edge.port)") == true)
  #expect(server.stop())
}

@Test(arguments: ["0.0.0.0", "::", "10.0.0.1"])
func anAddressThatOthersReachIsRefused(host: String) throws {
  let address = try #require(SocketAddress(literal: host, port: 0))
  let error = #expect(throws: TransportError.self) {
    _ = try EdgeTransport(address: address, answer: { _ in HTTPResponse() }, observe: { _ in })
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
  let silent = try EdgeTransport(address: address, answer: { _ in HTTPResponse() }, observe: { _ in })
  let late = #expect(throws: TransportError.self) {
    try HTTPClient.get(url: "http://127.0.0.1:\(silent.port)/", timeout: .milliseconds(200))
  }
  #expect(late?.timedOut == true && late?.description.contains("200 ms") == true)
}
