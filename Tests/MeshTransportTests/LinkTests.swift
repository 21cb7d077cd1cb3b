import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

@Suite(.serialized) struct LinkTests {
  @Test func aLinkOpensWithBothIdentitiesAndCarriesMessagesBothWays() throws {
    let mesh = try TestMesh()
    let (one, two) = try (TestNode(mesh.security("node-a")), TestNode(mesh.security("node-b")))
    let dialed = try one.dial(two.address)
    let peerOfOne = try one.waitOpened(dialed)
    let accepted = try two.waitAccepted()
    let peerOfTwo = try two.waitOpened(accepted)
    #expect(peerOfOne.identity.nodeNames == ["node-b"] && peerOfTwo.identity.nodeNames == ["node-a"])
    #expect(peerOfOne.transport == "http3" && peerOfOne.remoteAddress == "127.0.0.1:\(two.transport.port)")
    #expect(peerOfTwo.remoteAddress == "127.0.0.1:\(one.transport.port)")
    one.post(.send(dialed, Array("to two".utf8)))
    two.post(.send(accepted, Array("to one".utf8)))
    #expect(try two.waitMessages(1, on: accepted) == [Array("to two".utf8)])
    #expect(try one.waitMessages(1, on: dialed) == [Array("to one".utf8)])
    try one.stop()
    try two.stop()
  }

  @Test func aThousandMessagesEachWayOfAllSizesArriveWholeAndInOrder() throws {
    let mesh = try TestMesh()
    let (one, two) = try (TestNode(mesh.security("node-a")), TestNode(mesh.security("node-b")))
    let link = try link(one, to: two)
    var random = SeededRandom(seed: 7)
    // Mostly small, some up to the limit; sent in steps, since a link holds at most 1 MiB that is unacknowledged.
    let messages: [[UInt8]] = (0..<1000).map { index in
      let size = index == 500 ? 256 * 1024 : index == 501 ? 0 : index % 25 == 0 ? Int(random.next() % 262_145) : index
      return [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: size)
    }
    for start in stride(from: 0, to: messages.count, by: 50) {
      for message in messages[start..<start + 50] {
        one.post(.send(link.dialed, message))
        two.post(.send(link.accepted, message))
      }
      _ = try two.waitMessages(start + 50, on: link.accepted)
      _ = try one.waitMessages(start + 50, on: link.dialed)
    }
    #expect(try two.waitMessages(1000, on: link.accepted) == messages)
    #expect(try one.waitMessages(1000, on: link.dialed) == messages)
    try one.stop()
    try two.stop()
  }

  @Test func closingALinkTellsBothSidesAfterWhatWasSentBefore() throws {
    let mesh = try TestMesh()
    let (one, two) = try (TestNode(mesh.security("node-a")), TestNode(mesh.security("node-b")))
    let link = try link(one, to: two)
    one.post(.send(link.dialed, Array("farewell".utf8)))
    one.post(.close(link.dialed, reason: "test"))
    #expect(try one.waitClosed(link.dialed) == .closed)
    #expect(try two.waitClosed(link.accepted) == .closed)
    #expect(try two.waitMessages(1, on: link.accepted) == [Array("farewell".utf8)])
    try one.stop()
    try two.stop()
    // What was still on its way is passed over: neither side takes it for a stranger's.
    #expect(one.statistic("datagramsDropped") == 0 && two.statistic("datagramsDropped") == 0)
  }

  @Test func stopDeliversWhatWasSentAndClosesEveryLink() throws {
    let mesh = try TestMesh()
    let (one, two) = try (TestNode(mesh.security("node-a")), TestNode(mesh.security("node-b")))
    let link = try link(one, to: two)
    one.post(.send(link.dialed, Array("farewell".utf8)))
    try one.stop()
    #expect(try one.waitClosed(link.dialed) == .closed)
    #expect(try two.waitClosed(link.accepted) == .closed)
    #expect(try two.waitMessages(1, on: link.accepted) == [Array("farewell".utf8)])
    #expect(!one.transport.mailbox.post(.stop))
    try two.stop()
  }

  @Test(arguments: [("::1", "::1"), ("::", "::1"), ("::", "127.0.0.1"), ("0.0.0.0", "127.0.0.2")])
  func anyKindOfBindAddressAnswersFromTheAddressThatWasDialed(_ pair: (bind: String, dial: String)) throws {
    let mesh = try TestMesh()
    let one = try TestNode(mesh.security("node-a"), address: "::")
    let two = try TestNode(mesh.security("node-b"), address: pair.bind)
    let dialed = one.dial(try #require(SocketAddress(literal: pair.dial, port: two.transport.port)))
    _ = try one.waitOpened(dialed)
    try one.stop()
    try two.stop()
  }
}
