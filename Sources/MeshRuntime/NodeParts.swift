import Glibc
import MeshBasics
import MeshConfig
import MeshEngine
import MeshSecurity
import MeshStore
import MeshTransport
import MeshWire

/// All that a node needs before its first thread starts: each step either works or names what is wrong.
struct NodeParts {
  let configuration: NodeConfiguration
  let security: NodeSecurity
  /// Nil where no file of them is configured.
  let principals: PrincipalsFile?
  let store: NodeStore?
  let stored: StoredState
  let notices: [String]

  /// Loads certificates and files. Binds nothing yet.
  init(_ configuration: NodeConfiguration) throws(MeshError) {
    self.configuration = configuration
    security = try NodeParts.loadSecurity(configuration)
    do throws(SecurityError) {
      principals = try NodeParts.principals(configuration)
    } catch {
      throw MeshError(.configuration, "mesh:control:principalsPath: \(error.description)")
    }
    let own = configuration.notices + security.notices + (principals?.notices ?? [])
    guard !configuration.dataDirectory.isEmpty else {
      store = nil
      stored = StoredState()
      notices = own
      return
    }
    do throws(StoreError) {
      let store = try NodeStore(directory: configuration.dataDirectory)
      let loaded = try store.load()
      stored = loaded.state
      notices = own + loaded.notices
      self.store = store
    } catch {
      throw MeshError(.storage, error.description)
    }
  }

  /// The engine of this node. `meshPort` is the port that is really bound.
  func makeEngine(meshPort: UInt16) -> Engine {
    var metadata = NodeMetadata()
    metadata.role = configuration.role
    metadata.clusterID = configuration.clusterID
    metadata.region = configuration.region
    metadata.meshVersion = configuration.meshVersion
    metadata.http3Support = configuration.http3Support
    metadata.labels = configuration.labels
    metadata.security = SecurityPosture(of: security)
    metadata.endpoint = advertised(meshPort)?.description ?? ""
    metadata.gossipV1 = configuration.gossipV1Enabled

    var engine = EngineConfiguration(nodeID: configuration.nodeID, metadata: metadata)
    engine.nonce = NodeParts.freshSeed()
    engine.seeds = configuration.seeds
    engine.membership.interval = configuration.interval
    engine.membership.fanout = configuration.fanout
    engine.membership.suspicionInterval = configuration.suspicionInterval
    engine.membership.pingTimeout = configuration.pingTimeout
    engine.membership.retransmitLimit = configuration.retransmitLimit
    engine.membership.metadataRefreshPeriod = configuration.metadataRefreshPeriod
    return Engine(configuration: engine, stored: stored, seed: NodeParts.freshSeed())
  }

  /// The mesh listener, bound.
  func makeLink(
    deliver: @escaping @Sendable (LinkEvent) -> Void, takeTLS: @escaping @Sendable (Int32, SocketAddress) -> Bool
  ) throws(MeshError) -> LinkTransport {
    var options = LinkOptions()
    options.bindAddress = configuration.bindAddress
    options.port = configuration.port
    options.handshakeTimeout = configuration.pingTimeout
    if configuration.gossipV1Enabled { options.takeTLS = takeTLS }
    do throws(TransportError) {
      return try LinkTransport(options: options, security: security, deliver: deliver)
    } catch {
      throw MeshError(error.addressInUse ? .addressInUse : .network, "mesh:gossip:port: \(error.description)")
    }
  }

  /// Where peers reach the mesh listener, which is bound to `meshPort`; nil when nobody can be told.
  private func advertised(_ meshPort: UInt16) -> Endpoint? {
    Endpoint(host: configuration.advertiseHost, port: configuration.advertisePort ?? meshPort)
  }

  /// OmniRelay's gossip; nil when it is switched off.
  func makeGossipV1(meshPort: UInt16, doors: NodeDoors) throws(MeshError) -> GossipV1Thread? {
    guard configuration.gossipV1Enabled else { return nil }
    do throws(TransportError) {
      guard let endpoint = advertised(meshPort) else {
        throw TransportError("'\(configuration.advertiseHost)' is no host that can be told to others")
      }
      let parts = try GossipV1Parts(
        configuration, security: security, advertised: endpoint, seed: NodeParts.freshSeed())
      return try GossipV1Thread(parts, doors: doors)
    } catch {
      throw MeshError(.network, "mesh:gossip:v1: \(error.description)")
    }
  }

