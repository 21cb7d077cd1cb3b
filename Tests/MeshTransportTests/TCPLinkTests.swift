import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

/// Two nodes between which UDP is blocked at first, linked over TCP.
private struct Blocked {
  let mesh: TestMesh
  let (one, two): (TestNode, TestNode)
  let relay: PortRelay
  let (dialed, accepted): (LinkID, LinkID)

  init(takesMessages: Bool = true, limits: (inout LinkLimits) -> Void = { _ in }) throws {
    mesh = try TestMesh()
    var bounds = LinkLimits()
    bounds.fallbackDelay = .milliseconds(50)
    limits(&bounds)
    (one, two) = try (
      TestNode(mesh.security("node-a"), limits: bounds),
      TestNode(mesh.security("node-b"), limits: bounds, takesMessages: takesMessages)
    )
    relay = try PortRelay(to: two.address)
    dialed = one.dial(relay.address)
    _ = try one.waitOpened(dialed)
    accepted = try two.waitAccepted()
  }

  func stop() throws {
    relay.stop()
    try one.stop()
    try two.stop()
  }
}

@Suite(.serialized) struct TCPLinkTests {
  @Test func whereUDPIsBlockedALinkOpensOverTCPWithBothIdentities() throws {
    let blocked = try Blocked()
    let (toTwo, toOne) = try (blocked.one.waitOpened(blocked.dialed), blocked.two.waitOpened(blocked.accepted))
    #expect(toTwo.identity.nodeNames == ["node-b"] && toOne.identity.nodeNames == ["node-a"])
    #expect(toTwo.transport == "http2" && toOne.transport == "http2")
    #expect(toTwo.remoteAddress == blocked.relay.address.description)
    try blocked.one.waitStatistic("linksOverTcp", 1)
    try blocked.two.waitStatistic("linksOverTcp", 1)
    try blocked.stop()
    #expect(blocked.one.statistic("linksOverTcp") == 0 && blocked.two.statistic("links") == 0)
  }

  @Test func messagesOfAllSizesArriveWholeAndInOrderOverTCP() throws {
    let blocked = try Blocked()
    let messages: [[UInt8]] = [0, 1, 100, 16_383, 16_384, 16_385, 65_535, 70_000, 262_144, 3].map {
      [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: $0)
    }
    for message in messages {
      blocked.one.post(.send(blocked.dialed, message))
      blocked.two.post(.send(blocked.accepted, message))
    }
    #expect(try blocked.two.waitMessages(messages.count, on: blocked.accepted) == messages)
    #expect(try blocked.one.waitMessages(messages.count, on: blocked.dialed) == messages)
    try blocked.stop()
  }

  @Test func closingALinkOverTCPTellsBothSidesAfterWhatWasSentBefore() throws {
    let blocked = try Blocked()
    let last = [UInt8](repeating: 7, count: 2_000)
    blocked.one.post(.send(blocked.dialed, last))
    blocked.one.post(.close(blocked.dialed, reason: "test"))
    #expect(try blocked.one.waitClosed(blocked.dialed) == .closed)
    #expect(try blocked.two.waitClosed(blocked.accepted) == .closed)
    #expect(try blocked.two.waitMessages(1, on: blocked.accepted) == [last])
    try blocked.stop()
  }

  @Test func aNodeThatStopsTellsItsPeerOverTCP() throws {
    let blocked = try Blocked()
    blocked.two.post(.send(blocked.accepted, Array("farewell".utf8)))
    try blocked.two.stop()
    #expect(try blocked.one.waitClosed(blocked.dialed) == .closed)
    #expect(try blocked.one.waitMessages(1, on: blocked.dialed) == [Array("farewell".utf8)])
    blocked.relay.stop()
    try blocked.one.stop()
  }

  @Test func aConnectionThatBreaksEndsTheLinkAtOnce() throws {
    let blocked = try Blocked()
    blocked.relay.cutTCP()
    for end in try [blocked.one.waitClosed(blocked.dialed), blocked.two.waitClosed(blocked.accepted)] {
      guard case .unreachable = end else {
        Issue.record("ended by \(end)")
        continue
      }
    }
    try blocked.stop()
  }

