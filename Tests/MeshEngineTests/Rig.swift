import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshEngine

/// An engine driven by hand.
struct Rig {
  var engine: Engine
  var now = Instant.origin + .seconds(1)
  var effects = EngineEffects()

  init(
    _ name: String = "m", stored: StoredState = StoredState(), starts: Bool = true,
    change: (inout EngineConfiguration) -> Void = { _ in }
  ) throws {
    InvariantPolicy.trapsOnViolation = true
    var metadata = NodeMetadata()
    metadata.endpoint = "m:1"
    var configuration = EngineConfiguration(nodeID: try #require(NodeID(name)), metadata: metadata)
    configuration.seeds = [try #require(Endpoint(parsing: "seed:1"))]
    change(&configuration)
    engine = Engine(configuration: configuration, stored: stored, seed: 3)
    guard starts else { return }
    send(.started(unixMilliseconds: 1_000))
    send(.stored(SyncToken(rawValue: 1)))
  }

  mutating func send(_ input: EngineInput) {
    effects.removeAll()
    engine.handle(input, now: now, into: &effects)
  }

  /// Whether the last input closed `link`.
  func closes(_ link: LinkID) -> Bool {
    effects.list.contains { if case .close(link, _) = $0 { true } else { false } }
  }

  func sends(_ link: LinkID) -> [MeshMessage] {
    effects.list.compactMap { effect in
      if case .send(let links, let message) = effect, links.contains(link) { message } else { nil }
    }
  }
}

func peer(_ name: String, transport: String = "http3") -> LinkPeer {
  let identity = PeerIdentity(nodeNames: [name], clusterID: "local", keyFingerprint: "")
  return LinkPeer(identity: identity, remoteAddress: "127.0.0.1:9", transport: transport)
}

func hello(_ name: String, epoch: UInt64 = 500, change: (inout Hello) -> Void = { _ in }) -> MeshMessage {
  var hello = Hello()
  hello.clusterID = "local"
  hello.record.nodeID = name
  hello.record.epoch = epoch
  var metadata = NodeMetadata()
  metadata.endpoint = "\(name):1"
  metadata.metadataVersion = 1
  hello.record.metadata = metadata
  change(&hello)
  return .hello(hello)
}

extension Rig {
  /// Opens a link and says the peer's hello on it.
  mutating func establish(_ link: LinkID, _ name: String, epoch: UInt64 = 500, transport: String = "http3") {
    send(.linkOpened(link, peer(name, transport: transport)))
    send(.received(link, hello(name, epoch: epoch)))
  }

  mutating func advance(_ span: Duration) {
    now = now + span
    send(.deadlineReached)
  }

  var observations: [Observation] {
    effects.list.compactMap { if case .observe(let observation) = $0 { observation } else { nil } }
  }

  /// The links that the last input dialed.
  var dials: [LinkID] { effects.list.compactMap { if case .dial(let link, _) = $0 { link } else { nil } } }

  func statistic(_ name: String) -> Int64? { engine.statistics.first { $0.name == name }?.value }
}
