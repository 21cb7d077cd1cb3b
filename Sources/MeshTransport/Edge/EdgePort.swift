import Glibc
import MeshBasics

/// A bound address of a control listener: TCP and, with TLS, UDP on the same number. Its sockets are its own until an
/// `EdgeTransport` takes them over.
public final class EdgePort {
  /// The number, of use when 0 was asked for.
  public let number: UInt16
  /// TCP; -1 when it is closed.
  private(set) var listener: Int32
  /// Whether its clients speak TLS.
  let speaksTLS: Bool
  private var udp: UDPSocket?

  /// Binds `address`; connections are kept waiting. *Errors*: an address that isn't loopback without TLS, a port in use
  /// (`addressInUse`), no descriptors left; each names the address.
  public init(binding address: SocketAddress, speaksTLS: Bool) throws(TransportError) {
    self.speaksTLS = speaksTLS
    guard speaksTLS else {
      guard address.isLoopback else {
        throw TransportError(
          "without TLS the control listener may listen on a loopback address only (127.0.0.0/8 or ::1), not on "
            + "\(address)")
      }
      let socket = try TCPSocket.listen(on: address)
      (listener, number, udp) = (socket.descriptor, socket.address.port, nil)
      return
    }
    let bound = try SharedPort.bind(address, receiveBufferBytes: 1024 * 1024)
    (listener, number, udp) = (bound.listener, bound.udp.address.port, bound.udp)
  }

  /// Hands over the socket for HTTP/3, once; nil in clear.
  func takeUDP() -> UDPSocket? {
    defer { udp = nil }
    return udp
  }

  /// Takes no further connections over TCP. Safe to call twice.
  func close() {
    if listener >= 0 { _ = Glibc.close(listener) }
    listener = -1
  }

  deinit { close() }
}
