import Foundation
import MeshBasics
import MeshSecurity
import MeshTelemetry
import MeshThreads
import MeshTransport
import MeshWire
import Testing

@testable import MeshRuntime

// One at a time: each has several nodes, and none may starve the others' handshakes.
@Suite(.serialized) struct TrustTests {
  @Test func aNodeOfAnotherAuthorityIsRefusedOnBothSidesOnceForEachHandshake() throws {
    let (mesh, foreign) = (try TestMesh(["a", "b"]), try TestMesh(["x"]))
    let pair = try Pair(mesh)
    let x = try Witness(Node.open(try foreign.configuration("x", seeds: [pair.a.node.meshPort])))
    try eventually("x refuses a") { try !x.refusals().isEmpty }
    try eventually("a hears that x refused it") { try !pair.a.refusals().isEmpty }
    try pair.expectHealthy()
    usleep(2_000_000)
    #expect(try x.refusals().allSatisfy { $0 == Refusal(reason: "untrusted-issuer", direction: "outbound") })
    #expect(try pair.a.refusals().allSatisfy { $0.reason.hasPrefix("peer refused our certificate: TLS alert") })
    #expect(try pair.a.refusals().allSatisfy { $0.direction == "inbound" })
    // The node that dials counts its dials: one refusal each, on either side, and no storm of them.
    try x.expectOneRefusalForEachDial()
    #expect(try pair.a.refusals().count == x.refusals().count)
    #expect(try pair.b.refusals().isEmpty)
    #expect(x.node.names(.alive) == ["x"])
    try pair.expectHealthy()
    try x.node.stopAndWait(timeout: .seconds(10))
    try pair.stop()
  }

