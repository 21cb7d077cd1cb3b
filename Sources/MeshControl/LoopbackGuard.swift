/// Keeps web pages out. A browser on this host can be led to a loopback port by a name that an attacker points at
/// 127.0.0.1 (DNS rebinding): then Host carries that name. A page elsewhere that calls us directly says so in Origin.
enum LoopbackGuard {
  /// Why a request of `caller` is refused, or nil.
  ///
  /// A token is no help to a page that was led here: browsers add none by themselves, and who knows it needs no
  /// browser. So its Host may be any. A certificate a browser does add by itself. On this host it passes the same guard
  /// as nobody; elsewhere there is always TLS, whose client has compared the Host with the node's certificate. For both
  /// an Origin must be the Host; with a certificate, which only TLS brings, one of `https`, since anybody on the way
  /// can answer for a page in clear.
  static func refusal(host: String?, origin: String?, of caller: Caller) -> Refusal? {
    let found: Refusal? =
      switch caller {
      case .local, .certificate(_, isLocal: true): refusal(host: host, origin: origin)
      case .token: isOwn(origin, host: host) ? nil : .remoteOrigin
      case .certificate: isOwn(origin, host: host, schemes: ["https://"]) ? nil : .remoteOrigin
      // They get nothing, whatever else they say.
      case .stranger, .refused: nil
      }
    return found?.told(of: caller)
  }

  /// The same for a caller of this host. Programs send no Origin, and HTTP/1.0 may leave out Host; browsers can't.
  private static func refusal(host: String?, origin: String?) -> Refusal? {
    if let host, !isLoopback(authority: host[...]) { return .foreignHost }
    if let origin, !isLoopback(origin: origin) { return .foreignOrigin }
    return nil
  }

  /// Why a request that changes something is refused, or nil. A page that some other server of this host gives is at a
  /// loopback name too, and may be anybody's; programs send no Origin.
  static func operateRefusal(host: String?, origin: String?, of caller: Caller) -> Refusal? {
    var schemes = anyScheme
    if case .certificate = caller { schemes = ["https://"] }
    return isOwn(origin, host: host, schemes: schemes) ? nil : Refusal.otherOrigin.told(of: caller)
  }

  /// Whether no page asks, or one of the node's own.
  private static func isOwn(_ origin: String?, host: String?, schemes: [String] = anyScheme) -> Bool {
    guard let origin else { return true }
    guard let host, let page = authority(of: origin, schemes) else { return false }
    return ASCII.equalIgnoringCase(page.utf8, host.utf8)
  }

  private static func isLoopback(origin: String) -> Bool {
    authority(of: origin).map { isLoopback(authority: $0) } ?? false
  }

  /// Host and port of an origin; nil also for `null`, which is what sandboxed pages and files send.
  private static func authority(of origin: String, _ schemes: [String] = anyScheme) -> Substring? {
    for scheme in schemes where origin.hasPrefix(scheme) { return origin.dropFirst(scheme.count) }
    return nil
  }

  private static let anyScheme = ["http://", "https://"]

  /// `localhost`, `127.a.b.c` or `[::1]`, each with or without a port.
  static func isLoopback(authority: Substring) -> Bool {
    var name = authority
    var port = Substring()
    if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
      name = authority[..<colon]
      port = authority[authority.index(after: colon)...]
      guard !port.isEmpty, port.utf8.allSatisfy(isDigit), UInt16(port) != nil else { return false }
    }
    return name == "[::1]" || ASCII.equalIgnoringCase(name.utf8, "localhost".utf8) || isLoopbackIPv4(name)
  }

  /// Four decimal numbers, the first of them 127; not `127.0.0.1.example.org`, nor `127.1`.
  private static func isLoopbackIPv4(_ name: Substring) -> Bool {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.first == "127"
      && parts.allSatisfy { $0.utf8.count <= 3 && $0.utf8.allSatisfy(isDigit) && UInt8($0) != nil }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
