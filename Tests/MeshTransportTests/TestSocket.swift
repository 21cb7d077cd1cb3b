import CLinux
import Glibc
import MeshBasics
import Testing

@testable import MeshTransport

/// One end of a TCP connection, for tests that play a stranger or stand between two tethers.
final class TestSocket {
  private(set) var descriptor: Int32

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  /// Connects to `remote` on this host.
  convenience init(to remote: SocketAddress) throws {
    let any = try #require(SocketAddress(literal: "0.0.0.0", port: 0))
    self.init(try TCPSocket.connect(from: any, to: remote).get())
    try #require(wait(for: POLLOUT) && TCPSocket.outcome(of: descriptor) == 0)
  }

  deinit { close() }

  func send(_ bytes: [UInt8]) {
    #expect(Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
  }

  /// The next `count` bytes.
  func read(_ count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      try #require(wait(for: POLLIN))
      var buffer = [UInt8](repeating: 0, count: count - bytes.count)
      let taken = recv(descriptor, &buffer, buffer.count, 0)
      try #require(taken > 0)
      bytes += buffer.prefix(taken)
    }
    return bytes
  }

  /// Whether the other end closes, without having sent anything, within 30 s.
  func isClosedByPeer() -> Bool {
    var byte: UInt8 = 0
    return wait(for: POLLIN) && recv(descriptor, &byte, 1, 0) <= 0
  }

  /// Says that nothing follows.
  func endOutput() { shutdown(descriptor, Int32(SHUT_WR)) }

  func close() {
    if descriptor >= 0 { _ = Glibc.close(descriptor) }
    descriptor = -1
  }

  private func wait(for event: Int32) -> Bool {
    var item = pollfd(fd: descriptor, events: Int16(event), revents: 0)
    return poll(&item, 1, 30_000) == 1
  }
}

/// A TCP listener on a port of 127.0.0.1.
final class TestListener {
  private var listener: Int32
  let address: SocketAddress

  init(port: UInt16 = 0) throws {
    let wanted = try #require(SocketAddress(literal: "127.0.0.1", port: port))
    (listener, address) = try TCPSocket.listen(on: wanted)
  }

  deinit { close() }

  func accept() throws -> TestSocket {
    var item = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
    try #require(poll(&item, 1, 30_000) == 1)
    return TestSocket(try TCPSocket.accept(from: listener).get().descriptor)
  }

  func close() {
    if listener >= 0 { _ = Glibc.close(listener) }
    listener = -1
  }
}

/// A link whose datagrams and whose tether both go through the test.
struct RelayedLink {
  let one: TestNode
  let two: TestNode
  let relay: UDPRelay
  let dialed: LinkID
  let accepted: LinkID
  /// The dialer's tether, whose hello was read.
  let front: TestSocket
  let token: [UInt8]

  init(_ mesh: TestMesh, limits: LinkLimits = LinkLimits()) throws {
    one = try TestNode(mesh.security("node-a"), limits: limits)
    two = try TestNode(mesh.security("node-b"), limits: limits)
    let listener: TestListener
    (relay, listener) = try RelayedLink.pair(to: two.address)
    dialed = one.dial(relay.address)
    front = try listener.accept()
    let hello = try front.read(TetherHello.count)
    #expect(hello.first == TetherHello.firstByte)
    token = Array(hello.dropFirst())
    _ = try one.waitOpened(dialed)
    accepted = try two.waitAccepted()
  }

  /// A relay and a listener on one number, which another program may have for TCP already.
  private static func pair(to address: SocketAddress) throws -> (UDPRelay, TestListener) {
    for _ in 0..<50 {
      let relay = try UDPRelay(to: address)
      if let listener = try? TestListener(port: relay.address.port) { return (relay, listener) }
    }
    throw TransportError("no number is free for both UDP and TCP")
  }

  /// Connects to the acceptor and says the hello there.
  func bind() throws -> TestSocket {
    let back = try TestSocket(to: two.address)
    back.send(TetherHello.bytes(token))
    try two.waitStatistic("tethersOpen", 1)
    return back
  }

  /// Messages pass in both directions.
  func expectAlive() throws {
    one.post(.send(dialed, [1]))
    two.post(.send(accepted, [2]))
    _ = try two.waitMessages(1, on: accepted)
    _ = try one.waitMessages(1, on: dialed)
  }

  func stop() throws {
    try one.stop()
    try two.stop()
    relay.stop()
  }
}

extension TestNode {
  /// Waits up to 30 s until a counter has `value`, which is published at the end of a turn.
  func waitStatistic(_ name: String, _ value: Int64, orMore: Bool = false) throws {
    let deadline = MonotonicClock.now() + .seconds(30)
    while statistic(name) != value, !orMore || statistic(name) < value {
      guard MonotonicClock.now() < deadline else {
        throw TransportError("\(name) is \(statistic(name)), not \(value)")
      }
      usleep(5000)
    }
  }

  func waitDoubted(_ link: LinkID, times: Int = 1) throws {
    try wait("doubt of \(link)") { events in
      events.filter { if case .doubted(link) = $0 { true } else { false } }.count >= times ? () : nil
    }
  }

  var doubtedLinks: [LinkID] { allEvents.compactMap { if case .doubted(let link) = $0 { link } else { nil } } }
}
