import MeshBasics

/// Every key there is. From this one table come the checks, the defaults in the reference, and what bindings list.
/// Names and defaults are OmniRelay's (contracts: config_cli §A2, gossip §10) where OmniRelay has the key.
enum ConfigurationTable {
  /// The keys in the order of the reference.
  static let keys: [ConfigurationKey] = identity + network + detection + security + gossipV1 + control + accepted

  /// The key at `path`, given in lower case.
  static func key(_ path: String) -> ConfigurationKey? { index[path] }

  /// Whether keys lie below `path`, given in lower case.
  static func isSection(_ path: String) -> Bool { sections[path] != nil }

  /// The keys and sections directly below the section at `path`.
  static func children(of path: String) -> [String] { sections[path] ?? [] }

  private static let index: OrderedMap<String, ConfigurationKey> = {
    var map = OrderedMap<String, ConfigurationKey>()
    for key in keys { map[key.lookup] = key }
    return map
  }()

  private static let sections: OrderedMap<String, [String]> = {
    var map = OrderedMap<String, [String]>()
    for key in keys {
      var parent = ""
      for segment in key.path.split(separator: ":") {
        let name = String(segment)
        if map[parent] == nil { map[parent] = [] }
        map.modify(parent) { names in if !names.contains(name) { names.append(name) } }
        parent = Text.lowercased(parent.isEmpty ? name : "\(parent):\(name)")
      }
    }
    return map
  }()

  private static let identity: [ConfigurationKey] = [
    .init(
      "mesh:gossip:enabled", .fixed(true, why: "a node without gossip is no node; leave the node unopened instead"),
      default: "true", "Whether the node takes part in the mesh."),
    .init(
      "mesh:gossip:nodeId", .name, default: "`mesh-` and the host's name",
      "The node's name, unique in its cluster; its certificate must carry it."),
    .init("mesh:gossip:role", .text(bytesMax: 128), default: "worker", "The node's role, told to its peers."),
    .init(
      "mesh:gossip:clusterId", .name, default: "local", "The cluster; nodes of different clusters refuse each other."),
    .init("mesh:gossip:region", .text(bytesMax: 128), default: "local", "The node's region, told to its peers."),
    .init(
      "mesh:gossip:meshVersion", .text(bytesMax: 128), default: "dev",
      "The version of the host's software, told to its peers."),
    .init(
      "mesh:gossip:http3Support", .boolean, default: "true", "Whether the node tells its peers that it speaks HTTP/3."),
    .init("mesh:gossip:labels", .labels, default: "none", "Labels of the node, told to its peers."),
  ]

  private static let network: [ConfigurationKey] = [
    .init(
      "mesh:gossip:bindAddress", .ipAddress, default: "0.0.0.0", "The address of the mesh listener, UDP and TCP."),
    .init(
      "mesh:gossip:port", .integer(0...65_535), default: "17421",
      "The port of the mesh listener, UDP and TCP; 0 lets the system choose."),
    .init(
      "mesh:gossip:advertiseHost", .host, default: "`bindAddress` where that is one address, else the host's name",
      "The name or address at which peers dial the node."),
    .init(
      "mesh:gossip:advertisePort", .integer(1...65_535), default: "the port of the listener",
      "The port at which peers dial the node."),
    .init(
      "mesh:gossip:seedPeers", .endpoints, default: "none",
      "Where to find the mesh. A node without seeds waits to be found."),
  ]

  private static let detection: [ConfigurationKey] = [
    .init(
      "mesh:gossip:interval", .duration(.milliseconds(10)...(.seconds(60))), default: "1s",
      "From one probe of a peer to the next."),
    .init(
      "mesh:gossip:fanout", .integer(1...32), default: "3", "How many peers a node watches and tells news at once."),
    .init(
      "mesh:gossip:suspicionInterval", .duration(.milliseconds(20)...(.seconds(600))), default: "5s",
      "How long a peer may be silent; longer than `interval` and three times the shorter of `pingTimeout` and a third "
        + "of `interval`."),
    .init(
      "mesh:gossip:pingTimeout", .duration(.milliseconds(5)...(.seconds(60))), default: "2s",
      "The longest wait for one answer."),
    .init(
      "mesh:gossip:retransmitLimit", .integer(1...64), default: "3",
      "How often a piece of news is repeated, times the logarithm of the mesh's size."),
    .init(
      "mesh:gossip:metadataRefreshPeriod", .duration(.milliseconds(100)...(.seconds(86_400))), default: "30s",
      "How often the node's own metadata is compared with a peer's."),
  ]

