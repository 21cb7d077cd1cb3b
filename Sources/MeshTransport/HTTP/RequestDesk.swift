// The server's side of a connection that carries several requests at once, HTTP/2 or HTTP/3: their parts come as
// streams, they are handed out one after the other, whole but for calls of gRPC, and what can't be taken is refused.
import MeshBasics

/// What a desk asks of the session whose streams it serves.
protocol AnsweringSession: AnyObject {
  associatedtype StreamID: Hashable & Comparable & Sendable
  /// Says `100 Continue`.
  func submitContinue(on stream: StreamID)
  /// Answers `stream`. Unless `isWhole`, the body follows by `send`, and `finish` ends it. False when the stream is
  /// gone.
  func submitResponse(_ fields: FieldBlock, on stream: StreamID, isWhole: Bool) -> Bool
  /// The body of the answer goes on: while it has something to send, others of its kind get their turns all the same.
  func shareTurns(on stream: StreamID)
  /// Appends to the body of an answer. Returns the bytes of it that wait; nil when the stream is gone.
  func send(_ bytes: [UInt8], on stream: StreamID) -> Int?
  /// The bytes of a body that wait for its reader; nil when the stream is gone.
  func waiting(on stream: StreamID) -> Int?
  /// Ends the body of an answer, with trailers unless `trailers` is empty.
  func finish(_ stream: StreamID, trailers: [HTTPField])
  /// What still comes on `stream` is of no use: its answer is a refusal, or whole.
  func dropRest(of stream: StreamID)
  /// Lets the client send so many bytes more: they were kept, and are done with now.
  func consumed(_ count: Int, on stream: StreamID)
}

extension AnsweringSession {
  /// The same with `fields` as they are.
  func submitResponse(_ fields: [HTTPField], on stream: StreamID, isWhole: Bool) -> Bool {
    submitResponse(FieldBlock(fields), on: stream, isWhole: isWhole)
  }
}

/// The requests of one connection with streams. No IO, no clock. An object, since a session may tell of streams while
/// it is answered.
///
/// *Ordering*: requests are handed out as they become complete, those that come in parts with their heads, the next one
/// when the one before is answered.
/// *Limits*: of a body `HTTPLimits.bodyBytesMax`, more is 413; of the bodies of all unfinished requests
/// `bodiesBytesMax`, the request that brings more is answered 503.
final class RequestDesk<Session: AnsweringSession> {
  typealias StreamID = Session.StreamID

  /// A request that was handed out, or waits for that, before its body is whole.
  private struct Partial {
    /// What came before anybody took it.
    var early: [UInt8] = []
    /// Of its body, what its reader keeps and the client is held back for.
    var kept = 0
    /// What it counts with among the bodies.
    var counted = 0
    /// Since when it has counted.
    var heldSince: Instant?
    var hasEnded = false
    var reader: (any RequestReader)?
  }

  private struct Arriving {
    var request: HTTPRequest
    let since: Instant
  }

  private let version: String
  private let message: HTTPLimits
  private let bodiesBytesMax: Int
  private var arriving: [StreamID: Arriving] = [:]
  private var partial: [StreamID: Partial] = [:]
  private var complete: [(stream: StreamID, request: HTTPRequest)] = []
  private var refused: [(stream: StreamID, failure: HTTPFailure)] = []
  /// The statuses of those that were answered, until somebody asks.
  private var refusals: [Int] = []
  private var exchange: (stream: StreamID, isHead: Bool)?
  /// Bodies that are made while their readers take them.
  private var following: [StreamID: any AnswerBody] = [:]
  /// Of those that are whole answers: what is known of them already.
  private var later: [StreamID: (isHead: Bool, date: String?, fields: [HTTPField])] = [:]
  /// Of them the one that got something last.
  private var lastFed: StreamID?
  /// Of requests that are arriving or wait to be handed out, and what those hold that come in parts.
  private(set) var bodyBytes = 0
  /// As the session was told last.
  private var now = Instant.origin

  /// A desk for a connection that speaks `version`, as `HTTPRequest.version` says it.
  init(version: String, message: HTTPLimits, bodiesBytesMax: Int) {
    self.version = version
    self.message = message
    self.bodiesBytesMax = bodiesBytesMax
  }

  // MARK: What comes

