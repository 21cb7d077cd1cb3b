extension HTTPRequest {
  /// A request from the fields of HTTP/2 (RFC 9113 §8.3) or HTTP/3 (RFC 9114 §4.3), as the answering closure expects
  /// it. nghttp2 and nghttp3 have seen to it that each pseudo-field comes once and first, that no field of HTTP/1.1's
  /// connections is there, and that a declared length is a number. *Errors*: what HTTP/1.1 is refused for, with the
  /// same status.
  init(streamFields fields: [HTTPField], version: String, limits: HTTPLimits) throws(HTTPFailure) {
    self.init()
    self.version = version
    var (scheme, authority): (String?, String?) = (nil, nil)
    var hosts: [String] = []
    // First comes what is the Host.
    headers.reserveCapacity(fields.count)
    headers.append(HTTPField("host", ""))
    for field in fields {
      switch field.name {
      case ":method": method = field.value
      case ":path": target = field.value
      case ":scheme": scheme = field.value
      case ":authority": authority = field.value
      case "host": hosts.append(field.value)
      default: if field.name.utf8.first != HTTP1Syntax.colon { headers.append(field) }
      }
    }
    guard method != "CONNECT" else { throw HTTPFailure(501, "CONNECT is not supported.") }
    guard scheme == "http" || scheme == "https" else {
      throw HTTPFailure(400, "The scheme is neither http nor https.")
    }
    guard HTTP1Syntax.isToken(method.utf8), HTTP1Syntax.all(target.utf8, HTTP1Syntax.isTargetByte),
      target.utf8.first == UInt8(ascii: "/") || (target == "*" && method == "OPTIONS")
    else { throw HTTPFailure(400, "The method is not a token, or the target is not a path.") }
    guard let host = authority ?? hosts.first, HTTP1Syntax.isHost(host) else {
      throw HTTPFailure(400, "The authority is not a host.")
    }
    // [RFC 9113 §8.3.1] "A server SHOULD treat a request as malformed if it contains a Host header field that
    // identifies an entity that differs from the entity in the ":authority" pseudo-header field."
    guard hosts.allSatisfy({ HTTP1Syntax.equalIgnoringCase($0, host) }) else {
      throw HTTPFailure(400, "The authority and the Host field differ.")
    }
    headers[0].value = host
    if let length = header("content-length").flatMap({ Int($0) }), length > limits.bodyBytesMax {
      throw HTTPFailure(413, "The body is longer than \(limits.bodyBytesMax) bytes.")
    }
    guard expectations.allSatisfy({ $0 == "100-continue" }) else {
      throw HTTPFailure(417, "The only expectation supported is 100-continue.")
    }
  }

  /// Whether its body may go on while it is answered, so that it is handed out with its head: a call of gRPC over
  /// HTTP/2 or HTTP/3.
  public var comesInParts: Bool {
    guard method == "POST", version != "HTTP/1.1", let type = header("content-type") else { return false }
    let kind = type.utf8.prefix { $0 != UInt8(ascii: ";") }
    return kind.elementsEqual("application/grpc".utf8) || kind.elementsEqual("application/grpc+proto".utf8)
  }

  /// Whether the client waits for `100 Continue` before it sends the body.
  var expectsContinue: Bool { !expectations.isEmpty }

  private var expectations: [String] {
    headers.filter { $0.name == "expect" }.flatMap { HTTP1Syntax.listMembers($0.value) }
  }
}
