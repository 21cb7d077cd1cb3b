import MeshBasics
import Testing

@testable import MeshTransport

/// Notes what it is told to answer.
private final class Answers: AnsweringSession {
  var statuses: [Int64: String] = [:]
  var dropped: [Int64] = []
  var sharing: [Int64] = []
  var bodies: [Int64: [UInt8]] = [:]
  /// How much of them their readers took.
  var taken: [Int64: Int] = [:]
  var finished: [Int64: [HTTPField]] = [:]
  var consumed: [Int64: Int] = [:]

  func submitContinue(on stream: Int64) {}
  func submitResponse(_ fields: FieldBlock, on stream: Int64, isWhole: Bool) -> Bool {
    statuses[stream] = fields.fields[":status"]
    return true
  }
  func shareTurns(on stream: Int64) { sharing.append(stream) }
  func send(_ bytes: [UInt8], on stream: Int64) -> Int? {
    bodies[stream, default: []] += bytes
    return bytes.count
  }
  func waiting(on stream: Int64) -> Int? { (bodies[stream]?.count ?? 0) - (taken[stream] ?? 0) }
  func finish(_ stream: Int64, trailers: [HTTPField]) { finished[stream] = trailers }
  func dropRest(of stream: Int64) { dropped.append(stream) }
  func consumed(_ count: Int, on stream: Int64) { consumed[stream, default: 0] += count }
}

@Test func theOldestRequestIsTheOneThatBeganFirstWhateverItsStream() {
  let session = Answers()
  let desk = RequestDesk<Answers>(version: "HTTP/3", message: HTTPLimits(), bodiesBytesMax: 100)
  let start = Instant(nanoseconds: 1_000)
  // A client of QUIC may begin its streams in any order.
  for (stream, seconds) in [(Int64(8), Int64(0)), (0, 10), (4, 20)] {
    desk.received(
      fields: HTTP3Client.fields("POST", of: "/"), areTrailers: false, bodyFollows: true, refusal: nil, on: stream,
      of: session, now: start + .seconds(seconds))
  }
  #expect(desk.arrivingSince == start)
  #expect(desk.refuseOldest(HTTPFailure(408, "late"), of: session))
  #expect(desk.answerRefusal(of: session, date: nil)?.stream == 8)
  #expect(session.statuses == [8: "408"] && session.dropped == [8])
  #expect(desk.arrivingSince == start + .seconds(10) && desk.takeRefusals() == [408])
}

@Test func whatARequestHeldIsGivenBackWhenItEndsInAnyWay() {
  let session = Answers()
  let desk = RequestDesk<Answers>(version: "HTTP/3", message: HTTPLimits(), bodiesBytesMax: 100)
  let body = [UInt8](repeating: 1, count: 30)
  for stream in [Int64(0), 4, 8] {
    desk.received(
      fields: HTTP3Client.fields("POST", of: "/"), areTrailers: false, bodyFollows: true, refusal: nil, on: stream,
      of: session, now: .origin)
    _ = body.withUnsafeBufferPointer { desk.received(body: $0, on: stream, of: session, now: .origin) }
  }
  #expect(desk.bodyBytes == 90)
  // One more is too much, one breaks off, one ends and is handed out.
  _ = body.withUnsafeBufferPointer { desk.received(body: $0, on: 0, of: session, now: .origin) }
  #expect(desk.bodyBytes == 60 && session.dropped == [0])
  desk.closed(4)
  #expect(desk.bodyBytes == 30)
  desk.ended(8)
  #expect(desk.next()?.body == body && desk.bodyBytes == 0)
  #expect(desk.next() == nil && !desk.hasAnsweredAll)
  #expect(desk.respond(HTTPAnswer(HTTPResponse()), of: session, date: nil)?.stream == 8)
}

@Test func bodiesAreMadeAsFastAsTheirReadersTakeThemAndEndWithTheirTrailers() throws {
  let session = Answers()
  var limits = HTTPLimits()
  limits.partBytesMax = 10
  let desk = RequestDesk<Answers>(version: "HTTP/3", message: limits, bodiesBytesMax: 100)
  let bodies = [Int64(0): Script(["12345", "67890", "more"]), 4: Script([])]
  for stream in [Int64(0), 4] {
    desk.received(
      fields: HTTP3Client.fields("GET", of: "/"), areTrailers: false, bodyFollows: false, refusal: nil, on: stream,
      of: session, now: .origin)
    desk.ended(stream)
    _ = try #require(desk.next())
    #expect(desk.respond(HTTPAnswer(HTTPResponse(), body: bodies[stream]), of: session, date: nil)?.bytes == 0)
  }
  func produce(hasRoom: Bool = true) -> Instant? {
    desk.produce(of: session, .origin, while: { hasRoom }, sent: { _, _ in })
  }
  #expect(produce(hasRoom: false) == nil && session.bodies.isEmpty, "the connection has no room")
  #expect(produce() == Script.later && session.bodies == [0: Array("1234567890".utf8)], "ten bytes wait")
  session.taken[0] = 1
  #expect(produce() == Script.later && session.bodies[0]?.count == 14 && desk.isStreaming && !desk.hasAnsweredAll)
  desk.stopProducing()
  session.taken[0] = 14
  #expect(produce() == nil && session.finished == [0: [HTTPField("told", "all")], 4: [HTTPField("told", "all")]])
  #expect(!desk.isStreaming && desk.hasAnsweredAll)
}

