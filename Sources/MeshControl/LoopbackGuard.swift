/// Keeps web pages out. A browser on this host can be led to a loopback port by a name that an attacker points at
/// 127.0.0.1 (DNS rebinding): then Host carries that name. A page elsewhere that calls us directly says so in Origin.
enum LoopbackGuard {
  /// Why a request is refused, or nil. Programs send no Origin, and HTTP/1.0 may leave out Host; browsers can't.
  static func refusal(host: String?, origin: String?) -> String? {
    if let host, !isLoopback(authority: host[...]) {
      return "The Host field must be localhost, 127.0.0.0/8 or [::1]."
    }
    if let origin, !isLoopback(origin: origin) {
      return "Requests from web pages of other hosts are refused."
    }
    return nil
  }

  /// Why a request that changes something is refused, or nil. A page that some other server of this host gives is at a
  /// loopback name too, and may be anybody's; programs send no Origin.
  static func operateRefusal(host: String?, origin: String?) -> String? {
    guard let origin else { return nil }
    if let host, let page = authority(of: origin), ASCII.equalIgnoringCase(page.utf8, host.utf8) { return nil }
    return "Requests of web pages may change this node only from its own address."
  }

  private static func isLoopback(origin: String) -> Bool {
    authority(of: origin).map { isLoopback(authority: $0) } ?? false
  }

  /// Host and port of an origin; nil also for `null`, which is what sandboxed pages and files send.
  private static func authority(of origin: String) -> Substring? {
    for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) { return origin.dropFirst(scheme.count) }
    return nil
  }

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
