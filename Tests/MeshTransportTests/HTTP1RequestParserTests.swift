import Testing

@testable import MeshTransport

private func parse(_ text: String, limits: HTTPLimits = HTTPLimits()) -> [HTTP1RequestParser.Event] {
  var whole = HTTP1RequestParser(limits: limits)
  whole.append(Array(text.utf8))
  let atOnce = events(&whole)
  var piecewise = HTTP1RequestParser(limits: limits)
  var inPieces: [HTTP1RequestParser.Event] = []
  for byte in text.utf8 {
    piecewise.append([byte])
    inPieces += events(&piecewise)
  }
  // How the network cuts the bytes must not matter, except that a whole request needs no invitation to go on.
  #expect(atOnce == inPieces.filter { $0 != .continueExpected } || atOnce == inPieces)
  return atOnce
}

private func events(_ parser: inout HTTP1RequestParser) -> [HTTP1RequestParser.Event] {
  var list: [HTTP1RequestParser.Event] = []
  while true {
    let event = parser.next()
    if event == .needMore { return list }
    if case .refused = event { return list + [event] }
    list.append(event)
  }
}

private func status(_ text: String, limits: HTTPLimits = HTTPLimits()) -> Int? {
  var parser = HTTP1RequestParser(limits: limits)
  parser.append(Array(text.utf8))
  for event in events(&parser) {
    switch event {
    case .refused(let failure): return failure.status
    case .request: return 200
    default: continue
    }
  }
  return nil
}

private func request(_ events: [HTTP1RequestParser.Event], _ index: Int = 0) throws -> HTTPRequest {
  guard events.indices.contains(index), case .request(let request, _, _) = events[index] else {
    throw TransportError("no request at \(index): \(events)")
  }
  return request
}

private let host = "Host: localhost\r\n"

@Test func aPlainGetIsUnderstood() throws {
  let found = parse("GET /control/peers?x=1 HTTP/1.1\r\nHost: localhost:8080\r\nX-A:  b c \t\r\nEmpty:\r\n\r\n")
  let request = try request(found)
  #expect(request.method == "GET" && request.target == "/control/peers?x=1" && request.body.isEmpty)
  #expect(request.header("HOST") == "localhost:8080" && request.header("x-a") == "b c" && request.header("empty") == "")
  #expect(found == [.request(request, isHTTP10: false, keepsAlive: true)])
}

@Test func pipelinedRequestsComeInOrder() throws {
  let found = parse(
    "POST /1 HTTP/1.1\r\n\(host)Content-Length: 3\r\n\r\nabc"
      + "\r\nPOST /2 HTTP/1.1\r\n\(host)Transfer-Encoding: Chunked\r\n\r\n"
      + "3;x=\"y\"\r\nde\n\r\n1\r\nf\r\n0\r\nT: v\r\n\r\n"
      + "GET /3 HTTP/1.1\r\n\(host)Connection: x, Close\r\n\r\n")
  #expect(try request(found, 0).body == Array("abc".utf8))
  #expect(try request(found, 1).body == Array("de\nf".utf8))
  #expect(found.last == .request(try request(found, 2), isHTTP10: false, keepsAlive: false))
}

@Test func http10ClosesUnlessItAsksToStay() throws {
  let closing = parse("GET / HTTP/1.0\r\n\r\n")
  #expect(closing == [.request(try request(closing), isHTTP10: true, keepsAlive: false)])
  let staying = parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
  #expect(staying == [.request(try request(staying), isHTTP10: true, keepsAlive: true)])
}

@Test func anAbsoluteTargetsAuthorityReplacesTheHost() throws {
  let found = try request(parse("GET HTTP://evil.example:80/a?b HTTP/1.1\r\n\(host)\r\n"))
  #expect(found.target == "/a?b" && found.header("Host") == "evil.example:80")
  #expect(try request(parse("GET http://localhost?q HTTP/1.1\r\n\(host)\r\n")).target == "/?q")
}