@Test func eachBodyGetsItsTurnWhereThereIsRoomForOne() throws {
  let session = Answers()
  let desk = RequestDesk<Answers>(version: "HTTP/3", message: HTTPLimits(), bodiesBytesMax: 100)
  for stream in [Int64(0), 4, 8] {
    desk.received(
      fields: HTTP3Client.fields("GET", of: "/"), areTrailers: false, bodyFollows: false, refusal: nil, on: stream,
      of: session, now: .origin)
    desk.ended(stream)
    _ = try #require(desk.next())
    let body = Script([String](repeating: "x", count: 100))
    _ = desk.respond(HTTPAnswer(HTTPResponse(), body: body), of: session, date: nil)
  }
  for _ in 0..<6 {
    var room = 1
    _ = desk.produce(of: session, .origin, while: { room > 0 }, sent: { _, _ in room -= 1 })
  }
  #expect(session.bodies.mapValues(\.count) == [0: 2, 4: 2, 8: 2] && session.sharing == [0, 4, 8])
}

@Test func aBodyWhoseStreamIsGoneIsLetGo() throws {
  let session = Answers()
  let desk = RequestDesk<Answers>(version: "HTTP/3", message: HTTPLimits(), bodiesBytesMax: 100)
  weak var body: Script?
  do {
    let script = Script(["x"])
    body = script
    desk.received(
      fields: HTTP3Client.fields("GET", of: "/"), areTrailers: false, bodyFollows: false, refusal: nil, on: 0,
      of: session, now: .origin)
    desk.ended(0)
    _ = try #require(desk.next())
    _ = desk.respond(HTTPAnswer(HTTPResponse(), body: script), of: session, date: nil)
  }
  #expect(body != nil && desk.isStreaming)
  desk.closed(0)
  #expect(body == nil && !desk.isStreaming)
}

/// Keeps what it gets until it is told to let go.
private final class Keeper: RequestReader {
  var bytes: [UInt8] = []
  var released = 0
  var hasEnded = false
  var isRefused = false
  /// Beside what it keeps.
  var heldBytes = 0
  func refused() { isRefused = true }
  func received(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    self.bytes += bytes
    return 0
  }
  func ended() { hasEnded = true }
  func takeConsumed() -> Int {
    defer { released = 0 }
    return released
  }
}

private let call = HTTP3Client.fields("POST", of: "/x", [HTTPField("content-type", "application/grpc")])

@Test func aCallIsHandedOutWithItsHeadAndItsBodyGoesToItsReader() throws {
  let session = Answers()
  let desk = RequestDesk<Answers>(version: "HTTP/3", message: HTTPLimits(), bodiesBytesMax: 100)
  desk.received(
    fields: call, areTrailers: false, bodyFollows: true, refusal: nil, on: 0, of: session, now: .origin)
  let early = [UInt8](repeating: 1, count: 10)
  #expect(
    early.withUnsafeBufferPointer { desk.received(body: $0, on: 0, of: session, now: .origin) } == 0
      && desk.bodyBytes == 10)
  #expect(desk.next()?.target == "/x")
  let keeper = Keeper()
  _ = desk.respond(HTTPAnswer(HTTPResponse(), body: Script([]), reader: keeper), of: session, date: nil)
  #expect(keeper.bytes == early && desk.bodyBytes == 10)
  #expect(
    early.withUnsafeBufferPointer { desk.received(body: $0, on: 0, of: session, now: .origin) } == 0
      && desk.bodyBytes == 20)
  keeper.released = 15
  _ = desk.produce(of: session, .origin, while: { true }, sent: { _, _ in })
  #expect(session.consumed[0] == 15 && desk.bodyBytes == 5)
  desk.ended(0)
  #expect(keeper.hasEnded)
  desk.closed(0)
  #expect(desk.bodyBytes == 0 && !desk.isStreaming)
}