  /// The fields of a request came, or, with `areTrailers`, those after its body. `refusal` says why they can't be
  /// taken.
  func received(
    fields: [HTTPField], areTrailers: Bool, bodyFollows: Bool, refusal: HTTPFailure?, on stream: StreamID,
    of session: Session?, now: Instant
  ) {
    self.now = now
    // Trailers of requests are read, and dropped: nothing here uses them.
    if areTrailers {
      if let refusal, arriving[stream] != nil { refuse(stream, refusal, of: session) }
      return
    }
    if let refusal { return refuse(stream, refusal, of: session) }
    do throws(HTTPFailure) {
      let request = try HTTPRequest(streamFields: fields, version: version, limits: message)
      if request.comesInParts {
        partial[stream] = Partial()
        return complete.append((stream, request))
      }
      arriving[stream] = Arriving(request: request, since: now)
      if bodyFollows, request.expectsContinue { session?.submitContinue(on: stream) }
    } catch {
      refuse(stream, error, of: session)
    }
  }

  /// Some of a body came; that of a request which was refused is dropped. Gives the number of bytes that are done with.
  func received(
    body bytes: UnsafeBufferPointer<UInt8>, on stream: StreamID, of session: Session?, now: Instant
  ) -> Int {
    self.now = now
    if partial[stream] != nil { return receivePart(bytes, on: stream, of: session) }
    guard let count = arriving[stream]?.request.body.count else { return bytes.count }
    if bytes.count > message.bodyBytesMax &- count {
      refuse(stream, HTTPFailure(413, "The body is longer than \(message.bodyBytesMax) bytes."), of: session)
    } else if bytes.count > bodiesBytesMax &- bodyBytes {
      let failure = HTTPFailure(503, "The bodies of this connection are longer than \(bodiesBytesMax) bytes.")
      refuse(stream, failure, of: session)
    } else {
      arriving[stream]?.request.body.append(contentsOf: bytes)
      bodyBytes += bytes.count
    }
    return bytes.count
  }

  /// What is kept counts with the bodies that are arriving: who makes others keep more loses the stream.
  private func receivePart(
    _ bytes: UnsafeBufferPointer<UInt8>, on stream: StreamID, of session: Session?
  ) -> Int {
    guard var given = partial.removeValue(forKey: stream) else { return bytes.count }
    let done = min(bytes.count, max(0, given.reader?.received(bytes) ?? 0))
    if given.reader == nil { given.early.append(contentsOf: bytes) }
    given.kept += bytes.count - done
    partial[stream] = given
    count(stream)
    guard bodyBytes > bodiesBytesMax else { return done }
    refusePartial(stream, of: session)
    return bytes.count
  }

  /// Books what a request that comes in parts holds in memory now.
  private func count(_ stream: StreamID) {
    guard var given = partial[stream] else { return }
    let held = given.kept + (given.reader?.heldBytes ?? 0)
    bodyBytes += held - given.counted
    given.counted = held
    given.heldSince = held > 0 ? given.heldSince ?? now : nil
    partial[stream] = given
  }

  /// A request that comes in parts holds too much, or for too long.
  private func refusePartial(_ stream: StreamID, of session: Session?) {
    guard let given = partial[stream] else { return }
    if let index = complete.firstIndex(where: { $0.stream == stream }) {
      complete.remove(at: index)
      let failure = HTTPFailure(503, "The bodies of this connection are longer than \(bodiesBytesMax) bytes.")
      refused.append((stream, failure))
    }
    given.reader?.refused()
    session?.consumed(given.kept, on: stream)
    forgetPartial(stream)
    session?.dropRest(of: stream)
    // Its end leaves whatever room there is, so that what it holds is let go of now.
    guard let body = following[stream], case .end(let trailers) = body.next(now) else { return }
    following[stream] = nil
    session?.finish(stream, trailers: HTTPResponse.sendableTrailers(trailers))
  }

  private func forgetPartial(_ stream: StreamID) {
    if !partial.isEmpty, let given = partial.removeValue(forKey: stream) { bodyBytes -= given.counted }
  }

  /// The client has sent all of a request.
  func ended(_ stream: StreamID) {
    if let given = arriving.removeValue(forKey: stream) { complete.append((stream, given.request)) }
    partial[stream]?.hasEnded = true
    partial[stream]?.reader?.ended()
  }

  /// A stream is gone, ended or broken off: what came on it is of no use.
  func closed(_ stream: StreamID) {
    // Most streams end when all is said: then none of these holds anything.
    if !arriving.isEmpty, let given = arriving.removeValue(forKey: stream) {
      bodyBytes -= given.request.body.count
    }
    if let index = complete.firstIndex(where: { $0.stream == stream }) {
      bodyBytes -= complete.remove(at: index).request.body.count
    }
    if !refused.isEmpty { refused.removeAll { $0.stream == stream } }
    if !following.isEmpty { following[stream] = nil }
    if !later.isEmpty { later[stream] = nil }
    forgetPartial(stream)
  }

