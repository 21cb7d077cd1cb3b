import MeshBasics

/// The server's side of one connection: bytes in, requests out, answers in, bytes out. No IO, no clock.
///
/// *Ordering*: the next request is handed out only when the one before is answered, so pipelined requests are answered
/// in order. *Limits*: nothing is read further while `outputBytesMax` of answers wait for a slow reader, and of a body
/// that is made meanwhile no further part is made while `HTTPLimits.partBytesMax` wait.
public final class HTTP1Connection {
  /// Answers waiting to be written; with more, no further request is handed out.
  public static let outputBytesMax = 256 * 1024
  /// Requests waiting to be read; with more, the caller stops reading from its socket.
  public static let inputBytesMax = 64 * 1024

  private struct Exchange {
    let isHead: Bool
    let isHTTP10: Bool
    let keepsAlive: Bool
  }

  private var parser: HTTP1RequestParser
  private let partBytesMax: Int
  private var exchange: Exchange?
  /// What follows the head that was answered last; the exchange is over with its end.
  private var following: (body: any AnswerBody, context: HTTP1ResponseWriter.Context)?
  /// What is known already of an answer that comes later; nil while none does.
  private var laterFields: [HTTPField]?
  private var outputStart = 0
  private var outputBytes: [UInt8] = []
  private var inputEnded = false
  private var isLast = false
  private var isFinishing = false
  private var refusals: [Int] = []
  /// Grows with the bytes that were written.
  private(set) var progress = 0

  /// A connection just accepted.
  public init(limits: HTTPLimits = HTTPLimits()) {
    parser = HTTP1RequestParser(limits: limits)
    partBytesMax = limits.partBytesMax
  }

  /// Adds what came in.
  public func receive(_ bytes: some Collection<UInt8>) {
    if !isLast { parser.append(bytes) }
  }

  /// The peer sends no more. What it already asked for is still answered; but who had an answer that goes on, and says
  /// no more, is gone.
  public func receiveEnd() {
    inputEnded = true
    guard following != nil, laterFields == nil else { return }
    following = nil
    isLast = true
  }

  /// The next complete request; answer it with `respond` before asking again. Refusals are answered inside.
  public func nextRequest(date: String? = nil) -> HTTPRequest? {
    guard exchange == nil, !isLast, output.count < HTTP1Connection.outputBytesMax else { return nil }
    while true {
      switch parser.next() {
      case .needMore:
        if inputEnded { isLast = true }
        return nil
      case .continueExpected: outputBytes.append(contentsOf: HTTP1ResponseWriter.continueBytes)
      case .request(let request, let isHTTP10, let keepsAlive):
        exchange = Exchange(isHead: request.method == "HEAD", isHTTP10: isHTTP10, keepsAlive: keepsAlive)
        return request
      case .refused(let failure):
        refuse(failure, date: date)
        return nil
      }
    }
  }

  /// Answers the request that `nextRequest` handed out. `closing`: this is the last answer of the connection.
  public func respond(_ answer: HTTPAnswer, date: String? = nil, closing: Bool = false) {
    guard let exchange else { return }
    if answer.isLater, let body = answer.body {
      following = (
        body,
        HTTP1ResponseWriter.Context(
          isHead: exchange.isHead, isHTTP10: exchange.isHTTP10, keepsAlive: exchange.keepsAlive && !closing, date: date)
      )
      laterFields = answer.response.headers
      return closing ? body.stop() : ()
    }
    let body = exchange.isHead || !answer.response.mayHaveBody ? nil : answer.body
    let context = HTTP1ResponseWriter.Context(
      isHead: exchange.isHead, isHTTP10: exchange.isHTTP10,
      keepsAlive: exchange.keepsAlive && !closing && (body == nil || !exchange.isHTTP10), date: date,
      bodyFollows: answer.body != nil)
    outputBytes.append(contentsOf: HTTP1ResponseWriter.bytes(of: answer.response, context))
    if let body {
      following = (body, context)
      if closing { body.stop() }
    } else {
      endExchange(keepsAlive: context.keepsAlive)
    }
  }

