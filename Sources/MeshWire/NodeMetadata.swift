/// What a node tells about itself. Only the owner mints it; `metadataVersion` grows with every change (contracts:
/// gossip §13.5).
public struct NodeMetadata: Equatable, Sendable {
  /// What the node is for, such as `dispatcher`, `gateway` or `worker`; up to 256 bytes, as the next three.
  public var role = "worker"
  /// The mesh that it belongs to.
  public var clusterID = "local"
  /// Where it runs.
  public var region = "local"
  /// The version of the software that it runs.
  public var meshVersion = "dev"
  /// Whether it takes HTTP/3 on its mesh listener.
  public var http3Support = true
  /// Where its mesh listener can be reached, `host:port` of up to 262 bytes; empty when nowhere.
  public var endpoint = ""
  /// Grows by one with each change; starts at the Unix time in milliseconds of the process's start.
  public var metadataVersion: Int64 = 0
  /// Up to 64, sorted by the bytes of their keys, each key once.
  public var labels: [Label] = []
  /// How the node protects its links.
  public var security = SecurityPosture()
  /// Whether it asks for no new work, because it is about to stop.
  public var draining = false
  /// Which form of this metadata its owner writes: 2 is this one; 1 is the form before, which doesn't say so.
  public var schemaVersion: UInt32 = 2
  /// Whether its mesh listener serves OmniRelay's gossip (v1) as well, over TCP.
  public var gossipV1 = false

  /// The metadata of a node that was told nothing: OmniRelay's defaults.
  public init() {}
}

/// One label of a node: a key of 1 to 64 bytes and a value of up to 4,096.
public struct Label: Equatable, Sendable {
  /// Its name, without control characters.
  public var key = ""
  /// Any text without NUL.
  public var value = ""

  /// An empty label, which no peer accepts before it has a key.
  public init() {}

  /// The label `key` with `value`.
  public init(key: String, value: String) {
    self.key = key
    self.value = value
  }
}

/// The security that a node offers, for operators to see at a glance.
public struct SecurityPosture: Equatable, Sendable {
  /// `1.3`.
  public var tlsVersion = ""
  /// Whether peers must show a certificate.
  public var mutualTLS = false
  /// Whether its configuration checks a revocation list.
  public var revocationChecked = false
  /// Unix time in seconds when its certificate expires; 0 when unknown.
  public var certificateExpiresAt: Int64 = 0

  /// A posture of which nothing is known.
  public init() {}
}
