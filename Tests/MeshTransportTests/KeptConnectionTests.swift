import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

/// A link, and a call on its connection that waits for its answer.
private struct BusyLink {
  let (dialed, accepted): (LinkID, LinkID)
  let call: CallID
  let request: RequestID

  /// The `number`th of its pair.
  init(_ pair: CallPair, number: Int = 1) throws {
    (dialed, accepted) = try pair.link()
    call = try pair.call(MeshRequest.pingMethod, on: dialed, within: .seconds(40))
    request = try pair.two.waitCalled(MeshRequest.pingMethod, count: number)
  }

  /// Closes the link at its dialer, and waits for its end on both sides.
  func close(_ pair: CallPair) throws {
    pair.one.post(.close(dialed, reason: "test"))
    try expectClosed(pair)
  }

  func expectClosed(_ pair: CallPair) throws {
    #expect(try pair.one.waitClosed(dialed) == .closed)
    #expect(try pair.two.waitClosed(accepted) == .closed)
  }

  /// Has the peer answer, and waits for that.
  func answer(_ pair: CallPair) throws -> PeerCallEnd {
    pair.two.post(.reply(request, [7]))
    return try pair.one.waitCallEnded(call)
  }
}

private let reply = PeerCallOutcome.answered(.ok, reply: [7])

/// Links that end while calls are on their connection.
@Suite(.serialized) struct KeptConnectionTests {
  @Test(arguments: [false, true], [false, true])
  func aCallOutlivesTheLinkWhoseConnectionItIsOn(isTCP: Bool, isClosedByPeer: Bool) throws {
    let pair = try CallPair(isTCP: isTCP)
    let busy = try BusyLink(pair)
    if !isTCP { try pair.two.waitStatistic("tethersOpen", 1) }
    if isClosedByPeer {
      pair.two.post(.close(busy.accepted, reason: "test"))
      try busy.expectClosed(pair)
    } else {
      try busy.close(pair)
    }
    #expect(pair.one.statistic("connections") == 1)
    let end = try busy.answer(pair)
    #expect(end.outcome == reply && end.attempts == 1 && end.transport == (isTCP ? "http2" : "http3"))
    for node in [pair.one, pair.two] {
      try node.waitStatistic("connections", 0)
      #expect(node.doubtedLinks == [] && node.statistic("links") == 0 && node.statistic("tethersOpen") == 0)
      #expect(node.allEvents.count { if case .closed = $0 { true } else { false } } == 1)
    }
    try pair.stop()
  }

