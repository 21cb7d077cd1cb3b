import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

@Suite(.serialized) struct LinkLimitTests {
  @Test func acceptedConnectionsLeavePlacesForDials() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.quic.connectionsMax = 3
    limits.quic.acceptedMax = 2
    let one = try TestNode(mesh.security("node-a")) { $0.handshakeTimeout = .milliseconds(1500) }
    let two = try TestNode(mesh.security("node-b"), limits: limits)
    for _ in 0..<2 { _ = try one.waitOpened(one.dial(two.address)) }
    #expect(try one.waitClosed(one.dial(two.address)) == .timedOut)
    let three = try TestNode(mesh.security("node-c"))
    _ = try two.waitOpened(two.dial(three.address))
    #expect(try two.waitClosed(two.dial(three.address)) == .notTried("3 connections are open"))
    for node in [one, two, three] { try node.stop() }
  }

  @Test func aHundredLinksFromOneAddressReachOneListener() throws {
    let mesh = try TestMesh()
    let two = try TestNode(mesh.security("node-b"))
    let nodes = try (0..<13).map { try TestNode(mesh.security("node-\($0)")) }
    let address = try two.address
    let dials = nodes.flatMap { node in (0..<8).map { _ in (node, node.dial(address)) } }
    for (node, link) in dials { _ = try node.waitOpened(link) }
    try two.waitStatistic("links", 104)
    try two.waitStatistic("tethersOpen", 104)
    for node in nodes { try node.stop() }
    try two.waitStatistic("links", 0)
    try two.stop()
  }

  @Test func oneConnectionMoreThanAnIdentityMayHaveIsClosedAndTheOthersStay() throws {
    let mesh = try TestMesh()
    let one = try TestNode(mesh.security("node-a"))
    let two = try TestNode(mesh.security("node-b"))
    let links = try (0..<8).map { _ in try link(one, to: two) }
    let ninth = try one.dial(two.address)
    guard case .protocolError(let said) = try one.waitClosed(ninth) else { throw TransportError("not refused") }
    #expect(said.contains("0x107"))
    let peer = try two.waitObserved {
      if case .limitReached("connections of one identity", let peer, _) = $0 { peer } else { nil }
    }
    #expect(peer == "node-a at 127.0.0.1:\(one.transport.port)")
    #expect(two.allEvents.filter { if case .opened = $0 { true } else { false } }.count == 8)
    one.post(.send(links[0].dialed, [1]))
    _ = try two.waitMessages(1, on: links[0].accepted)
    // A place that is free again is given away again.
    one.post(.close(links[7].dialed, reason: "test"))
    _ = try two.waitClosed(links[7].accepted)
    _ = try one.waitOpened(one.dial(two.address))
    try one.stop()
    try two.stop()
  }

  @Test func aSharedCertificateHasTheConnectionsOfAllTheNodesThatItNames() throws {
    let mesh = try TestMesh()
    let security = try NodeSecurity(options: mesh.sharedOptions(["node-a", "node-c", "node-d"]))
    let nodes = try (0..<3).map { _ in try TestNode(security) }
    let two = try TestNode(mesh.security("node-b"))
    for node in nodes {
      for _ in 0..<8 { _ = try link(node, to: two) }
    }
    guard case .protocolError = try nodes[0].waitClosed(nodes[0].dial(two.address)) else {
      throw TransportError("not refused")
    }
    let peer = try two.waitObserved {
      if case .limitReached("connections of one identity", let peer, _) = $0 { peer } else { nil }
    }
    #expect(peer == "node-a and 2 more at 127.0.0.1:\(nodes[0].transport.port)")
    for node in nodes + [two] { try node.stop() }
  }

  @Test func handshakesFromOneAddressAreBoundedUntilTheirPeersAreTrusted() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.quic.connectionsPerAddressMax = 2
    let two = try TestNode(mesh.security("node-b"), limits: limits)
    let security = try mesh.security("node-a")
    // A trusted peer takes no place of its address.
    let one = try TestNode(security)
    for _ in 0..<3 { _ = try link(one, to: two) }
    // These never finish what they began.
    let strangers = try (0..<3).map { _ in try HTTP3Client(security, to: two.address) }
    for stranger in strangers { try stranger.pump("first packet") { true } }
    let address = try two.waitObserved { observation -> String? in
      if case .limitReached("untrusted connections of one address", let peer, _) = observation { peer } else { nil }
    }
    #expect(address == "127.0.0.1")
    try two.waitStatistic("connections", 5)
    try two.waitStatistic("connectionsRefused", 1, orMore: true)
    try one.stop()
    try two.stop()
  }

  /// Eighty dials while all places of their address are taken: each is turned away at least once, which is counted and
  /// reported, and each becomes a link once there are places, or is closed as timed out and dialed again, as the engine
  /// does with backoff.
  @Test func aFleetBehindOneAddressIsDelayedAndNotLost() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.quic.connectionsPerAddressMax = 16
    let two = try TestNode(mesh.security("node-b"), limits: limits) { $0.handshakeTimeout = .seconds(8) }
    let security = try mesh.security("node-a")
    let strangers = try (0..<16).map { _ in try HTTP3Client(security, to: two.address) }
    for stranger in strangers { try stranger.pump("first packet") { true } }
    try two.waitStatistic("connections", 16)
    let nodes = try (0..<20).map { number in
      try TestNode(mesh.security("node-\(number)")) { $0.handshakeTimeout = .seconds(2) }
    }
    let address = try two.address
    var dials = nodes.flatMap { node in (0..<4).map { _ in (node, node.dial(address)) } }
    try two.waitStatistic("connectionsRefused", 80, orMore: true)
    let reported = try two.waitObserved { observation -> String? in
      if case .limitReached("untrusted connections of one address", let peer, _) = observation { peer } else { nil }
    }
    #expect(reported == "127.0.0.1")
    // The strangers never go on; their places are free after the handshake timeout.
    for _ in 0..<40 where !dials.isEmpty {
      dials = try dials.compactMap { node, link in
        try node.hasOpened(link) ? nil : (node, node.dial(address))
      }
    }
    #expect(dials.isEmpty)
    try two.waitStatistic("links", 80, orMore: true)
    for node in nodes + [two] { try node.stop() }
  }

  /// Whoever forges an address gets no more than half of its places: the other half is for those who prove it.
  @Test func forgedFirstPacketsLeavePlacesToThoseWhoProveTheirAddress() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.quic.connectionsPerAddressMax = 4
    limits.quic.handshakesPerAddressBeforeRetry = 2
    let two = try TestNode(mesh.security("node-b"), limits: limits)
    let security = try mesh.security("node-a")
    // They never read the answer, as whoever forged their address couldn't.
    let forgers = try (0..<20).map { _ in try HTTP3Client(security, to: two.address) }
    for forger in forgers { try forger.pump("first packet") { true } }
    try two.waitStatistic("retriesSent", 18, orMore: true)
    try two.waitStatistic("connections", 2)
    let one = try TestNode(security)
    _ = try one.waitOpened(one.dial(two.address))
    #expect(two.statistic("connectionsRefused") == 0)
    try one.stop()
    try two.stop()
  }

  @Test func textOfAPeerIsShortenedAndHoldsNoControlCharacters() {
    #expect(peerText("a\u{1b}[31m\r\nb\u{202e}c é".utf8) == "a?[31m??b?c é")
    #expect(peerText([UInt8](repeating: 0x61, count: 201)).count == 200)
    #expect(peerText([0xff, 0x61]) == "\u{fffd}a")
  }

  @Test func aFloodIsReportedOncePerSecondWithItsCount() {
    var limiter = NoticeLimiter()
    var events: [Observation] = []
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
    guard case .datagramsDropped(3, "x") = events[0],
      case .limitReached("connections", "", 2) = events[1],
      case .datagramsDropped(1, "y") = events[2]
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
