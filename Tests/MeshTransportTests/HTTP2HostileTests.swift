import Foundation
import MeshBasics
import Testing

@testable import MeshTransport

private let calm: UInt32 = 11

private func code(_ talk: HTTP2Talk) -> UInt32? { talk.reader.goaway?.code }

private func post(_ stream: Int32, _ more: [(String, String)] = []) -> HTTP2Frame {
  .headers(stream, HTTP2Frame.fields("POST", "/") + more, flags: HTTP2Frame.endHeaders)
}

// MARK: Requests that are refused, each alone

@Test func aFieldSectionOfTheLimitPassesAndOneByteMoreDoesNot() {
  let talk = HTTP2Talk()
  let frame = HTTP2Frame.get(1)
  let used = HTTP2Frame.fields("GET", "/").reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count + 32 }
  let left = HTTPLimits().headerBytesMax - used - 32 - 1
  // Two pieces, since a frame holds 16 KiB.
  func request(_ stream: Int32, _ count: Int) -> [HTTP2Frame] {
    let block = HTTP2Frame.block(HTTP2Frame.fields("GET", "/") + [("x", String(repeating: "y", count: count))])
    return [
      HTTP2Frame(kind: 1, flags: HTTP2Frame.endStream, stream: stream, payload: Array(block.prefix(10_000))),
      HTTP2Frame(kind: 9, flags: HTTP2Frame.endHeaders, stream: stream, payload: Array(block.dropFirst(10_000))),
    ]
  }
  talk.send([frame] + request(3, left) + request(5, left + 1))
  #expect(talk.status(1) == "200" && talk.status(3) == "200" && talk.status(5) == "431")
  talk.send(.get(7))
  #expect(talk.status(7) == "200", "the connection goes on")
}

@Test func hundredFieldsPassAndOneMoreDoesNot() {
  let talk = HTTP2Talk()
  let fields = (0..<HTTPLimits().fieldsMax).map { ("x-\($0)", "") }
  talk.send(.get(1, "/", fields), .get(3, "/", fields + [("x", "")]))
  #expect(talk.status(1) == "200" && talk.status(3) == "431")
}

@Test func aTargetOfTheLimitPassesAndOneByteMoreDoesNot() {
  let talk = HTTP2Talk()
  let path = "/" + String(repeating: "a", count: HTTPLimits().startLineBytesMax - 1)
  talk.send(.get(1, path), .get(3, path + "a"))
  #expect(talk.status(1) == "200" && talk.status(3) == "414")
}

@Test func aBodyOfTheLimitPassesAndOneByteMoreIsRefusedAndItsRestDropped() {
  var message = HTTPLimits()
  message.bodyBytesMax = 1000
  var limits = HTTP2Limits()
  limits.lateBytesMax = 2000
  let talk = HTTP2Talk(message: message, limits: limits)
  let body = [UInt8](repeating: 1, count: 1000)
  talk.send(post(1), .data(1, body, ends: true), post(3), .data(3, body), .data(3, [1]))
  #expect(talk.body(1) == "POST / 1000" && talk.status(3) == "413" && talk.answer(3).isWhole)
  talk.send(.data(3, body), .data(3, body))
  #expect(talk.answer(3).reset == nil, "what is late is dropped")
  talk.send(.data(3, [1]))
  #expect(talk.answer(3).reset == 0, "up to a limit")
  talk.send(.data(3, body), .data(3, [], ends: true))
  talk.send(post(5, [("content-length", "1001")]), post(7, [("content-length", "1000")]), .data(7, body, ends: true))
  #expect(talk.status(5) == "413" && talk.answer(5).isWhole && talk.body(7) == "POST / 1000")
  #expect(talk.reader.goaway == nil)
}

@Test func theBodiesOfAllUnfinishedRequestsAreBoundedTogether() {
  var limits = StreamLimits()
  limits.bodiesBytesMax = 2000
  let talk = HTTP2Talk(streams: limits)
  let body = [UInt8](repeating: 1, count: 1000)
  talk.send(post(1), post(3), post(5), .data(1, body), .data(3, body), .data(5, [1]))
  #expect(talk.status(5) == "503" && talk.answer(5).fields["retry-after"] == "1" && talk.requests.isEmpty)
  talk.send(.data(1, [], ends: true), .reset(3), post(7))
  talk.send(.data(7, body), .data(7, body, ends: true))
  #expect(talk.body(1) == "POST / 1000" && talk.body(7) == "POST / 2000")
}

