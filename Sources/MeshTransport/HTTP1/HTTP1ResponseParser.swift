/// Reads the final response of one request out of bytes, without any IO (RFC 9112 §4, §6.3). Interim responses (1xx)
/// are skipped.
public struct HTTP1ResponseParser {
  private enum State {
    case startLine
    case fields(status: Int, HTTP1Fields)
    case body(HTTPResponse, HTTP1Body)
    case complete(HTTPResponse)
  }

  /// More interim responses than this are a peer that plays with us.
  private static let interimMax = 16

  private var input = HTTP1Input()
  private var state = State.startLine
  private var interimCount = 0
  private let limits: HTTPLimits

  /// A parser for the answer to a GET.
  public init(limits: HTTPLimits = .client) { self.limits = limits }

  /// Takes what came in. Answers the response once it is complete, with its body decoded.
  ///
  /// *Errors*: the failure's description says what is malformed or too large; its status has no meaning here.
  public mutating func receive(_ bytes: some Collection<UInt8>) throws(HTTPFailure) -> HTTPResponse? {
    input.append(bytes)
    while true {
      switch state {
      case .complete(let response): return response
      case .startLine:
        guard try readStatusLine() else { return nil }
      case .fields(let status, var fields):
        let complete = try fields.read(from: &input)
        state = .fields(status: status, fields)
        guard complete else { return nil }
        try begin(status, fields)
      case .body(let response, var body):
        state = .startLine
        let complete = try body.read(from: &input)
        state = .body(response, body)
        guard complete else { return nil }
        finish(response, body)
      }
    }
  }

  /// The response without its body, as soon as its fields are there.
  var head: HTTPResponse? {
    switch state {
    case .body(let response, _), .complete(let response): response
    case .startLine, .fields: nil
    }
  }

  /// What came of the body since this was called last, for readers who don't wait for all of it.
  mutating func takeBody() -> [UInt8] {
    switch state {
    case .startLine, .fields: return []
    case .body(let response, var body):
      defer { state = .body(response, body) }
      return body.takeBytes()
    case .complete(var response):
      defer {
        response.body = []
        state = .complete(response)
      }
      return response.body
    }
  }

  /// The peer closed the connection. Answers the response when that is its proper end.
  public mutating func connectionEnded() throws(HTTPFailure) -> HTTPResponse {
    if case .body(let response, let body) = state, body.endsWithConnection { finish(response, body) }
    guard case .complete(let response) = state else {
      throw HTTPFailure(400, "the connection ended before the answer did")
    }
    return response
  }

  private mutating func readStatusLine() throws(HTTPFailure) -> Bool {
    switch input.takeLine(max: limits.startLineBytesMax) {
    case .incomplete: return false
    case .tooLong, .malformed: throw HTTPFailure(400, "the answer does not begin with an HTTP status line")
    case .line(let line):
      // "HTTP/1.1 200 OK"; the reason may be missing, the blank before it sometimes is.
      guard line.count >= 12, line.starts(with: "HTTP/1.".utf8), HTTP1Syntax.isDigit(line[7]),
        line[8] == HTTP1Syntax.space, line[9..<12].allSatisfy(HTTP1Syntax.isDigit),
        line.count == 12 || line[12] == HTTP1Syntax.space,
        let status = Int(String(decoding: line[9..<12], as: UTF8.self)), status >= 100
      else { throw HTTPFailure(400, "the answer does not begin with an HTTP/1 status line") }
      state = .fields(status: status, HTTP1Fields(limits: limits))
      return true
    }
  }

  private mutating func begin(_ status: Int, _ fields: HTTP1Fields) throws(HTTPFailure) {
    if status < 200 {
      interimCount &+= 1
      guard status != 101, interimCount <= HTTP1ResponseParser.interimMax else {
        throw HTTPFailure(400, "the answer changes the protocol, or never comes to its end")
      }
      state = .startLine
      return
    }
    var response = HTTPResponse()
    response.status = status
    response.headers = fields.list
    let chunked = try fields.isChunked()
    let length = try fields.contentLength()
    let framing: HTTP1Body.Framing
    if status == 204 || status == 304 {
      framing = .length(0)
    } else if chunked {
      // [RFC 9112 §6.3] "the Transfer-Encoding overrides the Content-Length … ought to be handled as an error"
      guard length == nil else { throw HTTPFailure(400, "the answer has both Content-Length and Transfer-Encoding") }
      framing = .chunked
    } else if let length {
      framing = .length(length)
    } else {
      framing = .untilClose
    }
    state = .body(response, HTTP1Body(framing, limits: limits))
  }

  private mutating func finish(_ received: HTTPResponse, _ body: HTTP1Body) {
    var response = received
    response.body = body.bytes
    state = .complete(response)
  }
}