  @Test func aPeerThatDoesNotReadLosesItsLinkOverTCP() throws {
    let blocked = try Blocked(takesMessages: false)
    for _ in 0..<64 { blocked.one.post(.send(blocked.dialed, [UInt8](repeating: 1, count: 64 * 1024))) }
    #expect(try blocked.one.waitClosed(blocked.dialed) == .protocolError("peer does not read"))
    try blocked.stop()
  }

  @Test func aLinkOverTCPEndsForAnotherOverUDPOnceThatWorks() throws {
    let blocked = try Blocked {
      ($0.trialWaitMin, $0.trialWaitMax) = (.milliseconds(200), .milliseconds(400))
      // On a loaded machine the second dial must not be TCP's before UDP has had its time.
      $0.fallbackDelay = .seconds(2)
    }
    // Its own dial, and trials that come to nothing: nothing is told of them.
    try blocked.one.waitStatistic("handshakesDialed", 3, orMore: true)
    #expect(blocked.one.statistic("linksOverTcp") == 1)
    blocked.relay.udp.lose(0)
    #expect(try blocked.one.waitClosed(blocked.dialed) == .closed)
    #expect(try blocked.two.waitClosed(blocked.accepted) == .closed)
    let again = blocked.one.dial(blocked.relay.address)
    #expect(try blocked.one.waitOpened(again).transport == "http3")
    try blocked.stop()
  }

  @Test func aTrialThatThePeerTurnsAwayLeavesTheLinkWhereItIs() throws {
    // The link is all that the peer lets this node have, so that the trial gets keys and then the door.
    let blocked = try Blocked {
      ($0.trialWaitMin, $0.trialWaitMax) = (.milliseconds(200), .milliseconds(400))
      $0.quic.connectionsPerNodeNameMax = 1
    }
    blocked.relay.udp.lose(0)
    try blocked.two.waitStatistic("connectionsRefused", 2, orMore: true)
    let isClosed = blocked.one.allEvents.contains { if case .closed = $0 { true } else { false } }
    #expect(!isClosed && blocked.one.statistic("linksOverTcp") == 1)
    try blocked.stop()
  }

  @Test func theConnectionsOfOneIdentityAreCountedTogetherOverUDPAndTCP() throws {
    let blocked = try Blocked { $0.quic.connectionsPerNodeNameMax = 2 }
    // Over UDP, beside the one over TCP.
    let second = try blocked.one.dial(blocked.two.address)
    #expect(try blocked.one.waitOpened(second).transport == "http3")
    // One more of either is turned away.
    _ = try blocked.one.waitClosed(blocked.one.dial(blocked.two.address))
    try blocked.two.waitStatistic("connectionsRefused", 1, orMore: true)
    let refused = blocked.two.statistic("connectionsRefused")
    let third = blocked.one.dial(blocked.relay.address)
    try blocked.two.waitStatistic("connectionsRefused", refused + 1, orMore: true)
    blocked.one.post(.close(third, reason: "test"))
    #expect(try blocked.one.waitClosed(third) == .closed && blocked.two.statistic("links") == 2)
    // A place is free again when a connection has ended.
    blocked.one.post(.close(blocked.dialed, reason: "test"))
    #expect(try blocked.two.waitClosed(blocked.accepted) == .closed)
    #expect(try blocked.one.waitOpened(blocked.one.dial(blocked.relay.address)).transport == "http2")
    try blocked.stop()
  }

  @Test func creditHoldsBackALinkOverTCPAsItDoesOneOverUDP() throws {
    let blocked = try Blocked(takesMessages: false)
    let messages = (0..<100).map { [UInt8](repeating: UInt8($0), count: 1_000) }
    for message in messages { blocked.one.post(.send(blocked.dialed, message)) }
    _ = try blocked.two.waitMessages(LinkLimits.creditMessagesMax, on: blocked.accepted)
    try blocked.two.waitStatistic("linkPauses", 1)
    usleep(100_000)
    #expect(try blocked.two.waitMessages(1, on: blocked.accepted).count == LinkLimits.creditMessagesMax)
    #expect(try blocked.two.take(messages.count, of: blocked.accepted) == messages)
    try blocked.stop()
  }

