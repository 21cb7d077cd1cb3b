import MeshBasics

/// One address of the control listener.
public struct ControlListener: Equatable, Sendable {
  /// An IP address.
  public var address: String
  /// UDP as well where it speaks TLS; 0 lets the system choose.
  public var port: UInt16
  /// Whether it speaks TLS, `mutual` where `mesh:control:tls` is that.
  public var speaksTLS: Bool

  /// The listener of these parts.
  public init(address: String, port: UInt16, speaksTLS: Bool) {
    self.address = address
    self.port = port
    self.speaksTLS = speaksTLS
  }

  /// Reads an item of `mesh:control:alsoListenOn`: `address:port` or `[IPv6]:port`, and before it OmniRelay's `http://`
  /// or `https://`, without which `speaksTLS` holds. Nil for anything else.
  init?(parsing text: String, speaksTLS: Bool) {
    var (rest, speaksTLS) = (text[...], speaksTLS)
    for (scheme, isSecure) in [("http://", false), ("https://", true)] where rest.hasPrefix(scheme) {
      rest = text.dropFirst(scheme.count)
      speaksTLS = isSecure
    }
    guard let colon = rest.lastIndex(of: ":") else { return nil }
    var host = rest[..<colon]
    if host.hasPrefix("[") {
      guard host.hasSuffix("]"), host.contains(":") else { return nil }
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard IPAddressText(String(host)) != nil, let number = Text.digits(rest[rest.index(after: colon)...]),
      let port = UInt16(exactly: number)
    else { return nil }
    self.init(address: String(host), port: port, speaksTLS: speaksTLS)
  }

  /// Whether other machines can reach it.
  var isReachable: Bool { IPAddressText(address)?.isLoopback != true }

  /// Whether a socket there keeps another from the same port at `other`.
  func meets(_ other: String) -> Bool {
    guard let own = IPAddressText(address), let other = IPAddressText(other) else { return false }
    return own.bytes == other.bytes || own.includes(other) || other.includes(own)
  }
}

extension IPAddressText {
  /// Whether it stands for all addresses, `other` among them: `::` speaks IPv4 as well.
  fileprivate func includes(_ other: IPAddressText) -> Bool {
    isWildcard && (bytes.count == 16 || other.bytes.count == 4)
  }
}

extension ControlListener: CustomStringConvertible {
  /// `address:port`, with brackets around an IPv6 address.
  public var description: String { address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)" }
}
