import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

@Suite(.serialized) struct LinkLimitTests {
  @Test func acceptedConnectionsLeavePlacesForDials() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.connectionsMax = 3
    limits.acceptedMax = 2
    let one = try TestNode(mesh.security("node-a")) { $0.handshakeTimeout = .milliseconds(1500) }
    let two = try TestNode(mesh.security("node-b"), limits: limits)
    for _ in 0..<2 { _ = try one.waitOpened(one.dial(two.address)) }
    #expect(try one.waitClosed(one.dial(two.address)) == .timedOut)
    let three = try TestNode(mesh.security("node-c"))
    _ = try two.waitOpened(two.dial(three.address))
    #expect(try two.waitClosed(two.dial(three.address)) == .protocolError("3 connections are open"))
    for node in [one, two, three] { try node.stop() }
  }

  @Test func textOfAPeerIsShortenedAndHoldsNoControlCharacters() {
    #expect(peerText("a\u{1b}[31m\r\nb\u{202e}c é".utf8) == "a?[31m??b?c é")
    #expect(peerText([UInt8](repeating: 0x61, count: 201)).count == 200)
    #expect(peerText([0xff, 0x61]) == "\u{fffd}a")
  }

  @Test func aFloodIsReportedOncePerSecondWithItsCount() {
    var limiter = NoticeLimiter()
    var events: [LinkEvent] = []
    let start = Instant(nanoseconds: 5_000_000_000)
    #expect(limiter.nextReport == nil)
    for _ in 0..<3 { limiter.datagramDropped("x") }
    limiter.limitReached("connections")
    limiter.limitReached("connections")
    limiter.report(start) { events.append($0) }
    #expect(events.count == 2)
    limiter.datagramDropped("y")
    limiter.report(start + .milliseconds(999)) { events.append($0) }
    #expect(events.count == 2 && limiter.nextReport == start + .seconds(1))
    limiter.report(start + .seconds(1)) { events.append($0) }
    #expect(events.count == 3 && limiter.nextReport == nil)
    guard case .observed(.datagramsDropped(3, "x")) = events[0],
      case .observed(.limitReached("connections")) = events[1],
      case .observed(.datagramsDropped(1, "y")) = events[2]
    else {
      Issue.record("\(events)")
      return
    }
  }

  @Test func aRateLimitAllowsItsNumberInEachSecond() {
    var limit = RateLimit()
    let start = Instant(nanoseconds: 1)
    let answers = [.zero, .zero, .zero, .milliseconds(999), .seconds(1)].map { (span: Duration) in
      limit.allows(2, start + span)
    }
    #expect(answers == [true, true, false, false, true])
  }

  @Test func theSecretOfResetsComesFromTheKeyAndThePurposeAlone() throws {
    let mesh = try TestMesh()
    let (one, two) = try (mesh.security("node-a").credential, mesh.security("node-b").credential)
    let secret = TLSCredential.secret(for: "x", of: one)
    #expect(secret.count == 32 && secret == TLSCredential.secret(for: "x", of: one))
    #expect(secret != TLSCredential.secret(for: "y", of: one))
    #expect(secret != TLSCredential.secret(for: "x", of: two))
  }
}