@Test(arguments: [
  ("400", [(":method", "GET"), (":scheme", "ftp"), (":path", "/"), (":authority", "a")]),
  ("400", HTTP2Frame.fields("GET", "/") + [("x", "a\u{1}b")]),
  ("400", HTTP2Frame.fields("GET", "/") + [("x y", "a")]),
  ("400", [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "user@a")]),
  ("501", [(":method", "CONNECT"), (":authority", "a:80")]),
])
func aRequestThatHTTP1WouldRefuseGetsTheSameStatus(status: String, fields: [(String, String)]) {
  let talk = HTTP2Talk()
  talk.send(.headers(1, fields), .get(3))
  #expect(talk.status(1) == status && talk.requests.count == 1 && talk.status(3) == "200")
}

@Test(arguments: [
  HTTP2Frame.fields("GET", "/") + [("X-Upper", "a")],
  HTTP2Frame.fields("GET", "/") + [("connection", "close")],
  HTTP2Frame.fields("GET", "/") + [("transfer-encoding", "chunked")],
  HTTP2Frame.fields("GET", "/") + [("te", "gzip")],
  HTTP2Frame.fields("GET", "/") + [(":path", "/again")],
  [("x", "before")] + HTTP2Frame.fields("GET", "/"),
  HTTP2Frame.fields("GET", "no-slash"),
  HTTP2Frame.fields("GET", ""),
  HTTP2Frame.fields("G T", "/"),
  HTTP2Frame.fields("POST", "/") + [("content-length", "5")],
  HTTP2Frame.fields("POST", "/") + [("content-length", "1, 1")],
  HTTP2Frame.fields("GET", "/") + [(":status", "200")],
  HTTP2Frame.fields("GET", "/") + [(":protocol", "websocket")],
  [(":method", "GET"), (":scheme", "http"), (":path", "/")],
  [(":method", "GET"), (":path", "/"), (":authority", "a")],
])
func aMalformedRequestIsBrokenOffAndTheConnectionGoesOn(fields: [(String, String)]) {
  let talk = HTTP2Talk()
  talk.send(.headers(1, fields), .get(3))
  #expect(talk.answer(1).reset == 1 && talk.status(1) == nil && talk.requests.count == 1 && talk.status(3) == "200")
}

// MARK: What ends the connection

@Test(arguments: [
  ("DATA on no stream", 1, [HTTP2Frame.data(0, [1])]),
  ("HEADERS on a stream of the server", 1, [HTTP2Frame.get(2)]),
  ("DATA on a stream that never began", 1, [HTTP2Frame.data(1, [1])]),
  ("HEADERS after the end", 5, [HTTP2Frame.get(1), HTTP2Frame.get(1)]),
  ("CONTINUATION alone", 1, [HTTP2Frame(kind: 9, flags: 4, stream: 1)]),
  ("another frame inside a field section", 1, [HTTP2Frame.headers(1, [], flags: 1), HTTP2Frame.ping]),
  ("a frame over 16 KiB", 6, [HTTP2Frame(kind: 1, flags: 5, stream: 1, payload: [UInt8](repeating: 0, count: 16_385))]),
  ("SETTINGS of five bytes", 6, [HTTP2Frame(kind: 4, payload: [0, 1, 0, 0, 0])]),
  ("SETTINGS with an impossible window", 3, [HTTP2Frame.settings([(4, 0x8000_0000)])]),
  ("SETTINGS on a stream", 1, [HTTP2Frame(kind: 4, stream: 1)]),
  ("PING of seven bytes", 6, [HTTP2Frame(kind: 6, payload: [1, 2, 3, 4, 5, 6, 7])]),
  ("a window over 2^31", 3, [HTTP2Frame.window(0, 0x7FFF_FFFF)]),
  ("a window that grows by nothing", 1, [HTTP2Frame.window(0, 0)]),
  ("RST_STREAM of a stream that never began", 1, [HTTP2Frame.reset(7)]),
  ("PUSH_PROMISE", 1, [HTTP2Frame(kind: 5, flags: 4, stream: 1, payload: [0, 0, 0, 2])]),
  ("HPACK that names no entry", 9, [HTTP2Frame(kind: 1, flags: 5, stream: 1, payload: [0xFF, 0xFF, 0xFF, 0x7F])]),
  ("HPACK that is cut off", 9, [HTTP2Frame(kind: 1, flags: 5, stream: 1, payload: [0x00, 0x0A, 0x61])]),
  ("more padding than frame", 1, [HTTP2Frame(kind: 1, flags: 13, stream: 1, payload: [200, 0])]),
])
func aBrokenConnectionEndsWithItsCode(what: String, expected: Int, frames: [HTTP2Frame]) {
  let talk = HTTP2Talk()
  talk.send(frames)
  #expect(code(talk) == UInt32(expected), "\(what)")
  #expect(talk.connection.isOver && !talk.connection.wantsInput, "\(what)")
  // What comes after that is nobody's.
  talk.send(.get(101))
  #expect(!talk.requests.contains { $0.target == "/101" } && talk.connection.isOver)
}

