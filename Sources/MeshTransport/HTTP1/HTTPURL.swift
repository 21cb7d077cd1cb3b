/// An `http` or `https` URL taken apart (RFC 3986 §3), as far as a request needs it.
struct HTTPURL: Equatable {
  /// Whether it begins with `https://`.
  let isSecure: Bool
  /// A name or an address, IPv6 without brackets.
  let host: String
  let port: UInt16
  /// What the Host field says: the authority as written.
  let authority: String
  /// Path and query, at least `/`.
  let target: String

  /// *Errors*: one sentence that names the URL and what is allowed.
  init(parsing url: String) throws(TransportError) {
    let schemes = ["http://", "https://"]
    guard let scheme = schemes.first(where: { HTTP1Syntax.equalIgnoringCase(String(url.prefix($0.count)), $0) }) else {
      throw TransportError("can't GET '\(HTTPURL.shown(url))': a URL begins with http:// or https://")
    }
    isSecure = scheme == "https://"
    guard url.utf8.count <= 4096, url.utf8.allSatisfy(HTTP1Syntax.isTargetByte) else {
      throw TransportError(
        "can't GET '\(HTTPURL.shown(url))': a URL has at most 4096 bytes, all of them visible ASCII characters")
    }
    let rest = url.dropFirst(scheme.count).prefix { $0 != "#" }
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    authority = String(rest[..<end])
    let path = rest[end...]
    target = path.hasPrefix("/") ? String(path) : "/" + path
    guard HTTP1Syntax.isHost(authority) else {
      throw TransportError("can't GET '\(HTTPURL.shown(url))': '\(HTTPURL.shown(authority))' is not HOST or HOST:PORT")
    }
    var name = Substring(authority)
    var digits = Substring()
    if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
      name = authority[..<colon]
      digits = authority[authority.index(after: colon)...]
    }
    if name.hasPrefix("[") { name = name.dropFirst().dropLast() }
    guard !name.isEmpty, let port = digits.isEmpty ? (isSecure ? 443 : 80) : UInt16(digits), port > 0 else {
      throw TransportError("can't GET '\(HTTPURL.shown(url))': a host is needed, and a port is 1 to 65535")
    }
    host = String(name)
    self.port = port
  }

  /// Control characters never reach a terminal through an error text, nor do endless URLs.
  private static func shown(_ text: String) -> String {
    String(decoding: text.utf8.prefix(200).map { HTTP1Syntax.isValueByte($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
  }
}
