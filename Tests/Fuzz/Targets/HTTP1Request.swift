import MeshTransport

/// Bytes as a client of the control listener sends them: parsed, answered and written, at once and cut in two.
func fuzzHTTP1Request(_ bytes: [UInt8]) {
  let connection = HTTP1Connection()
  connection.receive(bytes)
  fuzzAnswerAll(connection)
  let cut = HTTP1Connection()
  let middle = bytes.count / 2
  cut.receive(bytes.prefix(middle))
  fuzzAnswerAll(cut)
  cut.receive(bytes.dropFirst(middle))
  cut.receiveEnd()
  fuzzAnswerAll(cut)
}

private func fuzzAnswerAll(_ connection: HTTP1Connection) {
  while let request = connection.nextRequest() {
    var response = HTTPResponse()
    response.headers = request.headers
    response.body = request.body
    connection.respond(HTTPAnswer(response))
    connection.wrote(connection.output.count)
  }
}
