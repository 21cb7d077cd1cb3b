extension HTTPRequest {
  /// A request from the fields of HTTP/2 (RFC 9113 §8.3) or HTTP/3 (RFC 9114 §4.3), as the answering closure expects
  /// it. nghttp2 and nghttp3 have seen to it that each pseudo-field comes once and first, that no field of HTTP/1.1's
  /// connections is there, and that a declared length is a number. *Errors*: what HTTP/1.1 is refused for, with the
  /// same status.
  init(streamFields fields: [HTTPField], version: String, limits: HTTPLimits) throws(HTTPFailure) {
    self.init()
    self.version = version
    method = fields[":method"] ?? ""
    target = fields[":path"] ?? ""
    guard method != "CONNECT" else { throw HTTPFailure(501, "CONNECT is not supported.") }
    guard let scheme = fields[":scheme"], scheme == "http" || scheme == "https" else {
      throw HTTPFailure(400, "The scheme is neither http nor https.")
    }
    guard HTTP1Syntax.isToken(method.utf8), target.utf8.allSatisfy(HTTP1Syntax.isTargetByte),
      target.hasPrefix("/") || (target == "*" && method == "OPTIONS")
    else { throw HTTPFailure(400, "The method is not a token, or the target is not a path.") }
    let hosts = fields.filter { $0.name == "host" }.map(\.value)
    guard let host = fields[":authority"] ?? hosts.first, HTTP1Syntax.isHost(host) else {
      throw HTTPFailure(400, "The authority is not a host.")
    }
    // [RFC 9113 §8.3.1] "A server SHOULD treat a request as malformed if it contains a Host header field that
    // identifies an entity that differs from the entity in the ":authority" pseudo-header field."
    guard hosts.allSatisfy({ HTTP1Syntax.equalIgnoringCase($0, host) }) else {
      throw HTTPFailure(400, "The authority and the Host field differ.")
    }
    headers = [HTTPField("host", host)]
    headers += fields.filter { !$0.name.hasPrefix(":") && $0.name != "host" }
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
