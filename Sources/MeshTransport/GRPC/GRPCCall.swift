import MeshBasics

/// One call of gRPC as its method sees it: whole messages in, whole messages out, and a status at the end. All four
/// kinds of streaming are this one; a unary method takes one message and gives one.
///
/// *Threads*: the listener's alone.
public protocol GRPCHandler: AnyObject {
  /// Whether its caller may make it last as long as it likes.
  var mayStay: Bool { get }
  /// What the caller is told before the first message.
  var leadingMetadata: CallMetadata { get }
  /// Whether it can take one more message now. While not, the caller is held back.
  var wantsMessage: Bool { get }
  /// What it holds of messages, in bytes.
  var heldBytes: Int { get }
  /// A message came.
  func received(_ message: [UInt8])
  /// The caller sends no more.
  func ended()
  /// What comes next. Must not block.
  func next(_ now: Instant) -> GRPCPart
  /// The call has ended with `code`, whoever ended it: 1 (CANCELLED) when its caller went away. Called once.
  func ended(with code: Int)
}

/// What a method has to give.
public enum GRPCPart {
  /// A message.
  case message([UInt8])
  /// Nothing now: ask again at this time, when a message came, or when `EdgeTransport.wake` was called.
  case nothing(until: Instant)
  /// The call is over.
  case end(GRPCStatus)
}

/// A call on the wire (gRPC over HTTP/2, which HTTP/3 carries in the same form): cuts messages out of the request's
/// body, frames those of the answer, keeps the deadline and ends with trailers.
public final class GRPCCall: AnswerBody, RequestReader {
  private let handler: any GRPCHandler
  private let limits: GRPCLimits
  /// When the caller waits no longer; nil for never.
  public let deadline: Instant?
  private let expands: Bool
  private let firstMessageEnd: Instant
  private let compresses: Bool
  private var deframer: GRPCDeframer
  /// What came while the method wanted no message.
  private var unread: [UInt8] = []
  /// How many of them were read.
  private var unreadStart = 0
  private var consumed = 0
  private var hasMessage = false
  private var hasEnded = false
  private var hasToldEnd = false
  private var isStopping = false
  /// How the call ends whatever the method says.
  private var verdict: GRPCStatus?
  private var isOver = false

  /// The call that `request` begins, whose messages `handler` takes. Give `head` as the head of its answer.
  public init(_ request: HTTPRequest, handler: any GRPCHandler, limits: GRPCLimits = GRPCLimits(), now: Instant) {
    self.handler = handler
    self.limits = limits
    compresses = GRPCCall.takesGZip(request)
    expands = request.header("grpc-encoding") == "gzip"
    deframer = GRPCDeframer(messageBytesMax: limits.messageBytesMax, allowsCompressed: expands)
    firstMessageEnd = now + limits.firstMessageTimeout
    let encoding = request.header("grpc-encoding") ?? "identity"
    if !["identity", "gzip"].contains(encoding) {
      verdict = .unimplemented("messages may be compressed by gzip alone")
    }
    var deadline: Instant?
    if let timeout = request.header("grpc-timeout") {
      if let span = GRPCCall.span(timeout) {
        deadline = now + span
      } else {
        verdict = .internal("grpc-timeout is none")
      }
    }
    self.deadline = deadline
  }

  // A call that nobody ended was given up.
  deinit { over(1) }

  /// Whether its caller may make it last.
  public var mayStay: Bool { handler.mayStay }

  private func over(_ code: Int) {
    guard !isOver else { return }
    isOver = true
    handler.ended(with: code)
  }

  private func end(_ status: GRPCStatus) -> AnswerPart {
    over(status.code)
    return .end(trailers: status.fields)
  }

  /// The head of its answer, with the leading metadata of its method.
  public var head: HTTPResponse {
    var response = HTTPResponse()
    response.headers = [
      HTTPField("content-type", "application/grpc+proto"), HTTPField("grpc-accept-encoding", "identity,gzip"),
    ]
    if compresses { response.headers.append(HTTPField("grpc-encoding", "gzip")) }
    response.headers += handler.leadingMetadata.fields
    return response
  }

  private static func takesGZip(_ request: HTTPRequest) -> Bool {
    request.headers.contains { field in
      field.name == "grpc-accept-encoding" && HTTP1Syntax.listMembers(field.value).contains("gzip")
    }
  }

