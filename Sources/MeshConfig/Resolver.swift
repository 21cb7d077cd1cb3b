import MeshBasics
import MeshWire

/// Turns settings into the configuration of a node, and checks what keys ask of each other.
struct Resolver {
  private static let further = "mesh:control:alsoListenOn"
  private let configuration: Configuration
  private let hostName: String
  private var problems: [ConfigurationProblem] = []

  init(configuration: Configuration, hostName: String) {
    self.configuration = configuration
    self.hostName = hostName
  }

  /// The checked configuration, or all that is wrong with it.
  mutating func resolve() throws(ConfigurationError) -> NodeConfiguration {
    let name = text("mesh:gossip:nodeId") ?? Resolver.defaultName(hostName)
    guard let nodeID = NodeID(name) else {
      // Settings and the default are valid names by construction; this is for the type.
      throw ConfigurationError([ConfigurationProblem(path: "mesh:gossip:nodeId", message: "not a node's name")])
    }
    var node = NodeConfiguration(nodeID: nodeID)
    fillIdentity(&node)
    fillNetwork(&node)
    fillTiming(&node)
    fillSecurity(&node)
    fillControl(&node)
    guard problems.isEmpty else { throw ConfigurationError(problems) }
    return node
  }

  /// `mesh-` and the host's name, with `-` for what a node's name may not hold.
  static func defaultName(_ hostName: String) -> String {
    let name = "mesh-\(hostName.isEmpty ? "node" : hostName)"
    let bytes = name.utf8.prefix(NodeID.lengthMax).map { NodeID.allows($0) ? $0 : UInt8(ascii: "-") }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func fillIdentity(_ node: inout NodeConfiguration) {
    node.role = text("mesh:gossip:role") ?? node.role
    node.clusterID = text("mesh:gossip:clusterId") ?? node.clusterID
    node.region = text("mesh:gossip:region") ?? node.region
    node.meshVersion = text("mesh:gossip:meshVersion") ?? node.meshVersion
    node.http3Support = boolean("mesh:gossip:http3Support") ?? node.http3Support
    node.gossipV1Enabled = boolean("mesh:gossip:v1:enabled") ?? node.gossipV1Enabled
    node.gossipV1AllowsTLS12 = boolean("mesh:gossip:v1:allowTls12") ?? node.gossipV1AllowsTLS12
    node.gossipV1HostCertificates = boolean("mesh:gossip:v1:hostCertificates") ?? node.gossipV1HostCertificates
    if case .labels(let labels) = value("mesh:gossip:labels") { node.labels = labels }
  }

  private mutating func fillNetwork(_ node: inout NodeConfiguration) {
    node.bindAddress = text("mesh:gossip:bindAddress") ?? node.bindAddress
    node.port = port("mesh:gossip:port") ?? node.port
    node.advertisePort = port("mesh:gossip:advertisePort")
    node.seeds = list("mesh:gossip:seedPeers").compactMap(Endpoint.init(parsing:))
    if let host = text("mesh:gossip:advertiseHost") {
      node.advertiseHost = host
    } else if let bound = IPAddressText(node.bindAddress), !bound.isWildcard {
      // Nothing listens behind the host's name when the node is bound to one address.
      node.advertiseHost = node.bindAddress
    } else if Text.isHost(hostName) {
      node.advertiseHost = hostName
    } else {
      refuse(
        "mesh:gossip:advertiseHost",
        "unset, and the host's name \(Text.quoted(hostName)) can't stand for it; allowed: \(ValueType.host.allowed)")
    }
    if let advertised = IPAddressText(node.advertiseHost), advertised.isWildcard {
      refuse(
        "mesh:gossip:advertiseHost",
        "\(Text.quoted(node.advertiseHost)) is no address that a peer can dial; allowed: \(ValueType.host.allowed)")
    }
  }

  private mutating func fillTiming(_ node: inout NodeConfiguration) {
    node.interval = duration("mesh:gossip:interval") ?? node.interval
    node.suspicionInterval = duration("mesh:gossip:suspicionInterval") ?? node.suspicionInterval
    node.pingTimeout = duration("mesh:gossip:pingTimeout") ?? node.pingTimeout
    node.metadataRefreshPeriod = duration("mesh:gossip:metadataRefreshPeriod") ?? node.metadataRefreshPeriod
    node.certificateReloadInterval =
      duration("mesh:gossip:tls:reloadIntervalOverride") ?? duration("mesh:gossip:certificateReloadInterval")
      ?? node.certificateReloadInterval
    node.fanout = integer("mesh:gossip:fanout") ?? node.fanout
    node.retransmitLimit = integer("mesh:gossip:retransmitLimit") ?? node.retransmitLimit
    checkTiming(node)
  }

  /// A suspicion must outlast the wait for the next probe, that probe, its relays, and the relays' answers. A probe
  /// waits a third of the interval at most, however long `pingTimeout` is.
  private mutating func checkTiming(_ node: NodeConfiguration) {
    let least = node.interval + min(node.pingTimeout.multiplied(by: 3), node.interval)
    guard node.suspicionInterval <= least else { return }
    let (given, interval) = (DurationText.render(node.suspicionInterval), DurationText.render(node.interval))
    let (bound, timeout) = (DurationText.render(least), DurationText.render(node.pingTimeout))
    refuse(
      "mesh:gossip:suspicionInterval",
      "'\(given)' leaves no room for a probe and its relays; allowed: longer than \(bound), which is "
        + "mesh:gossip:interval '\(interval)' and three times the shorter of mesh:gossip:pingTimeout '\(timeout)' and "
        + "a third of the interval")
  }

  private mutating func fillSecurity(_ node: inout NodeConfiguration) {
    node.certificatePath = path("mesh:gossip:tls:certificatePath") ?? ""
    node.certificateData = text("mesh:gossip:tls:certificateData")
    node.certificatePassword = text("mesh:gossip:tls:certificatePassword")
    node.keyPath = path("mesh:gossip:tls:keyPath")
    node.trustBundlePath = path("mesh:gossip:tls:trustBundlePath")
    node.revocationListPath = path("mesh:gossip:tls:revocationListPath")
    node.allowedThumbprints = list("mesh:gossip:tls:allowedThumbprints")
    checkCertificate(node)
    checkRevocation(node)
  }

  private mutating func checkCertificate(_ node: NodeConfiguration) {
    let certificate = CertificateFile(node.certificatePath)
    switch (node.certificatePath.isEmpty, node.certificateData == nil) {
    case (true, true):
      refuse(
        "mesh:gossip:tls:certificatePath",
        "unset, and every node needs a certificate; allowed: the path of a PKCS#12 or PEM file, or certificateData")
    case (false, false):
      refuse(
        "mesh:gossip:tls:certificateData",
        "'***' is set beside certificatePath \(Text.quoted(node.certificatePath)); allowed: one of the two")
    default: break
    }
    if let keyPath = node.keyPath, node.certificateData != nil || certificate == .pkcs12 {
      refuse(
        "mesh:gossip:tls:keyPath",
        "\(Text.quoted(keyPath)) is set, but a PKCS#12 certificate holds its key itself; allowed: only with a PEM file")
    }
    if certificate == .pem, node.trustBundlePath == nil {
      refuse(
        "mesh:gossip:tls:trustBundlePath",
        "unset, and a PEM certificate \(Text.quoted(node.certificatePath)) brings no roots; "
          + "allowed: the path of a PEM file"
      )
    }
  }

  private mutating func checkRevocation(_ node: NodeConfiguration) {
    let key = "mesh:gossip:tls:checkCertificateRevocation"
    switch (boolean(key), node.revocationListPath) {
    case (true, nil):
      refuse(
        key,
        "'true' needs a list to check, since no authority is asked online; allowed: true with "
          + "mesh:gossip:tls:revocationListPath set, or false, or unset")
    case (false, let list?):
      refuse(
        key,
        "'false' contradicts mesh:gossip:tls:revocationListPath \(Text.quoted(list)); allowed: remove one of the two")
    default: break
    }
  }

  private mutating func fillControl(_ node: inout NodeConfiguration) {
    node.controlEnabled = boolean("mesh:control:enabled") ?? node.controlEnabled
    node.controlAddress = text("mesh:control:address") ?? node.controlAddress
    node.controlPort = port("mesh:control:port") ?? node.controlPort
    node.controlTLS = text("mesh:control:tls").flatMap(ControlTLS.init) ?? node.controlTLS
    node.principalsPath = path("mesh:control:principalsPath")
    node.furtherControlListeners = list(Resolver.further).compactMap {
      ControlListener(parsing: $0, speaksTLS: node.controlTLS != .off)
    }
    let scopes = list("mesh:control:loopbackScopes")
    node.controlScopes =
      scopes == [Scope.none] ? [] : Scope.all.filter { Scope.always.contains($0) || scopes.contains($0) }
    node.dataDirectory = path("mesh:dataDir") ?? ""
    node.notices = configuration.notices
    guard node.controlEnabled else { return }
    checkControlListeners(node)
    if node.controlScopes.isEmpty, node.principalsPath == nil {
      refuse(
        "mesh:control:loopbackScopes",
        "'\(Scope.none)' leaves nobody who may ask, while mesh:control:principalsPath is unset; allowed: \(Scope.none) "
          + "with a file of principals, or mesh:control:enabled false")
    }
  }

  /// What each address of the control listener must keep to.
  private mutating func checkControlListeners(_ node: NodeConfiguration) {
    let listeners = node.controlListeners
    for (index, listener) in listeners.enumerated() {
      let isFirst = index == 0
      let place = isFirst ? ("mesh:control:address", listener.address) : (Resolver.further, "\(listener)")
      checkReach(of: listener, at: place.0, shown: place.1, node)
      let (key, shown) = isFirst ? ("mesh:control:port", "\(listener.port)") : place
      guard listener.port != 0 else { continue }
      if listener.port == node.port, listener.meets(node.bindAddress) {
        refuse(key, "'\(shown)' is the port of the mesh listener too; allowed: any other port from 0 to 65535")
      }
      if listeners[..<index].contains(where: { $0.port == listener.port && listener.meets($0.address) }) {
        refuse(key, "'\(shown)' is taken by the control listener before it; allowed: any other port from 0 to 65535")
      }
    }
  }

  /// Beyond loopback nothing is served without a principal, nor in clear.
  private mutating func checkReach(
    of listener: ControlListener, at key: String, shown: String, _ node: NodeConfiguration
  ) {
    guard listener.isReachable, !listener.speaksTLS || node.principalsPath == nil else { return }
    refuse(
      key,
      "'\(shown)' can be reached from other machines, while it speaks \(listener.speaksTLS ? "TLS" : "clear text") and "
        + "mesh:control:principalsPath is \(node.principalsPath.map(Text.quoted) ?? "unset"); allowed: 127.0.0.1 or "
        + "::1, or with mesh:control:tls 'on' or 'mutual' and a file of principals any address")
  }

  private mutating func refuse(_ path: String, _ message: String) {
    problems.append(ConfigurationProblem(path: path, message: message))
  }

  private func value(_ path: String) -> ConfigurationValue? { configuration.setting(Text.lowercased(path)) }

  private func text(_ path: String) -> String? {
    if case .text(let text) = value(path) { return text }
    return nil
  }

  /// A path; an empty one stands for none.
  private func path(_ key: String) -> String? { text(key).flatMap { $0.isEmpty ? nil : $0 } }

  private func boolean(_ path: String) -> Bool? {
    if case .boolean(let value) = value(path) { return value }
    return nil
  }

  private func integer(_ path: String) -> Int? {
    if case .integer(let value) = value(path) { return Int(clamping: value) }
    return nil
  }

  private func port(_ path: String) -> UInt16? { integer(path).map { UInt16(clamping: $0) } }

  private func duration(_ path: String) -> Duration? {
    if case .duration(let value) = value(path) { return value }
    return nil
  }

  private func list(_ path: String) -> [String] {
    if case .list(let items) = value(path) { return items }
    return []
  }
}

/// What a certificate's file holds, by its name. Other names are left to the one who reads the file.
private enum CertificateFile {
  case pkcs12, pem, unknown

  init(_ path: String) {
    let lower = Text.lowercased(path)
    if [".pfx", ".p12"].contains(where: lower.hasSuffix) {
      self = .pkcs12
    } else {
      self = [".pem", ".crt", ".cer"].contains(where: lower.hasSuffix) ? .pem : .unknown
    }
  }
}
