import MeshBasics

/// The server's side of one HTTP/2 connection, for callers that take whole requests: bytes in, requests out, answers
/// in, bytes out. No IO, no clock.
///
/// *Ordering*: requests are handed out as they become complete, one after the other; their answers share the
/// connection.
/// *Limits*: no further request is handed out while `answerBytesMax` of answers wait for their reader, and no more
/// than `outputBytesMax` leave the session ahead of the socket.
public final class HTTP2Connection {
  /// Answers that wait for the client's windows or its socket; with more, no further request is handed out.
  public static let answerBytesMax = 1024 * 1024
  /// Frames made ahead of the socket.
  public static let outputBytesMax = 64 * 1024

  private struct Arriving {
    var request: HTTPRequest
    let since: Instant
  }

  private let message: HTTPLimits
  private let limits: HTTP2Limits
  private var session: HTTP2Session?
  private var arriving: [Int32: Arriving] = [:]
  private var complete: [(stream: Int32, request: HTTPRequest)] = []
  private var refused: [(stream: Int32, failure: HTTPFailure)] = []
  /// The statuses of those that were answered, until somebody asks.
  private var refusals: [Int] = []
  private var exchange: (stream: Int32, isHead: Bool)?
  /// Bytes of answers that did not go out yet, by stream.
  private var unsent: [Int32: Int] = [:]
  private var unsentBytes = 0
  /// Of requests that are arriving or wait to be handed out.
  private(set) var bodyBytes = 0
  private var now = Instant.origin
  private var inputEnded = false
  private var outputBytes: [UInt8] = []
  private var outputStart = 0

  /// A connection just accepted. If memory fails it is over at once.
  public init(message: HTTPLimits = HTTPLimits(), limits: HTTP2Limits = HTTP2Limits()) {
    self.message = message
    self.limits = limits
    session = HTTP2Session(message: message, limits: limits, handler: self)
  }

  /// Adds what came in.
  public func receive(_ bytes: ArraySlice<UInt8>, now: Instant) {
    self.now = now
    bytes.withUnsafeBufferPointer { session?.receive($0, now: now) }
    refill()
  }

  /// The client sends no more. What it already asked for is still answered.
  public func receiveEnd() { inputEnded = true }

  /// The next complete request; answer it with `respond` before asking again. Refusals are answered inside.
  public func nextRequest(date: String? = nil) -> HTTPRequest? {
    while hasRoom, !refused.isEmpty {
      let (stream, failure) = refused.removeFirst()
      answer(HTTPResponse(failure), on: stream, isHead: false, date: date)
      refusals.append(failure.status)
    }
    // Who is sent away gets no further answers: a flood of requests must not cost them.
    if session?.failure != nil {
      bodyBytes -= complete.reduce(0) { $0 + $1.request.body.count }
      complete = []
    }
    guard exchange == nil, !complete.isEmpty, hasRoom else {
      refill()
      return nil
    }
    let (stream, request) = complete.removeFirst()
    bodyBytes -= request.body.count
    exchange = (stream, request.method == "HEAD")
    return request
  }

  /// Whether one more answer may wait for the client to read.
  private var hasRoom: Bool {
    unsentBytes < HTTP2Connection.answerBytesMax && (session?.waitingFrames ?? 0) < limits.waitingFramesMax
  }

  /// Answers the request that `nextRequest` handed out. `closing`: the connection takes no further ones.
  public func respond(_ response: HTTPResponse, date: String? = nil, closing: Bool = false) {
    guard let exchange else { return }
    self.exchange = nil
    answer(response, on: exchange.stream, isHead: exchange.isHead, date: date)
    if closing { session?.drain() }
  }

  /// Answers `failure` to the request that has been arriving for longest, when the next one is asked for. A client
  /// whose field section is not whole has no request yet, and is sent away.
  public func refuse(_ failure: HTTPFailure, date: String? = nil) {
    if let oldest = arriving.keys.min() { return refuse(oldest, failure) }
    guard session?.isAmidFields == true else { return }
    session?.sendAway(HTTP2SessionFailure(.enhanceYourCalm, "a field section that took too long"))
    refill()
  }

  /// Answers `failure` to the request whose body has become longest so far. False when none has any.
  func refuseLongest(_ failure: HTTPFailure, date: String?) -> Bool {
    let longest = arriving.max { $0.value.request.body.count < $1.value.request.body.count }
    guard let longest, !longest.value.request.body.isEmpty else { return false }
    refuse(longest.key, failure)
    return true
  }

  /// The statuses of the refusals that it has answered since this was asked last.
  func takeRefusals() -> [Int] {
    defer { refusals = [] }
    return refusals
  }

  /// Takes no new requests; what is being answered still goes out.
  public func finish() {
    session?.drain()
    refill()
  }

  /// What waits to be written now.
  public var output: ArraySlice<UInt8> { outputBytes[outputStart...] }

