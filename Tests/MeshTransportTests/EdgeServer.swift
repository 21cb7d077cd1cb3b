import Foundation
import MeshBasics
import Testing

@testable import MeshTransport

/// A control listener on a port of the kernel's choice, on a thread of its own. It answers what it was asked, and
/// believes `X-Caller`.
final class EdgeServer: @unchecked Sendable {
  let edge: EdgeTransport
  private let thread: Thread
  private let done = DispatchSemaphore(value: 0)
  private let seen: Observations
  /// What `/stream` tells everybody who asks for it.
  let script = SharedLines()

  private final class Observations: @unchecked Sendable {
    private let lock = NSLock()
    private var list: [Observation] = []
    func add(_ observation: Observation) { lock.withLock { list.append(observation) } }
    var all: [Observation] { lock.withLock { list } }
    private var answers = 0
    func answered() { lock.withLock { answers += 1 } }
    var answerCount: Int { lock.withLock { answers } }
  }

  /// It listens on `host`, with TLS where `options` have it, and on each of `further`.
  init(
    _ options: EdgeOptions = EdgeOptions(), host: String = "127.0.0.1",
    further: [(host: String, speaksTLS: Bool)] = []
  ) throws {
    let ports = try ([(host, options.tls != nil)] + further).map { host, speaksTLS in
      try EdgePort(binding: try #require(SocketAddress(literal: host, port: 0)), speaksTLS: speaksTLS)
    }
    let seen = Observations()
    self.seen = seen
    let script = script
    let edge = try EdgeTransport(
      at: ports, options: options, identify: { $0.header("X-Caller") },
      answer: { request in
        seen.answered()
        return EdgeServer.answer(to: request, script)
      },
      observe: { seen.add($0) })
    self.edge = edge
    let done = done
    thread = Thread {
      edge.run()
      done.signal()
    }
    thread.start()
  }

  private static func answer(to request: HTTPRequest, _ script: SharedLines) -> HTTPAnswer {
    switch request.target {
    case "/stream" where !request.mayStay:
      HTTPAnswer(HTTPResponse(HTTPFailure(503, "Too many connections have answers that go on.")))
    case "/stream": HTTPAnswer(answer(to: request), body: Script(script))
    case "/later": HTTPAnswer(later: Later(script))
    case "/clock": HTTPAnswer(answer(to: request), body: Ticking())
    default: testCall(request, told: script) ?? HTTPAnswer(answer(to: request))
    }
  }

  /// `X-Size` asks for so many bytes; otherwise the answer tells the request, and who asked in what version.
  private static func answer(to request: HTTPRequest) -> HTTPResponse {
    var response = HTTPResponse()
    response.headers = [
      HTTPField("Content-Type", "text/plain"), HTTPField("X-Version", request.version),
      HTTPField("X-Peer", request.peer?.nodeNames.joined(separator: ",") ?? "nobody"),
      HTTPField("X-Chain", "\(request.peerChain.count)"), HTTPField("X-Remote", request.remote?.host ?? "nowhere"),
    ]
    let size = Int(request.header("X-Size") ?? "") ?? 0
    response.body =
      size > 0
      ? [UInt8](repeating: 120, count: size)
      : Array("\(request.method) \(request.target) \(request.body.count)".utf8)
    return response
  }

  var observations: [Observation] { seen.all }
  /// Requests that its answering closure was given.
  var answered: Int { seen.answerCount }

  /// Stops, and says whether the thread came back.
  func stop() -> Bool {
    edge.stop()
    return done.wait(timeout: .now() + 20) == .success
  }

  var url: String { "http://127.0.0.1:\(edge.port)" }
}

extension EdgeTransport {
  /// The port of the first address.
  var port: UInt16 { ports[0] }
}

/// A raw socket, for bytes that no proper client sends. Reads give up after 20 s.
final class EdgeClient: @unchecked Sendable {
  private let socket: Int32

  /// `receiveBufferBytes` bounds what the kernel holds for it; nil leaves that to the kernel.
  init(port: UInt16, host: String = "127.0.0.1", receiveBufferBytes: Int32? = nil) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if var count = receiveBufferBytes {
      setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &count, socklen_t(MemoryLayout<Int32>.size))
    }
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let address = try #require(SocketAddress(literal: host, port: port))
    #expect(address.withSockaddr { Glibc.connect(socket, $0, $1) } == 0)
  }

  deinit { close(socket) }

  func send(_ text: String) { send(bytes: Array(text.utf8)) }

  func send(bytes: [UInt8]) { _ = Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

  /// What has come, one byte at least; empty when the server has closed.
  func readSome() -> [UInt8] {
    var chunk = [UInt8](repeating: 0, count: 65536)
    let count = recv(socket, &chunk, chunk.count, 0)
    return Array(chunk.prefix(max(0, count)))
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

  /// Reads to the end, at first so slowly; gives the number of bytes.
  func readSlowly(pieces: Int, of size: Int, each pause: Duration) -> Int {
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    var (total, rounds) = (0, 0)
    while true {
      let count = recv(socket, &chunk, rounds < pieces ? size : chunk.count, 0)
      if count <= 0 { return total }
      total += count
      rounds += 1
      if rounds < pieces { usleep(useconds_t(pause.milliseconds * 1_000)) }
    }
  }

  /// Feeds `reader` until `finished` or the server closes; says which of the two.
  func read(into reader: HTTP2Reader, until finished: (HTTP2Reader) -> Bool) -> Bool {
    var chunk = [UInt8](repeating: 0, count: 65536)
    while !finished(reader) {
      let count = recv(socket, &chunk, chunk.count, 0)
      if count <= 0 { return false }
      reader.receive(chunk.prefix(count))
    }
    return true
  }
}

func hasTool(_ name: String) -> Bool { FileManager.default.isExecutableFile(atPath: "/usr/bin/\(name)") }

/// Runs a program that is not ours, at most 20 s.
func runTool(_ name: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
  let process = Process()
  let pipe = Pipe()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
  process.arguments = ["20", "/usr/bin/\(name)"] + arguments
  process.standardOutput = pipe
  process.standardError = pipe
  try process.run()
  let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  process.waitUntilExit()
  return (process.terminationStatus, output)
}

func curl(_ arguments: [String]) throws -> (status: Int32, output: String) {
  try runTool("curl", ["--silent", "--show-error", "--noproxy", "*"] + arguments)
}