  @Test func aPeerThatFloodsWithCallsOverTCPKeepsNobodyWaitingOverUDP() throws {
    let blocked = try Blocked { $0.calls.callsPerPeerMax = 200 }
    let other = try TestNode(blocked.mesh.security("node-c"))
    let link = try other.dial(blocked.two.address)
    #expect(try other.waitOpened(link).transport == "http3")
    let accepted = try blocked.two.waitAccepted(2)
    for number in 1...10 {
      let calls = try (0..<200).map { _ in
        try blocked.one.call(MeshRequest.healthMethod, of: "node-b", on: blocked.dialed, at: nil)
      }
      other.post(.send(link, [UInt8(number)]))
      #expect(try blocked.two.waitMessages(number, on: accepted).last == [UInt8(number)])
      blocked.two.post(.send(accepted, [UInt8(number)]))
      #expect(try other.waitMessages(number, on: link).last == [UInt8(number)])
      for call in calls { #expect(try blocked.one.waitCallEnded(call).outcome == .answered(.ok, reply: [1, 2, 3])) }
    }
    try other.stop()
    try blocked.stop()
  }

  @Test func aNodeThatStopsAmidARaceEndsBothDials() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.fallbackDelay = .zero
    let one = try TestNode(mesh.security("node-a"), limits: limits)
    // Takes connections and says nothing.
    let silent = try TestListener()
    let udp = try UDPSocket(binding: silent.address, receiveBufferBytes: 1 << 16)
    let link = one.dial(silent.address)
    let accepted = try silent.accept()
    try one.stop()
    #expect(try one.waitClosed(link) == .closed)
    let ends = one.allEvents.filter { if case .closed = $0 { true } else { false } }
    #expect(ends.count == 1 && one.statistic("connections") == 0)
    withExtendedLifetime((udp, accepted)) {}
  }

