import MeshBasics
import MeshTransport

/// Bytes as a client of the control listener sends them after asking for HTTP/2: read, answered and written, at once
/// and cut in two. The first byte chooses what the answers are like.
func fuzzHTTP2Connection(_ bytes: [UInt8]) {
  guard let choice = bytes.first else { return }
  let frames = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + bytes.dropFirst()
  var limits = HTTP2Limits()
  // Small, so that an input of the fuzzer's length reaches them.
  (limits.idleFramesBurst, limits.resetsBurst, limits.bodiesBytesMax) = (50, 10, 4096)
  for middle in [frames.count, frames.count / 2] {
    let connection = HTTP2Connection(limits: limits)
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
    connection.respond(response, closing: choice & 16 != 0)
  }
  while !connection.output.isEmpty {
    if connection.output.count > HTTP2Connection.outputBytesMax + 20_000 { found("too much made ahead") }
    connection.wrote(choice & 32 != 0 ? 1000 : connection.output.count)
  }
}
