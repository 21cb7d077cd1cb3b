import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

@Suite(.serialized) struct LinkLossTests {
  @Test(arguments: [UInt64(5), 20])
  func messagesUpToTheLimitArriveWholeAndInOrderAlthoughDatagramsAreLost(_ percent: UInt64) throws {
    let mesh = try TestMesh()
    let (one, two) = try (TestNode(mesh.security("node-a")), TestNode(mesh.security("node-b")))
    let relay = try UDPRelay(to: two.address, lossPercent: percent)
    let dialed = one.dial(relay.address)
    _ = try one.waitOpened(dialed)
    let accepted = try two.waitAccepted()
    let sizes = percent < 10 ? [1, 256 * 1024, 3000, 0, 100_000] : [1, 30_000, 0, 100_000]
    let messages = sizes.enumerated().map { [UInt8](repeating: UInt8($0.offset), count: $0.element) }
    for message in messages {
      one.post(.send(dialed, message))
      two.post(.send(accepted, message))
    }
    #expect(try two.waitMessages(messages.count, on: accepted) == messages)
    #expect(try one.waitMessages(messages.count, on: dialed) == messages)
    #expect(relay.lostCount > 0)
    try one.stop()
    try two.stop()
    relay.stop()
  }

  @Test func aCloseWaitsUntilThePeerHasAllThatWasSentBefore() throws {
    let mesh = try TestMesh()
    let (one, two) = try (TestNode(mesh.security("node-a")), TestNode(mesh.security("node-b")))
    let relay = try UDPRelay(to: two.address)
    let dialed = one.dial(relay.address)
    _ = try one.waitOpened(dialed)
    let accepted = try two.waitAccepted()
    // The first messages teach both ends the path's round trip, so that what is lost is repeated soon.
    one.post(.send(dialed, [0]))
    _ = try two.waitMessages(1, on: accepted)
    // More than fits in the first window: one flush alone can't send it.
    let farewell = [UInt8](repeating: 7, count: 200_000)
    one.post(.send(dialed, farewell))
    one.post(.close(dialed, reason: "test"))
    #expect(try one.waitClosed(dialed) == .closed)
    #expect(try two.waitClosed(accepted) == .closed)
    #expect(try two.waitMessages(2, on: accepted).last == farewell)
    try one.stop()
    try two.stop()
    relay.stop()
  }

  @Test func aCloseDoesNotWaitForEverForAPeerThatIsGone() throws {
    let mesh = try TestMesh()
    let (one, two) = try (TestNode(mesh.security("node-a")), TestNode(mesh.security("node-b")))
    let relay = try UDPRelay(to: two.address)
    let dialed = one.dial(relay.address)
    _ = try one.waitOpened(dialed)
    relay.lose(100)
    one.post(.send(dialed, [1]))
    one.post(.close(dialed, reason: "test"))
    #expect(try one.waitClosed(dialed) == .closed)
    try one.stop()
    try two.stop()
    relay.stop()
  }

  @Test func peersOfARestartedNodeLearnAtOnceThatItForgotTheirLinks() throws {
    let mesh = try TestMesh()
    let security = try mesh.security("node-b")
    let one = try TestNode(mesh.security("node-a")) { $0.keepAlive = .milliseconds(200) }
    let two = try TestNode(security)
    let relay = try UDPRelay(to: two.address)
    let dialed = one.dial(relay.address)
    _ = try one.waitOpened(dialed)
    // Cut off, so that its goodbye is lost as in a crash.
    relay.lose(100)
    try two.stop()
    try relay.settle()
    let again = try TestNode(security, port: two.transport.port)
    relay.lose(0)
    let end = try one.waitClosed(dialed)
    guard case .unreachable(let why) = end else { throw TransportError("not unreachable but \(end)") }
    #expect(why.contains("restart"))
    try one.stop()
    try again.stop()
    relay.stop()
  }
}
