import MeshBasics

/// The server's side of one HTTP/2 connection: bytes in, requests out, answers in, bytes out. No IO, no clock.
///
/// *Ordering*: requests are handed out as they become complete, calls of gRPC with their heads, one after the other;
/// their answers share the connection.
/// *Limits*: no further request is handed out while `StreamLimits.answersBytesMax` of answers wait for their reader,
/// and no more than `outputBytesMax` leave the session ahead of the socket.
public final class HTTP2Connection {
  /// Frames made ahead of the socket.
  public static let outputBytesMax = 64 * 1024

  private let streams: StreamLimits
  private let limits: HTTP2Limits
  private var session: HTTP2Session?
  private let desk: RequestDesk<HTTP2Session>
  /// Bytes of answers that did not go out yet.
  private var unsentBytes = 0
  private var now = Instant.origin
  private var inputEnded = false
  private var isAbandoned = false
  /// Grows when the socket takes some of answers.
  private(set) var progress = 0
  /// What waits for the socket holds frames of answers.
  private var hasAnswersOut = false
  private var outputBytes: [UInt8] = []
  private var outputStart = 0

  /// A connection just accepted. If memory fails it is over at once.
  public init(
    message: HTTPLimits = HTTPLimits(), streams: StreamLimits = StreamLimits(), limits: HTTP2Limits = HTTP2Limits()
  ) {
    self.streams = streams
    self.limits = limits
    desk = RequestDesk(version: "HTTP/2", message: message, bodiesBytesMax: streams.bodiesBytesMax)
    session = HTTP2Session(message: message, streams: streams, limits: limits, handler: self)
  }

  /// Adds what came in.
  public func receive(_ bytes: ArraySlice<UInt8>, now: Instant) {
    self.now = now
    bytes.withUnsafeBufferPointer { session?.receive($0, now: now) }
    refill()
  }

  /// The client sends no more. What it already asked for is still answered; but who had an answer that goes on can't
  /// even open its window any more, and is gone.
  public func receiveEnd() {
    inputEnded = true
    isAbandoned = desk.isStaying
  }

  /// The next complete request; answer it with `respond` before asking again. Refusals are answered inside.
  public func nextRequest(date: String? = nil) -> HTTPRequest? {
    while hasRoom, let answered = desk.answerRefusal(of: session, date: date) { unsentBytes += answered.bytes }
    // Who is sent away gets no further answers: a flood of requests must not cost them.
    if session?.failure != nil { desk.dropComplete() }
    if hasRoom, let request = desk.next() { return request }
    refill()
    return nil
  }

  /// Whether one more answer may wait for the client to read.
  private var hasRoom: Bool {
    unsentBytes < streams.answersBytesMax && (session?.waitingFrames ?? 0) < limits.waitingFramesMax
  }

  /// Answers the request that `nextRequest` handed out. `closing`: the connection takes no further ones.
  public func respond(_ answer: HTTPAnswer, date: String? = nil, closing: Bool = false) {
    guard let answered = desk.respond(answer, of: session, date: date) else { return }
    unsentBytes += answered.bytes
    guard closing else { return }
    answer.body?.stop()
    session?.drain()
  }

  /// Takes the parts that the bodies of answers have, as far as their reader has taken those before. Gives the time to
  /// ask again; nil when nothing waits for one. Without `wireHasRoom` it only ends those whose time is over.
  public func produce(_ now: Instant, wireHasRoom: Bool = true) -> Instant? {
    guard session?.failure == nil else { return nil }
    let due = desk.produce(of: session, now, while: { wireHasRoom && hasRoom }, sent: { unsentBytes += $1 })
    // Its last word may have come in one piece with its last request.
    if inputEnded, desk.isStaying { isAbandoned = true }
    refill()
    return due
  }

  /// Whether an answer is being made that its reader may make last.
  var isStaying: Bool { desk.isStaying && !isAbandoned }

