import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

@Suite(.serialized) struct PeerCallTests {
  @Test(arguments: [false, true]) func aCallGoesOnTheConnectionOfALinkThatThisNodeHasDialed(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP)
    let link = pair.one.dial(pair.relay.address)
    _ = try pair.one.waitOpened(link)
    let dialed = pair.one.statistic("handshakesDialed")
    for _ in 0..<3 {
      let end = try pair.one.waitCallEnded(pair.call(on: link))
      #expect(end.outcome == .answered(.ok, reply: [1, 2, 3]) && end.attempts == 1)
      #expect(end.transport == (isTCP ? "http2" : "http3") && end.roundTrip != nil)
    }
    #expect(pair.one.statistic("handshakesDialed") == dialed)
    try pair.stop()
  }

  @Test(arguments: [false, true]) func withoutALinkAConnectionIsDialedAndKeptUntilItIsIdle(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP) { $0.calls.idleTimeout = .seconds(3) }
    for _ in 0..<3 {
      let end = try pair.one.waitCallEnded(pair.call())
      #expect(end.outcome == .answered(.ok, reply: [1, 2, 3]))
      #expect(end.transport == (isTCP ? "http2" : "http3"))
    }
    #expect(pair.one.statistic("handshakesDialed") == 1 && pair.relay.acceptedCount == (isTCP ? 1 : 0))
    try pair.one.waitStatistic("connections", 0)
    #expect(pair.one.statistic("links") == 0)
    let isLinkTold = pair.one.allEvents.contains {
      switch $0 {
      case .opened, .closed, .doubted: true
      default: false
      }
    }
    #expect(!isLinkTold)
    try pair.stop()
  }

  @Test func theAcceptorOfALinkDialsAConnectionOfItsOwn() throws {
    let pair = try CallPair(isTCP: false)
    _ = try pair.one.waitOpened(pair.one.dial(pair.relay.address))
    let accepted = try pair.two.waitAccepted()
    let call = try pair.two.call(MeshRequest.healthMethod, of: "node-a", on: accepted, at: pair.one.address)
    #expect(try pair.two.waitCallEnded(call).outcome == .answered(.ok, reply: [1, 2, 3]))
    #expect(pair.two.statistic("handshakesDialed") == 1)
    try pair.stop()
  }

  @Test(arguments: [false, true]) func manyCallsAtOnceShareAConnectionThatIsStillBeingDialed(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP)
    let calls = try (0..<12).map { _ in try pair.call() }
    let crowded = try pair.call()
    guard case .busy = try pair.one.waitCallEnded(crowded).outcome else {
      throw TransportError("a call beyond the limit was made")
    }
    for call in calls { #expect(try pair.one.waitCallEnded(call).outcome == .answered(.ok, reply: [1, 2, 3])) }
    #expect(pair.one.statistic("handshakesDialed") == 1)
    try pair.stop()
  }

  @Test(arguments: [false, true]) func aCallWithoutAnAnswerEndsAtItsDeadlineAndThePeerForgetsIt(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP)
    let call = try pair.call(MeshRequest.pingMethod, within: .seconds(3))
    let request = try pair.two.waitCalled(MeshRequest.pingMethod)
    #expect(try pair.one.waitCallEnded(call).outcome == .deadlinePassed)
    // Too late: nobody waits for it.
    pair.two.post(.reply(request, [9]))
    #expect(try pair.one.waitCallEnded(pair.call()).outcome == .answered(.ok, reply: [1, 2, 3]))
    try pair.stop()
  }

  @Test(arguments: [false, true]) func aCancelledCallEndsAtOnceAndItsConnectionGoesOn(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP)
    let call = try pair.call(MeshRequest.pingMethod)
    _ = try pair.two.waitCalled(MeshRequest.pingMethod)
    pair.one.post(.cancelCall(call))
    #expect(try pair.one.waitCallEnded(call).outcome == .cancelled)
    #expect(try pair.one.waitCallEnded(pair.call()).outcome == .answered(.ok, reply: [1, 2, 3]))
    #expect(pair.one.statistic("handshakesDialed") == 1)
    #expect(pair.one.rejections == [] && pair.two.rejections == [], "a change of mind is nobody's mistake")
    try pair.stop()
  }

  @Test(arguments: [false, true]) func theStatusOfAFailedCallIsToldWithoutAnotherAttempt(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP)
    let call = try pair.call(MeshRequest.pingMethod, isIdempotent: true)
    pair.two.post(.fail(try pair.two.waitCalled(MeshRequest.pingMethod), code: 5, message: "no such thing"))
    let end = try pair.one.waitCallEnded(call)
    #expect(end.outcome == .answered(GRPCStatus(code: 5, message: "no such thing"), reply: []) && end.attempts == 1)
    let unknown = try pair.one.waitCallEnded(pair.call("meshkit.mesh.v1.Mesh/Pong"))
    #expect(unknown.outcome == .answered(.unimplemented("no such method"), reply: []))
    try pair.stop()
  }

  @Test(arguments: [false, true]) func afterARestartOfThePeerAnIdempotentCallIsMadeAgain(isTCP: Bool) throws {
    // Where nothing answers over TCP yet, a dial goes on over UDP until its time is over.
    let pair = try CallPair(isTCP: isTCP, handshakeTimeout: .seconds(3)) {
      ($0.calls.attemptsMax, $0.calls.backoffMin, $0.calls.backoffMax) = (50, .milliseconds(100), .milliseconds(300))
    }
    let call = try pair.call(MeshRequest.pingMethod, within: .seconds(60), isIdempotent: true)
    _ = try pair.two.waitCalled(MeshRequest.pingMethod)
    try pair.two.stop()
    try pair.restart()
    pair.two.post(.reply(try pair.two.waitCalled(MeshRequest.pingMethod), [7]))
    let end = try pair.one.waitCallEnded(call)
    #expect(end.outcome == .answered(.ok, reply: [7]) && end.attempts > 1)
    try pair.stop()
  }

  @Test(arguments: [false, true]) func aCallThatIsNotIdempotentIsMadeOnce(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP)
    let call = try pair.call(MeshRequest.pingMethod)
    _ = try pair.two.waitCalled(MeshRequest.pingMethod)
    try pair.two.stop()
    try pair.restart()
    let end = try pair.one.waitCallEnded(call)
    guard case .unreachable = end.outcome else { throw TransportError("ended by \(end)") }
    #expect(end.attempts == 1)
    // What nobody can have had is dialed anew, whatever the call.
    #expect(try pair.one.waitCallEnded(pair.call()).outcome == .answered(.ok, reply: [1, 2, 3]))
    try pair.stop()
  }

  @Test func aCircuitOpensWhereNobodyListensAndClosesWhenSomebodyDoes() throws {
    let pair = try CallPair(isTCP: false) {
      ($0.calls.attemptsMax, $0.calls.failuresToOpen, $0.calls.openMin) = (1, 2, .seconds(3))
    }
    let address = try pair.two.address
    try pair.two.stop()
    func end() throws -> PeerCallOutcome {
      try pair.one.waitCallEnded(pair.one.call(MeshRequest.healthMethod, of: "node-b", at: address)).outcome
    }
    for _ in 0..<2 { guard case .unreachable = try end() else { throw TransportError("somebody answered") } }
    guard case .circuitOpen = try end() else { throw TransportError("the circuit is closed") }
    try pair.restart()
    usleep(3_100_000)
    #expect(try end() == .answered(.ok, reply: [1, 2, 3]))
    for isOpen in [true, false] {
      _ = try pair.one.waitObserved { observation -> Bool? in
        if case .peerCircuit(_, isOpen, _) = observation { true } else { nil }
      }
    }
    try pair.stop()
  }

  @Test(arguments: [false, true]) func anotherNodeAtThePeersAddressGetsNoCall(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP)
    let end = try pair.one.waitCallEnded(pair.call(as: "node-c", isIdempotent: true))
    guard case .unreachable(let reason) = end.outcome else { throw TransportError("ended by \(end)") }
    #expect(reason.hasPrefix("another node answers") && end.attempts == 1)
    try pair.stop()
  }

  @Test(arguments: [false, true]) func aStrangerGetsNoCall(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP)
    let stranger = try TestNode(TestMesh().security("node-a")) { $0.handshakeTimeout = .seconds(8) }
    let call = try stranger.call(MeshRequest.healthMethod, of: "node-b", at: pair.relay.address, isIdempotent: true)
    let end = try stranger.waitCallEnded(call)
    guard case .unreachable = end.outcome else { throw TransportError("ended by \(end)") }
    #expect(end.attempts == 1)
    try stranger.stop()
    try pair.stop()
  }

  @Test func wherePeersAllowNoMoreStreamsOnALinkAnotherConnectionIsDialed() throws {
    let pair = try CallPair(isTCP: false) { $0.http3.streamsMax = 1 }
    let link = pair.one.dial(pair.relay.address)
    _ = try pair.one.waitOpened(link)
    #expect(try pair.one.waitCallEnded(pair.call(on: link)).outcome == .answered(.ok, reply: [1, 2, 3]))
    #expect(pair.one.statistic("handshakesDialed") == 2)
    try pair.stop()
  }

  @Test func anIdleConnectionGivesItsPlaceToACallOfAnotherPeer() throws {
    let pair = try CallPair(isTCP: false) { $0.calls.connectionsMax = 1 }
    let third = try TestNode(pair.mesh.security("node-c"))
    #expect(try pair.one.waitCallEnded(pair.call()).outcome == .answered(.ok, reply: [1, 2, 3]))
    let other = try pair.one.call(MeshRequest.healthMethod, of: "node-c", at: third.address)
    #expect(try pair.one.waitCallEnded(other).outcome == .answered(.ok, reply: [1, 2, 3]))
    // One that is in use doesn't.
    let busy = try pair.one.call(MeshRequest.pingMethod, of: "node-c", at: third.address)
    _ = try third.waitCalled(MeshRequest.pingMethod)
    #expect(
      try pair.one.waitCallEnded(pair.call()).outcome == .busy("1 connections for calls are open"))
    pair.one.post(.cancelCall(busy))
    try third.stop()
    try pair.stop()
  }

  @Test func aNodeThatStopsEndsItsCalls() throws {
    let pair = try CallPair(isTCP: false)
    let call = try pair.call(MeshRequest.pingMethod)
    _ = try pair.two.waitCalled(MeshRequest.pingMethod)
    try pair.one.stop()
    #expect(try pair.one.waitCallEnded(call).outcome == .stopped)
    pair.relay.stop()
    try pair.two.stop()
  }
}