@Test func whoMakesOthersKeepTooMuchLosesTheStream() throws {
  let session = Answers()
  let desk = RequestDesk<Answers>(version: "HTTP/3", message: HTTPLimits(), bodiesBytesMax: 15)
  desk.received(
    fields: call, areTrailers: false, bodyFollows: true, refusal: nil, on: 0, of: session, now: .origin)
  _ = try #require(desk.next())
  let body = Script(SharedLines())
  let keeper = Keeper()
  _ = desk.respond(HTTPAnswer(HTTPResponse(), body: body, reader: keeper), of: session, date: nil)
  let bytes = [UInt8](repeating: 1, count: 10)
  #expect(bytes.withUnsafeBufferPointer { desk.received(body: $0, on: 0, of: session, now: .origin) } == 0)
  #expect(bytes.withUnsafeBufferPointer { desk.received(body: $0, on: 0, of: session, now: .origin) } == 10)
  #expect(desk.bodyBytes == 0 && session.dropped == [0] && keeper.isRefused && session.consumed[0] == 20)
}

@Test func whatAReaderHoldsCountsAlsoWhereItsBytesAreDoneWith() throws {
  let session = Answers()
  let desk = RequestDesk<Answers>(version: "HTTP/3", message: HTTPLimits(), bodiesBytesMax: 100)
  for stream in [Int64(0), 4] {
    desk.received(
      fields: call, areTrailers: false, bodyFollows: true, refusal: nil, on: stream, of: session,
      now: .origin + .seconds(stream))
    _ = try #require(desk.next())
    let keeper = Keeper()
    keeper.heldBytes = 30
    _ = desk.respond(HTTPAnswer(HTTPResponse(), body: Script([]), reader: keeper), of: session, date: nil)
  }
  #expect(desk.bodyBytes == 60 && desk.arrivingSince == .origin)
  #expect(desk.refuseOldest(HTTPFailure(408, "late"), of: session) && desk.bodyBytes == 30 && session.dropped == [0])
  #expect(
    desk.refuseLongest(HTTPFailure(503, "much"), of: session) && desk.bodyBytes == 0 && session.dropped == [0, 4])
  #expect(desk.arrivingSince == nil && !desk.refuseOldest(HTTPFailure(408, "late"), of: session))
}

@Test func aCallThatBringsTooMuchBeforeItIsHandedOutIsRefused() {
  let session = Answers()
  let desk = RequestDesk<Answers>(version: "HTTP/3", message: HTTPLimits(), bodiesBytesMax: 15)
  desk.received(
    fields: call, areTrailers: false, bodyFollows: true, refusal: nil, on: 0, of: session, now: .origin)
  for count in [15, 1] {
    let bytes = [UInt8](repeating: 1, count: count)
    _ = bytes.withUnsafeBufferPointer { desk.received(body: $0, on: 0, of: session, now: .origin) }
    #expect(desk.bodyBytes == (count == 15 ? 15 : 0))
  }
  #expect(
    desk.next() == nil && desk.answerRefusal(of: session, date: nil)?.stream == 0 && session.statuses == [0: "503"])
}

@Test func anAnswerThatIsWholeBeforeItsCallDropsTheRest() throws {
  let session = Answers()
  let desk = RequestDesk<Answers>(version: "HTTP/3", message: HTTPLimits(), bodiesBytesMax: 100)
  for (stream, answer) in [
    (Int64(0), HTTPAnswer(HTTPResponse())), (4, HTTPAnswer(HTTPResponse(), body: Script(["end"]), reader: Keeper())),
  ] {
    desk.received(
      fields: call, areTrailers: false, bodyFollows: true, refusal: nil, on: stream, of: session, now: .origin)
    _ = try #require(desk.next())
    _ = desk.respond(answer, of: session, date: nil)
  }
  #expect(session.dropped == [0])
  _ = desk.produce(of: session, .origin, while: { true }, sent: { _, _ in })
  #expect(session.dropped == [0, 4] && desk.hasAnsweredAll && desk.bodyBytes == 0)
}

@Test func aDeadlineEndsAnAnswerAlsoWhereItsConnectionHasNoRoom() throws {
  let session = Answers()
  let desk = RequestDesk<Answers>(version: "HTTP/3", message: HTTPLimits(), bodiesBytesMax: 100)
  let fields = call + [HTTPField("grpc-timeout", "1S")]
  desk.received(fields: fields, areTrailers: false, bodyFollows: true, refusal: nil, on: 0, of: session, now: .origin)
  let handler = Endless()
  let request = try #require(desk.next())
  let answer = GRPCCall(request, handler: handler, now: .origin)
  _ = desk.respond(HTTPAnswer(answer.head, body: answer, reader: answer), of: session, date: nil)
  func produce(_ now: Instant) -> Instant? { desk.produce(of: session, now, while: { false }, sent: { _, _ in }) }
  let end = Instant.origin + .seconds(1)
  #expect(produce(.origin) == end && session.bodies.isEmpty)
  #expect(produce(end) == nil && session.finished[0]?["grpc-status"] == "4" && handler.codes == [4])
}