  private static let security: [ConfigurationKey] = [
    .init(
      "mesh:gossip:tls:certificatePath", .path, default: "none",
      "The node's certificate: PKCS#12 (`.pfx`, `.p12`) with its key, or a PEM chain (`.pem`, `.crt`, `.cer`). "
        + "This or `certificateData` is required."
    ),
    .init(
      "mesh:gossip:tls:keyPath", .path, default: "the certificate's file",
      "The PEM key of a PEM certificate, where it lies in a file of its own."),
    .init(
      "mesh:gossip:tls:certificateData", .base64, default: "none",
      "The node's certificate and key as base64 PKCS#12, in place of `certificatePath`.", isSecret: true),
    .init(
      "mesh:gossip:tls:certificatePassword", .password(bytesMax: 1_024), default: "none",
      "The password of the PKCS#12 or of the encrypted PEM key.", isSecret: true),
    .init(
      "mesh:gossip:tls:certificateDataSecret", .unsupported(instead: noSecrets), default: "none",
      "Refused: there is no secret provider here.", isSecret: true),
    .init(
      "mesh:gossip:tls:certificatePasswordSecret", .unsupported(instead: noSecrets), default: "none",
      "Refused: there is no secret provider here.", isSecret: true),
    .init(
      "mesh:gossip:tls:trustBundlePath", .path, default: "the CA certificates inside the PKCS#12",
      "The PEM roots that peers' certificates must chain to. Required with a PEM certificate."),
    .init(
      "mesh:gossip:tls:revocationListPath", .path, default: "none",
      "Certificate revocation lists, PEM or DER; when set, every peer is checked against them."),
    .init(
      "mesh:gossip:tls:checkCertificateRevocation", .boolean, default: "true where `revocationListPath` is set",
      "Whether revocation is checked; `true` needs a `revocationListPath`, since nothing is asked online."),
    .init(
      "mesh:gossip:tls:allowedThumbprints", .thumbprints, default: "none",
      "The only peer certificates allowed, by SHA-1 or SHA-256 of the certificate; "
        + "none allows all that chain to the trust bundle."
    ),
    .init(
      "mesh:gossip:tls:allowUntrustedCertificates",
      .fixed(
        false,
        why:
          "a mesh that trusts any certificate has no members, only strangers; "
          + "issue development certificates with 'meshkit cert dev'"
      ),
      default: "false", "Whether peers may come without a trusted certificate."),
    .init(
      "mesh:gossip:certificateReloadInterval", .duration(.milliseconds(10)...(.seconds(86_400))), default: "5m",
      "The longest time between two looks at the files of certificates and principals; above a second it counts as one."
    ),
    .init(
      "mesh:gossip:tls:reloadIntervalOverride", .duration(.milliseconds(10)...(.seconds(86_400))), default: "none",
      "Takes the place of `certificateReloadInterval`."),
  ]

  private static let gossipV1: [ConfigurationKey] = [
    .init(
      "mesh:gossip:v1:enabled", .boolean, default: "false",
      "Whether the node also speaks OmniRelay's gossip, for as long as a fleet migrates: it serves that on the TCP "
        + "side of the mesh port, and calls the seeds and all nodes of OmniRelay that it meets."),
    .init(
      "mesh:gossip:v1:allowTls12", .boolean, default: "false",
      "Whether TLS 1.2 is spoken with nodes of OmniRelay that have no newer one. MeshKit's own links stay on 1.3."),
    .init(
      "mesh:gossip:v1:hostCertificates", .boolean, default: "false",
      "Whether certificates of OmniRelay's nodes name hosts. Each of them may then speak for any node of OmniRelay; "
        + "otherwise a certificate must name the node that speaks."),
  ]

  private static let control: [ConfigurationKey] = [
    .init(
      "mesh:control:enabled", .boolean, default: "true",
      "Whether the control listener (HTTP for operators) is opened."),
    .init(
      "mesh:control:address", .ipAddress, default: "127.0.0.1",
      "The address of the control listener. One that other machines can reach needs `mesh:control:tls` and "
        + "`mesh:control:principalsPath`."),
    .init(
      "mesh:control:port", .integer(0...65_535), default: "8080",
      "The port of the control listener; 0 lets the system choose."),
    .init(
      "mesh:control:alsoListenOn", .listeners, default: "none",
      "Further addresses of the control listener, each served as the first. With `https://` one speaks TLS and HTTP/3, "
        + "with `http://` neither, and otherwise `mesh:control:tls` decides. What holds for addresses that other "
        + "machines can reach holds for each."),
    .init(
      "mesh:control:tls", .choice(ControlTLS.allCases.map(\.rawValue)), default: "off",
      "Whether the control listener speaks TLS 1.3, and HTTP/3 on UDP, with the certificate of `mesh:gossip:tls`: "
        + "`off`, `on`, or `mutual`, which sends clients without a trusted certificate away. With `on` a certificate "
        + "that a client shows must be trusted too. Clients look for the host that they ask among the names of the "
        + "node's certificate."),
    .init(
      "mesh:control:principalsPath", .path, default: "none",
      "The JSON file that says who may ask the control listener for what, and by which token or certificate. It is "
        + "read anew when it is replaced."),
    .init(
      "mesh:control:loopbackScopes", .scopes, default: "mesh.read mesh.observe",
      "What callers of the control listener on this machine may do without a credential. They may read and observe; "
        + "`mesh.operate` lets every process of this machine drain and stop the node, remove lost members, and set the "
        + "least level of its log records. With `none` they need a credential for everything, as callers elsewhere "
        + "do."),
    .init(
      "mesh:dataDir", .path, default: "none", "The folder for what a node must remember; none keeps nothing on disk."),
  ]

  private static let noSecrets =
    "there is no secret provider here: use the key without 'Secret', a file, or the environment"
}