@Test func whatIsNoPrefaceEndsTheConnection() {
  let connection = HTTP2Connection()
  connection.receive(Array("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".utf8)[...], now: .origin)
  let reader = HTTP2Reader()
  reader.receive(connection.output)
  connection.wrote(connection.output.count)
  #expect(reader.goaway?.code == 1 && connection.isOver && connection.floodedBy == nil)
}

// MARK: Floods, each at its limit and one more

@Test func hundredStreamsAreOpenAtOnceAndOneMoreIsRefused() {
  let talk = HTTP2Talk()
  let streams = (0..<100).map { Int32(2 * $0 + 1) }
  talk.send(streams.map { post($0) } + [post(201)])
  #expect(talk.answer(201).reset == 7 && talk.reader.goaway == nil)
  // A client that knows the limit and passes it breaks the rules.
  talk.send(.settingsAck, post(203))
  #expect(code(talk) == 1 && talk.connection.isOver)
}

@Test(arguments: [8, 9])
func continuationsAreBounded(count: Int) {
  let talk = HTTP2Talk()
  let block = HTTP2Frame.block(HTTP2Frame.fields("GET", "/"))
  var frames = [HTTP2Frame(kind: 1, flags: HTTP2Frame.endStream, stream: 1, payload: block)]
  for number in 1...count {
    frames.append(HTTP2Frame(kind: 9, flags: number == count ? HTTP2Frame.endHeaders : 0, stream: 1))
  }
  talk.send(frames)
  #expect(talk.status(1) == (count == 8 ? "200" : nil) && code(talk) == (count == 8 ? nil : calm))
  #expect(talk.connection.floodedBy == (count == 8 ? nil : "CONTINUATION frames"))
}

@Test func continuationsOfARefusedStreamAreBoundedToo() {
  let talk = HTTP2Talk()
  talk.send((0..<100).map { post(Int32(2 * $0 + 1)) })
  talk.send(
    [HTTP2Frame(kind: 1, flags: HTTP2Frame.endStream, stream: 201)]
      + [HTTP2Frame](repeating: HTTP2Frame(kind: 9, stream: 201), count: 10))
  #expect(code(talk) == calm && talk.connection.floodedBy == "CONTINUATION frames" && talk.connection.isOver)
}

@Test(arguments: [32, 33])
func theSettingsOfOneFrameAreBounded(count: Int) {
  let talk = HTTP2Talk()
  talk.send(.settings([(UInt16, UInt32)](repeating: (4, 1000), count: count)), .get(1))
  #expect(code(talk) == (count == 32 ? nil : calm) && talk.status(1) == (count == 32 ? "200" : nil))
}

/// Frames that ask for work and bring nothing.
private let useless: [(String, HTTP2Frame)] = [
  ("PING", .ping), ("SETTINGS", .settings()), ("SETTINGS that change the table", .settings([(1, 4096)])),
  ("WINDOW_UPDATE", .window(0, 1)), ("PRIORITY", HTTP2Frame(kind: 2, stream: 9, payload: [0, 0, 0, 0, 1])),
  ("an unknown type", HTTP2Frame(kind: 0xBE)), ("empty DATA", .data(1, [])),
  ("PING's answer", HTTP2Frame(kind: 6, flags: HTTP2Frame.ack, payload: [UInt8](repeating: 0, count: 8))),
]