  // MARK: Refusals

  /// Answers `failure` to the request that has been arriving for longest. False when none is.
  func refuseOldest(_ failure: HTTPFailure, of session: Session?) -> Bool {
    let held = partial.compactMap { stream, given in given.heldSince.map { (stream, since: $0) } }
    let oldestHeld = held.min { $0.since < $1.since }
    if let oldest = arriving.min(by: { $0.value.since < $1.value.since }),
      oldestHeld.map({ oldest.value.since <= $0.since }) ?? true
    {
      refuse(oldest.key, failure, of: session)
    } else if let oldestHeld {
      refusePartial(oldestHeld.0, of: session)
    } else {
      return false
    }
    return true
  }

  /// Answers `failure` to the request whose body has become longest so far. False when none has any.
  func refuseLongest(_ failure: HTTPFailure, of session: Session?) -> Bool {
    let longest = arriving.max { $0.value.request.body.count < $1.value.request.body.count }
    let heaviest = partial.max { $0.value.counted < $1.value.counted }
    let (arrived, held) = (longest?.value.request.body.count ?? 0, heaviest?.value.counted ?? 0)
    guard max(arrived, held) > 0 else { return false }
    if let heaviest, held > arrived {
      refusePartial(heaviest.key, of: session)
    } else if let longest {
      refuse(longest.key, failure, of: session)
    }
    return true
  }

  private func refuse(_ stream: StreamID, _ failure: HTTPFailure, of session: Session?) {
    if let given = arriving.removeValue(forKey: stream) { bodyBytes -= given.request.body.count }
    session?.dropRest(of: stream)
    refused.append((stream, failure))
  }

  /// Answers the oldest refusal. Gives the bytes of its body and its stream; nil when none waits.
  func answerRefusal(of session: Session?, date: String?) -> (stream: StreamID, bytes: Int)? {
    guard !refused.isEmpty else { return nil }
    let (stream, failure) = refused.removeFirst()
    refusals.append(failure.status)
    return (stream, answer(HTTPAnswer(HTTPResponse(failure)), on: stream, isHead: false, of: session, date: date))
  }

  /// The statuses of the refusals that were answered since this was asked last.
  func takeRefusals() -> [Int] {
    defer { refusals = [] }
    return refusals
  }

  // MARK: Whole requests

  /// The next request that is complete, or comes in parts; answer it with `respond` before asking again.
  func next() -> HTTPRequest? {
    guard exchange == nil, !complete.isEmpty else { return nil }
    let (stream, request) = complete.removeFirst()
    bodyBytes -= request.body.count
    exchange = (stream, request.method == "HEAD")
    return request
  }

  /// Forgets the complete requests: their client is sent away, and they must not cost answers.
  func dropComplete() {
    bodyBytes -= complete.reduce(0) { $0 + $1.request.body.count }
    complete = []
  }

  /// Answers the request that `next` handed out. Gives its stream and the bytes of the body that were taken.
  func respond(
    _ given: HTTPAnswer, of session: Session?, date: String?
  ) -> (stream: StreamID, bytes: Int)? {
    guard let exchange else { return nil }
    self.exchange = nil
    defer { if partial[exchange.stream] != nil { take(exchange.stream, with: given.reader, of: session) } }
    return (
      exchange.stream, answer(given, on: exchange.stream, isHead: exchange.isHead, of: session, date: date)
    )
  }

  /// Gives `reader` what came before it was there; without one, what comes is dropped.
  private func take(_ stream: StreamID, with reader: (any RequestReader)?, of session: Session?) {
    guard let reader, following[stream] != nil else {
      session?.consumed(partial[stream]?.kept ?? 0, on: stream)
      forgetPartial(stream)
      session?.dropRest(of: stream)
      return
    }
    let early = partial[stream]?.early ?? []
    partial[stream]?.early = []
    partial[stream]?.reader = reader
    release(early.withUnsafeBufferPointer(reader.received), on: stream, of: session)
    if partial[stream]?.hasEnded == true { reader.ended() }
  }

  /// So many bytes that were kept are done with.
  private func release(_ count: Int, on stream: StreamID, of session: Session?) {
    defer { self.count(stream) }
    guard count > 0, let kept = partial[stream]?.kept else { return }
    let count = min(count, kept)
    partial[stream]?.kept -= count
    session?.consumed(count, on: stream)
  }

