import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

@Suite(.serialized) struct LinkRefusalTests {
  @Test func aDialerRefusesAServerOfAnotherAuthorityAndTheServerLearnsOfIt() throws {
    let (mesh, other) = try (TestMesh(), TestMesh())
    let (one, two) = try (TestNode(mesh.security("node-a")), TestNode(other.security("node-b")))
    let dialed = try one.dial(two.address)
    guard case .refused(let reason) = try one.waitClosed(dialed) else { throw TransportError("not refused") }
    #expect(reason == "untrusted-issuer")
    // The end of the link is the one report of the refusal; an observation beside it would be a second record.
    let twice = one.allEvents.contains { if case .observed(.trustRefused) = $0 { true } else { false } }
    #expect(!twice)
    let heard = try two.waitObserved { observation -> String? in
      if case .trustRefused(_, let reason, inbound: true) = observation { reason } else { nil }
    }
    #expect(heard.contains("peer refused our certificate"))
    // The end of the dialer's link says it all: a second word would be a second log record of one refusal.
    let said = one.allEvents.contains { if case .observed(.trustRefused) = $0 { true } else { false } }
    #expect(!said)
    for node in [one, two] { try node.waitStatistic("trustRefusals", 1) }
    try one.stop()
    try two.stop()
  }

  @Test func aServerRefusesARevokedClientAndTheDialerSeesTheAlert() throws {
    let mesh = try TestMesh()
    let one = try TestNode(mesh.security("node-a"))
    let options = try mesh.options("node-b", checksRevocation: true)
    try mesh.authority.revoke([#require(NodeID("node-a"))])
    let two = try TestNode(NodeSecurity(options: options))
    let dialed = try one.dial(two.address)
    guard case .refused(let alert) = try one.waitClosed(dialed) else { throw TransportError("not refused") }
    #expect(alert.contains("TLS alert"))
    let observed = try two.waitObserved { observation -> String? in
      if case .trustRefused(_, let reason, inbound: true) = observation { reason } else { nil }
    }
    #expect(observed == "revoked")
    let opened = one.allEvents.contains { if case .opened = $0 { true } else { false } }
    #expect(!opened)
    let refusals = two.allEvents.filter { if case .observed(.trustRefused) = $0 { true } else { false } }
    #expect(refusals.count == 1)
    try one.stop()
    try two.stop()
  }

  @Test func aDialToASilentPortTimesOut() throws {
    let mesh = try TestMesh()
    let silent = try UDPSocket(
      binding: #require(SocketAddress(literal: "127.0.0.1", port: 0)), receiveBufferBytes: 65_536)
    let one = try TestNode(mesh.security("node-a")) { $0.handshakeTimeout = .milliseconds(300) }
    let dialed = one.dial(silent.address)
    #expect(try one.waitClosed(dialed) == .timedOut)
    try one.stop()
  }

  @Test func aTakenPortIsNamedAsSuch() throws {
    let mesh = try TestMesh()
    let one = try TestNode(mesh.security("node-a"))
    let port = one.transport.port
    #expect {
      try TestNode(mesh.security("node-b"), port: port)
    } throws: { error in
      let error = error as? TransportError
      return error?.addressInUse == true && error?.description.contains("127.0.0.1:\(port)") == true
    }
    try one.stop()
  }

  @Test func aBindAddressThatIsNoLiteralIsRefused() throws {
    let mesh = try TestMesh()
    #expect(throws: TransportError.self) { try TestNode(mesh.security("node-b"), address: "mesh-a") }
  }
}