@Test(arguments: useless)
func aFloodOfUselessFramesEndsTheConnection(what: String, frame: HTTP2Frame) {
  var limits = HTTP2Limits()
  limits.idleFramesBurst = 50
  // The client's first SETTINGS counts, and the request gives back what it can.
  let talk = HTTP2Talk(limits: limits)
  talk.send(post(1))
  for _ in 0..<50 { talk.send(frame) }
  #expect(talk.reader.goaway == nil && !talk.connection.isOver, "\(what)")
  talk.now = talk.now + .milliseconds(5)
  talk.send(frame)
  #expect(code(talk) == calm && talk.connection.isOver, "\(what)")
  #expect(talk.connection.floodedBy == "frames without use")
}

@Test func aSlowSenderOfUselessFramesStays() {
  var limits = HTTP2Limits()
  limits.idleFramesBurst = 50
  let talk = HTTP2Talk(limits: limits)
  for _ in 0..<500 {
    talk.now = talk.now + .milliseconds(10)
    talk.send(.ping)
  }
  #expect(talk.reader.goaway == nil && !talk.connection.isOver)
}

@Test func whoReadsMuchMayGiveMuchWindow() {
  var limits = HTTP2Limits()
  limits.idleFramesBurst = 50
  let talk = HTTP2Talk(limits: limits)
  talk.answer = { _ in
    var response = HTTPResponse()
    response.body = [UInt8](repeating: 1, count: 3_000_000)
    return response
  }
  talk.send(.get(1))
  while !talk.answer(1).isWhole, talk.reader.goaway == nil { talk.send(.window(1, 16_384), .window(0, 16_384)) }
  #expect(talk.answer(1).body.count == 3_000_000 && talk.reader.goaway == nil)
}

@Test func rapidResetsEndTheConnectionBeforeTheirRequestsCostMuch() {
  var limits = StreamLimits()
  limits.resetsBurst = 20
  let talk = HTTP2Talk(streams: limits)
  func pair(_ number: Int) -> [HTTP2Frame] { [.get(Int32(2 * number + 1)), .reset(Int32(2 * number + 1))] }
  talk.send((0..<20).flatMap(pair))
  #expect(talk.reader.goaway == nil && talk.requests.isEmpty)
  talk.send(pair(20))
  #expect(code(talk) == calm && talk.connection.isOver && talk.requests.isEmpty)
  #expect(talk.connection.floodedBy == "streams that are broken off")
}

@Test func resetsThatWeAreMadeToSendCountToo() {
  var limits = StreamLimits()
  limits.resetsBurst = 20
  let talk = HTTP2Talk(streams: limits)
  func bad(_ number: Int) -> HTTP2Frame { .get(Int32(2 * number + 1), "/", [("connection", "close")]) }
  talk.send((0..<20).map(bad))
  #expect(talk.reader.goaway == nil && talk.answer(39).reset == 1)
  talk.send(bad(20))
  #expect(code(talk) == calm && talk.connection.isOver)
}

/// nghttp2 breaks off a stream whose body is not as long as was said, and no frame of it is wrong by itself
/// (CVE-2025-8671).
@Test(arguments: [500, 501])
func streamsOfAWrongLengthCountAsBrokenOff(count: Int) {
  let talk = HTTP2Talk()
  for number in 0..<count {
    let stream = Int32(2 * number + 1)
    talk.send(post(stream, [("content-length", "5")]), .data(stream, [1], ends: true))
  }
  #expect(talk.answer(1).reset == 1)
  #expect(code(talk) == (count > 500 ? calm : nil))
}

/// Their answers are no bytes of a body, and wait in the session for a client that reads nothing.
@Test func answersToStreamsThatAreGoneHoldFurtherRequestsBack() {
  var limits = HTTP2Limits()
  limits.waitingFramesMax = 10
  let talk = HTTP2Talk(limits: limits)
  talk.answer = { request in
    var response = HTTPResponse()
    if request.target == "/big" { response.body = [UInt8](repeating: 1, count: 70_000) }
    return response
  }
  talk.isReading = false
  // It fills what is made ahead of the socket.
  talk.send(.get(1, "/big"))
  for number in 1...30 {
    let stream = Int32(2 * number + 1)
    talk.send(.get(stream))
    talk.send(.reset(stream))
  }
  #expect(talk.requests.count == 1 + 10)
  talk.isReading = true
  talk.send(.get(101))
  talk.serve()
  #expect(talk.status(101) == "200" && talk.requests.count == 1 + 10 + 1)
}

