import MeshBasics
import MeshWire

/// A checked configuration: what a node is opened with. `docs/reference/configuration.md` explains each key; the
/// initial values here are the keys' defaults.
public struct NodeConfiguration: Equatable, Sendable {
  /// `mesh:gossip:nodeId`.
  public var nodeID: NodeID
  /// `mesh:gossip:role`, `:clusterId`, `:region` and `:meshVersion`.
  public var role = "worker"
  /// `mesh:gossip:clusterId`: only nodes of one cluster join each other.
  public var clusterID = "local"
  /// `mesh:gossip:region`.
  public var region = "local"
  /// `mesh:gossip:meshVersion`: the version that the node announces.
  public var meshVersion = "dev"
  /// `mesh:gossip:http3Support`.
  public var http3Support = true
  /// `mesh:gossip:labels`, sorted by key, each key once.
  public var labels: [Label] = []
  /// `mesh:gossip:bindAddress`: an IP address.
  public var bindAddress = "0.0.0.0"
  /// `mesh:gossip:port`, UDP; 0 lets the system choose.
  public var port: UInt16 = 17421
  /// `mesh:gossip:advertiseHost`: what peers dial. `Configuration.resolve` fills it in when unset.
  public var advertiseHost = ""
  /// `mesh:gossip:advertisePort`; nil means the port that the node is bound to.
  public var advertisePort: UInt16?
  /// `mesh:gossip:interval`: from one probe of a peer to the next.
  public var interval = Duration.seconds(1)
  /// `mesh:gossip:suspicionInterval`: how long a silent peer may stay unconfirmed.
  public var suspicionInterval = Duration.seconds(5)
  /// `mesh:gossip:pingTimeout`: the longest wait for one answer.
  public var pingTimeout = Duration.seconds(2)
  /// `mesh:gossip:fanout`.
  public var fanout = 3
  /// `mesh:gossip:retransmitLimit`.
  public var retransmitLimit = 3
  /// `mesh:gossip:metadataRefreshPeriod`.
  public var metadataRefreshPeriod = Duration.seconds(30)
  /// `mesh:gossip:certificateReloadInterval`, or `mesh:gossip:tls:reloadIntervalOverride` where that is set.
  public var certificateReloadInterval = Duration.seconds(300)
  /// `mesh:gossip:seedPeers`, in the order given, each once.
  public var seeds: [Endpoint] = []
  /// `mesh:gossip:tls:certificatePath`; empty when `certificateData` is set.
  public var certificatePath = ""
  /// `mesh:gossip:tls:keyPath`.
  public var keyPath: String?
  /// `mesh:gossip:tls:certificatePassword`. A secret.
  public var certificatePassword: String?
  /// `mesh:gossip:tls:trustBundlePath`.
  public var trustBundlePath: String?
  /// `mesh:gossip:tls:revocationListPath`: when set, every verdict checks it.
  public var revocationListPath: String?
  /// `mesh:gossip:tls:certificateData`: base64 PKCS#12, in place of a path. A secret.
  public var certificateData: String?
  /// `mesh:gossip:tls:allowedThumbprints`: upper-case hexadecimal, 40 (SHA-1) or 64 (SHA-256) digits each.
  public var allowedThumbprints: [String] = []
  /// `mesh:gossip:v1:enabled`: OmniRelay's gossip is served and spoken.
  public var gossipV1Enabled = false
  /// `mesh:gossip:v1:allowTls12`.
  public var gossipV1AllowsTLS12 = false
  /// `mesh:gossip:v1:hostCertificates`.
  public var gossipV1HostCertificates = false
  /// `mesh:control:enabled`.
  public var controlEnabled = true
  /// `mesh:control:address`: an IP address; beyond loopback only with TLS and principals.
  public var controlAddress = "127.0.0.1"
  /// `mesh:control:port`; 0 lets the system choose.
  public var controlPort: UInt16 = 8080
  /// `mesh:control:tls`.
  public var controlTLS = ControlTLS.off
  /// `mesh:control:alsoListenOn`, in the order given.
  public var furtherControlListeners: [ControlListener] = []
  /// `mesh:control:principalsPath`: who may ask what, and by which credential; nil: nobody is told from others.
  public var principalsPath: String?
  /// `mesh:control:loopbackScopes`, with what every caller of this host may do; empty for `none`.
  public var controlScopes = ["mesh.read", "mesh.observe"]
  /// `mesh:dataDir`; empty: nothing is kept on disk.
  public var dataDirectory = ""
  /// One line for each key that is accepted and has no effect, for the node's log.
  public var notices: [String] = []

  /// The defaults, for a node named `nodeID`. It has no certificate yet, so it can't be opened as it is.
  public init(nodeID: NodeID) { self.nodeID = nodeID }

  /// Every address of the control listener, that of `mesh:control:address` first.
  public var controlListeners: [ControlListener] {
    [ControlListener(address: controlAddress, port: controlPort, speaksTLS: controlTLS != .off)]
      + furtherControlListeners
  }
}

extension NodeConfiguration: CustomStringConvertible, CustomReflectable {
  /// The node and its cluster; never a secret.
  public var description: String { "NodeConfiguration(\(nodeID) in cluster \(clusterID))" }
  /// A mirror without children: `dump` and test failures print it, and must not print the password or the key.
  public var customMirror: Mirror { Mirror(self, children: [(label: String?, value: Any)]()) }
}

/// Whether the control listener speaks TLS; the values of `mesh:control:tls`.
public enum ControlTLS: String, CaseIterable, Sendable {
  /// Clear text.
  case off
  /// TLS 1.3; clients may show a certificate.
  case on
  /// TLS 1.3; clients must show one.
  case mutual
}