  @Test func whereUDPWorksTCPIsNotTried() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.fallbackDelay = .seconds(10)
    let (one, two) = try (
      TestNode(mesh.security("node-a"), limits: limits), TestNode(mesh.security("node-b"), limits: limits)
    )
    let relay = try PortRelay(to: two.address)
    relay.udp.lose(0)
    let link = one.dial(relay.address)
    #expect(try one.waitOpened(link).transport == "http3")
    // The tether alone.
    try two.waitStatistic("tethersOpen", 1)
    #expect(relay.acceptedCount == 1)
    relay.stop()
    try one.stop()
    try two.stop()
  }

  @Test func whereBothAnswerAtOnceOneLinkIsLeft() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.fallbackDelay = .zero
    let (one, two) = try (
      TestNode(mesh.security("node-a"), limits: limits), TestNode(mesh.security("node-b"), limits: limits)
    )
    for _ in 0..<20 {
      let link = try one.dial(two.address)
      _ = try one.waitOpened(link)
      one.post(.send(link, Array("hello".utf8)))
      one.post(.close(link, reason: "test"))
      #expect(try one.waitClosed(link) == .closed)
    }
    try one.waitStatistic("links", 0)
    try two.waitStatistic("links", 0)
    try one.stop()
    try two.stop()
  }

  @Test func aStrangerIsRefusedOverTCPOnBothSides() throws {
    var limits = LinkLimits()
    limits.fallbackDelay = .milliseconds(50)
    let (one, two) = try (
      TestNode(TestMesh().security("node-a"), limits: limits), TestNode(TestMesh().security("node-b"), limits: limits)
    )
    let relay = try PortRelay(to: two.address)
    let link = one.dial(relay.address)
    guard case .refused = try one.waitClosed(link) else { throw TransportError("a stranger was not refused") }
    relay.stop()
    try one.stop()
    try two.stop()
  }

  @Test func bytesThatAreNoHandshakeEndTheConnectionAndAreCounted() throws {
    let two = try TestNode(TestMesh().security("node-b"))
    let stranger = try TestSocket(to: two.address)
    // A record of TLS with a handshake message that no client sends.
    stranger.send([22, 3, 1, 0, 4, 0xff, 0, 0, 0])
    try two.waitStatistic("tethersRefused", 1)
    try two.stop()
  }

  @Test func halfAHandshakeThatEndsIsTurnedAwayAtOnce() throws {
    var limits = LinkLimits()
    limits.tetherTimeout = .seconds(60)
    let two = try TestNode(TestMesh().security("node-b"), limits: limits) { $0.takeTLS = { _, _ in false } }
    for hasEnd in [true, false] {
      let stranger = try TestSocket(to: two.address)
      stranger.send([22, 3, 1, 0x0f, 0xff, 1])
      if hasEnd { stranger.endOutput() } else { stranger.close() }
      try two.waitStatistic("tethersRefused", hasEnd ? 1 : 2)
    }
    try two.stop()
  }

  @Test func aHandshakeInPiecesIsWaitedFor() throws {
    let two = try TestNode(TestMesh().security("node-b")) { $0.takeTLS = { _, _ in false } }
    let client = try TLSNodeClient(TestMesh().security("node-a"))
    let stream = try #require(TLSStream(client, to: "peer.example"))
    #expect(stream.read() == nil)
    let stranger = try TestSocket(to: two.address)
    for piece in [stream.output.prefix(100), stream.output.dropFirst(100)] {
      stranger.send(Array(piece))
      usleep(50_000)
    }
    // It offers no HTTP/2, and nobody takes others.
    try two.waitStatistic("tethersRefused", 1)
    try two.stop()
  }

  @Test func silentClientsOfTLSDoNotKeepALinkAway() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.tetherStrangersMax = 2
    limits.fallbackDelay = .milliseconds(50)
    let two = try TestNode(mesh.security("node-b"), limits: limits)
    var silent: [TestSocket] = []
    for number in 1...4 {
      silent.append(try TestSocket(to: two.address))
      silent.last?.send([22])
      try two.waitStatistic("connections", Int64(min(number, 2)))
      try two.waitStatistic("tethersRefused", Int64(max(0, number - 2)))
    }
    let one = try TestNode(mesh.security("node-a"), limits: limits)
    let relay = try PortRelay(to: two.address)
    #expect(try one.waitOpened(one.dial(relay.address)).transport == "http2")
    relay.stop()
    try one.stop()
    try two.stop()
  }

  @Test func connectionsOverTCPHaveThePlacesOfQUIC() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.fallbackDelay = .milliseconds(50)
    let one = try TestNode(mesh.security("node-a"), limits: limits) { $0.handshakeTimeout = .seconds(2) }
    limits.quic.acceptedMax = 1
    let two = try TestNode(mesh.security("node-b"), limits: limits)
    let relay = try PortRelay(to: two.address)
    #expect(try one.waitOpened(one.dial(relay.address)).transport == "http2")
    relay.udp.lose(0)
    // It is told nothing: neither over UDP, which drops its packets, nor over TCP, which closes.
    let end = try one.waitClosed(one.dial(relay.address))
    if case .timedOut = end {} else if case .unreachable = end {} else { Issue.record("ended by \(end)") }
    relay.stop()
    try one.stop()
    try two.stop()
  }

  @Test func aDialThatIsGivenUpEndsOverBoth() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.fallbackDelay = .zero
    let one = try TestNode(mesh.security("node-a"), limits: limits)
    // Takes connections and says nothing.
    let silent = try TestListener()
    let udp = try UDPSocket(binding: silent.address, receiveBufferBytes: 1 << 16)
    let link = one.dial(silent.address)
    let accepted = try silent.accept()
    one.post(.close(link, reason: "test"))
    #expect(try one.waitClosed(link) == .closed)
    try one.waitStatistic("connections", 0)
    try one.stop()
    withExtendedLifetime((udp, accepted)) {}
  }
}