@Test func whatComesAfterARefusalIsBoundedAlsoWhileItsAnswerWaitsForWindow() {
  var message = HTTPLimits()
  message.bodyBytesMax = 10
  var limits = HTTP2Limits()
  limits.lateBytesMax = 2000
  let talk = HTTP2Talk(message: message, limits: limits, settings: [(4, 0)])
  talk.send(post(1), .data(1, [UInt8](repeating: 1, count: 11)))
  #expect(talk.status(1) == "413" && !talk.answer(1).isWhole)
  let body = [UInt8](repeating: 1, count: 1000)
  talk.send(.data(1, body), .data(1, body))
  #expect(talk.answer(1).reset == nil)
  talk.send(.data(1, [1]))
  #expect(talk.answer(1).reset == 0)
}

@Test func resetsRefillWithTime() {
  var limits = StreamLimits()
  (limits.resetsBurst, limits.resetsPerSecond) = (20, 10)
  let talk = HTTP2Talk(streams: limits)
  for number in 0..<200 {
    talk.now = talk.now + .milliseconds(100)
    talk.send(.get(Int32(2 * number + 1)), .reset(Int32(2 * number + 1)))
  }
  #expect(talk.reader.goaway == nil)
}

@Test func aClientThatNeverReadsCanNotMakeUsKeepItsAcknowledgements() {
  var limits = HTTP2Limits()
  limits.idleFramesBurst = 64
  let talk = HTTP2Talk(limits: limits, settings: [(4, 0x7FFF_FFFF)])
  talk.send(.window(0, 0x7000_0000))
  let connection = talk.connection
  // Fills what is made ahead of the socket, so that acknowledgements wait inside nghttp2.
  connection.receive(HTTP2Frame.get(1).bytes[...], now: .origin)
  var response = HTTPResponse()
  response.body = [UInt8](repeating: 1, count: 1 << 20)
  _ = connection.nextRequest()
  connection.respond(HTTPAnswer(response))
  _ = connection.nextRequest()
  // Not as fast as a flood.
  func ping(_ count: Int) {
    for _ in 0..<count {
      talk.now = talk.now + .seconds(1)
      connection.receive(HTTP2Frame.ping.bytes[...], now: talk.now)
    }
  }
  ping(64)
  #expect(connection.floodedBy == nil)
  ping(2)
  #expect(connection.floodedBy == "answers that the client never reads" && !connection.wantsInput)
  talk.serve()
  #expect(code(talk) == calm && connection.isOver)
}

@Test func aCompressedFieldBombIsRefusedAndCostsNoMemory() {
  let talk = HTTP2Talk()
  // One entry of 4,000 bytes in the dynamic table, and then thousands of references to it.
  let entry: [UInt8] = [0x40, 0x01, 0x78, 0x7F, 0xA1, 0x1E] + [UInt8](repeating: 0x61, count: 4000)
  let block = HTTP2Frame.block(HTTP2Frame.fields("GET", "/")) + entry + [UInt8](repeating: 0xBE, count: 12_000)
  talk.send(HTTP2Frame(kind: 1, flags: 5, stream: 1, payload: block))
  #expect(talk.status(1) == "431" && talk.requests.isEmpty && talk.reader.goaway == nil)
}

/// A generator whose numbers are the same in every run.
private struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 29)
  }
}

@Test func hostileFramesAndTheirMutationsNeverTrapInOnePieceOrInTwo() throws {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/corpus/http2-connection")
  let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  let seeds = try names.map { Array(try Data(contentsOf: folder.appendingPathComponent($0)).dropFirst()) }
  #expect(seeds.count > 40)
  var random = Seeded(state: 3)
  for round in 0..<3_000 {
    var bytes = seeds[round % seeds.count]
    if round >= seeds.count {
      for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
    }
    let (whole, cut) = (HTTP2Talk(), HTTP2Talk())
    whole.send(bytes: bytes)
    let middle = Int.random(in: 0...bytes.count, using: &random)
    cut.send(bytes: Array(bytes.prefix(middle)))
    cut.send(bytes: Array(bytes.dropFirst(middle)))
    // What is handed out is a request, whatever it was made of.
    for request in whole.requests + cut.requests {
      #expect(request.target.hasPrefix("/") || request.target == "*", "round \(round)")
      #expect(request.header("host") != nil && !request.method.isEmpty, "round \(round)")
    }
  }
}