  private func endExchange(keepsAlive: Bool) {
    exchange = nil
    following = nil
    if !keepsAlive { isLast = true }
  }

  /// Takes the parts that the body of an answer has, as far as its reader has taken those before. Gives the time to ask
  /// again; nil when nothing waits for one.
  public func produce(_ now: Instant, wireHasRoom: Bool = true) -> Instant? {
    guard wireHasRoom else { return nil }
    // Its last word may have come in one piece with its last request.
    if inputEnded, following != nil { receiveEnd() }
    while case (let body, var context)? = following, !isLast, output.count < partBytesMax {
      context.keepsAlive = context.keepsAlive && !isFinishing
      switch body.next(now) {
      case .bytes(let bytes): outputBytes.append(contentsOf: HTTP1ResponseWriter.part(bytes, context))
      case .nothing(let time): return max(time, now + AnswerPart.pauseMin)
      case .whole(var response):
        response.headers += laterFields ?? []
        laterFields = nil
        outputBytes.append(contentsOf: HTTP1ResponseWriter.bytes(of: response, context))
        endExchange(keepsAlive: context.keepsAlive)
      case .end:
        outputBytes.append(contentsOf: HTTP1ResponseWriter.end(context))
        endExchange(keepsAlive: context.keepsAlive)
      }
    }
    return nil
  }

  /// Whether an answer is being made that its reader may make last.
  var isStaying: Bool { isStreaming && following?.body.mayStay == true }

  /// Whether an answer is being made while its reader takes it.
  var isStreaming: Bool { following != nil && !isLast }

  /// Answers `failure` and ends the connection; does nothing when it is ending already.
  public func refuse(_ failure: HTTPFailure, date: String? = nil) {
    guard !isLast else { return }
    isLast = true
    exchange = nil
    // Amid another answer there is no place for it: that one breaks off.
    if following != nil {
      (following, laterFields) = (nil, nil)
      return
    }
    let context = HTTP1ResponseWriter.Context(isHead: false, isHTTP10: false, keepsAlive: false, date: date)
    outputBytes.append(contentsOf: HTTP1ResponseWriter.bytes(of: HTTPResponse(failure), context))
    refusals.append(failure.status)
  }

  /// The statuses of the refusals that it has answered since this was asked last.
  func takeRefusals() -> [Int] {
    defer { refusals = [] }
    return refusals
  }

  /// Lets no further request in; what is being answered still goes out.
  public func finish() {
    isFinishing = true
    following?.body.stop()
    if exchange == nil { isLast = true }
  }

  /// What waits to be written.
  public var output: ArraySlice<UInt8> { outputBytes[outputStart...] }

  /// `count` bytes of `output` were written.
  public func wrote(_ count: Int) {
    outputStart = Swift.min(outputBytes.count, outputStart &+ Swift.max(0, count))
    progress &+= Swift.max(0, count)
    if outputStart == outputBytes.count {
      outputBytes.removeAll(keepingCapacity: outputBytes.capacity <= HTTP1Connection.outputBytesMax)
      outputStart = 0
    } else if outputStart > HTTP1Connection.outputBytesMax / 4 {
      // A reader that always leaves something must not make us keep all that it ever took.
      outputBytes.removeFirst(outputStart)
      outputStart = 0
    }
  }

  /// Whether the caller should read from its socket.
  public var wantsInput: Bool {
    !isLast && !inputEnded && output.count < HTTP1Connection.outputBytesMax
      && parser.pendingCount < HTTP1Connection.inputBytesMax
  }

  /// Whether everything is said: write nothing more, close.
  public var isOver: Bool { isLast && output.isEmpty }

  /// The body, as far as it has come, of the request that is arriving.
  var bodyBytes: Int { isLast ? 0 : parser.bodyBytes }

  /// How far the current request has come, for timeouts.
  public var stage: HTTP1RequestParser.Stage { isLast || following != nil ? .idle : parser.stage }
}
