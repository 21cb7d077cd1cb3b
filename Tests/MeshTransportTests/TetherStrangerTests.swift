import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

/// What anyone who reaches the TCP port may try.
@Suite(.serialized) struct TetherStrangerTests {
  @Test func aHelloIsItsByteAndThirtyTwoBytesAndNothingElse() {
    let token = (0..<32).map { UInt8($0) }
    let hello = TetherHello.bytes(token)
    #expect(hello.count == 33 && hello[0] == 0x54)
    for count in 0..<33 { #expect(TetherHello.read(Array(hello.prefix(count))) == .incomplete) }
    #expect(TetherHello.read(hello) == .token(token))
    #expect(TetherHello.read(hello + [0]) == .wrong)
    for first in UInt8.min...UInt8.max where first != 0x54 {
      #expect(TetherHello.read([first]) == .wrong && TetherHello.read([first] + token) == .wrong)
    }
  }

  @Test(arguments: [
    Array("GET / HTTP/1.1\r\n\r\n".utf8), [0], [UInt8](repeating: 0x55, count: 33),
    [0x54] + [UInt8](repeating: 7, count: 32), [0x54] + [UInt8](repeating: 7, count: 4000),
  ])
  func bytesThatAreNoHelloOfALinkCloseTheConnection(_ bytes: [UInt8]) throws {
    let two = try TestNode(TestMesh().security("node-b"))
    let stranger = try TestSocket(to: two.address)
    stranger.send(bytes)
    #expect(stranger.isClosedByPeer())
    try two.waitStatistic("tethersRefused", 1)
    try two.stop()
  }

  @Test func halfAHelloIsWaitedForAndThenClosed() throws {
    var limits = LinkLimits()
    limits.tetherTimeout = .milliseconds(300)
    let two = try TestNode(TestMesh().security("node-b"), limits: limits)
    let (silent, half, gone) = try (
      TestSocket(to: two.address), TestSocket(to: two.address), TestSocket(to: two.address)
    )
    half.send([0x54] + [UInt8](repeating: 1, count: 31))
    gone.send([0x54, 1])
    gone.close()
    #expect(silent.isClosedByPeer() && half.isClosedByPeer())
    try two.waitStatistic("tethersRefused", 3)
    try two.stop()
  }

  @Test func aHelloInPiecesIsTaken() throws {
    let linked = try RelayedLink(TestMesh())
    let back = try TestSocket(to: linked.two.address)
    for byte in TetherHello.bytes(linked.token) {
      back.send([byte])
      usleep(1000)
    }
    try linked.two.waitStatistic("tethersOpen", 1)
    try linked.stop()
  }

  /// However the first bytes of a handshake and the look for them meet.
  @Test func whoBeginsTLSWhileItIsAcceptedIsServed() throws {
    var limits = LinkLimits()
    (limits.tetherStrangersMax, limits.tetherStrangersPerAddressMax) = (10_000, 10_000)
    let two = try TestNode(TestMesh().security("node-b"), limits: limits)
    var waiting: [TestSocket] = []
    for number in 0..<700 {
      waiting.append(try TestSocket(to: two.address))
      let until = MonotonicClock.now() + .microseconds(Int64(number % 100))
      while MonotonicClock.now() < until {}
      waiting.last?.send([22, 3, 1, 0x0f, 0xff, 1])
    }
    try two.waitStatistic("connections", 700)
    #expect(two.statistic("tethersRefused") == 0)
    try two.stop()
  }

  @Test func aTokenServesOnceAndOnlyWhereItsLinkIs() throws {
    let mesh = try TestMesh()
    let linked = try RelayedLink(mesh)
    let other = try TestNode(mesh.security("node-c"))
    let hello = TetherHello.bytes(linked.token)
    let elsewhere = try TestSocket(to: other.address)
    elsewhere.send(hello)
    #expect(elsewhere.isClosedByPeer())
    let back = try linked.bind()
    let replay = try TestSocket(to: linked.two.address)
    replay.send(hello)
    #expect(replay.isClosedByPeer())
    #expect(linked.two.statistic("tethersOpen") == 1)
    try linked.two.waitStatistic("tethersRefused", 1)
    // After its tether, a link waits for no other.
    back.close()
    try linked.two.waitDoubted(linked.accepted)
    let late = try TestSocket(to: linked.two.address)
    late.send(hello)
    #expect(late.isClosedByPeer())
    // And a token dies with its link.
    let second = try RelayedLink(mesh)
    second.one.post(.close(second.dialed, reason: "test"))
    _ = try second.two.waitClosed(second.accepted)
    let dead = try TestSocket(to: second.two.address)
    dead.send(TetherHello.bytes(second.token))
    #expect(dead.isClosedByPeer())
    try second.stop()
    try linked.stop()
    try other.stop()
  }

  @Test func dataOnATetherClosesItWithoutADoubt() throws {
    let linked = try RelayedLink(TestMesh())
    let back = try linked.bind()
    try linked.one.waitStatistic("tethersOpen", 1)
    back.send([0])
    linked.front.send([0])
    #expect(back.isClosedByPeer() && linked.front.isClosedByPeer())
    try linked.expectAlive()
    for node in [linked.one, linked.two] {
      try node.waitStatistic("tethersRefused", 1)
      #expect(node.statistic("doubts") == 0 && node.statistic("tethersOpen") == 0)
    }
    try linked.stop()
  }

  @Test func aFloodOfConnectionsIsTurnedAwayAndTethersAreBuiltAfterIt() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.tetherStrangersPerAddressMax = 3
    limits.tetherTimeout = .seconds(5)
    let two = try TestNode(mesh.security("node-b"), limits: limits)
    let silent = try (0..<203).map { _ in try TestSocket(to: two.address) }
    // Those that came first go first.
    for socket in silent.prefix(200) { #expect(socket.isClosedByPeer()) }
    try two.waitStatistic("tethersRefused", 200)
    silent.forEach { $0.close() }
    try two.waitStatistic("tethersRefused", 203)
    let one = try TestNode(mesh.security("node-a"))
    _ = try link(one, to: two)
    try two.waitStatistic("tethersOpen", 1)
    try one.stop()
    try two.stop()
  }

  @Test func strangersAreBoundedInAllAsWell() throws {
    var limits = LinkLimits()
    limits.tetherStrangersMax = 2
    let two = try TestNode(TestMesh().security("node-b"), limits: limits)
    let first = try TestSocket(to: two.address)
    let others = try (0..<2).map { _ in try TestSocket(to: two.address) }
    #expect(first.isClosedByPeer())
    try two.waitStatistic("tethersRefused", 1)
    withExtendedLifetime(others) {}
    try two.stop()
  }

  @Test func aTetherIsBuiltWhileSilentStrangersHoldAllPlaces() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.tetherStrangersMax = 2
    limits.tetherTimeout = .seconds(60)
    let two = try TestNode(mesh.security("node-b"), limits: limits)
    let silent = try (0..<2).map { _ in try TestSocket(to: two.address) }
    let one = try TestNode(mesh.security("node-a"))
    _ = try link(one, to: two)
    try two.waitStatistic("tethersOpen", 1)
    withExtendedLifetime(silent) {}
    try one.stop()
    try two.stop()
  }
}
