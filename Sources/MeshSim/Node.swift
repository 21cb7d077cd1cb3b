import MeshBasics
import MeshEngine
import MeshMembership
import MeshWire

/// One simulated process with its disk.
struct Node {
  let id: NodeID
  let endpoint: Endpoint
  let configuration: EngineConfiguration
  /// What survives a crash.
  var disk = StoredState()
  /// Counts the starts of the process; events of an earlier life are stale.
  var life = 0
  /// Nil while the process does not run.
  var engine: Engine?
  /// Until then nothing is handled: the process is stopped by its machine.
  var pausedUntil = Instant.origin
  /// The wake-up that was asked for last.
  var wakeAt: Instant?
  var seenRevision: UInt64?

  init?(index: Int, seeds: [Endpoint], plant: PlantedBug?) {
    let name = Node.name(index)
    guard let id = NodeID(name), let endpoint = Endpoint(host: name, port: 17421) else { return nil }
    self.id = id
    self.endpoint = endpoint
    var metadata = NodeMetadata()
    metadata.endpoint = endpoint.description
    var configuration = EngineConfiguration(nodeID: id, metadata: metadata)
    configuration.seeds = seeds
    configuration.mutations = plant?.mutations ?? []
    self.configuration = configuration
  }

  /// Names that sort otherwise than the indices, so that no rule leans on the order of starting.
  static func name(_ index: Int) -> String { "n\((index &* 37 &+ 13) % 97)-\(index)" }
}
