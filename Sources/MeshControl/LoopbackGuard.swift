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
    var authority = authority
    return authority.withUTF8 { isLoopback(authority: $0[...]) }
  }

  private typealias Bytes = Slice<UnsafeBufferPointer<UInt8>>

  private static func isLoopback(authority: Bytes) -> Bool {
    var name = authority
    if let colon = name.lastIndex(of: UInt8(ascii: ":")), !name[colon...].contains(UInt8(ascii: "]")) {
      guard isNumber(name[colon...].dropFirst(), upTo: Int(UInt16.max)) else { return false }
      name = name[..<colon]
    }
    return name.elementsEqual("[::1]".utf8) || ASCII.equalIgnoringCase(name, "localhost".utf8) || isLoopbackIPv4(name)
  }

  /// Four decimal numbers, the first of them 127; not `127.0.0.1.example.org`, nor `127.1`.
  private static func isLoopbackIPv4(_ name: Bytes) -> Bool {
    var rest = name
    for _ in 0..<3 {
      guard let dot = rest.firstIndex(of: UInt8(ascii: ".")), isOctet(rest[..<dot]) else { return false }
      rest = rest[dot...].dropFirst()
    }
    return name.starts(with: "127.".utf8) && isOctet(rest)
  }

  private static func isOctet(_ digits: Bytes) -> Bool { digits.count <= 3 && isNumber(digits, upTo: 255) }

  /// Whether `digits` are a decimal number that is no greater than `max`.
  private static func isNumber(_ digits: Bytes, upTo max: Int) -> Bool {
    var number = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return false }
      number = number * 10 + Int(digit - UInt8(ascii: "0"))
      guard number <= max else { return false }
    }
    return !digits.isEmpty
  }
}
