import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

@Suite(.serialized) struct LinkLifeTests {
  @Test func anIdleLinkTimesOutWhenItsPeerVanishesWithoutAWord() throws {
    let mesh = try TestMesh()
    let one = try TestNode(mesh.security("node-a")) {
      $0.idleTimeout = .milliseconds(400)
      $0.keepAlive = .seconds(60)
    }
    let two = try TestNode(mesh.security("node-b")) { $0.keepAlive = .seconds(60) }
    let link = try link(one, to: two)
    #expect(try one.waitClosed(link.dialed) == .timedOut)
    try one.stop()
    try two.stop()
  }

  @Test func keepAliveHoldsAnIdleLinkOpenBeyondTheIdleTimeout() throws {
    let mesh = try TestMesh()
    let short: (inout LinkOptions) -> Void = {
      $0.idleTimeout = .milliseconds(900)
      $0.keepAlive = .milliseconds(100)
    }
    let one = try TestNode(mesh.security("node-a"), configure: short)
    let two = try TestNode(mesh.security("node-b"), configure: short)
    let link = try link(one, to: two)
    usleep(2_000_000)
    one.post(.send(link.dialed, [1]))
    #expect(try two.waitMessages(1, on: link.accepted) == [[1]])
    try one.stop()
    try two.stop()
  }

  @Test func aThreadThatComesLateToItsWorkSaysSo() throws {
    let mesh = try TestMesh()
    let slow = try TestNode(
      mesh.security("node-a"), onEvent: { if case .received = $0 { usleep(200_000) } })
    let other = try TestNode(mesh.security("node-b"))
    let link = try link(other, to: slow)
    other.post(.send(link.dialed, [1]))
    #expect(
      try slow.wait("late") { events in events.contains { if case .late = $0 { true } else { false } } ? true : nil })
    try slow.stop()
    try other.stop()
  }

  @Test func aNewCertificateServesNewHandshakesAndKeepsOldLinks() throws {
    let mesh = try TestMesh()
    let (one, two) = try (TestNode(mesh.security("node-a")), TestNode(mesh.security("node-b")))
    let link = try link(one, to: two)
    let before = try one.waitOpened(link.dialed).identity.keyFingerprint
    _ = try mesh.options("node-b")
    #expect(try two.security.reloadIfChanged())
    two.post(.credentialChanged)
    let second = try one.dial(two.address)
    let after = try one.waitOpened(second).identity.keyFingerprint
    #expect(before != after && after == two.security.credential.identity.keyFingerprint)
    one.post(.send(link.dialed, [1]))
    #expect(try two.waitMessages(1, on: link.accepted) == [[1]])
    try one.stop()
    try two.stop()
  }

  @Test func aMessageOverTheReceiversLimitClosesTheLinkAndOneAtTheLimitPasses() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.messageBytesMax = 1000
    let one = try TestNode(mesh.security("node-a"))
    let two = try TestNode(mesh.security("node-b"), limits: limits)
    let link = try link(one, to: two)
    one.post(.send(link.dialed, [UInt8](repeating: 1, count: 1000)))
    #expect(try two.waitMessages(1, on: link.accepted).first?.count == 1000)
    one.post(.send(link.dialed, [UInt8](repeating: 1, count: 1001)))
    let end = try two.waitClosed(link.accepted)
    #expect(end == .protocolError("message of 1001 bytes is over the limit of 1000"))
    guard case .protocolError(let said) = try one.waitClosed(link.dialed) else { throw TransportError("no error") }
    #expect(said.contains("8"))
    try one.stop()
    try two.stop()
  }

  @Test func aSendersOwnOversizeMessageClosesItsLink() throws {
    let mesh = try TestMesh()
    let (one, two) = try (TestNode(mesh.security("node-a")), TestNode(mesh.security("node-b")))
    let link = try link(one, to: two)
    one.post(.send(link.dialed, [UInt8](repeating: 1, count: 256 * 1024 + 1)))
    #expect(
      try one.waitClosed(link.dialed) == .protocolError("message of 262145 bytes is over the limit of 262144"))
    try one.stop()
    try two.stop()
  }

  @Test func clientsProveTheirAddressByRetryWhenManyHandshakesAreInFlight() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.quic.handshakesBeforeRetry = 0
    let one = try TestNode(mesh.security("node-a"))
    let two = try TestNode(mesh.security("node-b"), limits: limits)
    _ = try link(one, to: two)
    try two.stop()
    #expect(two.statistic("retriesSent") >= 1)
    try one.stop()
  }

  @Test func garbageDatagramsAreDroppedCountedAndReported() throws {
    let mesh = try TestMesh()
    let two = try TestNode(mesh.security("node-b"))
    let client = try UDPSocket(
      binding: #require(SocketAddress(literal: "127.0.0.1", port: 0)), receiveBufferBytes: 65_536)
    var random = SeededRandom(seed: 3)
    for size in [0, 1, 20, 21, 100, 1199, 1200, 1500, 3000] {
      let bytes = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      _ = bytes.withUnsafeBytes { try? client.send($0, from: client.address, to: two.address, ecn: 0) }
    }
    let count = try two.waitObserved { observation -> UInt64? in
      if case .datagramsDropped(let count, _) = observation { count } else { nil }
    }
    #expect(count >= 1)
    let one = try TestNode(mesh.security("node-a"))
    _ = try link(one, to: two)
    try one.stop()
    try two.stop()
    #expect(two.statistic("datagramsDropped") >= 8)
  }

}
