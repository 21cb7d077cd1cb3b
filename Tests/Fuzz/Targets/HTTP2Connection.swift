import MeshBasics
import MeshTransport

/// Bytes as a client of the control listener sends them after asking for HTTP/2: read, answered and written, at once
/// and cut in two. The first byte chooses what the answers are like.
func fuzzHTTP2Connection(_ bytes: [UInt8]) {
  guard let choice = bytes.first else { return }
  let frames = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + bytes.dropFirst()
  var limits = HTTP2Limits()
  // Small, so that an input of the fuzzer's length reaches them.
  limits.idleFramesBurst = 50
  var streams = StreamLimits()
  (streams.resetsBurst, streams.bodiesBytesMax) = (10, 4096)
  for middle in [frames.count, frames.count / 2] {
    let connection = HTTP2Connection(streams: streams, limits: limits)
    var moment = Instant.origin
    for piece in [frames.prefix(middle), frames.dropFirst(middle)] {
      connection.receive(piece, now: moment)
      moment = moment + .milliseconds(Int64(choice))
      fuzzAnswerAll(connection, choice)
    }
    if choice & 1 != 0 { connection.refuse(HTTPFailure(408, "Late.")) }
    if choice & 2 != 0 { connection.finish() }
    connection.receiveEnd()
    fuzzAnswerAll(connection, choice)
  }
}

private func fuzzAnswerAll(_ connection: HTTP2Connection, _ choice: UInt8) {
  while let request = connection.nextRequest() {
    guard request.header("host") != nil else { found("a request without a host") }
    var response = HTTPResponse()
    response.headers = request.headers
    response.body = choice & 4 != 0 ? [UInt8](repeating: 1, count: 100_000) : request.body
    if choice & 8 != 0 { response.trailers = request.headers }
    let body = choice & 64 != 0 ? Countdown(from: Int(choice)) : nil
    connection.respond(HTTPAnswer(response, body: body), closing: choice & 16 != 0)
  }
  _ = connection.produce(.origin)
  while !connection.output.isEmpty {
    if connection.output.count > HTTP2Connection.outputBytesMax + 20_000 { found("too much made ahead") }
    connection.wrote(choice & 32 != 0 ? 1000 : connection.output.count)
    _ = connection.produce(.origin)
  }
}

/// A body that pauses now and then, and ends.
private final class Countdown: AnswerBody {
  private var left: Int
  init(from count: Int) { left = count }
  func next(_ now: Instant) -> AnswerPart {
    left -= 1
    if left < 0 { return .end(trailers: [HTTPField("x", "y")]) }
    return left % 7 == 3 ? .nothing(until: now) : .bytes([UInt8](repeating: 1, count: 1 + left * 40))
  }
  func stop() { left = 0 }
}
