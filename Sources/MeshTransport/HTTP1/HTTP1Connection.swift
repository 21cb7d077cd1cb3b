/// The server's side of one connection: bytes in, requests out, answers in, bytes out. No IO, no clock.
///
/// *Ordering*: the next request is handed out only when the one before is answered, so pipelined requests are answered
/// in order. *Limits*: nothing is read further while `outputBytesMax` of answers wait for a slow reader.
public struct HTTP1Connection {
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
  private var exchange: Exchange?
  private var outputStart = 0
  private var outputBytes: [UInt8] = []
  private var inputEnded = false
  private var isLast = false
  private var refusals: [Int] = []
  /// Grows with the bytes that were written.
  private(set) var progress = 0

  /// A connection just accepted.
  public init(limits: HTTPLimits = HTTPLimits()) { parser = HTTP1RequestParser(limits: limits) }

  /// Adds what came in.
  public mutating func receive(_ bytes: some Collection<UInt8>) {
    if !isLast { parser.append(bytes) }
  }

  /// The peer sends no more. What it already asked for is still answered.
  public mutating func receiveEnd() { inputEnded = true }

  /// The next complete request; answer it with `respond` before asking again. Refusals are answered inside.
  public mutating func nextRequest(date: String? = nil) -> HTTPRequest? {
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
  public mutating func respond(_ response: HTTPResponse, date: String? = nil, closing: Bool = false) {
    guard let exchange else { return }
    self.exchange = nil
    let keepsAlive = exchange.keepsAlive && !closing
    if !keepsAlive { isLast = true }
    let context = HTTP1ResponseWriter.Context(
      isHead: exchange.isHead, isHTTP10: exchange.isHTTP10, keepsAlive: keepsAlive, date: date)
    outputBytes.append(contentsOf: HTTP1ResponseWriter.bytes(of: response, context))
  }

  /// Answers `failure` and ends the connection; does nothing when it is ending already.
  public mutating func refuse(_ failure: HTTPFailure, date: String? = nil) {
    guard !isLast else { return }
    isLast = true
    exchange = nil
    let context = HTTP1ResponseWriter.Context(isHead: false, isHTTP10: false, keepsAlive: false, date: date)
    outputBytes.append(contentsOf: HTTP1ResponseWriter.bytes(of: HTTPResponse(failure), context))
    refusals.append(failure.status)
  }

  /// The statuses of the refusals that it has answered since this was asked last.
  mutating func takeRefusals() -> [Int] {
    defer { refusals = [] }
    return refusals
  }

  /// Lets no further request in; what is being answered still goes out.
  public mutating func finish() { if exchange == nil { isLast = true } }

  /// What waits to be written.
  public var output: ArraySlice<UInt8> { outputBytes[outputStart...] }

  /// `count` bytes of `output` were written.
  public mutating func wrote(_ count: Int) {
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
  public var stage: HTTP1RequestParser.Stage { isLast ? .idle : parser.stage }
}