  /// The control listener, bound; nil when it is switched off.
  func makeEdge(
    identify: @escaping @Sendable (HTTPRequest) -> String?, answer: @escaping @Sendable (HTTPRequest) -> HTTPAnswer,
    observe: @escaping @Sendable (Observation) -> Void
  ) throws(MeshError) -> EdgeTransport? {
    guard configuration.controlEnabled else { return nil }
    let listeners = configuration.controlListeners
    var options = EdgeOptions()
    options.knowsOwnHost = !configuration.controlScopes.isEmpty
    if listeners.contains(where: \.speaksTLS) {
      options.tls = EdgeTLS(security: security, requiresClientCertificate: configuration.controlTLS == .mutual)
    }
    var ports: [EdgePort] = []
    for (index, listener) in listeners.enumerated() {
      let further = index == 0 ? nil : "mesh:control:alsoListenOn"
      let address = try address(of: listener, shown: further.map { "\($0): '\(listener)'" })
      do throws(TransportError) {
        ports.append(try EdgePort(binding: address, speaksTLS: listener.speaksTLS))
      } catch {
        throw NodeParts.edgeError(error, key: further ?? "mesh:control:port")
      }
    }
    do throws(TransportError) {
      return try EdgeTransport(
        at: ports, options: options, identify: identify, answer: answer, observe: observe)
    } catch {
      throw NodeParts.edgeError(error, key: "mesh:control")
    }
  }

  /// Where `listener` is to be bound, if it may be. `Configuration.resolve` asks the same; a configuration may come
  /// from elsewhere.
  private func address(of listener: ControlListener, shown: String?) throws(MeshError) -> SocketAddress {
    let shown = shown ?? "mesh:control:address: '\(listener.address)'"
    guard let address = SocketAddress(literal: listener.address, port: listener.port) else {
      throw MeshError(.configuration, "\(shown) is not an IP address")
    }
    guard address.isLoopback || (listener.speaksTLS && principals != nil) else {
      throw MeshError(
        .configuration,
        "\(shown) can be reached from other machines; allowed: a loopback address, or "
          + "mesh:control:tls 'on' or 'mutual' and mesh:control:principalsPath beside it")
    }
    return address
  }

  private static func edgeError(_ error: TransportError, key: String) -> MeshError {
    MeshError(error.addressInUse ? .addressInUse : .network, "\(key): \(error.description)")
  }

  /// The principals of the control listener; nil where it has none.
  static func principals(_ configuration: NodeConfiguration) throws(SecurityError) -> PrincipalsFile? {
    guard configuration.controlEnabled, let path = configuration.principalsPath else { return nil }
    return try PrincipalsFile(path: path)
  }

  /// The certificates and lists, read and checked, and bound to the node's name.
  static func loadSecurity(_ configuration: NodeConfiguration) throws(MeshError) -> NodeSecurity {
    do throws(SecurityError) {
      let security = try NodeSecurity(options: securityOptions(configuration))
      try security.bind(to: configuration.nodeID, cluster: configuration.clusterID)
      return security
    } catch {
      throw MeshError(.security, error.description)
    }
  }

  private static func securityOptions(_ configuration: NodeConfiguration) -> SecurityOptions {
    var options = SecurityOptions()
    options.certificatePath = configuration.certificatePath
    options.certificateData = configuration.certificateData
    options.keyPath = configuration.keyPath
    options.certificatePassword = configuration.certificatePassword
    options.trustBundlePath = configuration.trustBundlePath
    options.revocationListPath = configuration.revocationListPath
    options.allowedThumbprints = configuration.allowedThumbprints
    return options
  }

  /// The room's randomness spreads timers and picks peers; it differs between nodes and runs.
  private static func freshSeed() -> UInt64 {
    Entropy.bytes(8).reduce(0) { ($0 << 8) | UInt64($1) }
  }
}

extension SecurityPosture {
  /// What a node announces about its security, by its newest certificate.
  init(of security: NodeSecurity) {
    self.init()
    tlsVersion = "1.3"
    mutualTLS = true
    revocationChecked = security.checksRevocation
    certificateExpiresAt = security.credential.notAfter
  }
}