  /// Whether an answer is being made while its reader takes it.
  var isStreaming: Bool { desk.isStreaming && !isAbandoned }

  /// Answers `failure` to the request that has been arriving for longest, when the next one is asked for. A client
  /// whose field section is not whole has no request yet, and is sent away.
  public func refuse(_ failure: HTTPFailure, date: String? = nil) {
    if desk.refuseOldest(failure, of: session) { return }
    guard session?.isAmidFields == true else { return }
    session?.sendAway(HTTP2SessionFailure(.enhanceYourCalm, "a field section that took too long"))
    refill()
  }

  /// Answers `failure` to the request whose body has become longest so far. False when none has any.
  func refuseLongest(_ failure: HTTPFailure, date: String?) -> Bool { desk.refuseLongest(failure, of: session) }

  /// The statuses of the refusals that it has answered since this was asked last.
  func takeRefusals() -> [Int] { desk.takeRefusals() }

  /// Takes no new requests; what is being answered still goes out.
  public func finish() {
    desk.stopProducing()
    session?.drain()
    refill()
  }

  /// What waits to be written now.
  public var output: ArraySlice<UInt8> { outputBytes[outputStart...] }

  /// `count` bytes of `output` were written.
  public func wrote(_ count: Int) {
    outputStart = min(outputBytes.count, outputStart &+ max(0, count))
    if count > 0, hasAnswersOut { progress &+= 1 }
    guard outputStart == outputBytes.count else { return }
    outputBytes.removeAll(keepingCapacity: true)
    outputStart = 0
    hasAnswersOut = false
    refill()
  }

  /// Whether the caller should read from its socket. Also while answers wait: what gives them room comes from there.
  public var wantsInput: Bool { !inputEnded && session?.wantsInput == true }

  /// Whether everything is said: write nothing more, close.
  public var isOver: Bool {
    guard let session else { return true }
    if isAbandoned { return true }
    guard output.isEmpty else { return false }
    return session.isOver || (inputEnded && hasAnsweredAll)
  }

  private var hasAnsweredAll: Bool { desk.hasAnsweredAll && unsentBytes == 0 }

  private func refill() {
    guard outputStart == 0 else { return }
    let frames = session?.answerFrames
    session?.fill(&outputBytes, upTo: HTTP2Connection.outputBytesMax)
    if session?.answerFrames != frames { hasAnswersOut = true }
  }
}

extension HTTP2Connection: HTTP2Handler {
  func received(fields: [HTTPField], on stream: Int32, as section: HTTP2Section, refusal: HTTPFailure?) {
    var (bodyFollows, areTrailers) = (false, true)
    if case .headers(let follows) = section { (bodyFollows, areTrailers) = (follows, false) }
    desk.received(
      fields: fields, areTrailers: areTrailers, bodyFollows: bodyFollows, refusal: refusal, on: stream, of: session,
      now: now)
  }

  func received(body bytes: UnsafeBufferPointer<UInt8>, on stream: Int32) -> Int {
    desk.received(body: bytes, on: stream, of: session, now: now)
  }

  func ended(_ stream: Int32) { desk.ended(stream) }

  func took(_ count: Int, on stream: Int32) { unsentBytes -= count }

  func closed(_ stream: Int32, unsent: Int) {
    desk.closed(stream)
    unsentBytes -= unsent
  }
}

extension HTTP2Session: AnsweringSession {}

extension HTTP2Connection: EdgeProtocol {
  var awaitsReader: Bool { !output.isEmpty || unsentBytes > 0 }
  var stage: HTTP1RequestParser.Stage {
    if desk.isReceiving { return .body }
    return session?.isAmidFields == true ? .head : .idle
  }
  func takeComplaints() -> [String] { session?.takeComplaints() ?? [] }
  var bodyBytes: Int { desk.bodyBytes }
  var arrivingSince: Instant? { desk.arrivingSince }
  var floodedBy: String? { session?.failure.flatMap { $0.code == .enhanceYourCalm ? $0.text : nil } }
}