  /// `count` bytes of `output` were written.
  public func wrote(_ count: Int) {
    outputStart = min(outputBytes.count, outputStart &+ max(0, count))
    guard outputStart == outputBytes.count else { return }
    outputBytes.removeAll(keepingCapacity: true)
    outputStart = 0
    refill()
  }

  /// Whether the caller should read from its socket. Also while answers wait: what gives them room comes from there.
  public var wantsInput: Bool { !inputEnded && session?.wantsInput == true }

  /// Whether everything is said: write nothing more, close.
  public var isOver: Bool {
    guard let session else { return true }
    guard output.isEmpty else { return false }
    return session.isOver || (inputEnded && hasAnsweredAll)
  }

  private var hasAnsweredAll: Bool { complete.isEmpty && refused.isEmpty && exchange == nil && unsentBytes == 0 }

  private func refill() {
    guard outputStart == 0 else { return }
    session?.fill(&outputBytes, upTo: HTTP2Connection.outputBytesMax)
  }

  private func answer(_ response: HTTPResponse, on stream: Int32, isHead: Bool, date: String?) {
    var fields = [HTTPField(":status", "\(response.finalStatus)")]
    for field in response.sendableHeaders { fields.append(HTTPField(field.name.lowercased(), field.value)) }
    if let date { fields.append(HTTPField("date", date)) }
    if response.mayHaveBody { fields.append(HTTPField("content-length", "\(response.body.count)")) }
    let body = response.mayHaveBody && !isHead ? response.body : []
    let trailers = isHead ? [] : response.sendableTrailers.map { HTTPField($0.name.lowercased(), $0.value) }
    let isWhole = body.isEmpty && trailers.isEmpty
    guard let session, session.submitResponse(fields, on: stream, isWhole: isWhole), !isWhole else { return }
    if session.send(body, on: stream) != nil {
      unsent[stream] = body.count
      unsentBytes += body.count
    }
    session.finish(stream, trailers: trailers)
  }

  private func refuse(_ stream: Int32, _ failure: HTTPFailure) {
    if let given = arriving.removeValue(forKey: stream) { bodyBytes -= given.request.body.count }
    session?.dropRest(of: stream)
    refused.append((stream, failure))
  }
}

extension HTTP2Connection: HTTP2Handler {
  func received(fields: [HTTPField], on stream: Int32, as section: HTTP2Section, refusal: HTTPFailure?) {
    // Trailers of requests are read, and dropped: nothing here uses them.
    guard case .headers(let bodyFollows) = section else {
      if let refusal, arriving[stream] != nil { refuse(stream, refusal) }
      return
    }
    if let refusal { return refuse(stream, refusal) }
    do throws(HTTPFailure) {
      let request = try HTTPRequest(http2: fields, limits: message)
      arriving[stream] = Arriving(request: request, since: now)
      if bodyFollows, request.expectsContinue { session?.submitContinue(on: stream) }
    } catch {
      refuse(stream, error)
    }
  }

  func received(body bytes: UnsafeBufferPointer<UInt8>, on stream: Int32) -> Int {
    guard let count = arriving[stream]?.request.body.count else { return bytes.count }
    if bytes.count > message.bodyBytesMax &- count {
      refuse(stream, HTTPFailure(413, "The body is longer than \(message.bodyBytesMax) bytes."))
    } else if bytes.count > limits.bodiesBytesMax &- bodyBytes {
      refuse(
        stream, HTTPFailure(503, "The bodies of this connection are longer than \(limits.bodiesBytesMax) bytes."))
    } else {
      arriving[stream]?.request.body.append(contentsOf: bytes)
      bodyBytes += bytes.count
    }
    return bytes.count
  }

  func ended(_ stream: Int32) {
    guard let given = arriving.removeValue(forKey: stream) else { return }
    complete.append((stream, given.request))
  }

  func took(_ count: Int, on stream: Int32) {
    guard let left = unsent[stream] else { return }
    unsent[stream] = left - count
    unsentBytes -= count
  }

  func closed(_ stream: Int32) {
    if let given = arriving.removeValue(forKey: stream) { bodyBytes -= given.request.body.count }
    if let index = complete.firstIndex(where: { $0.stream == stream }) {
      bodyBytes -= complete.remove(at: index).request.body.count
    }
    refused.removeAll { $0.stream == stream }
    unsentBytes -= unsent.removeValue(forKey: stream) ?? 0
  }
}

extension HTTP2Connection: EdgeProtocol {
  var awaitsReader: Bool { !output.isEmpty || unsentBytes > 0 }
  var progress: Int { session?.answerFrames ?? 0 }
  var stage: HTTP1RequestParser.Stage {
    if !arriving.isEmpty { return .body }
    return session?.isAmidFields == true ? .head : .idle
  }
  var arrivingSince: Instant? { arriving.keys.min().flatMap { arriving[$0]?.since } }
  var floodedBy: String? { session?.failure.flatMap { $0.code == .enhanceYourCalm ? $0.text : nil } }
}
