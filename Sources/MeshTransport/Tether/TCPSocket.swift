// The few things that the transport asks of TCP sockets. All are non-blocking and closed on exec.
import CLinux
import Glibc
import MeshBasics

enum TCPSocket {
  private static let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)

  /// A listener on `address`, and where it is bound. *Errors*: names the address, and says when another process has it.
  static func listen(
    on address: SocketAddress
  ) throws(TransportError) -> (descriptor: Int32, address: SocketAddress) {
    let listener = socket(address.isIPv6 ? AF_INET6 : AF_INET, kind, 0)
    guard listener >= 0 else { throw TransportError("can't listen on TCP \(address): \(systemMessage(errno))") }
    // Connections of the process before this one may still wait for their last packets.
    set(listener, SOL_SOCKET, SO_REUSEADDR, 1)
    if address.isIPv6 { set(listener, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
    guard address.withSockaddr({ bind(listener, $0, $1) }) == 0, Glibc.listen(listener, 128) == 0 else {
      let code = errno
      _ = close(listener)
      throw TransportError(
        "can't listen on TCP \(address): \(systemMessage(code))", addressInUse: code == EADDRINUSE)
    }
    return (listener, name(getsockname, of: listener) ?? address)
  }

  /// The next connection that waits at `listener`, or the `errno` when there is none to be had. A connection that its
  /// peer has broken off already has no address.
  static func accept(from listener: Int32) -> Result<(descriptor: Int32, remote: SocketAddress?), SystemError> {
    let accepted = accept4(listener, __SOCKADDR_ARG(), nil, Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
    guard accepted >= 0 else { return .failure(SystemError(code: errno)) }
    return .success((accepted, name(getpeername, of: accepted)))
  }

  /// Begins to connect to `remote`, from `local` unless that is unspecified: the descriptor, writable when it is
  /// decided, or the `errno`.
  static func connect(from local: SocketAddress, to remote: SocketAddress) -> Result<Int32, SystemError> {
    let opened = socket(remote.isIPv6 ? AF_INET6 : AF_INET, kind, 0)
    guard opened >= 0 else { return .failure(SystemError(code: errno)) }
    if !local.isUnspecified, local.isIPv6 == remote.isIPv6 {
      // A source that can't be used is left to the kernel to choose.
      _ = local.with(port: 0).withSockaddr { bind(opened, $0, $1) }
    }
    if remote.withSockaddr({ Glibc.connect(opened, $0, $1) }) == 0 || errno == EINPROGRESS { return .success(opened) }
    let code = errno
    _ = close(opened)
    return .failure(SystemError(code: code))
  }

  /// Readies a connected socket for a link: nothing waits for company, and the kernel finds out within `idleTimeout`
  /// that the peer's host is gone.
  static func prepareLink(_ descriptor: Int32, idleTimeout: Duration) {
    let seconds = Int32(clamping: max(1, idleTimeout.milliseconds / 1_000))
    set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
    set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPIDLE, max(1, seconds / 3))
    set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPINTVL, max(1, seconds / 6))
    set(descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, seconds.multipliedReportingOverflow(by: 1_000).partialValue)
  }

  /// How many bytes that were sent the peer's host has not acknowledged.
  static func unacknowledged(_ descriptor: Int32) -> Int {
    var waiting: Int32 = 0
    return ioctl(descriptor, UInt(TIOCOUTQ), &waiting) == 0 ? Int(waiting) : 0
  }

  /// Has `descriptor` wake its reader only when so many bytes wait.
  static func setLowWater(_ descriptor: Int32, _ bytes: Int) {
    set(descriptor, SOL_SOCKET, SO_RCVLOWAT, Int32(clamping: bytes))
  }

  /// How a connection that was begun has ended: 0 when it is open.
  static func outcome(of descriptor: Int32) -> Int32 {
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 ? code : errno
  }

  /// An `errno`.
  struct SystemError: Error {
    let code: Int32
  }

  private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    _ = setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func name(
    _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32, of descriptor: Int32
  ) -> SocketAddress? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
        ask(descriptor, raw, &length) == 0 ? SocketAddress(UnsafePointer(raw)) : nil
      }
    }
  }
}
