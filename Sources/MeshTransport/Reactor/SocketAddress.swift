// Addresses as the kernel knows them, without a resolver except in `resolve`.
import CLinux
import Glibc
import MeshBasics

/// An IPv4 or IPv6 address with a port: an address that needs no resolver.
///
/// An IPv4 address inside IPv6 (`::ffff:10.0.0.7`) is kept as the IPv4 address, so that one host has one spelling.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
  /// Whether it is an IPv6 address.
  public let isIPv6: Bool
  /// The port; 0 lets the kernel choose when binding.
  public let port: UInt16
  /// The address in network order: 4 bytes in `low` for IPv4, `high` then `low` for IPv6.
  private let high: UInt64
  private let low: UInt64
  /// The interface of a link-local IPv6 address; 0 elsewhere.
  private let scope: UInt32

  private init(isIPv6: Bool, high: UInt64, low: UInt64, scope: UInt32, port: UInt16) {
    let mapped = isIPv6 && high == 0 && low >> 32 == 0xffff
    self.isIPv6 = isIPv6 && !mapped
    self.high = high
    self.low = mapped ? low & 0xffff_ffff : low
    self.scope = mapped ? 0 : scope
    self.port = port
  }

  /// Reads an IPv4 or IPv6 literal (`10.0.0.7`, `::1`, `fe80::1%eth0`); nil for names and for short forms such as
  /// `127.1`.
  public init?(literal host: String, port: UInt16) {
    var four = in_addr()
    if inet_pton(AF_INET, host, &four) == 1 {
      self.init(isIPv6: false, high: 0, low: UInt64(UInt32(bigEndian: four.s_addr)), scope: 0, port: port)
      return
    }
    let parts = host.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = parts.first else { return nil }
    var scope: UInt32 = 0
    if parts.count == 2 {
      scope = UInt32(parts[1]) ?? if_nametoindex(String(parts[1]))
      if scope == 0 { return nil }
    }
    var six = in6_addr()
    guard inet_pton(AF_INET6, String(address), &six) == 1 else { return nil }
    self.init(six: six, scope: scope, port: port)
  }

  private init(six: in6_addr, scope: UInt32, port: UInt16) {
    let words = withUnsafeBytes(of: six) {
      ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }
    self.init(
      isIPv6: true, high: UInt64(bigEndian: words.0), low: UInt64(bigEndian: words.1), scope: scope, port: port)
  }

  /// Reads what the kernel wrote; nil for families other than IPv4 and IPv6.
  public init?(_ raw: UnsafePointer<sockaddr>) {
    switch Int32(raw.pointee.sa_family) {
    case AF_INET:
      let four = UnsafeRawPointer(raw).loadUnaligned(as: sockaddr_in.self)
      self.init(
        isIPv6: false, high: 0, low: UInt64(UInt32(bigEndian: four.sin_addr.s_addr)), scope: 0,
        port: UInt16(bigEndian: four.sin_port))
    case AF_INET6:
      let six = UnsafeRawPointer(raw).loadUnaligned(as: sockaddr_in6.self)
      self.init(six: six.sin6_addr, scope: six.sin6_scope_id, port: UInt16(bigEndian: six.sin6_port))
    default: return nil
    }
  }

  /// Hands the address to `body` as the kernel wants it. `asIPv6` writes IPv4 addresses in their IPv6 form, which a
  /// dual-stack socket needs. The pointer lives as long as the call.
  public func withSockaddr<R>(asIPv6: Bool = false, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    if isIPv6 || asIPv6 {
      var six = sockaddr_in6()
      six.sin6_family = sa_family_t(AF_INET6)
      six.sin6_port = port.bigEndian
      six.sin6_scope_id = scope
      withUnsafeMutableBytes(of: &six.sin6_addr) {
        $0.storeBytes(of: (isIPv6 ? high : 0).bigEndian, as: UInt64.self)
        $0.storeBytes(of: (isIPv6 ? low : low | 0xffff << 32).bigEndian, toByteOffset: 8, as: UInt64.self)
      }
      return withUnsafePointer(to: six) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in6>.size)) }
      }
    }
    var four = sockaddr_in()
    four.sin_family = sa_family_t(AF_INET)
    four.sin_port = port.bigEndian
    four.sin_addr.s_addr = UInt32(truncatingIfNeeded: low).bigEndian
    return withUnsafePointer(to: four) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
  }

  /// The same host at another port.
  public func with(port: UInt16) -> SocketAddress {
    SocketAddress(isIPv6: isIPv6, high: high, low: low, scope: scope, port: port)
  }

  /// What limits for one host count by: an IPv4 address, or the first 64 bits of an IPv6 address, since a host may take
  /// any of the addresses of its /64.
  public var site: SocketAddress {
    SocketAddress(isIPv6: isIPv6, high: high, low: isIPv6 ? 0 : low, scope: scope, port: 0)
  }

  /// Whether the address never leaves this host: 127.0.0.0/8 or ::1.
  public var isLoopback: Bool { isIPv6 ? high == 0 && low == 1 : low >> 24 == 127 }
  /// Whether the address stands for all addresses of this host: 0.0.0.0 or ::.
  public var isUnspecified: Bool { high == 0 && low == 0 }

  /// The address without its port, IPv6 without brackets.
  public var host: String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    withSockaddr { raw, _ in
      if isIPv6 {
        var six = UnsafeRawPointer(raw).loadUnaligned(as: sockaddr_in6.self).sin6_addr
        _ = inet_ntop(AF_INET6, &six, &text, socklen_t(text.count))
      } else {
        var four = UnsafeRawPointer(raw).loadUnaligned(as: sockaddr_in.self).sin_addr
        _ = inet_ntop(AF_INET, &four, &text, socklen_t(text.count))
      }
    }
    let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return scope == 0 ? address : "\(address)%\(scope)"
  }

  /// `ip:port`, with brackets around an IPv6 address.
  public var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// The addresses of `endpoint`, in the resolver's order, without duplicates; never empty on success.
  ///
  /// Blocks as long as the resolver does: only for the work thread. *Errors*: names the host and what the resolver
  /// said.
  public static func resolve(_ endpoint: Endpoint) throws(TransportError) -> [SocketAddress] {
    if let literal = SocketAddress(literal: endpoint.host, port: endpoint.port) { return [literal] }
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(endpoint.host, nil, &hints, &list)
    defer { if let list { freeaddrinfo(list) } }
    guard status == 0 else {
      let said = gai_strerror(status).map { String(cString: $0) } ?? "error \(status)"
      throw TransportError("can't resolve '\(endpoint.host)': \(said)")
    }
    var addresses: [SocketAddress] = []
    var item = list
    while let entry = item {
      if let raw = entry.pointee.ai_addr, let address = SocketAddress(UnsafePointer(raw))?.with(port: endpoint.port),
        !addresses.contains(address)
      {
        addresses.append(address)
      }
      item = entry.pointee.ai_next
    }
    if addresses.isEmpty { throw TransportError("'\(endpoint.host)' has no IPv4 or IPv6 address") }
    return addresses
  }
}
