import MeshBasics
import Testing

@testable import MeshTransport

/// What calls learn of one connection, with a clock in milliseconds.
private struct Watch {
  var silence = PeerSilence()

  mutating func sent(_ signs: Int, at time: Int64) { silence.sent(signs, .origin + .milliseconds(time)) }

  mutating func waitedInVain(_ signs: Int, at time: Int64) -> Bool {
    silence.waitedInVain(signs, .origin + .milliseconds(time), patience: .seconds(1))
  }
}

struct PeerSilenceTests {
  @Test func aPeerThatSaysNothingAfterARequestIsSilentUntilItDoes() {
    var watch = Watch()
    watch.sent(7, at: 0)
    let wasSilent = watch.silence.isSilent(7)
    let isSilent = watch.waitedInVain(7, at: 1_000)
    #expect(!wasSilent && isSilent)
    #expect(watch.silence.isSilent(7) && !watch.silence.isSilent(8))
  }

  @Test func aPeerThatSaysAnythingAfterARequestIsNotSilent() {
    var watch = Watch()
    watch.sent(7, at: 0)
    let isSilent = watch.waitedInVain(8, at: 60_000)
    #expect(!isSilent && !watch.silence.isSilent(8))
  }

  @Test func aRequestThatWasSentAMomentAgoSaysNothing() {
    var watch = Watch()
    watch.sent(7, at: 0)
    let isSilent = watch.waitedInVain(7, at: 999)
    #expect(!isSilent)
  }

  @Test func requestsOfCallersInAHurryAddUp() {
    var watch = Watch()
    for start in [0, 400, 800] as [Int64] {
      watch.sent(7, at: start)
      let isSilent = watch.waitedInVain(7, at: start + 300)
      #expect(isSilent == (start == 800))
    }
  }

  @Test func theTimeWithoutARequestDoesNotCount() {
    var watch = Watch()
    watch.sent(7, at: 0)
    // It is answered, and nothing is asked for a while.
    watch.sent(8, at: 60_000)
    let wasSilent = watch.waitedInVain(8, at: 60_500)
    let isSilent = watch.waitedInVain(8, at: 61_000)
    #expect(!wasSilent && isSilent)
  }
}

struct GivenUpConnectionsTests {
  @Test func afterAsManyAsAreAllowedWithinTheSpanThereAreTooManyUntilOneIsOlder() throws {
    let peer = try #require(SocketAddress(literal: "10.0.0.1", port: 1))
    let other = try #require(SocketAddress(literal: "10.0.0.1", port: 2))
    var given = GivenUpConnections(span: .seconds(60), most: 2)
    func at(_ seconds: Int64) -> Instant { .origin + .seconds(seconds) }
    given.add(peer, at(0))
    #expect(!given.areTooMany(peer, at(1)))
    given.add(peer, at(30))
    #expect(given.areTooMany(peer, at(30)) && given.areTooMany(peer, at(59)) && !given.areTooMany(other, at(30)))
    #expect(!given.areTooMany(peer, at(60)))
    given.add(peer, at(61))
    #expect(given.areTooMany(peer, at(89)) && !given.areTooMany(peer, at(90)))
  }

  @Test func addressesAreForgottenAfterTheSpan() throws {
    var given = GivenUpConnections(span: .seconds(10), most: 2)
    for second in 0..<100 as Range<Int64> {
      given.add(try #require(SocketAddress(literal: "10.0.0.1", port: UInt16(second + 1))), .origin + .seconds(second))
      #expect(given.count <= 10)
    }
  }
}
