import MeshBasics
import Testing

@testable import MeshTransport

private func response(_ status: Int, body: Int = 0) -> HTTPResponse {
  var response = HTTPResponse()
  response.status = status
  response.body = [UInt8](repeating: 7, count: body)
  return response
}

@Test func anHTTP2RequestIsWhatHTTP1WouldHaveBroughtAndItsAnswerToo() throws {
  let talk = HTTP2Talk()
  talk.answer = { _ in
    var response = response(200, body: 3)
    response.headers = [HTTPField("X-Upper", "a"), HTTPField("Connection", "close"), HTTPField("bad\r\n", "b")]
    return response
  }
  talk.send(.get(1, "/a?b=c", [("x-one", "1"), ("origin", "http://localhost")]))
  let request = try #require(talk.requests.first)
  #expect(request.method == "GET" && request.target == "/a?b=c" && request.version == "HTTP/2" && request.body.isEmpty)
  #expect(request.header("Host") == "localhost" && request.header("X-One") == "1" && request.headers.count == 3)
  let answer = talk.answer(1)
  #expect(
    answer.fields == [
      HTTPField(":status", "200"), HTTPField("x-upper", "a"), HTTPField("date", "now"),
      HTTPField("content-length", "3"),
    ])
  #expect(answer.body == [7, 7, 7] && answer.isWhole && answer.reset == nil)
}

@Test func requestsAreHandedOutAsTheyBecomeComplete() {
  let talk = HTTP2Talk()
  talk.send(
    .headers(1, HTTP2Frame.fields("POST", "/slow"), flags: HTTP2Frame.endHeaders), .get(3, "/quick"),
    .data(1, [1, 2, 3]), .get(5, "/too"), .data(1, [4], ends: true))
  #expect(talk.requests.map(\.target) == ["/quick", "/too", "/slow"])
  #expect(talk.requests.last?.body == [1, 2, 3, 4] && talk.body(1) == "POST /slow 4")
}

@Test func theAuthorityMayStandInHostAndMustAgreeWithIt() {
  let talk = HTTP2Talk()
  let bare = [(":method", "GET"), (":scheme", "http"), (":path", "/")]
  talk.send(.headers(1, bare + [("host", "127.0.0.1:80")]), .get(3, "/", [("host", "LOCALHOST")]))
  #expect(talk.requests.map { $0.header("host") } == ["127.0.0.1:80", "localhost"])
  #expect(talk.requests.allSatisfy { $0.headers.count == 1 })
  talk.send(.get(5, "/", [("host", "other")]))
  #expect(talk.status(5) == "400" && talk.requests.count == 2)
}

@Test(arguments: ["HEAD", "GET"], [200, 204, 304])
func onlyAnswersThatMayHaveABodyHaveOne(method: String, status: Int) {
  let talk = HTTP2Talk()
  talk.answer = { _ in response(status, body: 5) }
  talk.send(.headers(1, HTTP2Frame.fields(method, "/")))
  let answer = talk.answer(1)
  #expect(answer.body.count == (method == "GET" && status == 200 ? 5 : 0) && answer.isWhole)
  #expect(answer.fields["content-length"] == (status == 200 ? "5" : nil))
}

@Test func trailersFollowTheBodyAndAloneToo() {
  let talk = HTTP2Talk()
  talk.answer = { request in
    var answer = response(200, body: request.target == "/body" ? 10 : 0)
    answer.trailers = [HTTPField("Grpc-Status", "0"), HTTPField("bad\n", "x")]
    return answer
  }
  talk.send(.get(1, "/body"), .get(3, "/none"))
  for stream: Int32 in [1, 3] {
    #expect(talk.answer(stream).trailers == [HTTPField("grpc-status", "0")] && talk.answer(stream).isWhole)
  }
  #expect(talk.answer(1).body.count == 10)
}

@Test func trailersOfARequestAreReadAndDropped() {
  let talk = HTTP2Talk()
  talk.send(
    .headers(1, HTTP2Frame.fields("POST", "/"), flags: HTTP2Frame.endHeaders), .data(1, [1]),
    .headers(1, [("x-sum", "1")]))
  #expect(talk.requests.first?.header("x-sum") == nil && talk.body(1) == "POST / 1")
}

@Test func aClientThatAsksIsToldToContinue() {
  let talk = HTTP2Talk()
  let head = HTTP2Frame.fields("POST", "/") + [("expect", "100-continue")]
  talk.send(.headers(1, head, flags: HTTP2Frame.endHeaders))
  #expect(talk.answer(1).interim == ["100"] && talk.requests.isEmpty)
  talk.send(.data(1, [1, 2], ends: true))
  #expect(talk.body(1) == "POST / 2")
  talk.send(.headers(3, HTTP2Frame.fields("POST", "/") + [("expect", "more")], flags: HTTP2Frame.endHeaders))
  #expect(talk.status(3) == "417" && talk.answer(3).interim.isEmpty)
}

@Test func anUploadGetsItsWindowBack() {
  let talk = HTTP2Talk()
  talk.send(.headers(1, HTTP2Frame.fields("POST", "/"), flags: HTTP2Frame.endHeaders))
  for _ in 0..<64 { talk.send(.data(1, [UInt8](repeating: 1, count: 16_384))) }
  talk.send(.data(1, [], ends: true))
  #expect(talk.body(1) == "POST / \(1 << 20)")
  let given = talk.reader.frames.filter { $0.kind == 8 && $0.stream == 0 }.reduce(0) { $0 + $1.word(at: 0) }
  #expect(given >= UInt32(1 << 20) - 65_535)
}