@Test func aClientThatWaitsIsToldToContinueOnce() {
  var parser = HTTP1RequestParser()
  parser.append(Array("POST / HTTP/1.1\r\n\(host)Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n".utf8))
  let first = parser.next()
  #expect(first == .continueExpected)
  let second = parser.next()
  #expect(second == .needMore)
  parser.append(Array("a".utf8))
  let third = parser.next()
  #expect(third == .needMore)
  parser.append(Array("b".utf8))
  guard case .request = parser.next() else { Issue.record("no request"); return }
}

@Test(arguments: [
  ("GET  / HTTP/1.1\r\n", 400), ("GET / HTTP/1.1 \r\n", 400), (" GET / HTTP/1.1\r\n", 400), ("GET /\r\n", 400),
  ("GET / HTTP/1.1\n", 400), ("GET / HTTP/1.1\r\r\n", 400), ("G\u{0}T / HTTP/1.1\r\n", 400), ("\r\n\r\n", 400),
  ("GET /\u{0} HTTP/1.1\r\n", 400), ("GET /é HTTP/1.1\r\n", 400), ("GET / http/1.1\r\n", 400),
  ("GET / HTTP/1.1.1\r\n", 400), ("GET / HTTP/11\r\n", 400), ("GET / HTTP/2.0\r\n", 505), ("GET / HTTP/0.9\r\n", 505),
  ("PRI * HTTP/2.0\r\n", 505), ("G@T / HTTP/1.1\r\n", 400),
])
func badRequestLinesAreRefusedAtOnce(line: String, expected: Int) {
  #expect(status(line) == expected)
}