  /// The length of a `grpc-timeout`: up to eight digits and a unit.
  static func span(_ text: String) -> Duration? {
    let digits = text.utf8.dropLast()
    guard (1...8).contains(digits.count), digits.allSatisfy(HTTP1Syntax.isDigit), let count = Int64(Substring(digits))
    else { return nil }
    switch text.utf8.last {
    case UInt8(ascii: "H"): return .seconds(count &* 3_600)
    case UInt8(ascii: "M"): return .seconds(count &* 60)
    case UInt8(ascii: "S"): return .seconds(count)
    case UInt8(ascii: "m"): return .milliseconds(count)
    case UInt8(ascii: "u"): return Duration(nanoseconds: count &* 1_000)
    case UInt8(ascii: "n"): return Duration(nanoseconds: count)
    default: return nil
    }
  }

  // MARK: RequestReader

  /// Takes some of the request's body.
  public func received(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    // In order: what waits is read first.
    let count = unread.isEmpty ? read(bytes) : 0
    unread.append(contentsOf: bytes[count...])
    return count
  }

  /// What the deframer and the method hold.
  public var heldBytes: Int { deframer.heldBytes + handler.heldBytes }

  /// Ends the call with RESOURCE_EXHAUSTED.
  public func refused() {
    verdict = verdict ?? .resourceExhausted("the call holds too much, or for too long")
    (unread, unreadStart) = ([], 0)
    deframer = GRPCDeframer(messageBytesMax: 0)
  }

  /// The caller has said all.
  public func ended() {
    hasEnded = true
    tellEnd()
  }

  /// How many bytes that were kept the method has taken since.
  public func takeConsumed() -> Int {
    readOn()
    defer { consumed = 0 }
    return consumed
  }

  /// Reads on after a pause, as far as the method wants.
  private func readOn() {
    guard !unread.isEmpty, verdict != nil || handler.wantsMessage else { return }
    let count = unread.withUnsafeBufferPointer { read(UnsafeBufferPointer(rebasing: $0[unreadStart...])) }
    unreadStart += count
    consumed += count
    if unreadStart == unread.count {
      (unread, unreadStart) = ([], 0)
    } else if unreadStart > limits.messageBytesMax, unreadStart > unread.count / 2 {
      // Who always leaves something unread must not make us keep all that ever came.
      unread.removeFirst(unreadStart)
      unreadStart = 0
    }
    tellEnd()
  }

  private func tellEnd() {
    guard hasEnded, unread.isEmpty, !hasToldEnd else { return }
    hasToldEnd = true
    if let error = deframer.end() { verdict = verdict ?? GRPCStatus(error) }
    if verdict == nil { handler.ended() }
  }

  /// Hands messages over while the method wants them. Gives the number of bytes that were read; those of a call that is
  /// over are dropped.
  private func read(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var rest = bytes[...]
    while verdict == nil, !rest.isEmpty {
      guard handler.wantsMessage else { return bytes.count - rest.count }
      if let message = deframer.next(&rest) {
        take(message)
      } else if let error = deframer.failure {
        verdict = GRPCStatus(error)
      }
    }
    return bytes.count
  }

  private func take(_ message: [UInt8]) {
    hasMessage = true
    guard deframer.isCompressed else { return handler.received(message) }
    switch GZip.expand(message, bytesMax: limits.messageBytesMax) {
    case .success(let plain): handler.received(plain)
    case .failure(.notGZip): verdict = .internal("a message is no gzip")
    case .failure(.tooLong):
      verdict = .resourceExhausted("a message stands for more than \(limits.messageBytesMax) bytes")
    }
  }

  // MARK: AnswerBody

  /// The next message of the method, framed, or the end with its trailers.
  public func next(_ now: Instant) -> AnswerPart {
    readOn()
    if let deadline, deadline <= now { verdict = verdict ?? .deadlineExceeded("the call took too long") }
    if !hasMessage, !hasEnded, firstMessageEnd <= now {
      verdict = verdict ?? .deadlineExceeded("no message within \(limits.firstMessageTimeout.milliseconds) ms")
    }
    if let verdict { return end(verdict) }
    switch handler.next(now) {
    case .message(let bytes): return .bytes(framed(bytes))
    case .end(let status): return end(status)
    case .nothing(let time):
      // What has happened was told before.
      if isStopping { return end(.unavailable("the node is stopping")) }
      let first = hasMessage || hasEnded ? .distantFuture : firstMessageEnd
      return .nothing(until: min(time, deadline ?? .distantFuture, first))
    }
  }

  /// Ends the call with UNAVAILABLE, after what the method still has to give.
  public func stop() { isStopping = true }

  private func framed(_ message: [UInt8]) -> [UInt8] {
    if compresses, message.count >= limits.compressedBytesMin, let small = GZip.compress(message),
      small.count < message.count
    {
      return GRPCDeframer.prefix(length: small.count, isCompressed: true) + small
    }
    return GRPCDeframer.prefix(length: message.count) + message
  }
}
