/// Turns responses into bytes (RFC 9112 §4). A reader never has to guess where a body ends: there is a Content-Length,
/// or the body comes in chunks; only to HTTP/1.0 the end of a stream is the end of the connection.
public enum HTTP1ResponseWriter {
  /// What the connection adds to a response.
  public struct Context: Equatable {
    /// The request was a HEAD: the fields of the answer without its body.
    public var isHead: Bool
    /// The request spoke HTTP/1.0.
    public var isHTTP10: Bool
    /// Whether another request may follow on this connection.
    public var keepsAlive: Bool
    /// An IMF-fixdate for the Date field (RFC 9110 §5.6.7); nil leaves the field out.
    public var date: String?
    /// The body follows in parts, by `part` and `end`.
    public var bodyFollows: Bool

    /// The context of one answer.
    public init(isHead: Bool, isHTTP10: Bool, keepsAlive: Bool, date: String?, bodyFollows: Bool = false) {
      self.isHead = isHead
      self.isHTTP10 = isHTTP10
      self.keepsAlive = keepsAlive
      self.date = date
      self.bodyFollows = bodyFollows
    }

    /// Whether the body is sent in chunks (RFC 9112 §7.1), which HTTP/1.0 doesn't know.
    var isChunked: Bool { bodyFollows && !isHTTP10 }
  }

  static let continueBytes = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

  /// The bytes of `response`, of whose fields those that may be sent.
  public static func bytes(of response: HTTPResponse, _ context: Context) -> [UInt8] {
    let (status, hasBody) = (response.finalStatus, response.mayHaveBody)
    let sendsBody = hasBody && !context.isHead && !context.bodyFollows
    var bytes: [UInt8] = []
    bytes.reserveCapacity(headBytesUsual + (sendsBody ? response.body.count : 0))
    add("HTTP/1.1 \(status) \(reason(status))\r\n", to: &bytes)
    for field in response.headers where HTTPResponse.isSendable(field) { add(field.name, field.value, to: &bytes) }
    if let date = context.date { add("Date", date, to: &bytes) }
    if hasBody, context.isChunked {
      add("Transfer-Encoding", "chunked", to: &bytes)
    } else if hasBody, !context.bodyFollows {
      add("Content-Length", String(response.body.count), to: &bytes)
    }
    if !context.keepsAlive {
      add("Connection", "close", to: &bytes)
    } else if context.isHTTP10 {
      add("Connection", "keep-alive", to: &bytes)
    }
    bytes.append(contentsOf: HTTP1Syntax.crlf)
    if sendsBody { bytes.append(contentsOf: response.body) }
    return bytes
  }

  /// What most heads fit into.
  private static let headBytesUsual = 512

  private static func add(_ name: String, _ value: String, to bytes: inout [UInt8]) {
    add(name, to: &bytes)
    add(": ", to: &bytes)
    add(value, to: &bytes)
    bytes.append(contentsOf: HTTP1Syntax.crlf)
  }

  private static func add(_ text: String, to bytes: inout [UInt8]) {
    HTTP1Syntax.withBytes(of: text) { bytes.append(contentsOf: $0) }
  }

  /// Some bytes of a body that follows; at least one, since a chunk of none is its end.
  static func part(_ bytes: [UInt8], _ context: Context) -> [UInt8] {
    guard context.isChunked, !bytes.isEmpty else { return bytes }
    return Array(String(bytes.count, radix: 16).utf8) + HTTP1Syntax.crlf + bytes + HTTP1Syntax.crlf
  }

  /// The end of a body that follows.
  static func end(_ context: Context) -> [UInt8] { context.isChunked ? Array("0\r\n\r\n".utf8) : [] }

  private static func reason(_ status: Int) -> String {
    switch status {
    case 200: return "OK"
    case 202: return "Accepted"
    case 204: return "No Content"
    case 304: return "Not Modified"
    case 400: return "Bad Request"
    case 403: return "Forbidden"
    case 404: return "Not Found"
    case 405: return "Method Not Allowed"
    case 408: return "Request Timeout"
    case 409: return "Conflict"
    case 413: return "Content Too Large"
    case 414: return "URI Too Long"
    case 417: return "Expectation Failed"
    case 429: return "Too Many Requests"
    case 431: return "Request Header Fields Too Large"
    case 500: return "Internal Server Error"
    case 501: return "Not Implemented"
    case 502: return "Bad Gateway"
    case 503: return "Service Unavailable"
    case 504: return "Gateway Timeout"
    case 505: return "HTTP Version Not Supported"
    // The reason is for people and may be empty; the blank before it may not be missing (RFC 9112 §4).
    default: return ""
    }
  }
}
