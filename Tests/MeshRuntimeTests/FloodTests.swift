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
    #expect(posted == LinkLimits().quic.connectionsMax * LinkLimits().creditMessages)
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
    /// Floods until `condition` holds, however long this machine takes for it.
    func flood(_ what: String, until condition: () -> Bool) throws {
      try eventually(what, within: 60) {
        while flooder.sent < statistic("messagesReceived", of: node) + 20_000 { flooder.send(.ack(Ack())) }
        return condition()
      }
    }
    try flood("its link is held back") { statistic("linkPauses", of: node) > 0 }
    // The two healthy ones go on answering each other. Only each other: the flooder answers nobody. Of two that watch
    // each other one may ask for both.
    let (answeredBefore, read) = (answered(node) + answered(healthy), statistic("messagesReceived", of: node))
    try flood("probes are answered during the flood") {
      answered(node) + answered(healthy) >= answeredBefore + 20
        && statistic("messagesReceived", of: node) > read + 50_000
    }
    // A machine that is busy with other things may bring a suspicion about; it must not stay.
    try flood("no suspicion stays") {
      node.names(.alive).contains("b") && healthy.names(.alive).contains("a")
    }
    // In its turn, after all that came before it.
    var leave = MemberRecord()
    (leave.nodeID, leave.epoch, leave.state) = ("c", 1, MemberState.left)
    var news = News()
    news.records = [leave]
    flooder.send(.news(news))
    try eventually("all of it was read", within: 60) { node.names(.left) == ["c"] }
    #expect(statistic("messagesReceived", of: node) > flooder.sent)
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

  /// How many probes of `node` were answered by the probed itself.
  private func answered(_ node: Node) -> Int {
    let metrics = String(decoding: node.core.telemetry.prometheusText(), as: UTF8.self)
    let name = #"mesh_gossip_probes_reached_total{path="direct"} "#
    let line = metrics.split(separator: "\n").first { $0.hasPrefix(name) }
    return line.flatMap { Int($0.dropFirst(name.count)) } ?? 0
  }
}

/// The member c, as a bare transport: it says hello and whatever a test wants, and answers nothing.
private final class Flooder {
  private let transport: LinkTransport
  /// Messages sent so far.
  private(set) var sent: Int64 = 0

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
    sent += 1
    while !transport.mailbox.isClosed, !transport.mailbox.post(.send(.dialed(1), bytes)) { usleep(1_000) }
  }

  func stop() { while !transport.mailbox.isClosed, !transport.mailbox.post(.stop) { usleep(1_000) } }
}