  @Test func aRevokedNodeIsRefusedByItsSeedOnceForEachDial() throws {
    let mesh = try TestMesh(["a", "b", "x"])
    try mesh.authority.revoke([try #require(NodeID("x"))])
    let pair = try Pair(mesh) { $0.revocationListPath = mesh.authority.revocationListPath }
    // x itself checks no list: it trusts a, and learns from a's alert that it isn't trusted.
    let x = try Witness(Node.open(try mesh.configuration("x", seeds: [pair.a.node.meshPort])))
    try eventually("x hears that a refused it") { try !x.refusals().isEmpty }
    usleep(2_000_000)
    #expect(try x.refusals().allSatisfy { $0.reason.hasPrefix("peer refused our certificate: TLS alert") })
    #expect(try x.refusals().allSatisfy { $0.direction == "outbound" })
    #expect(try pair.a.refusals().allSatisfy { $0 == Refusal(reason: "revoked", direction: "inbound") })
    try x.expectOneRefusalForEachDial()
    #expect(try pair.a.refusals().count == x.refusals().count)
    try pair.expectHealthy()
    try x.node.stopAndWait(timeout: .seconds(10))
    try pair.stop()
  }

  @Test func aNodeOfAnotherClusterIsRefusedOnBothSidesOnceForEachDial() throws {
    let mesh = try TestMesh(["a", "b"])
    // The same authority, and a certificate that is right in the other cluster.
    let elsewhere = try DevelopmentAuthority(directory: mesh.authority.directory, cluster: "elsewhere")
    _ = try elsewhere.issue([.init(node: try #require(NodeID("x")), role: "worker")])
    let pair = try Pair(mesh)
    var configuration = try mesh.configuration("x", seeds: [pair.a.node.meshPort])
    configuration.clusterID = "elsewhere"
    let x = try Witness(Node.open(configuration))
    try eventually("both refuse") { try !x.refusals().isEmpty && !pair.a.refusals().isEmpty }
    usleep(2_000_000)
    #expect(try x.refusals().allSatisfy { $0 == Refusal(reason: "another cluster", direction: "outbound") })
    #expect(try pair.a.refusals().allSatisfy { $0 == Refusal(reason: "another cluster", direction: "inbound") })
    try x.expectOneRefusalForEachDial()
    #expect(try pair.a.refusals().count == x.refusals().count)
    #expect(x.node.names(.alive) == ["x"])
    try pair.expectHealthy()
    try x.node.stopAndWait(timeout: .seconds(10))
    try pair.stop()
  }

  @Test func aRevokedCertificateIsRefusedInBothDirections() throws {
    let mesh = try TestMesh(["a", "b", "x"])
    try mesh.authority.revoke([try #require(NodeID("x"))])
    let pair = try Pair(mesh) { $0.revocationListPath = mesh.authority.revocationListPath }
    try expectRefused(try RawPeer(mesh, "x"), reason: "revoked", pair, mesh) {
      $0.revocationListPath = mesh.authority.revocationListPath
    }
    try pair.stop()
  }

  @Test func anUnpinnedCertificateIsRefusedInBothDirections() throws {
    let mesh = try TestMesh(["a", "b", "d", "x"])
    let pins = try ["a", "b", "d"].map { try mesh.thumbprint(of: $0) }
    let pair = try Pair(mesh) { $0.allowedThumbprints = pins }
    try expectRefused(try RawPeer(mesh, "x"), reason: "not-pinned", pair, mesh) { $0.allowedThumbprints = pins }
    try pair.stop()
  }

  @Test(arguments: WrongHello.allCases) func aWrongHelloIsRefusedInBothDirections(_ wrong: WrongHello) throws {
    let mesh = try TestMesh(["a", "b", "d", "x"])
    let pair = try Pair(mesh)
    try expectRefused(try RawPeer(mesh, "x", hello: wrong.hello), reason: wrong.reason, pair, mesh)
    #expect(pair.a.node.names(.alive) == ["a", "b"], "neither x nor who it claims to be may become a member")
    try pair.stop()
  }

  /// `peer` dials a, then d dials `peer` as its seed beside a good one: each node refuses it once for each dial, with
  /// `reason`, and stays a healthy member.
  private func expectRefused(
    _ peer: RawPeer, reason: String, _ pair: Pair, _ mesh: TestMesh,
    _ configure: (inout NodeConfiguration) throws -> Void = { _ in }
  ) throws {
    defer { peer.stop() }
    peer.dial(pair.a.node.meshPort)
    try eventually("a refuses \(reason)") { try !pair.a.refusals().isEmpty }
    try eventually("the peer is cut off") { peer.ended == 1 }
    #expect(try pair.a.refusals() == [Refusal(reason: reason, direction: "inbound")])
    #expect(try pair.a.counts("mesh_trust_refused_total{reason=\"\(reason)\",direction=\"inbound\"} 1"))

    try mesh.issueUnlessThere("d")
    var configuration = try mesh.configuration("d", seeds: [pair.a.node.meshPort, peer.port])
    try configure(&configuration)
    let d = try Witness(Node.open(configuration))
    try eventually("d refuses \(reason)") { try !d.refusals().isEmpty }
    try eventually("d is a member") { pair.a.node.names(.alive).contains("d") && d.node.names(.alive).count == 3 }
    usleep(1_000_000)
    #expect(try d.refusals().allSatisfy { $0 == Refusal(reason: reason, direction: "outbound") })
    // Beside the seed that is refused it dials its mesh, so only what was refused is bounded.
    #expect(try d.refusals().count <= d.refusalsAllowed)
    let count = try d.refusals().count
    #expect(try d.counts("mesh_trust_refused_total{reason=\"\(reason)\",direction=\"outbound\"} \(count)"))
    try d.node.stopAndWait(timeout: .seconds(10))
    try eventually("d left") { [pair.a, pair.b].allSatisfy { $0.node.names(.left) == ["d"] } }
    try pair.expectHealthy()
  }
}

/// What a peer with a valid certificate for node x may say that isn't so.
enum WrongHello: CaseIterable {
  case anotherNode, anotherCluster, laterProtocol, ownName

  var reason: String {
    switch self {
    case .anotherNode: "certificate does not speak for this node"
    case .anotherCluster: "another cluster"
    case .laterProtocol: "protocol version"
    case .ownName: "certificate does not speak for this node"
    }
  }

  var hello: Hello {
    var hello = Hello()
    hello.clusterID = self == .anotherCluster ? "elsewhere" : "local"
    if self == .laterProtocol { (hello.protocolVersion, hello.protocolVersionMin) = (9, 9) }
    hello.record.nodeID = self == .anotherNode ? "y" : self == .ownName ? "a" : "x"
    hello.record.epoch = 1
    var metadata = NodeMetadata()
    metadata.clusterID = hello.clusterID
    metadata.endpoint = "127.0.0.1:1"
    metadata.metadataVersion = 1
    hello.record.metadata = metadata
    return hello
  }
}

/// One log record `MeshTrustRefused`, without the peer's address.
struct Refusal: Equatable {
  let reason: String
  let direction: String
}

/// A node with the log records that it told so far.
private final class Witness {
  let node: Node
  private let opened = Date()
  private let stream: EventStream
  private var records: [LogRecord] = []

  init(_ node: Node) throws {
    self.node = node
    stream = try EventStream(capacity: 4_096)
    try node.subscribe(stream, topics: .log)
  }

  func refusals() throws -> [Refusal] {
    while let event = try stream.next(timeout: .zero) {
      if case .log(let record) = event.payload { records.append(record) }
    }
    return records.filter { $0.eventID == 113 && $0.category == "MeshGossipHost" && $0.level == .warning }.map {
      Refusal(reason: $0.field("Reason"), direction: $0.field("Direction"))
    }
  }

  /// One at once, and one for each five seconds since.
  var refusalsAllowed: Int { 1 + Int(Date().timeIntervalSince(opened) / 5) }

  /// Whether /metrics has this line.
  func counts(_ line: String) throws -> Bool {
    let answer = try HTTPClient.get(url: "http://127.0.0.1:\(node.controlPort)/metrics", timeout: .seconds(10))
    return String(decoding: answer.body, as: UTF8.self).contains(line + "\n")
  }

  func expectOneRefusalForEachDial() throws {
    // A dial may be on its way.
    try eventually("each dial was refused once") {
      let document = try JSONSerialization.jsonObject(with: Data(node.statisticsJSON())) as? [String: Any]
      let engine = document?["engine"] as? [String: Any]
      let refusals = try refusals().count
      #expect(refusals <= refusalsAllowed)
      return engine?["dials"] as? Int == refusals && engine?["trustRefusals"] as? Int == refusals
    }
  }
}

/// Nodes a and b of one mesh, both alive.
private struct Pair {
  let a: Witness
  let b: Witness

  init(_ mesh: TestMesh, _ configure: (inout NodeConfiguration) throws -> Void = { _ in }) throws {
    var configuration = try mesh.configuration("a")
    try configure(&configuration)
    let first = try Witness(Node.open(configuration))
    configuration = try mesh.configuration("b", seeds: [first.node.meshPort])
    try configure(&configuration)
    let second = try Witness(Node.open(configuration))
    try eventually("a and b see each other") {
      [first, second].allSatisfy { $0.node.names(.alive) == ["a", "b"] }
    }
    (a, b) = (first, second)
  }

  func expectHealthy() throws {
    #expect(a.node.names(.alive) == ["a", "b"])
    #expect(b.node.names(.alive) == ["a", "b"])
  }

  func stop() throws {
    try b.node.stopAndWait(timeout: .seconds(10))
    try a.node.stopAndWait(timeout: .seconds(10))
  }
}

/// A link transport with a certificate of the mesh's authority and no engine: it says `hello` on every link.
private final class RawPeer: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards it.
  private let lock = Lock()
  private var transport: LinkTransport?
  private var thread: LibraryThread?
  private var dials: UInt64 = 0
  private var ends = 0

  init(_ mesh: TestMesh, _ name: String, hello: Hello? = nil) throws {
    try mesh.issueUnlessThere(name)
    var security = SecurityOptions()
    security.certificatePath = "\(mesh.folder)/certs/\(name).pem"
    security.keyPath = "\(mesh.folder)/certs/\(name)-key.pem"
    security.trustBundlePath = mesh.authority.authorityPath
    var options = LinkOptions()
    options.bindAddress = "127.0.0.1"
    options.port = 0
    let made = try LinkTransport(options: options, security: try NodeSecurity(options: security)) {
      [unowned self] event in take(event, hello)
    }
    lock.locked { transport = made }
    thread = try LibraryThread.start(name: "test-peer") { made.run() }
  }

  var port: UInt16 { lock.locked { transport?.port ?? 0 } }
  /// Links that are over.
  var ended: Int { lock.locked { ends } }

  func dial(_ port: UInt16) {
    guard let address = SocketAddress(literal: "127.0.0.1", port: port) else { return }
    dials += 1
    #expect(post(.dial(.dialed(dials), address, serverName: "a")))
  }

  private func take(_ event: LinkEvent, _ hello: Hello?) {
    switch event {
    case .opened(let link, _): if let hello { _ = post(.send(link, MeshMessage.hello(hello).encoded())) }
    case .closed: lock.locked { ends += 1 }
    default: return
    }
  }

  private func post(_ command: LinkCommand) -> Bool { lock.locked { transport }?.mailbox.post(command) ?? false }

  func stop() {
    _ = post(.stop)
    thread?.join()
  }
}

extension LogRecord {
  func field(_ name: String) -> String { fields.first { $0.name == name }?.value ?? "" }
}

extension TestMesh {
  /// Issues a certificate for `name` when it has none; a new one would undo a revocation.
  fileprivate func issueUnlessThere(_ name: String) throws {
    if !FileManager.default.fileExists(atPath: "\(folder)/certs/\(name).pem") { try issue([name]) }
  }

  /// The SHA-256 thumbprint of a node's certificate, by the `openssl` program.
  fileprivate func thumbprint(of name: String) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/openssl")
    process.arguments = ["x509", "-in", "\(folder)/certs/\(name).pem", "-noout", "-fingerprint", "-sha256"]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return try #require(text.split(separator: "=").last).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
