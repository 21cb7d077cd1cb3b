/// Reads HTTP/1.1 requests out of bytes, one after the other, without any IO (RFC 9112). Strict on purpose: whatever
/// two readers could understand differently is refused, and after a refusal the parser reads no more.
public struct HTTP1RequestParser {
  /// What the bytes so far amount to.
  public enum Event: Equatable {
    /// More bytes are needed.
    case needMore
    /// The head is complete, and the client waits for `100 Continue` before it sends the body. Said once per request.
    case continueExpected
    case request(HTTPRequest, isHTTP10: Bool, keepsAlive: Bool)
    /// Said for ever after: the connection must close.
    case refused(HTTPFailure)
  }

  /// How far the current request has come.
  public enum Stage: Equatable {
    case idle
    case head
    case body
  }

  private struct Head {
    var request: HTTPRequest
    var isHTTP10: Bool
    var keepsAlive: Bool
    var body: HTTP1Body
    var continuePending: Bool
  }

  private enum State {
    case startLine(emptyLineSeen: Bool)
    case fields(method: String, target: [UInt8], isHTTP10: Bool, HTTP1Fields)
    case body(Head)
    case refused(HTTPFailure)
  }

  private var input = HTTP1Input()
  private var state = State.startLine(emptyLineSeen: false)
  private let limits: HTTPLimits

  /// A parser at the start of a connection.
  public init(limits: HTTPLimits = HTTPLimits()) { self.limits = limits }

  /// Adds what came in. After a refusal the bytes are dropped.
  public mutating func append(_ bytes: some Collection<UInt8>) {
    if case .refused = state { return }
    input.append(bytes)
  }

  /// The bytes that wait to be understood.
  public var pendingCount: Int { input.count }

  /// The body of the current request, as far as it was read.
  var bodyBytes: Int { if case .body(let head) = state { head.body.bytes.count } else { 0 } }

  /// How far the current request has come, for the caller's timeouts.
  public var stage: Stage {
    switch state {
    case .startLine: return input.count == 0 ? .idle : .head
    case .fields: return .head
    case .body: return .body
    case .refused: return .idle
    }
  }

  /// The next thing to act on; call until it says `needMore` or `refused`.
  public mutating func next() -> Event {
    do {
      while true {
        switch state {
        case .refused(let failure): return .refused(failure)
        case .startLine(let emptyLineSeen):
          guard try readStartLine(emptyLineSeen) else { return .needMore }
        case .fields(let method, let target, let isHTTP10, var fields):
          let complete = try fields.read(from: &input)
          state = .fields(method: method, target: target, isHTTP10: isHTTP10, fields)
          guard complete else { return .needMore }
          state = .body(try head(method, target, isHTTP10, fields))
        case .body(let head):
          return try readBody(head)
        }
      }
    } catch {
      state = .refused(error)
      return .refused(error)
    }
  }

  private mutating func readStartLine(_ emptyLineSeen: Bool) throws(HTTPFailure) -> Bool {
    switch input.takeLine(max: limits.startLineBytesMax) {
    case .incomplete: return false
    case .tooLong: throw HTTPFailure(414, "The request line is longer than \(limits.startLineBytesMax) bytes.")
    case .malformed: throw HTTPFailure(400, "The request line does not end in CRLF, or holds a bare CR.")
    case .line(let line):
      if line.isEmpty {
        // [RFC 9112 §2.2] "a server … SHOULD ignore at least one empty line (CRLF) received prior to the request-line"
        guard !emptyLineSeen else { throw HTTPFailure(400, "There is more than one empty line before a request.") }
        state = .startLine(emptyLineSeen: true)
        return true
      }
      let parts = line.split(separator: HTTP1Syntax.space, omittingEmptySubsequences: false)
      guard parts.count == 3, HTTP1Syntax.isToken(parts[0]), !parts[1].isEmpty,
        parts[1].allSatisfy(HTTP1Syntax.isTargetByte)
      else { throw HTTPFailure(400, "The request line is not a method, a target and a version.") }
      let isHTTP10 = try HTTP1RequestParser.isHTTP10(parts[2])
      let method = String(decoding: parts[0], as: UTF8.self)
      state = .fields(
        method: method, target: Array(parts[1]), isHTTP10: isHTTP10, HTTP1Fields(limits: limits))
      return true
    }
  }

