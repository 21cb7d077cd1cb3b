import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

@Suite(.serialized) struct TetherTests {
  @Test func everyLinkHasATetherOfItsOwnAndItsEndTakesTheTetherWithoutADoubt() throws {
    let mesh = try TestMesh()
    let (one, two) = try (TestNode(mesh.security("node-a")), TestNode(mesh.security("node-b")))
    let first = try link(one, to: two)
    let second = try link(one, to: two)
    let back = try link(two, to: one)
    for node in [one, two] { try node.waitStatistic("tethersOpen", 3) }
    one.post(.close(first.dialed, reason: "test"))
    #expect(try two.waitClosed(first.accepted) == .closed)
    for node in [one, two] { try node.waitStatistic("tethersOpen", 2) }
    one.post(.send(second.dialed, [1]))
    _ = try two.waitMessages(1, on: second.accepted)
    two.post(.close(back.dialed, reason: "test"))
    #expect(try one.waitClosed(back.accepted) == .closed)
    for node in [one, two] { try node.waitStatistic("tethersOpen", 1) }
    #expect(one.doubtedLinks.isEmpty && two.doubtedLinks.isEmpty)
    try two.stop()
    #expect(try one.waitClosed(second.dialed) == .closed)
    try one.stop()
    #expect(one.statistic("tethersOpen") == 0 && two.statistic("tethersOpen") == 0)
    #expect(one.statistic("tethersRefused") == 0 && two.statistic("tethersRefused") == 0)
  }

  @Test func theEndOfATetherDoubtsItsLinkOnBothSidesAndLeavesItOpen() throws {
    let linked = try RelayedLink(TestMesh())
    let back = try linked.bind()
    try linked.one.waitStatistic("tethersOpen", 1)
    linked.front.close()
    back.close()
    try linked.one.waitDoubted(linked.dialed)
    try linked.two.waitDoubted(linked.accepted)
    try linked.expectAlive()
    for node in [linked.one, linked.two] {
      try node.waitStatistic("tethersOpen", 0)
      #expect(node.statistic("doubts") == 1 && node.statistic("links") == 1)
    }
    try linked.stop()
  }

  @Test func aLinkWhosePeerListensOnUDPAloneLivesWithoutATether() throws {
    let mesh = try TestMesh()
    let (one, two) = try (TestNode(mesh.security("node-a")), TestNode(mesh.security("node-b")))
    let relay = try UDPRelay(to: two.address)
    let dialed = one.dial(relay.address)
    _ = try one.waitOpened(dialed)
    try one.waitStatistic("tethersRefused", 1)
    one.post(.send(dialed, [1]))
    _ = try two.waitMessages(1, on: two.waitAccepted())
    #expect(one.statistic("tethersOpen") == 0 && one.doubtedLinks.isEmpty)
    try one.stop()
    try two.stop()
    relay.stop()
  }

  @Test func icmpDoubtsAnOpenLinkOnceAnIntervalAndLeavesItOpen() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    limits.doubtInterval = .seconds(3600)
    let one = try TestNode(mesh.security("node-a"), limits: limits)
    let eager = try { () in
      var limits = LinkLimits()
      limits.doubtInterval = .milliseconds(1)
      return try TestNode(mesh.security("node-c"), limits: limits)
    }()
    let two = try TestNode(mesh.security("node-b"))
    let relays = try [one, eager].map { ($0, try UDPRelay(to: two.address)) }
    let links = relays.map { node, relay in node.dial(relay.address) }
    _ = try one.waitOpened(links[0])
    _ = try eager.waitOpened(links[1])
    relays.forEach { $0.1.refuse() }
    // Sent until it is doubted often enough: what doubts it may be a datagram that needs no answer, and comes once.
    for (node, link, times) in [(one, links[0], 1), (eager, links[1], 3)] {
      for _ in 0..<200 where node.doubtedLinks.count < times {
        node.post(.send(link, [1]))
        usleep(50_000)
      }
      try node.waitDoubted(link, times: times)
    }
    #expect(one.doubtedLinks.count == 1 && one.statistic("doubts") == 1)
    #expect(one.statistic("links") == 1 && eager.statistic("links") == 1)
    for node in [one, two, eager] { try node.stop() }
    withExtendedLifetime(relays) {}
  }

  @Test func aDialThatUDPAndTCPRefuseFindsThePortClosed() throws {
    let mesh = try TestMesh()
    let one = try TestNode(mesh.security("node-a"))
    let gone = try TestNode(mesh.security("node-b"))
    let address = try gone.address
    try gone.stop()
    let dialed = one.dial(address)
    #expect(try one.waitClosed(dialed) == .portClosed)
    // The same port serves the next process.
    let again = try TestNode(mesh.security("node-b"), port: address.port)
    _ = try one.waitOpened(one.dial(address))
    try one.stop()
    try again.stop()
  }

  @Test func aDialThatUDPAloneRefusesGoesOnOverTCP() throws {
    let mesh = try TestMesh()
    let one = try TestNode(mesh.security("node-a")) { $0.handshakeTimeout = .milliseconds(800) }
    // It says nothing.
    let listener = try TestListener()
    let dialed = one.dial(listener.address)
    #expect(try one.waitClosed(dialed) == .timedOut)
    try one.stop()
  }

  @Test func aDialWhoseTCPIsNotAnsweredEndsAsUnreachable() throws {
    let mesh = try TestMesh()
    var limits = LinkLimits()
    // Given no time at all, the question is over before its answer is read.
    limits.portCheckTimeout = .zero
    let one = try TestNode(mesh.security("node-a"), limits: limits)
    let gone = try TestNode(mesh.security("node-b"))
    let address = try gone.address
    try gone.stop()
    let end = try one.waitClosed(one.dial(address))
    guard case .unreachable = end else { throw TransportError("not unreachable but \(end)") }
    try one.stop()
  }

  @Test func aPortThatIsTakenForTCPAloneIsNamed() throws {
    let mesh = try TestMesh()
    let listener = try TestListener()
    #expect {
      try TestNode(mesh.security("node-b"), port: listener.address.port)
    } throws: { error in
      let error = error as? TransportError
      return error?.addressInUse == true && error?.description.contains("TCP \(listener.address)") == true
    }
  }
}
