import CNghttp2
import MeshBasics
import Testing

@testable import MeshTransport

/// One frame of HTTP/2 as a client sees it.
struct HTTP2Frame: Equatable {
  var kind: UInt32
  var flags: UInt8 = 0
  var stream: Int32 = 0
  var payload: [UInt8] = []

  /// The wire's form.
  var bytes: [UInt8] {
    let count = payload.count
    return [
      UInt8(truncatingIfNeeded: count >> 16), UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count),
      UInt8(truncatingIfNeeded: kind), flags,
    ] + HTTP2Frame.word(UInt32(bitPattern: stream)) + payload
  }

  static func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }

  /// The number in four bytes of the payload.
  func word(at start: Int) -> UInt32 { payload[start...].prefix(4).reduce(0) { $0 << 8 | UInt32($1) } }

  static let endStream: UInt8 = 1
  static let endHeaders: UInt8 = 4
  static let ack: UInt8 = 1

  static func headers(
    _ stream: Int32, _ fields: [(String, String)], flags: UInt8 = endStream | endHeaders
  ) -> HTTP2Frame {
    HTTP2Frame(kind: 1, flags: flags, stream: stream, payload: block(fields))
  }

  static func get(_ stream: Int32, _ path: String = "/", _ more: [(String, String)] = []) -> HTTP2Frame {
    headers(stream, HTTP2Frame.fields("GET", path) + more)
  }

  static func fields(_ method: String, _ path: String) -> [(String, String)] {
    [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost")]
  }

  static func data(_ stream: Int32, _ bytes: [UInt8], ends: Bool = false) -> HTTP2Frame {
    HTTP2Frame(kind: 0, flags: ends ? endStream : 0, stream: stream, payload: bytes)
  }

  static func reset(_ stream: Int32) -> HTTP2Frame { HTTP2Frame(kind: 3, stream: stream, payload: word(8)) }
  static func settings(_ entries: [(UInt16, UInt32)] = []) -> HTTP2Frame {
    HTTP2Frame(kind: 4, payload: entries.flatMap { [UInt8($0.0 >> 8), UInt8($0.0 & 255)] + word($0.1) })
  }
  static let settingsAck = HTTP2Frame(kind: 4, flags: ack)
  static let ping = HTTP2Frame(kind: 6, payload: [UInt8](repeating: 1, count: 8))
  static func window(_ stream: Int32, _ count: UInt32) -> HTTP2Frame {
    HTTP2Frame(kind: 8, stream: stream, payload: word(count))
  }

  /// A field section without tables and without Huffman's code (RFC 7541 §6.2.2).
  static func block(_ fields: [(String, String)]) -> [UInt8] {
    fields.flatMap { [0] + text($0.0) + text($0.1) }
  }

  private static func text(_ string: String) -> [UInt8] {
    var count = string.utf8.count
    if count < 127 { return [UInt8(count)] + Array(string.utf8) }
    var bytes: [UInt8] = [127]
    count -= 127
    while count >= 128 {
      bytes.append(UInt8(count % 128 + 128))
      count /= 128
    }
    return bytes + [UInt8(count)] + Array(string.utf8)
  }
}

/// An answer as a client got it.
struct HTTP2Answer: Equatable {
  var fields: [HTTPField] = []
  var interim: [String] = []
  var body: [UInt8] = []
  var trailers: [HTTPField] = []
  var isWhole = false
  /// The code of RST_STREAM.
  var reset: UInt32?

  var status: String? { fields[":status"] }
}

/// A client of HTTP/2 that reads frames with nghttp2's HPACK and writes what it likes.
final class HTTP2Reader {
  private var inflater: OpaquePointer?
  private var input: [UInt8] = []
  private(set) var frames: [HTTP2Frame] = []
  private(set) var answers: [Int32: HTTP2Answer] = [:]

  init() { _ = nghttp2_hd_inflate_new(&inflater) }
  deinit { if let inflater { nghttp2_hd_inflate_del(inflater) } }

