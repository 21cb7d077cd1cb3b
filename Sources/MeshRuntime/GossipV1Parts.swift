import MeshBasics
import MeshConfig
import MeshGossipV1
import MeshSecurity
import MeshTransport
import MeshWire

/// What the `meshkit-v1` thread is made of.
struct GossipV1Parts {
  let nodeID: NodeID
  let bindAddress: String
  let seeds: [Endpoint]
  let interval: Duration
  let security: NodeSecurity
  let clientOptions: EdgeOptions
  let posterOptions: HTTPPoster.Options
  private let seed: UInt64
  private let advertised: Endpoint
  private let configuration: NodeConfiguration

  /// Clients over TCP; a v1 node holds one connection to each node that it talks with, seldom two.
  static let connectionsMax = 1_024
  /// Of them with one certificate that names nodes.
  static let connectionsPerCallerMax = 64

  /// `advertised` is where this node serves v1.
  init(
    _ configuration: NodeConfiguration, security: NodeSecurity, advertised: Endpoint, seed: UInt64
  ) throws(TransportError) {
    guard let local = SocketAddress(literal: configuration.bindAddress, port: 0) else {
      throw TransportError("'\(configuration.bindAddress)' is not an IP address")
    }
    let names = configuration.gossipV1HostCertificates ? NamesRule.hosts : .nodes
    var poster = HTTPPoster.Options(local: local)
    poster.allowsTLS12 = configuration.gossipV1AllowsTLS12
    poster.names = names
    poster.message.bodyBytesMax = GossipV1Limits.bodyBytesMax
    // One for each guest, so that none has to shake hands each time.
    poster.idleMax = GossipV1Limits.guestsMax
    var clients = EdgeOptions()
    clients.prefix = "v1 gossip "
    clients.connectionsMax = GossipV1Parts.connectionsMax
    // A certificate that names hosts may be that of all.
    clients.connectionsPerCallerMax = names == .nodes ? GossipV1Parts.connectionsPerCallerMax : .max
    clients.headTimeout = .seconds(5)
    clients.bodyTimeout = .seconds(10)
    clients.message.bodyBytesMax = GossipV1Limits.bodyBytesMax
    var tls = EdgeTLS(security: security, requiresClientCertificate: true)
    tls.allowsTLS12 = configuration.gossipV1AllowsTLS12
    tls.names = names
    tls.protocols = ["http/1.1"]
    clients.tls = tls

    nodeID = configuration.nodeID
    bindAddress = configuration.bindAddress
    seeds = configuration.seeds
    interval = configuration.interval
    self.security = security
    clientOptions = clients
    posterOptions = poster
    self.seed = seed
    self.advertised = advertised
    self.configuration = configuration
  }

  /// The room of a node that tells `metadata` of itself.
  func makeRoom(_ metadata: NodeMetadata) -> GossipV1 {
    var room = GossipV1Configuration(nodeID: nodeID, endpoint: advertised, metadata: metadata)
    room.seeds = seeds
    room.interval = interval
    room.suspicionInterval = configuration.suspicionInterval
    room.pingTimeout = configuration.pingTimeout
    room.retransmitLimit = configuration.retransmitLimit
    return GossipV1(configuration: room, seed: seed)
  }
}
