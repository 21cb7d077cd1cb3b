/// A host and a port where a node can be reached: `mesh-a:17421`, `10.0.0.7:17421` or `[::1]:17421`.
public struct Endpoint: Comparable, Hashable, Sendable, CustomStringConvertible {
  /// The longest host name, in bytes (RFC 1035 §2.3.4, rounded up for IPv6 zones).
  public static let hostLengthMax = 255

  /// A DNS name or an IP address, IPv6 without brackets.
  public let host: String
  /// The port, 1 to 65535.
  public let port: UInt16

  /// The endpoint `host`:`port`, or nil when the host is empty, too long or holds a forbidden character, or the port
  /// is 0.
  public init?(host: String, port: UInt16) {
    guard port > 0, (1...Endpoint.hostLengthMax).contains(host.utf8.count), host.utf8.allSatisfy(Endpoint.allows)
    else { return nil }
    self.host = host
    self.port = port
  }

  /// Reads `host:port`, `[v6]:port`, or a URI with an explicit port (`https://host:port/…`, its scheme and path
  /// ignored, as OmniRelay's seed list allows). Nil for anything else.
  public init?(parsing text: String) {
    var rest = Substring(text)
    if let place = rest.after("://") {
      rest = place.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    }
    guard let colon = rest.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
    var host = rest[..<colon]
    let digits = rest[rest.utf8.index(after: colon)...]
    if host.hasPrefix("[") {
      guard host.hasSuffix("]") else { return nil }
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let port = UInt16(digits)
    else { return nil }
    self.init(host: String(host), port: port)
  }

  private static func allows(_ byte: UInt8) -> Bool {
    NodeID.allows(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "%")
  }

  /// Orders by host, then port.
  public static func < (left: Endpoint, right: Endpoint) -> Bool {
    left.host == right.host ? left.port < right.port : left.host < right.host
  }

  /// `host:port`, with brackets around an IPv6 address.
  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension Substring {
  /// The text behind the first `literal`, without Foundation; nil when it isn't there. By bytes, since endpoints
  /// are read often.
  fileprivate func after(_ literal: StaticString) -> Substring? {
    let size = literal.utf8CodeUnitCount
    var start = utf8.startIndex
    while let end = utf8.index(start, offsetBy: size, limitedBy: utf8.endIndex) {
      if literal.withUTF8Buffer({ utf8[start..<end].elementsEqual($0) }) { return self[end...] }
      start = utf8.index(after: start)
    }
    return nil
  }
}