  func receive(_ bytes: some Collection<UInt8>) {
    input += bytes
    while input.count >= 9 {
      let count = input[0..<3].reduce(0) { $0 << 8 | Int($1) }
      guard input.count >= 9 + count else { return }
      let stream = Int32(bitPattern: input[5..<9].reduce(0) { $0 << 8 | UInt32($1) })
      let frame = HTTP2Frame(
        kind: UInt32(input[3]), flags: input[4], stream: stream, payload: Array(input[9..<(9 + count)]))
      input.removeFirst(9 + count)
      frames.append(frame)
      take(frame)
    }
  }

  /// The code and the last stream of the newest GOAWAY.
  var goaway: (last: UInt32, code: UInt32)? {
    frames.last { $0.kind == 7 }.map { ($0.word(at: 0), $0.word(at: 4)) }
  }

  private func take(_ frame: HTTP2Frame) {
    guard frame.kind <= 1 || frame.kind == 3 else { return }
    var answer = answers[frame.stream] ?? HTTP2Answer()
    switch frame.kind {
    case 0: answer.body += frame.payload
    case 1:
      let fields = inflate(frame.payload)
      if let status = fields[":status"], status.hasPrefix("1") {
        answer.interim.append(status)
      } else if answer.fields.isEmpty {
        answer.fields = fields
      } else {
        answer.trailers = fields
      }
    default: answer.reset = frame.word(at: 0)
    }
    if frame.kind <= 1, frame.flags & HTTP2Frame.endStream != 0 { answer.isWhole = true }
    answers[frame.stream] = answer
  }

  private func inflate(_ block: [UInt8]) -> [HTTPField] {
    var fields: [HTTPField] = []
    block.withUnsafeBufferPointer { bytes in
      var rest = bytes[...]
      while true {
        var pair = nghttp2_nv()
        var flags: Int32 = 0
        let part = UnsafeBufferPointer(rebasing: rest)
        let used = nghttp2_hd_inflate_hd2(inflater, &pair, &flags, part.baseAddress, part.count, 1)
        guard used >= 0 else { return }
        rest = rest.dropFirst(used)
        if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
          fields.append(HTTPField(text(pair.name, pair.namelen), text(pair.value, pair.valuelen)))
        }
        if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 { break }
      }
    }
    _ = nghttp2_hd_inflate_end_headers(inflater)
    return fields
  }

  private func text(_ start: UnsafeMutablePointer<UInt8>?, _ count: Int) -> String {
    String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  }
}

/// A client and a server's connection without a socket between them.
final class HTTP2Talk {
  let connection: HTTP2Connection
  let reader = HTTP2Reader()
  /// The time that the connection is told.
  var now = Instant.origin
  /// What the server answers.
  var answer: (HTTPRequest) -> HTTPResponse = { request in
    var response = HTTPResponse()
    response.headers = [HTTPField("Content-Type", "text/plain")]
    response.body = Array("\(request.method) \(request.target) \(request.body.count)".utf8)
    return response
  }
  private(set) var requests: [HTTPRequest] = []
  /// Whether it takes what the server sends.
  var isReading = true

  init(
    message: HTTPLimits = HTTPLimits(), streams: StreamLimits = StreamLimits(), limits: HTTP2Limits = HTTP2Limits(),
    settings: [(UInt16, UInt32)] = []
  ) {
    connection = HTTP2Connection(message: message, streams: streams, limits: limits)
    send(bytes: HTTP2Session.preface)
    send(.settings(settings))
  }

  func send(_ frames: HTTP2Frame...) { send(frames) }

  /// Sends `frames` as one piece.
  func send(_ frames: [HTTP2Frame]) { send(bytes: frames.flatMap(\.bytes)) }

  func send(bytes: [UInt8]) {
    connection.receive(bytes[...], now: now)
    serve()
  }

  func serve() {
    while let request = connection.nextRequest(date: "now") {
      requests.append(request)
      connection.respond(HTTPAnswer(answer(request)), date: "now")
    }
    while isReading, !connection.output.isEmpty {
      let output = connection.output
      reader.receive(output)
      connection.wrote(output.count)
    }
  }

  func answer(_ stream: Int32) -> HTTP2Answer { reader.answers[stream] ?? HTTP2Answer() }
  func status(_ stream: Int32) -> String? { answer(stream).status }
  func body(_ stream: Int32) -> String { String(decoding: answer(stream).body, as: UTF8.self) }
}
