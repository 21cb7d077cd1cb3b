import MeshBasics
import MeshThreads
import Testing

@testable import MeshTransport

/// What a link may have waiting with the reader of its messages.
@Suite(.serialized) struct LinkCreditTests {
  private final class Wakes: Sendable {
    let box = Mailbox<Int>(capacity: 1_000)
    var count: Int {
      var list: [Int] = []
      box.drain(into: &list)
      return list.count
    }
  }

  private func credit(_ messages: Int, _ bytes: Int, _ wakes: Wakes) -> InboundCredit {
    InboundCredit(messagesMax: messages, bytesMax: bytes) { _ = wakes.box.post(1) }
  }

  @Test func creditEndsWithItsMessagesAndIsToldOnceWhenHalfIsBack() {
    let wakes = Wakes()
    let credit = credit(4, 1_000_000, wakes)
    var waiting: [InboundMessage] = []
    for _ in 0..<4 {
      #expect(credit.hasRoom())
      waiting.append(InboundMessage([1], of: credit))
    }
    #expect(!credit.hasRoom())
    waiting.removeLast().taken()
    #expect(!credit.hasRoom() && wakes.count == 0)
    waiting.removeLast().taken()
    #expect(wakes.count == 1 && credit.hasRoom())
    waiting.forEach { $0.taken() }
    #expect(wakes.count == 0 && credit.hasRoom())
  }

  @Test func creditEndsWithItsBytesAndOneMessageMayPassThem() {
    let wakes = Wakes()
    let credit = credit(100, 10, wakes)
    let small = InboundMessage([UInt8](repeating: 0, count: 9), of: credit)
    #expect(credit.hasRoom())
    let long = InboundMessage([UInt8](repeating: 0, count: 500), of: credit)
    #expect(!credit.hasRoom())
    small.taken()
    #expect(!credit.hasRoom() && wakes.count == 0)
    long.taken()
    #expect(wakes.count == 1 && credit.hasRoom())
  }

  @Test func aReaderThatTakesAllBeforeCreditIsAskedForWakesNobody() {
    let wakes = Wakes()
    let credit = credit(2, 10, wakes)
    for _ in 0..<100 {
      #expect(credit.hasRoom())
      InboundMessage([1, 2, 3], of: credit).taken()
    }
    #expect(wakes.count == 0)
  }

