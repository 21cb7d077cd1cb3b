/// An HTTP request as an answering closure sees it: complete, with its body decoded (RFC 9110 §3).
public struct HTTPRequest: Equatable, Sendable {
  /// The method as sent; methods are case-sensitive (RFC 9110 §9.1).
  public var method = ""
  /// The target in origin form, path and query: `/control/peers?x=1`; `*` only with OPTIONS.
  public var target = ""
  /// The fields in the order received, names as sent.
  public var headers: [(name: String, value: String)] = []
  /// The body without its transfer coding.
  public var body: [UInt8] = []

  /// An empty request, to be filled.
  public init() {}

  /// The first value of the field `name`, whose case doesn't matter; nil when the field is absent.
  public func header(_ name: String) -> String? { firstValue(of: name, in: headers) }

  /// Compares all parts, field order included.
  public static func == (left: HTTPRequest, right: HTTPRequest) -> Bool {
    left.method == right.method && left.target == right.target && left.body == right.body
      && left.headers.elementsEqual(right.headers, by: ==)
  }
}

/// An HTTP response: what an answering closure returns, or what `HTTPClient` received.
public struct HTTPResponse: Equatable, Sendable {
  /// The status code, 200 to 599.
  public var status = 200
  /// The fields in order. `Content-Length`, `Connection` and `Transfer-Encoding` belong to the connection: a server
  /// drops them here and writes its own.
  public var headers: [(name: String, value: String)] = []
  /// The body without transfer coding.
  public var body: [UInt8] = []

  /// An empty 200.
  public init() {}

  /// The first value of the field `name`, whose case doesn't matter; nil when the field is absent.
  public func header(_ name: String) -> String? { firstValue(of: name, in: headers) }

  /// Compares all parts, field order included.
  public static func == (left: HTTPResponse, right: HTTPResponse) -> Bool {
    left.status == right.status && left.body == right.body && left.headers.elementsEqual(right.headers, by: ==)
  }
}

private func firstValue(of name: String, in headers: [(name: String, value: String)]) -> String? {
  for header in headers where HTTP1Syntax.equalIgnoringCase(header.name, name) { return header.value }
  return nil
}
