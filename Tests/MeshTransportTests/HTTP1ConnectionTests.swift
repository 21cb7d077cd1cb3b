import MeshBasics
import Testing

@testable import MeshTransport

private func ok(_ text: String) -> HTTPResponse {
  var response = HTTPResponse()
  response.headers = [HTTPField("Content-Type", "text/plain")]
  response.body = Array(text.utf8)
  return response
}

private func output(_ connection: HTTP1Connection) -> String { String(decoding: connection.output, as: UTF8.self) }

@Test func answersLeaveInTheOrderOfTheRequests() throws {
  let connection = HTTP1Connection()
  connection.receive(
    Array("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".utf8))
  let first = connection.nextRequest()
  #expect(first?.target == "/1")
  let early = connection.nextRequest()
  #expect(early == nil, "the first request isn't answered yet")
  connection.respond(HTTPAnswer(ok("one")))
  let second = connection.nextRequest()
  #expect(second?.target == "/2")
  connection.respond(HTTPAnswer(ok("two")))
  #expect(
    output(connection)
      == "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\none"
      + "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\ntwo")
  #expect(!connection.isOver && !connection.wantsInput)
  connection.wrote(connection.output.count)
  #expect(connection.isOver)
}

@Test func headGetsTheLengthWithoutTheBody() throws {
  let connection = HTTP1Connection()
  connection.receive(Array("HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".utf8))
  let request = connection.nextRequest()
  #expect(request != nil)
  connection.respond(HTTPAnswer(ok("body")), date: "Sun, 06 Nov 1994 08:49:37 GMT")
  #expect(
    output(connection) == "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
      + "Content-Length: 4\r\nConnection: keep-alive\r\n\r\n")
}

@Test func aRefusalIsAnsweredAfterWhatCameBeforeItAndCloses() throws {
  let connection = HTTP1Connection()
  connection.receive(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\nBAD\r\n".utf8))
  let request = connection.nextRequest()
  #expect(request != nil)
  connection.respond(HTTPAnswer(ok("1")))
  let none = connection.nextRequest()
  #expect(none == nil)
  let text = output(connection)
  #expect(
    text.hasPrefix("HTTP/1.1 200 OK") && text.contains("HTTP/1.1 400 Bad Request") && text.contains("Connection: close")
  )
  connection.wrote(connection.output.count)
  #expect(connection.isOver)
}

