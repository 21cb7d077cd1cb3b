import MeshBasics

/// An HTTP request as an answering closure sees it, whichever version brought it: complete, with its body decoded
/// (RFC 9110 §3); without its body where that `comesInParts`.
public struct HTTPRequest: Equatable, Sendable {
  /// The method as sent; methods are case-sensitive (RFC 9110 §9.1).
  public var method = ""
  /// The target in origin form, path and query: `/control/peers?x=1`; `*` only with OPTIONS.
  public var target = ""
  /// The fields in the order received. `Host` is among them for every version: HTTP/2 and 3 say it as `:authority`.
  public var headers: [HTTPField] = []
  /// The body without its transfer coding.
  public var body: [UInt8] = []
  /// What the connection speaks: `HTTP/1.1` (which stands for 1.0 too), `HTTP/2` or `HTTP/3`.
  public var version = "HTTP/1.1"
  /// Who the client has proven to be with a certificate; nil without one, and in clear.
  public var peer: PeerIdentity?
  /// The certificates that it proved it with, DER, leaf first, so that they can be judged again while its connection
  /// goes on; empty without one.
  public var peerChain: [[UInt8]] = []
  /// Where the client is; nil where that isn't known.
  public var remote: SocketAddress?
  /// Whether its connection may have one more answer that its reader may make last (`AnswerBody.mayStay`). Where it may
  /// not, the closure refuses (503).
  public var mayStay = true

  /// An empty request, to be filled.
  public init() {}

  /// The first value of the field `name`, whose case doesn't matter; nil when the field is absent.
  public func header(_ name: String) -> String? { headers[name] }

  /// The values of all fields `name`, in order.
  public func values(_ name: String) -> [String] {
    headers.values(name)
  }
}

/// An HTTP response: what an answering closure returns, or what `HTTPClient` received.
public struct HTTPResponse: Equatable, Sendable {
  /// The status code, 200 to 599.
  public var status = 200
  /// The fields in order. `Content-Length`, `Connection` and `Transfer-Encoding` belong to the connection: a server
  /// drops them here and writes its own.
  public var headers: [HTTPField] = []
  /// The body without transfer coding.
  public var body: [UInt8] = []
  /// Fields that follow the body. HTTP/1.1 leaves them out: few of its clients can read them.
  public var trailers: [HTTPField] = []

  /// An empty 200.
  public init() {}

  /// The first value of the field `name`, whose case doesn't matter; nil when the field is absent.
  public func header(_ name: String) -> String? { headers[name] }
}

extension HTTPResponse {
  /// What a client is told of `failure`.
  init(_ failure: HTTPFailure) {
    status = failure.status
    headers = [HTTPField("Content-Type", "text/plain; charset=utf-8")]
    if status == 503 { headers.append(HTTPField("Retry-After", "1")) }
    body = Array((failure.description + "\n").utf8)
  }

  /// The status as it may be sent.
  var finalStatus: Int { (200...599).contains(status) ? status : 500 }

  /// Whether the status lets a body follow (RFC 9110 §6.4.1).
  var mayHaveBody: Bool { finalStatus != 204 && finalStatus != 304 }

  /// The trailers as they may be sent.
  var sendableTrailers: [HTTPField] { HTTPResponse.sendableTrailers(trailers) }

  /// `trailers` as HTTP/2 and HTTP/3 may send them.
  static func sendableTrailers(_ trailers: [HTTPField]) -> [HTTPField] {
    trailers.filter(isSendable).map(inLowerCase)
  }

  /// The fields before the body as HTTP/2 and HTTP/3 send them. `bodyFollows`: nobody knows yet how long it will be.
  func streamFields(date: String?, bodyFollows: Bool = false) -> FieldBlock {
    var fields = FieldBlock()
    fields.append(":status", String(finalStatus))
    for field in headers where HTTPResponse.isSendable(field) { fields.append(lowercasing: field.name, field.value) }
    if let date { fields.append("date", date) }
    if mayHaveBody, !bodyFollows { fields.append("content-length", String(body.count)) }
    return fields
  }

  private static func inLowerCase(_ field: HTTPField) -> HTTPField {
    HTTPField(HTTP1Syntax.lowercased(field.name), field.value)
  }

  private static let connectionFields = [
    "Content-Length", "Connection", "Transfer-Encoding", "Date", "Keep-Alive", "Proxy-Connection", "Upgrade",
  ]
  /// A bit for each length of these names: most others are told from them by it.
  private static let connectionLengths = connectionFields.reduce(UInt64(0)) { $0 | 1 << UInt64($1.utf8.count) }

  /// Whether `field` may be sent. Those that are no valid fields, and those that belong to the connection, may not: a
  /// line end inside a value would let it forge an answer.
  static func isSendable(_ field: HTTPField) -> Bool {
    HTTP1Syntax.isToken(field.name.utf8) && HTTP1Syntax.all(field.value.utf8, HTTP1Syntax.isValueByte)
      && !belongsToConnection(field.name)
  }

  private static func belongsToConnection(_ name: String) -> Bool {
    connectionLengths & 1 << UInt64(name.utf8.count) != 0
      && connectionFields.contains { HTTP1Syntax.equalIgnoringCase($0, name) }
  }
}
