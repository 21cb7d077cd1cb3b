import Foundation
import MeshBasics
import MeshSecurity
import MeshWire
import Testing

@testable import MeshRuntime
@testable import MeshTransport

/// Members that send more than a node reads.
@Suite(.serialized) struct FloodTests {
  @Test func theMailboxHasAPlaceForAllThatPeersMayHaveWaiting() {
    let inbox = EngineInbox()
    let mailbox = Mailbox<LinkCommand>(capacity: 1)
    let credit = InboundCredit(messagesMax: .max, bytesMax: .max) { mailbox.wake() }
    var posted = 0
    while inbox.post(.message(.accepted(1), InboundMessage([], of: credit))) { posted += 1 }
    #expect(posted == LinkTransport.messagesWaitingMax)
    #expect(posted == LinkLimits().connectionsMax * LinkLimits().creditMessages)
    // What must get through still does.
    #expect(inbox.postCommand(.abandon))
  }

  @Test func aFloodOfOneMemberDropsNothingAndDisturbsNoOther() throws {
    let mesh = try TestMesh(["a", "b", "c"])
    let node = try Node.open(try mesh.configuration("a"))
    let healthy = try Node.open(try mesh.configuration("b", seeds: [node.meshPort]))
    try eventually("a and b meet") { node.names(.alive) == ["a", "b"] && healthy.names(.alive) == ["a", "b"] }
    let flooder = try Flooder(mesh, to: node.meshPort)
    try eventually("the flooder joins") { node.names(.alive) == ["a", "b", "c"] }
    for _ in 0..<100_000 { flooder.send(.ack(Ack())) }
    try eventually("its link is held back") { statistic("linkPauses", of: node) > 0 }
    // In its turn, after all that came before it.
    var leave = MemberRecord()
    (leave.nodeID, leave.epoch, leave.state) = ("c", 1, MemberState.left)
    var news = News()
    news.records = [leave]
    flooder.send(.news(news))
    try eventually("all of it was read", within: 60) { node.names(.left) == ["c"] }
    #expect(statistic("messagesReceived", of: node) > 100_000)
    let metrics = String(decoding: node.core.telemetry.prometheusText(), as: UTF8.self)
    #expect(!metrics.contains("engine mailbox"))
    #expect(node.names(.left) == ["c"] && !healthy.names(.left).contains("a"))
    flooder.stop()
    try healthy.stopAndWait(timeout: .seconds(10))
    try node.stopAndWait(timeout: .seconds(10))
  }

  private func statistic(_ name: String, of node: Node) -> Int64 {
    node.core.link.statistics.first { $0.name == name }?.value ?? -1
  }
}

/// The member c, as a bare transport: it says hello and whatever a test wants, and answers nothing.
private final class Flooder {
  private let transport: LinkTransport

  init(_ mesh: TestMesh, to port: UInt16) throws {
    let configuration = try mesh.configuration("c")
    var options = SecurityOptions()
    options.certificatePath = configuration.certificatePath
    options.keyPath = configuration.keyPath
    options.trustBundlePath = configuration.trustBundlePath
    var limits = LinkLimits()
    // A peer that reads slowly is no reason to stop.
    limits.sendQueueBytesMax = .max
    var listener = LinkOptions()
    listener.bindAddress = "127.0.0.1"
    listener.port = 0
    let opened = Mailbox<Bool>(capacity: 16)
    transport = try LinkTransport(
      options: listener, limits: limits, security: try NodeSecurity(options: options)
    ) { event in
      switch event {
      case .received(_, let message): message.taken()
      case .opened: _ = opened.post(true)
      default: break
      }
    }
    let thread = Thread { [transport] in transport.run() }
    thread.start()
    let address = try #require(SocketAddress(literal: "127.0.0.1", port: port))
    #expect(transport.mailbox.post(.dial(.dialed(1), address, serverName: "")))
    opened.wait(timeout: .seconds(30))
    var hello = Hello()
    hello.clusterID = configuration.clusterID
    var metadata = NodeMetadata()
    metadata.clusterID = configuration.clusterID
    metadata.endpoint = "127.0.0.1:\(transport.port)"
    metadata.metadataVersion = 1
    hello.record.nodeID = "c"
    hello.record.epoch = 1
    hello.record.metadata = metadata
    send(.hello(hello))
  }

  func send(_ message: MeshMessage) {
    let bytes = message.encoded()
    while !transport.mailbox.isClosed, !transport.mailbox.post(.send(.dialed(1), bytes)) { usleep(1_000) }
  }

  func stop() { while !transport.mailbox.isClosed, !transport.mailbox.post(.stop) { usleep(1_000) } }
}