@Test(arguments: [
  ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\(host)\(host)\r\n", 400),
  ("GET / HTTP/1.0\r\n\(host)\(host)\r\n", 400), ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
  ("GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
  ("GET / HTTP/1.1\r\nHost: a:70000\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: [zz]\r\n\r\n", 400),
  ("GET x HTTP/1.1\r\n\(host)\r\n", 400), ("GET * HTTP/1.1\r\n\(host)\r\n", 400),
  ("OPTIONS * HTTP/1.1\r\n\(host)\r\n", 200), ("GET ftp://a/ HTTP/1.1\r\n\(host)\r\n", 400),
  ("GET http:/// HTTP/1.1\r\n\(host)\r\n", 400), ("CONNECT a:1 HTTP/1.1\r\n\(host)\r\n", 501),
  ("GET / HTTP/1.1\r\n\(host)A : b\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\(host)A\r\n\r\n", 400),
  ("GET / HTTP/1.1\r\n\(host): b\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\(host) A: b\r\n\r\n", 400),
  ("GET / HTTP/1.1\r\n\(host)A: b\r\n\tc\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\(host)A: b\rc\r\n\r\n", 400),
  ("GET / HTTP/1.1\r\n\(host)A: b\u{0}\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\(host)A: b\nC: d\r\n\r\n", 400),
  ("GET / HTTP/1.1\r\n\(host)Ä: b\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\(host)A: \u{7F}\r\n\r\n", 400),
  ("GET / HTTP/1.1\r\n\(host)Expect: magic\r\n\r\n", 417), ("GET / HTTP/1.0\r\nExpect: magic\r\n\r\n", 200),
])
func badFieldsAreRefused(text: String, expected: Int) {
  #expect(status(text) == expected)
}

@Test(arguments: [
  ("Content-Length: 1\r\nContent-Length: 1", 200), ("Content-Length: 1\r\nContent-Length: 2", 400),
  ("Content-Length: 1, 1", 400), ("Content-Length: +1", 400), ("Content-Length: -1", 400), ("Content-Length:", 400),
  ("Content-Length: 1 1", 400), ("Content-Length: 0x1", 400), ("Content-Length: 99999999999999999999", 413),
  ("Content-Length: 1048577", 413), ("Transfer-Encoding: chunked\r\nContent-Length: 1", 400),
  ("Transfer-Encoding: gzip, chunked", 501), ("Transfer-Encoding: chunked, gzip", 400),
  ("Transfer-Encoding: identity", 400), ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
  ("Transfer-Encoding:", 400), ("Transfer-Encoding: xchunked", 400), ("Transfer-Encoding: \"chunked\"", 400),
])
func framingThatTwoReadersCouldReadDifferentlyIsRefused(fields: String, expected: Int) {
  #expect(status("POST / HTTP/1.1\r\n\(host)\(fields)\r\n\r\nx") == expected)
}

@Test func transferCodingsAreNotForHTTP10() {
  #expect(status("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == 400)
}

@Test(arguments: [
  ("0\r\n\r\n", 200), ("000\r\n\r\n", 200), ("1\r\nx\r\n0\r\n\r\n", 200), ("1 ;a=b\r\nx\r\n0\r\n\r\n", 200),
  ("1 \r\nx\r\n0\r\n\r\n", 400), ("\r\n", 400), (" 1\r\nx", 400), ("0x1\r\nx", 400), ("-1\r\nx", 400), ("+1\r\nx", 400),
  ("g\r\n", 400), ("1\nx", 400), ("1\r\nxy", 400), ("1\r\nx\n0", 400), ("1;a\u{0}\r\nx", 400), ("1x\r\n", 400),
  ("00000000000000001\r\n", 400), ("ffffffffffffffff\r\n", 413), ("100001\r\n", 413), ("0\r\nA : b\r\n\r\n", 400),
  ("0\r\n folded\r\n\r\n", 400),
])
func chunksAreCheckedByteByByte(body: String, expected: Int) {
  #expect(status("POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n" + body + "\r\n\r\n") == expected)
}

@Test func everyLimitHoldsAtNAndBreaksAtNPlusOne() {
  let limits = HTTPLimits()
  func line(_ length: Int) -> String {
    "GET /" + String(repeating: "a", count: length - "GET / HTTP/1.1".utf8.count) + " HTTP/1.1\r\n\(host)\r\n"
  }
  #expect(status(line(limits.startLineBytesMax)) == 200)
  #expect(status(line(limits.startLineBytesMax + 1)) == 414)
  #expect(status(String(repeating: "a", count: limits.startLineBytesMax + 2)) == 414)
  func fields(_ count: Int) -> String {
    "GET / HTTP/1.1\r\n\(host)" + String(repeating: "A: b\r\n", count: count - 1) + "\r\n"
  }
  #expect(status(fields(limits.fieldsMax)) == 200)
  #expect(status(fields(limits.fieldsMax + 1)) == 431)
  func headers(_ bytes: Int) -> String {
    "GET / HTTP/1.1\r\n\(host)A: " + String(repeating: "b", count: bytes - host.utf8.count - 5) + "\r\n\r\n"
  }
  #expect(status(headers(limits.headerBytesMax)) == 200)
  #expect(status(headers(limits.headerBytesMax + 1)) == 431)
  func body(_ length: Int) -> String {
    "POST / HTTP/1.1\r\n\(host)Content-Length: \(length)\r\n\r\n" + String(repeating: "b", count: length)
  }
  #expect(status(body(limits.bodyBytesMax)) == 200)
  #expect(status(body(limits.bodyBytesMax + 1)) == 413)
  func chunked(_ length: Int) -> String {
    "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n\(String(length, radix: 16))\r\n"
      + String(repeating: "b", count: length) + "\r\n0\r\n\r\n"
  }
  #expect(status(chunked(limits.bodyBytesMax)) == 200)
  #expect(status(chunked(limits.bodyBytesMax + 1)) == 413)
  var small = HTTPLimits()
  small.chunkExtensionBytesMax = 8
  func extended(_ text: String) -> String {
    "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n1;aaa\r\nx\r\n1\(text)\r\ny\r\n0\r\n\r\n"
  }
  #expect(status(extended(";aaa"), limits: small) == 200)
  #expect(status(extended(";aaaa"), limits: small) == 400)
}

@Test func afterARefusalNothingIsReadAnyMore() {
  var parser = HTTP1RequestParser()
  parser.append(Array("BAD\r\n".utf8))
  let refusal = parser.next()
  parser.append(Array("GET / HTTP/1.1\r\n\(host)\r\n".utf8))
  let again = parser.next()
  #expect(again == refusal)
  #expect(parser.pendingCount == 0)
}