@Test func anAnswerWaitsForTheWindowsOfItsReader() {
  let talk = HTTP2Talk()
  talk.answer = { _ in response(200, body: 300_000) }
  talk.send(.get(1))
  #expect(talk.answer(1).body.count == 65_535 && talk.connection.awaitsReader && talk.connection.output.isEmpty)
  let before = talk.connection.progress
  talk.send(.window(1, 1_000_000))
  #expect(talk.answer(1).body.count == 65_535 && talk.connection.progress == before)
  talk.send(.window(0, 1_000_000))
  #expect(talk.answer(1).body.count == 300_000 && talk.answer(1).isWhole && !talk.connection.awaitsReader)
  #expect(talk.connection.progress > before)
}

@Test func nothingIsMadeAheadOfASocketThatTakesNothing() {
  let talk = HTTP2Talk(settings: [(4, 0x7FFF_FFFF)])
  talk.send(.window(0, 0x7FFF_0000 - 65_535))
  let connection = talk.connection
  connection.receive(HTTP2Frame.get(1).bytes[...], now: .origin)
  _ = connection.nextRequest()
  connection.respond(HTTPAnswer(response(200, body: 1 << 20)))
  _ = connection.nextRequest()
  #expect(connection.output.count >= HTTP2Connection.outputBytesMax)
  #expect(connection.output.count < HTTP2Connection.outputBytesMax + 16_384 + 100)
}

@Test func requestsWaitWhileTooMuchOfTheAnswersDoes() {
  let talk = HTTP2Talk(settings: [(4, 0)])
  talk.answer = { _ in response(200, body: StreamLimits().answersBytesMax / 2) }
  talk.send(.get(1), .get(3), .get(5))
  #expect(talk.requests.count == 2)
  talk.send(.window(1, 1))
  #expect(talk.requests.count == 3, "one byte less than the limit waits")
  talk.send(.get(7), .reset(3), .reset(5))
  #expect(talk.requests.count == 4, "answers of streams that are gone don't wait")
}

@Test func whatAClientBreaksOffIsNotAnswered() {
  let talk = HTTP2Talk()
  talk.send(.get(1), .reset(1), .get(3, "/kept"))
  #expect(talk.requests.map(\.target) == ["/kept"])
}

@Test func anIdleConnectionDrainsAtOnce() {
  let talk = HTTP2Talk()
  talk.send(.get(1), .settingsAck)
  #expect(!talk.connection.isOver && talk.connection.wantsInput)
  talk.connection.finish()
  talk.serve()
  #expect(talk.reader.goaway.map { $0.last == 1 && $0.code == 0 } == true)
  #expect(talk.connection.isOver && !talk.connection.wantsInput)
}

@Test func aBusyConnectionDrainsWithoutLosingARequest() {
  let talk = HTTP2Talk()
  talk.send(.headers(1, HTTP2Frame.fields("POST", "/"), flags: HTTP2Frame.endHeaders))
  talk.connection.finish()
  talk.serve()
  #expect(talk.reader.goaway.map { $0.last == 0x7FFF_FFFF && $0.code == 0 } == true)
  // It was on its way when the client heard of the end.
  talk.send(.get(3, "/under-way"))
  let ping = talk.reader.frames.last { $0.kind == 6 }
  talk.send(HTTP2Frame(kind: 6, flags: HTTP2Frame.ack, payload: ping?.payload ?? []))
  #expect(talk.body(3) == "GET /under-way 0")
  #expect(talk.reader.goaway.map { $0.last == 3 && $0.code == 0 } == true)
  talk.send(.get(5, "/late"))
  #expect(talk.requests.map(\.target) == ["/under-way"] && !talk.connection.isOver)
  talk.send(.data(1, [1], ends: true))
  #expect(talk.body(1) == "POST / 1" && talk.connection.isOver)
}

@Test func theLastAnswerSaysThatNoMoreIsTaken() {
  let talk = HTTP2Talk()
  talk.connection.receive(HTTP2Frame.get(1).bytes[...], now: .origin)
  _ = talk.connection.nextRequest()
  talk.connection.respond(HTTPAnswer(response(200)), closing: true)
  talk.serve()
  #expect(talk.reader.goaway != nil)
}

@Test func aHalfClosedClientIsAnsweredAndItsUnfinishedRequestsAreNot() {
  let talk = HTTP2Talk()
  talk.connection.receive(
    (HTTP2Frame.get(1).bytes
      + HTTP2Frame.headers(3, HTTP2Frame.fields("POST", "/"), flags: HTTP2Frame.endHeaders).bytes)[...], now: .origin)
  talk.connection.receiveEnd()
  #expect(!talk.connection.isOver)
  talk.serve()
  #expect(talk.body(1) == "GET / 0" && talk.connection.isOver)
}

@Test func theOldestUnfinishedRequestIsToldThatItIsLate() {
  let talk = HTTP2Talk()
  talk.now = .origin + .seconds(1)
  talk.send(.headers(1, HTTP2Frame.fields("POST", "/1"), flags: HTTP2Frame.endHeaders))
  talk.now = .origin + .seconds(2)
  talk.send(.headers(3, HTTP2Frame.fields("POST", "/3"), flags: HTTP2Frame.endHeaders))
  #expect(talk.connection.stage == .body && talk.connection.arrivingSince == .origin + .seconds(1))
  talk.connection.refuse(HTTPFailure(408, "Late."))
  talk.serve()
  #expect(talk.status(1) == "408" && talk.body(1) == "Late.\n" && talk.answer(1).isWhole)
  #expect(talk.connection.arrivingSince == .origin + .seconds(2))
  talk.send(.data(3, [1], ends: true))
  #expect(talk.body(3) == "POST /3 1" && talk.connection.stage == .idle && talk.connection.arrivingSince == nil)
}
