import CLinux
import Glibc
import MeshBasics
import MeshThreads
import Testing

@testable import MeshTransport

/// A relay to one server, for UDP and TCP on one number, that can block UDP: a network as links meet it.
final class PortRelay: @unchecked Sendable {
  let udp: UDPRelay
  private let lock = Lock()
  private let listener: Int32
  private let server: SocketAddress
  private var sockets: [Int32] = []
  private var accepted = 0
  /// So many of the connections over TCP are no longer read.
  private var frozen = 0

  /// UDP is blocked at first. `receiveBufferBytes`: about what the kernel takes for a connection over TCP that is
  /// frozen.
  init(to server: SocketAddress, receiveBufferBytes: Int32? = nil) throws {
    self.server = server
    // Another process may have the number for TCP.
    var made: (udp: UDPRelay, listener: Int32)?
    for _ in 0..<20 where made == nil {
      let udp = try UDPRelay(to: server, lossPercent: 100)
      if let socket = try? TCPSocket.listen(on: udp.address) {
        made = (udp, socket.descriptor)
      } else {
        udp.stop()
      }
    }
    (udp, listener) = try #require(made)
    if var bytes = receiveBufferBytes {
      setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
    }
    startThread { [self] in acceptAll() }
  }

  /// What the client dials.
  var address: SocketAddress { udp.address }
  /// How many connections over TCP were relayed.
  var acceptedCount: Int { lock.locked { accepted } }

  /// Cuts all connections over TCP, and takes no new ones.
  func cutTCP() {
    shutdown(listener, Int32(SHUT_RDWR))
    lock.locked { for socket in sockets { shutdown(socket, Int32(SHUT_RDWR)) } }
  }

  /// Passes nothing on any more between the ends of the connections over TCP that there are.
  func freezeTCP() { lock.locked { frozen = accepted } }

  func stop() {
    udp.stop()
    cutTCP()
  }

  private func acceptAll() {
    while true {
      var item = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
      guard poll(&item, 1, 20_000) > 0, case .success(let (front, _)) = TCPSocket.accept(from: listener) else { break }
      let back = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      guard server.withSockaddr({ connect(back, $0, $1) }) == 0 else {
        // The server may come back.
        close(front)
        close(back)
        continue
      }
      _ = fcntl(front, F_SETFL, 0)
      let number = lock.locked {
        accepted += 1
        sockets += [front, back]
        return accepted
      }
      for (from, to) in [(front, back), (back, front)] { startThread { [self] in copy(from, to, number) } }
    }
    close(listener)
  }

  private func copy(_ from: Int32, _ to: Int32, _ number: Int) {
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      var item = pollfd(fd: from, events: Int16(POLLIN), revents: 0)
      _ = poll(&item, 1, -1)
      // Under the lock, so that nothing is read after it was frozen.
      let count = lock.locked { number <= frozen ? nil : recv(from, &chunk, chunk.count, 0) }
      guard let count else {
        // Until the relay stops.
        if item.revents & Int16(POLLHUP) != 0 { break }
        usleep(10_000)
        continue
      }
      guard count > 0, send(to, chunk, count, Int32(MSG_NOSIGNAL)) == count else { break }
    }
    shutdown(to, Int32(SHUT_RDWR))
  }
}