@Test func aHalfClosedPeerStillGetsItsAnswer() throws {
  let connection = HTTP1Connection()
  connection.receive(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
  connection.receiveEnd()
  let request = connection.nextRequest()
  #expect(request != nil)
  connection.respond(HTTPAnswer(ok("1")))
  let none = connection.nextRequest()
  #expect(none == nil)
  #expect(!connection.isOver)
  connection.wrote(.max)
  #expect(connection.isOver)
}

@Test func aSlowReaderHoldsBackItsOwnRequests() throws {
  let connection = HTTP1Connection()
  connection.receive(Array("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
  let first = connection.nextRequest()
  #expect(first != nil)
  connection.respond(HTTPAnswer(ok(String(repeating: "x", count: HTTP1Connection.outputBytesMax))))
  let second = connection.nextRequest()
  #expect(second == nil && !connection.wantsInput)
  connection.wrote(connection.output.count)
  let afterwards = connection.nextRequest()
  #expect(afterwards?.target == "/2")
}

/// The indices of `output` are places in the buffer behind it.
@Test func whatAReaderTookIsForgottenThoughItAlwaysLeavesAByte() throws {
  let connection = HTTP1Connection()
  for _ in 0..<200 {
    connection.receive(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
    let request = connection.nextRequest()
    #expect(request != nil)
    connection.respond(HTTPAnswer(ok(String(repeating: "x", count: 10_000))))
    connection.wrote(connection.output.count - 1)
    #expect(connection.output == [UInt8(ascii: "x")])
  }
  #expect(connection.output.endIndex <= HTTP1Connection.outputBytesMax)
}

@Test func anAnswerCannotForgeAnother() throws {
  var response = ok("")
  response.status = 9999
  response.headers = [
    HTTPField("A", "b\r\nC: d"), HTTPField("E\r\nF", "g"), HTTPField("Content-Length", "7"),
    HTTPField("transfer-encoding", "chunked"), HTTPField("H", "i"),
  ]
  let context = HTTP1ResponseWriter.Context(isHead: false, isHTTP10: false, keepsAlive: true, date: nil)
  #expect(
    String(decoding: HTTP1ResponseWriter.bytes(of: response, context), as: UTF8.self)
      == "HTTP/1.1 500 Internal Server Error\r\nH: i\r\nContent-Length: 0\r\n\r\n")
}

@Test func datesAreWrittenAsHTTPWantsThem() {
  #expect(HTTPDate.format(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
}

private func response(_ text: String, ends: Bool = false, bodyMax: Int = 100) throws -> HTTPResponse? {
  var limits = HTTPLimits.client
  limits.bodyBytesMax = bodyMax
  var parser = HTTP1ResponseParser(limits: limits)
  for byte in text.utf8 {
    if let found = try parser.receive([byte]) { return found }
  }
  return ends ? try parser.connectionEnded() : nil
}

@Test func responsesOfAllThreeFramingsAreRead() throws {
  let body = Array("hello".utf8)
  #expect(try response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")?.body == body)
  #expect(
    try response("HTTP/1.1 100 \r\n\r\nHTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")?.body
      == body)
  #expect(try response("HTTP/1.0 503 No\r\nA: b\r\n\r\nhello", ends: true)?.body == body)
  #expect(try response("HTTP/1.1 204 No\r\n\r\n")?.status == 204)
}

@Test(arguments: [
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "HTTP/1.1 200 OK\r\n", "", "SSH-2.0-x\r\n", "HTTP/2 200\r\n",
  "HTTP/1.1 99 x\r\n\r\n", "HTTP/1.1 200OK\r\n", "HTTP/1.1 101 Up\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
])
func brokenResponsesAreErrors(text: String) {
  #expect(throws: HTTPFailure.self) { try response(text, ends: true) }
}

@Test func endlessInterimAnswersAreAnError() {
  #expect(throws: HTTPFailure.self) { try response(String(repeating: "HTTP/1.1 102 x\r\n\r\n", count: 20)) }
}

@Test func aBodyUntilTheEndHasTheLimitToo() throws {
  #expect(try response("HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 100), ends: true)?.body.count == 100)
  #expect(throws: HTTPFailure.self) {
    try response("HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 101), ends: true)
  }
}

@Test(arguments: [
  ("http://localhost/", "localhost", 80, "localhost", "/"), ("http://a:8080", "a", 8080, "a:8080", "/"),
  ("HTTP://[::1]:1/x?y#z", "::1", 1, "[::1]:1", "/x?y"), ("http://[::1]", "::1", 80, "[::1]", "/"),
  ("http://a?q", "a", 80, "a", "/?q"), ("HTTPS://a/b", "a", 443, "a", "/b"),
])
func urlsAreTakenApart(url: String, host: String, port: UInt16, authority: String, target: String) throws {
  let parsed = try HTTPURL(parsing: url)
  #expect(parsed.host == host && parsed.port == port && parsed.authority == authority && parsed.target == target)
  #expect(parsed.isSecure == url.hasPrefix("HTTPS"))
}

@Test(arguments: [
  "https://", "ftp://a", "a:80", "", "http://", "http://:80/", "http://u@h/", "http://a:0/", "http://a:65536/",
  "http://a b/", "http://a/\r\nX: y", "http://[::1", "http://a:b/",
])
func otherURLsAreErrorsThatNameThem(url: String) {
  let error = #expect(throws: TransportError.self) { _ = try HTTPURL(parsing: url) }
  #expect(error?.description.hasPrefix("can't GET '") == true)
  #expect(error?.description.contains("\n") == false)
}

@Test func aBodyThatIsMadeWhileItIsReadComesInChunksAndTheNextRequestIsNext() {
  let connection = HTTP1Connection()
  connection.receive("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
  _ = connection.nextRequest()
  let lines = SharedLines()
  connection.respond(HTTPAnswer(HTTPResponse(), body: Script(lines)))
  #expect(text(connection) == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "the head doesn't wait")
  lines.add("0123456789abcdefg")
  #expect(connection.produce(.origin) == Script.later && connection.isStreaming && connection.nextRequest() == nil)
  #expect(text(connection) == "11\r\n0123456789abcdefg\r\n")
  lines.add("end")
  #expect(connection.produce(.origin) == nil && !connection.isStreaming)
  #expect(text(connection) == "0\r\n\r\n" && connection.nextRequest()?.target == "/b")
}

@Test func anAnswerThatComesWhileTheConnectionEndsSaysSo() {
  let connection = HTTP1Connection()
  connection.receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
  _ = connection.nextRequest()
  connection.respond(HTTPAnswer(later: Late()))
  connection.finish()
  #expect(connection.produce(.origin) == nil && connection.isOver == false)
  #expect(text(connection).contains("\r\nConnection: close\r\n"))
  #expect(connection.isOver)
}

/// The answer, when it is asked for.
private final class Late: AnswerBody {
  func next(_ now: Instant) -> AnswerPart { .whole(HTTPResponse()) }
  func stop() {}
}

@Test func toHTTP10TheEndOfAStreamIsTheEndOfTheConnectionAndHEADGetsTheHeadAlone() {
  let old = HTTP1Connection()
  old.receive("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".utf8)
  _ = old.nextRequest()
  old.respond(HTTPAnswer(HTTPResponse(), body: Script(["told", "end"])))
  #expect(old.produce(.origin) == nil)
  #expect(text(old) == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ntold" && old.isOver)
  let head = HTTP1Connection()
  head.receive("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
  _ = head.nextRequest()
  head.respond(HTTPAnswer(HTTPResponse(), body: Script(["told", "end"])))
  #expect(!head.isStreaming && text(head) == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" && !head.isOver)
}

@Test func noFurtherPartIsMadeWhileTheReaderHasNotTakenThoseBefore() {
  var limits = HTTPLimits()
  limits.partBytesMax = 10
  let connection = HTTP1Connection(limits: limits)
  connection.receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
  _ = connection.nextRequest()
  let lines = SharedLines()
  for _ in 0..<10 { lines.add("12345") }
  connection.respond(HTTPAnswer(HTTPResponse(), body: Script(lines)))
  _ = connection.produce(.origin)
  #expect(lines.asked == 0, "the head waits")
  _ = text(connection)
  _ = connection.produce(.origin)
  #expect(lines.asked == 1, "ten bytes with what surrounds them")
  connection.finish()
  _ = text(connection)
  #expect(connection.produce(.origin) == nil && text(connection) == "0\r\n\r\n" && connection.isOver)
}

@Test func aRefusalAmidAStreamBreaksItOff() {
  let connection = HTTP1Connection()
  connection.receive("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET ".utf8)
  _ = connection.nextRequest()
  connection.respond(HTTPAnswer(HTTPResponse(), body: Script([])))
  _ = text(connection)
  #expect(connection.stage == .idle, "what comes meanwhile has time")
  connection.refuse(HTTPFailure(408, "late"))
  #expect(connection.output.isEmpty && connection.isOver && connection.takeRefusals() == [])
}

private func text(_ connection: HTTP1Connection) -> String {
  defer { connection.wrote(connection.output.count) }
  return String(decoding: connection.output, as: UTF8.self)
}
