import CLinux
import Glibc
import MeshBasics

/// What a tether says, once, from its dialer to its acceptor: the byte `T` and a token of 32 bytes that both ends of
/// the link export from its TLS session. Nothing follows.
enum TetherHello {
  static let tokenBytes = 32
  /// No TLS record begins so: the port serves these as well.
  static let firstByte: UInt8 = 0x54
  /// What a handshake of TLS begins with (RFC 8446 §5.1).
  static let firstByteOfTLS: UInt8 = 22
  static let count = 1 + tokenBytes
  static let exporterLabel = "EXPORTER-meshkit-tether"

  static func bytes(_ token: [UInt8]) -> [UInt8] { [firstByte] + token }

  /// What the bytes that came so far are.
  enum Reading: Equatable {
    case incomplete
    case token([UInt8])
    case wrong
  }

  static func read(_ bytes: [UInt8]) -> Reading {
    guard let first = bytes.first else { return .incomplete }
    if first != firstByte || bytes.count > count { return .wrong }
    return bytes.count == count ? .token(Array(bytes.dropFirst())) : .incomplete
  }
}

/// One TCP connection on or to a mesh port.
final class TetherEnd: DeadlineOwner, ReactorHandler {
  enum Stage {
    /// Accepted, and has not said yet whose tether it is.
    case stranger([UInt8])
    /// Ours, on its way to say this.
    case greeting([UInt8])
    /// Stands beside its link. All that it may still do is close.
    case bound
    /// Asks whether a port is closed.
    case asking
    case closed
  }

  let descriptor: Int32
  let remote: SocketAddress
  var stage: Stage
  /// Whose it is; nil for a stranger.
  var connection: LinkConnection?
  let cameAt = MonotonicClock.now()
  /// So much of a TLS client's first message was there when it was looked at last.
  var seen = 0
  var heapIndex: Int?
  private weak var desk: TetherDesk?

  init(_ descriptor: Int32, remote: SocketAddress, stage: Stage, connection: LinkConnection?, desk: TetherDesk) {
    self.descriptor = descriptor
    self.remote = remote
    self.stage = stage
    self.connection = connection
    self.desk = desk
  }

  func ready(_ descriptor: Int32, _ readiness: Readiness) { desk?.ready(self) }

  /// What `receive` found.
  enum Received {
    case nothing
    case bytes([UInt8])
    case closed
  }

  /// What came first, at most `limit` bytes of it, which stay to be read.
  func peek(_ limit: Int) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: limit)
    let count = recv(descriptor, &buffer, limit, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK))
    return Array(buffer.prefix(max(0, count)))
  }

  /// The first byte of all, which stays to be read.
  func first() -> Received { receive(1, flags: Int32(MSG_PEEK)) }

  /// Reads `limit` bytes at most.
  func receive(_ limit: Int, flags: Int32 = 0) -> Received {
    var buffer = [UInt8](repeating: 0, count: limit)
    let count = recv(descriptor, &buffer, limit, Int32(MSG_DONTWAIT) | flags)
    if count > 0 { return .bytes(Array(buffer.prefix(count))) }
    return count < 0 && (errno == EAGAIN || errno == EINTR) ? .nothing : .closed
  }
}
