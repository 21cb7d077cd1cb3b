import CLinux
import Glibc
import MeshBasics
import MeshSecurity
import MeshThreads
import Testing

@testable import MeshTransport

/// A relay between one client and one server on loopback that loses datagrams: at random, or all of them.
final class UDPRelay: @unchecked Sendable {
  private let lock = Lock()
  private let front: UDPSocket
  private let back: UDPSocket
  private let server: SocketAddress
  private var client: SocketAddress?
  private var random: SeededRandom
  private var lossPercent: UInt64
  private var isOver = false
  private var lost = 0
  /// Looks at both sockets that found nothing to read.
  private var quietLooks = 0

  /// Relays to `server` from now on.
  init(to server: SocketAddress, lossPercent: UInt64 = 0, seed: UInt64 = 1) throws {
    self.server = server
    self.lossPercent = lossPercent
    random = SeededRandom(seed: seed)
    let any = try #require(SocketAddress(literal: "127.0.0.1", port: 0))
    front = try UDPSocket(binding: any, receiveBufferBytes: 1 << 20)
    back = try UDPSocket(binding: any, receiveBufferBytes: 1 << 20)
    startThread { self.run() }
  }

  /// What the client dials.
  var address: SocketAddress { front.address }
  /// How many datagrams were lost so far.
  var lostCount: Int { lock.locked { lost } }

  /// From now on as many of a hundred datagrams are lost; 100 cuts the path.
  func lose(_ percent: UInt64) { lock.locked { lossPercent = percent } }
  func stop() { lock.locked { isOver = true } }

  /// Ends, and has the kernel refuse whatever the client still sends (ICMP "port unreachable"). The port stays its own:
  /// a socket that hears one other address alone refuses the rest, and nobody else can be given the port.
  func refuse() {
    stop()
    guard let nobody = SocketAddress(literal: "127.0.0.1", port: 1) else { return }
    _ = nobody.withSockaddr { Glibc.connect(front.descriptor, $0, $1) }
  }

  /// Waits until all that was sent before has been passed on or lost, 30 s at most.
  func settle() throws {
    let (before, deadline) = (lock.locked { quietLooks }, MonotonicClock.now() + .seconds(30))
    // One that began before the call may have missed what came meanwhile.
    while lock.locked({ quietLooks < before + 2 }) {
      guard MonotonicClock.now() < deadline else { throw TransportError("the relay is never quiet") }
      usleep(1_000)
    }
  }

  private func run() {
    while !lock.locked({ isOver }) {
      var items = [front, back].map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
      if poll(&items, 2, 50) == 0 { lock.locked { quietLooks += 1 } }
      front.readErrors { _, _ in }
      back.readErrors { _, _ in }
      _ = front.receive {
        client = $0.remote
        pass($0, on: back, to: server)
      }
      _ = back.receive { if let client { pass($0, on: front, to: client) } }
    }
  }

  private func pass(_ datagram: ReceivedDatagram, on socket: UDPSocket, to remote: SocketAddress) {
    let isLost = lock.locked {
      let isLost = random.next() % 100 < lossPercent
      if isLost { lost += 1 }
      return isLost
    }
    if isLost { return }
    _ = socket.send(UnsafeRawBufferPointer(datagram.bytes), from: socket.address, to: remote, ecn: datagram.ecn)
  }
}
