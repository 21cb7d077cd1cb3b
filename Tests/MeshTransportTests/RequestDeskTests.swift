import MeshBasics
import Testing

@testable import MeshTransport

/// Notes what it is told to answer.
private final class Answers: AnsweringSession {
  var statuses: [Int64: String] = [:]
  var dropped: [Int64] = []

  func submitContinue(on stream: Int64) {}
  func submitResponse(_ fields: [HTTPField], on stream: Int64, isWhole: Bool) -> Bool {
    statuses[stream] = fields[":status"]
    return true
  }
  func send(_ bytes: [UInt8], on stream: Int64) -> Int? { bytes.count }
  func finish(_ stream: Int64, trailers: [HTTPField]) {}
  func dropRest(of stream: Int64) { dropped.append(stream) }
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
    body.withUnsafeBufferPointer { desk.received(body: $0, on: stream, of: session) }
  }
  #expect(desk.bodyBytes == 90)
  // One more is too much, one breaks off, one ends and is handed out.
  body.withUnsafeBufferPointer { desk.received(body: $0, on: 0, of: session) }
  #expect(desk.bodyBytes == 60 && session.dropped == [0])
  desk.closed(4)
  #expect(desk.bodyBytes == 30)
  desk.ended(8)
  #expect(desk.next()?.body == body && desk.bodyBytes == 0)
  #expect(desk.next() == nil && !desk.hasAnsweredAll)
  #expect(desk.respond(HTTPResponse(), of: session, date: nil)?.stream == 8)
}