  @Test(arguments: [false, true]) func whatWasSentOnTheLinkArrivesBeforeItsEnd(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP)
    let busy = try BusyLink(pair)
    let messages = (0..<20).map { [UInt8](repeating: UInt8($0), count: 5_000) }
    for message in messages { pair.one.post(.send(busy.dialed, message)) }
    try busy.close(pair)
    #expect(try pair.two.waitMessages(messages.count, on: busy.accepted) == messages)
    guard case .closed(busy.accepted, .closed)? = pair.two.allEvents.last(where: { $0.link == busy.accepted }) else {
      throw TransportError("something came after the end")
    }
    #expect(try busy.answer(pair).outcome == reply)
    try pair.stop()
  }

  @Test(arguments: [false, true]) func aPeerThatHasTheEndStillToReadIsNotDoubted(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP, takesMessages: false)
    let busy = try BusyLink(pair)
    if !isTCP { try pair.two.waitStatistic("tethersOpen", 1) }
    let messages = (0..<50).map { [UInt8(truncatingIfNeeded: $0)] }
    for message in messages { pair.one.post(.send(busy.dialed, message)) }
    pair.one.post(.close(busy.dialed, reason: "test"))
    #expect(try pair.one.waitClosed(busy.dialed) == .closed)
    try pair.two.waitStatistic("tethersOpen", 0)
    #expect(try pair.two.take(messages.count, of: busy.accepted) == messages)
    #expect(try pair.two.waitClosed(busy.accepted) == .closed)
    #expect(pair.two.doubtedLinks == [])
    #expect(try busy.answer(pair).outcome == reply)
    try pair.stop()
  }

  @Test(arguments: [false, true]) func aDialerReadsAllBeforeTheEndThatItsPeerHasSaid(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP, takesMessages: false)
    let busy = try BusyLink(pair)
    let messages = (0..<50).map { [UInt8(truncatingIfNeeded: $0)] }
    for message in messages { pair.two.post(.send(busy.accepted, message)) }
    pair.two.post(.close(busy.accepted, reason: "test"))
    #expect(try pair.two.waitClosed(busy.accepted) == .closed)
    #expect(try pair.one.take(messages.count, of: busy.dialed) == messages)
    #expect(try pair.one.waitClosed(busy.dialed) == .closed)
    #expect(try busy.answer(pair).outcome == reply)
    try pair.stop()
  }

  @Test func aLinkThatBreaksWhileItIsClosedIsClosedAndItsCallsAreToldWhy() throws {
    let pair = try CallPair(isTCP: true)
    let busy = try BusyLink(pair)
    pair.relay.freezeTCP()
    pair.one.post(.close(busy.dialed, reason: "test"))
    // A tenth of the time that the peer has for its end.
    usleep(25_000)
    pair.relay.cutTCP()
    #expect(try pair.one.waitClosed(busy.dialed) == .closed)
    guard case .unreachable(let reason) = try pair.one.waitCallEnded(busy.call).outcome else {
      throw TransportError("the call did not break")
    }
    #expect(reason != LinkEnd.closed.text)
    try pair.stop()
  }

  @Test func icmpEndsNoConnectionThatIsKept() throws {
    let mesh = try TestMesh()
    let one = try TestNode(mesh.security("node-a")) { $0.keepAlive = .milliseconds(100) }
    let two = try TestNode(mesh.security("node-b"))
    var relay: UDPRelay? = try UDPRelay(to: two.address)
    let dialed = one.dial(try #require(relay).address)
    _ = try one.waitOpened(dialed)
    _ = try one.call(MeshRequest.pingMethod, of: "node-b", on: dialed, at: nil, within: .seconds(40))
    _ = try two.waitCalled(MeshRequest.pingMethod)
    one.post(.close(dialed, reason: "test"))
    #expect(try one.waitClosed(dialed) == .closed && two.waitClosed(two.waitAccepted()) == .closed)
    relay?.stop()
    // Its thread, which holds the relay, ends soon; with the relay its ports close.
    relay = nil
    usleep(2_000_000)
    #expect(one.statistic("connections") == 1)
    #expect(!one.allEvents.contains { if case .callEnded = $0 { true } else { false } })
    try one.stop()
    try two.stop()
  }

  @Test(arguments: [false, true]) func aConnectionThatIsKeptTakesNoFurtherCalls(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP)
    let busy = try BusyLink(pair)
    try busy.close(pair)
    let second = try pair.one.waitCallEnded(pair.call(on: busy.dialed))
    #expect(second.outcome == .answered(.ok, reply: [1, 2, 3]))
    #expect(pair.one.statistic("handshakesDialed") == 2 && pair.one.statistic("connections") == 2)
    #expect(try busy.answer(pair).outcome == reply)
    try pair.one.waitStatistic("connections", 1)
    try pair.stop()
  }

  @Test(arguments: [false, true]) func aKeptConnectionEndsWithTheDeadlineOfItsLastCall(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP)
    let link = try pair.link()
    let call = try pair.call(MeshRequest.pingMethod, on: link.dialed, within: .seconds(3))
    _ = try pair.two.waitCalled(MeshRequest.pingMethod)
    pair.one.post(.close(link.dialed, reason: "test"))
    #expect(try pair.one.waitCallEnded(call).outcome == .deadlinePassed)
    for node in [pair.one, pair.two] { try node.waitStatistic("connections", 0) }
    try pair.stop()
  }

  @Test func noConnectionIsKeptToAPeerThatDoesNotHearOfTheLinksEnd() throws {
    let pair = try CallPair(isTCP: false)
    let busy = try BusyLink(pair)
    pair.relay.udp.lose(100)
    pair.one.post(.close(busy.dialed, reason: "test"))
    #expect(try pair.one.waitClosed(busy.dialed) == .closed)
    // Long before its deadline.
    let end = try pair.one.waitCallEnded(busy.call)
    #expect(end.outcome == .unreachable(LinkEnd.timedOut.text))
    try pair.one.waitStatistic("connections", 0)
    try pair.stop()
  }

  @Test func aLinkThatLeavesTCPForUDPLosesNoCall() throws {
    let pair = try CallPair(isTCP: true) {
      ($0.trialWaitMin, $0.trialWaitMax) = (.milliseconds(200), .milliseconds(400))
    }
    let busy = try BusyLink(pair)
    pair.relay.udp.lose(0)
    try busy.expectClosed(pair)
    let end = try busy.answer(pair)
    #expect(end.outcome == reply && end.transport == "http2")
    try pair.stop()
  }

  @Test func ofTooManyKeptConnectionsToAPeerTheOldestEndsWithItsCalls() throws {
    let pair = try CallPair(isTCP: false) { $0.calls.keptPerPeerMax = 1 }
    let first = try BusyLink(pair)
    try first.close(pair)
    let second = try BusyLink(pair, number: 2)
    try second.close(pair)
    guard case .unreachable(let reason) = try pair.one.waitCallEnded(first.call).outcome else {
      throw TransportError("both connections were kept")
    }
    #expect(reason.hasPrefix("this node gave"))
    #expect(try second.answer(pair).outcome == reply)
    try pair.stop()
  }

  @Test func nodesThatShareACertificateHaveTheirOwnKeptConnections() throws {
    let mesh = try TestMesh()
    let names = ["node-b", "node-c"]
    let shared = try mesh.sharedOptions(names)
    var limits = LinkLimits()
    limits.calls.keptPerPeerMax = 1
    let one = try TestNode(mesh.security("node-a"), limits: limits)
    let peers = try names.map { _ in try TestNode(NodeSecurity(options: shared)) }
    var calls: [CallID] = []
    for (name, peer) in zip(names, peers) {
      let dialed = try one.dial(peer.address)
      _ = try one.waitOpened(dialed)
      calls.append(try one.call(MeshRequest.pingMethod, of: name, on: dialed, at: nil, within: .seconds(40)))
      _ = try peer.waitCalled(MeshRequest.pingMethod)
      one.post(.close(dialed, reason: "test"))
      #expect(try one.waitClosed(dialed) == .closed)
    }
    for (call, peer) in zip(calls, peers) {
      peer.post(.reply(try peer.waitCalled(MeshRequest.pingMethod), [7]))
      #expect(try one.waitCallEnded(call).outcome == reply)
    }
    for node in peers + [one] { try node.stop() }
  }

  @Test(arguments: [false, true]) func aNodeThatStopsEndsAConnectionThatIsKept(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP)
    let busy = try BusyLink(pair)
    try busy.close(pair)
    try pair.one.stop()
    #expect(try pair.one.waitCallEnded(busy.call).outcome == .stopped)
    try pair.two.waitStatistic("connections", 0)
    pair.relay.stop()
    try pair.two.stop()
  }

  @Test func aCallMayTakeLongerThanTheIdleTimeout() throws {
    var waiting: [(pair: CallPair, call: CallID, request: RequestID)] = []
    for (isTCP, isOfALinkThatEnds) in [(false, false), (false, true), (true, false), (true, true)] {
      let pair = try CallPair(
        isTCP: isTCP, options: { ($0.idleTimeout, $0.keepAlive) = (.seconds(3), .milliseconds(300)) })
      if isOfALinkThatEnds {
        let busy = try BusyLink(pair)
        try busy.close(pair)
        waiting.append((pair, busy.call, busy.request))
      } else {
        let call = try pair.call(MeshRequest.pingMethod, within: .seconds(40))
        waiting.append((pair, call, try pair.two.waitCalled(MeshRequest.pingMethod)))
      }
    }
    usleep(5_000_000)
    for (pair, call, request) in waiting {
      pair.two.post(.reply(request, [7]))
      #expect(try pair.one.waitCallEnded(call).outcome == reply)
      try pair.stop()
    }
  }
}

extension LinkEvent {
  /// Whose event it is, of those that are a link's.
  fileprivate var link: LinkID? {
    switch self {
    case .opened(let link, _), .received(let link, _), .doubted(let link), .closed(let link, _): link
    case .late, .callEnded, .called, .observed: nil
    }
  }
}