  private static func isHTTP10(_ version: ArraySlice<UInt8>) throws(HTTPFailure) -> Bool {
    let bytes = Array(version)
    guard bytes.count == 8, bytes.starts(with: "HTTP/".utf8), HTTP1Syntax.isDigit(bytes[5]),
      bytes[6] == UInt8(ascii: "."), HTTP1Syntax.isDigit(bytes[7])
    else { throw HTTPFailure(400, "The request line does not end in an HTTP version.") }
    guard bytes[5] == UInt8(ascii: "1") else { throw HTTPFailure(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.") }
    return bytes[7] == UInt8(ascii: "0")
  }

  /// All that is decided once the fields are complete: target, host, framing, persistence.
  private func head(
    _ method: String, _ target: [UInt8], _ isHTTP10: Bool, _ received: HTTP1Fields
  ) throws(HTTPFailure) -> Head {
    var fields = received
    let hosts = fields.values(of: "Host")
    guard hosts.count == 1 || (hosts.isEmpty && isHTTP10) else {
      throw HTTPFailure(400, "A request must have exactly one Host field.")
    }
    guard hosts.allSatisfy(HTTP1Syntax.isHost) else { throw HTTPFailure(400, "The Host field is not a host.") }
    guard method != "CONNECT" else { throw HTTPFailure(501, "CONNECT is not supported.") }
    var request = HTTPRequest()
    request.method = method
    request.target = try HTTP1RequestParser.originForm(of: target, method: method, fields: &fields)
    request.headers = fields.list

    let chunked = try fields.isChunked()
    let length = try fields.contentLength()
    // [RFC 9112 §6.1] "A server MAY reject a request that contains both Content-Length and Transfer-Encoding"
    guard !chunked || length == nil else {
      throw HTTPFailure(400, "A request has both Content-Length and Transfer-Encoding.")
    }
    guard !chunked || !isHTTP10 else { throw HTTPFailure(400, "HTTP/1.0 has no Transfer-Encoding.") }
    let framing: HTTP1Body.Framing = chunked ? .chunked : .length(length ?? 0)

    let connection = fields.members(of: "Connection")
    let keepsAlive = !connection.contains("close") && (!isHTTP10 || connection.contains("keep-alive"))
    let expectations = isHTTP10 ? [] : fields.members(of: "Expect")
    guard expectations.allSatisfy({ $0 == "100-continue" }) else {
      throw HTTPFailure(417, "The only expectation supported is 100-continue.")
    }
    return Head(
      request: request, isHTTP10: isHTTP10, keepsAlive: keepsAlive, body: HTTP1Body(framing, limits: limits),
      continuePending: !expectations.isEmpty && framing != .length(0))
  }

  /// The target as path and query. An absolute target's authority takes the place of the Host field (RFC 9112 §3.2.2).
  private static func originForm(
    of target: [UInt8], method: String, fields: inout HTTP1Fields
  ) throws(HTTPFailure) -> String {
    let text = String(decoding: target, as: UTF8.self)
    if text.hasPrefix("/") || (text == "*" && method == "OPTIONS") { return text }
    let scheme = "http://"
    guard HTTP1Syntax.equalIgnoringCase(String(text.prefix(scheme.count)), scheme) else {
      throw HTTPFailure(400, "The request target is neither a path nor an http URL.")
    }
    let rest = text.dropFirst(scheme.count)
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    let authority = String(rest[..<end])
    guard !authority.isEmpty, HTTP1Syntax.isHost(authority) else {
      throw HTTPFailure(400, "The request target's authority is not a host.")
    }
    fields.replace("Host", with: authority)
    let path = rest[end...]
    return path.hasPrefix("/") ? String(path) : "/" + path
  }

  private mutating func readBody(_ received: Head) throws(HTTPFailure) -> Event {
    var head = received
    // Emptied first, so that the body is not copied while two places hold it.
    state = .startLine(emptyLineSeen: false)
    if try head.body.read(from: &input) {
      head.request.body = head.body.bytes
      return .request(head.request, isHTTP10: head.isHTTP10, keepsAlive: head.keepsAlive)
    }
    // A client that already sends its body doesn't wait for us.
    let mustAsk = head.continuePending && head.body.bytes.isEmpty
    head.continuePending = false
    state = .body(head)
    return mustAsk ? .continueExpected : .needMore
  }
}