  private func answer(
    _ given: HTTPAnswer, on stream: StreamID, isHead: Bool, of session: Session?, date: String?
  ) -> Int {
    let response = given.response
    if given.isLater, let body = given.body {
      following[stream] = body
      later[stream] = (isHead, date, response.headers)
      return 0
    }
    if let body = given.body, response.mayHaveBody, !isHead {
      let fields = response.streamFields(date: date, bodyFollows: true)
      guard let session, session.submitResponse(fields, on: stream, isWhole: false) else { return 0 }
      session.shareTurns(on: stream)
      following[stream] = body
      return 0
    }
    let body = response.mayHaveBody && !isHead ? response.body : []
    let trailers = isHead ? [] : response.sendableTrailers
    let isWhole = body.isEmpty && trailers.isEmpty
    let fields = response.streamFields(date: date, bodyFollows: given.body != nil)
    guard let session, session.submitResponse(fields, on: stream, isWhole: isWhole), !isWhole else { return 0 }
    let isTaken = session.send(body, on: stream) != nil
    session.finish(stream, trailers: trailers)
    return isTaken ? body.count : 0
  }

  // MARK: Bodies that are made while their readers take them

  /// Takes the parts that they have, of each as far as its reader has taken those before, and while `hasRoom`. `sent`
  /// is told of what was taken. Gives the time to ask again.
  func produce(
    of session: Session?, _ now: Instant, while hasRoom: () -> Bool, sent: (StreamID, Int) -> Void
  ) -> Instant? {
    self.now = now
    var due: Instant?
    guard !following.isEmpty else { return nil }
    // Begins behind the one that got something last: where there is room for some only, it isn't for the same ones.
    let streams = following.keys.sorted()
    let start = lastFed.flatMap { last in streams.firstIndex { $0 > last } } ?? 0
    for offset in streams.indices {
      let stream = streams[(start + offset) % streams.count]
      let time = produce(on: stream, of: session, now, while: hasRoom) { stream, count in
        lastFed = stream
        sent(stream, count)
      }
      if let time { due = min(due ?? time, time) }
    }
    return due
  }

  private func produce(
    on stream: StreamID, of session: Session?, _ now: Instant, while hasRoom: () -> Bool, sent: (StreamID, Int) -> Void
  ) -> Instant? {
    defer {
      if !partial.isEmpty, let reader = partial[stream]?.reader {
        release(reader.takeConsumed(), on: stream, of: session)
      }
    }
    while let session, let body = following[stream] {
      guard let waiting = session.waiting(on: stream) else { return nil }
      // A reader that stands still doesn't keep what must be over.
      let isOver = body.deadline.map { $0 <= now } ?? false
      guard isOver || hasRoom() && waiting < message.partBytesMax else { return body.deadline }
      switch body.next(now) {
      case .bytes(let bytes): if session.send(bytes, on: stream) != nil { sent(stream, bytes.count) }
      case .nothing(let time): return max(time, now + AnswerPart.pauseMin)
      case .whole(var response):
        following[stream] = nil
        let (isHead, date, fields) = later.removeValue(forKey: stream) ?? (false, nil, [])
        response.headers += fields
        let count = answer(HTTPAnswer(response), on: stream, isHead: isHead, of: session, date: date)
        if count > 0 { sent(stream, count) }
      case .end(let trailers):
        following[stream] = nil
        session.finish(stream, trailers: HTTPResponse.sendableTrailers(trailers))
        // What the client still says to an answer that is over is of no use.
        if let given = partial[stream] {
          session.consumed(given.kept, on: stream)
          if !given.hasEnded { session.dropRest(of: stream) }
        }
        forgetPartial(stream)
      }
    }
    return nil
  }

  /// Asks all of them for their end.
  func stopProducing() { for body in following.values { body.stop() } }

  // MARK: State

  /// Whether an answer is being made while its reader takes it.
  var isStreaming: Bool { !following.isEmpty }
  /// Whether one is that its reader may make last.
  var isStaying: Bool { following.values.contains { $0.mayStay } }
  /// Whether nothing waits to be answered.
  var hasAnsweredAll: Bool { complete.isEmpty && refused.isEmpty && exchange == nil && following.isEmpty }
  /// Whether requests are arriving.
  var isReceiving: Bool { !arriving.isEmpty }
  /// When the oldest of them began.
  var arrivingSince: Instant? {
    // By hand: it is asked for in every turn, and a key path is made anew each time.
    var oldest: Instant?
    for given in arriving.values where oldest.map({ given.since < $0 }) ?? true { oldest = given.since }
    for given in partial.values {
      if let since = given.heldSince, oldest.map({ since < $0 }) ?? true { oldest = since }
    }
    return oldest
  }
}