  @Test func pressureIsReportedWhenItLastsAndNotForABurst() {
    var pressure = CreditPressure()
    let start = Instant(nanoseconds: 7_000_000_000)
    func came(_ milliseconds: Int64) -> Bool {
      pressure.came(start + .milliseconds(milliseconds), patience: .seconds(5), ease: .seconds(1))
    }
    for time: Int64 in stride(from: 0, to: 5_000, by: 999) { #expect(!came(time)) }
    #expect(came(5_000) && !came(5_001) && !came(5_999))
    for time: Int64 in stride(from: 6_900, to: 10_000, by: 900) { #expect(!came(time)) }
    #expect(came(10_000))
    // At ease for a second: counted anew.
    #expect(!came(14_000) && !came(14_900) && !came(15_800))
  }

  @Test func aLinkThatIsNotReadWaitsInOrderWhileOthersGoOn() throws {
    let mesh = try TestMesh()
    let two = try TestNode(mesh.security("node-b"), takesMessages: false)
    let (one, three) = try (TestNode(mesh.security("node-a")), TestNode(mesh.security("node-c")))
    let flooded = try link(one, to: two)
    let other = try link(three, to: two)
    let sent = (0..<800).map { number in [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 1_000) }
    for message in sent { one.post(.send(flooded.dialed, message)) }
    let credit = LinkLimits.creditMessagesMax
    _ = try two.waitMessages(credit, on: flooded.accepted)
    try two.waitStatistic("linkPauses", 1, orMore: true)
    three.post(.send(other.dialed, [7]))
    #expect(try two.waitMessages(1, on: other.accepted) == [[7]])
    #expect(try two.waitMessages(credit, on: flooded.accepted).count == credit)
    #expect(try two.take(800, of: flooded.accepted) == sent)
    for node in [one, two, three] { try node.stop() }
  }

  @Test func aMessageOfTheGreatestLengthPassesAnAlmostUsedUpCredit() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.creditBytes = 1_000
    let two = try TestNode(mesh.security("node-b"), limits: limits, takesMessages: false)
    let one = try TestNode(mesh.security("node-a"))
    let link = try link(one, to: two)
    let sent = [999, limits.messageBytesMax, 0, 1_000, 1].map { [UInt8](repeating: 3, count: $0) }
    for message in sent { one.post(.send(link.dialed, message)) }
    _ = try two.waitMessages(2, on: link.accepted)
    try two.waitStatistic("linkPauses", 1, orMore: true)
    #expect(try two.waitMessages(2, on: link.accepted).count == 2)
    #expect(try two.take(5, of: link.accepted) == sent)
    for node in [one, two] { try node.stop() }
  }

  @Test func aStreamThatEndsWhileItIsNotReadEndsAfterItsLastMessage() throws {
    let mesh = try TestMesh()
    let two = try TestNode(mesh.security("node-b"), takesMessages: false)
    let client = try HTTP3Client(mesh.security("node-a"), to: two.address)
    let sent = (0..<100).map { [UInt8(truncatingIfNeeded: $0)] }
    let stream = try client.request(
      HTTP3Client.fields("MeshStream"), body: sent.flatMap { GRPCDeframer.prefix(length: 1) + $0 })
    let credit = LinkLimits.creditMessagesMax
    try client.pump("the pause") { two.statistic("linkPauses") > 0 ? true : nil }
    try client.pump("the acknowledgement of all") { client.http?.outstanding == 0 ? true : nil }
    #expect(try two.waitMessages(credit, on: .accepted(1)).count == credit)
    #expect(!two.allEvents.contains { if case .closed = $0 { true } else { false } })
    #expect(try two.take(100, of: .accepted(1)) == sent)
    #expect(try client.waitEnded(stream).trailers["grpc-status"] == "0")
    #expect(try two.waitClosed(.accepted(1)) == .closed)
    guard case .closed = two.allEvents.last(where: { if case .observed = $0 { false } else { true } }) else {
      throw TransportError("something came after the end")
    }
    try two.stop()
  }

  @Test func aLinkThatPressesForLongIsReportedWithItsPeer() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.creditPatience = .zero
    let two = try TestNode(mesh.security("node-b"), limits: limits, takesMessages: false)
    let one = try TestNode(mesh.security("node-a"))
    let link = try link(one, to: two)
    for _ in 0..<100 { one.post(.send(link.dialed, [1])) }
    let peer = try two.waitObserved {
      if case .limitReached("messages of one link", let peer, _) = $0 { peer } else { nil }
    }
    #expect(peer == "node-a at 127.0.0.1:\(one.transport.port)")
    for node in [one, two] { try node.stop() }
  }

  @Test func callsThatWereGivenUpCountUntilTheyAreTaken() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.creditMessages = 2
    let two = try TestNode(mesh.security("node-b"), limits: limits, takesMessages: false)
    let client = try HTTP3Client(mesh.security("node-a"), to: two.address)
    let body = GRPCDeframer.prefix(length: 1) + [9]
    for _ in 0..<2 {
      let stream = try client.request(HTTP3Client.fields("Ping"), body: body)
      let calls = { two.allEvents.count { if case .called = $0 { true } else { false } } }
      let before = calls()
      try client.pump("the call") { calls() > before ? true : nil }
      client.quic.stopReading(stream: stream, code: HTTP3ErrorCode.requestCancelled)
    }
    let third = try client.waitGone(client.request(HTTP3Client.fields("Ping"), body: body))
    #expect(third.fields["grpc-status"] == "8")
    for case .called(_, _, _, let message) in two.allEvents { message.taken() }
    let fourth = try client.request(HTTP3Client.fields("Ping"), body: body)
    try client.pump("a call again") {
      two.allEvents.count { if case .called = $0 { true } else { false } } == 3 ? true : nil
    }
    guard case .called(let id, _, _, _) = two.allEvents.last(where: { if case .called = $0 { true } else { false } })
    else { throw TransportError("no call") }
    two.post(.reply(id, [5]))
    #expect(try client.waitGone(fourth).trailers["grpc-status"] == "0")
    try two.stop()
  }
}
