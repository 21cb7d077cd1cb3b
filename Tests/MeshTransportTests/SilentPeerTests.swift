import Glibc
import MeshBasics
import Testing

@testable import MeshTransport

/// Calls to peers from whose connection nothing comes any more.
@Suite(.serialized) struct SilentPeerTests {
  private let answer = PeerCallOutcome.answered(.ok, reply: [1, 2, 3])
  /// On a loaded machine UDP must have its time before TCP is dialed.
  private let fallbackDelay = Duration.seconds(3)
  /// Much less than the deadlines here, so that a request has been out for so long when they come.
  private let patience = Duration.milliseconds(200)

  @Test func afterACallInVainOnASilentConnectionTheNextDialsAnotherOne() throws {
    let pair = try CallPair(isTCP: false) {
      ($0.fallbackDelay, $0.calls.patience) = (fallbackDelay, patience)
    }
    #expect(try pair.one.waitCallEnded(pair.call()).transport == "http3")
    pair.relay.udp.lose(100)
    let lost = try pair.one.waitCallEnded(pair.call(within: .seconds(4)))
    #expect(lost.outcome == .deadlinePassed && lost.transport == "http3")
    let next = try pair.one.waitCallEnded(pair.call())
    #expect(next.outcome == answer && next.transport == "http2")
    try pair.stop()
  }

  @Test func afterACallThatWasGivenUpOnASilentConnectionTheNextDialsAnotherOne() throws {
    let pair = try CallPair(isTCP: false) {
      ($0.fallbackDelay, $0.calls.patience) = (fallbackDelay, .milliseconds(1))
    }
    #expect(try pair.one.waitCallEnded(pair.call()).transport == "http3")
    pair.relay.udp.lose(100)
    let lost = try pair.call()
    usleep(100_000)
    pair.one.post(.cancelCall(lost))
    #expect(try pair.one.waitCallEnded(lost).outcome == .cancelled)
    let next = try pair.one.waitCallEnded(pair.call())
    #expect(next.outcome == answer && next.transport == "http2")
    try pair.stop()
  }

  @Test func whatNobodyTakesOverTCPMakesItsConnectionSilent() throws {
    let pair = try CallPair(isTCP: true, receiveBufferBytes: 4_096) { $0.calls.patience = patience }
    #expect(try pair.one.waitCallEnded(pair.call()).transport == "http2")
    pair.relay.freezeTCP()
    // More than the relay's kernel takes and acknowledges on its own, which is a sign of life.
    let first = try pair.call(MeshRequest.healthMethod, [UInt8](repeating: 1, count: 60_000), within: .seconds(1))
    #expect(try pair.one.waitCallEnded(first).outcome == .deadlinePassed && pair.relay.acceptedCount == 1)
    // What the kernel still takes may be another one, but no room is made any more.
    for attempt in 1...8 {
      let end = try pair.one.waitCallEnded(pair.call(within: .seconds(3))).outcome
      if end == answer { break }
      #expect(end == .deadlinePassed && attempt < 8)
    }
    #expect(pair.relay.acceptedCount == 2)
    try pair.stop()
  }

  @Test(arguments: [false, true]) func aPeerThatIsSlowWithOneMethodKeepsItsConnection(isTCP: Bool) throws {
    let pair = try CallPair(isTCP: isTCP)
    #expect(try pair.one.waitCallEnded(pair.call()).outcome == answer)
    for number in 1...2 {
      let slow = try pair.call(MeshRequest.pingMethod, within: .seconds(3))
      _ = try pair.two.waitCalled(MeshRequest.pingMethod, count: number)
      #expect(try pair.one.waitCallEnded(slow).outcome == .deadlinePassed)
    }
    #expect(try pair.one.waitCallEnded(pair.call()).outcome == answer)
    #expect(pair.one.statistic("handshakesDialed") == 1 && pair.relay.acceptedCount == (isTCP ? 1 : 0))
    try pair.stop()
  }

  @Test func whereUDPPassesLittleMoreThanAHandshakeFurtherConnectionsGoOverTCP() throws {
    let pair = try CallPair(isTCP: false) {
      ($0.fallbackDelay, $0.calls.patience) = (fallbackDelay, patience)
    }
    for dials in 1...2 as ClosedRange<Int64> {
      pair.relay.udp.lose(0)
      let first = try pair.one.waitCallEnded(pair.call())
      #expect(first.outcome == answer && first.transport == "http3")
      pair.relay.udp.lose(100)
      #expect(try pair.one.waitCallEnded(pair.call(within: .seconds(4))).outcome == .deadlinePassed)
      #expect(pair.one.statistic("handshakesDialed") == dials)
    }
    pair.relay.udp.lose(0)
    for _ in 0..<2 {
      let next = try pair.one.waitCallEnded(pair.call())
      #expect(next.outcome == answer && next.transport == "http2")
    }
    #expect(pair.one.statistic("handshakesDialed") == 2 && pair.relay.acceptedCount == 1)
    try pair.one.waitStatistic("connectionsGivenUp", 2)
    try pair.stop()
  }

  @Test func aSilentConnectionEndsWithTheLastCallThatIsOnIt() throws {
    let pair = try CallPair(isTCP: false) {
      ($0.calls.idleTimeout, $0.calls.patience) = (.seconds(300), patience)
    }
    let slow = try pair.call(MeshRequest.pingMethod, within: .seconds(40))
    let request = try pair.two.waitCalled(MeshRequest.pingMethod)
    pair.relay.udp.lose(100)
    #expect(try pair.one.waitCallEnded(pair.call(within: .seconds(4))).outcome == .deadlinePassed)
    pair.relay.udp.lose(0)
    pair.two.post(.reply(request, [7]))
    #expect(try pair.one.waitCallEnded(slow).outcome == .answered(.ok, reply: [7]))
    try pair.one.waitStatistic("connections", 0)
    #expect(pair.one.statistic("handshakesDialed") == 1)
    try pair.stop()
  }

  @Test func aSilentLinkCarriesNoCallsUntilItIsHeardAgain() throws {
    let pair = try CallPair(isTCP: false) {
      ($0.fallbackDelay, $0.calls.patience) = (fallbackDelay, patience)
    }
    let link = try pair.link()
    pair.relay.udp.lose(100)
    let lost = try pair.one.waitCallEnded(pair.call(on: link.dialed, within: .seconds(4)))
    #expect(lost.outcome == .deadlinePassed && lost.transport == "http3")
    let next = try pair.one.waitCallEnded(pair.call(on: link.dialed))
    #expect(next.outcome == answer && next.transport == "http2")
    pair.relay.udp.lose(0)
    let deadline = MonotonicClock.now() + .seconds(30)
    while try pair.one.waitCallEnded(pair.call(on: link.dialed)).transport != "http3" {
      try #require(MonotonicClock.now() < deadline)
      usleep(20_000)
    }
    // Its own, and that of the connection for calls.
    #expect(pair.one.statistic("handshakesDialed") == 2 && pair.one.statistic("links") == 1)
    try pair.stop()
  }
}
