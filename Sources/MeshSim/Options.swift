import MeshBasics
import MeshMembership

/// A bug planted on purpose, to prove that a checker sees it.
public enum PlantedBug: String, CaseIterable, Sendable {
  case skipsRefutation = "skips-refutation"
  case resurrectsDead = "resurrects-dead"
  case forgetsSuspicion = "forgets-suspicion"
  case dropsRetransmission = "drops-retransmission"
  case mintsForOthers = "mints-for-others"
  case acceptsOlder = "accepts-older"
  case keepsNews = "keeps-news"
  case reusesEpoch = "reuses-epoch"

  /// The bug as the membership room knows it; the last one is the simulator's own, a disk that forgets.
  var mutations: Mutations {
    switch self {
    case .skipsRefutation: .skipsRefutation
    case .resurrectsDead: .acceptsEqualAliveOverDead
    case .forgetsSuspicion: .forgetsSuspicionTimer
    case .dropsRetransmission: .dropsRetransmissionAndSync
    case .mintsForOthers: .mintsForOthers
    case .acceptsOlder: .acceptsOlderClaims
    case .keepsNews: .keepsNewsForEver
    case .reusesEpoch: []
    }
  }
}

/// What one run of the simulator does.
public struct SimulationOptions: Equatable, Sendable {
  /// From this everything random follows.
  public var seed: UInt64
  /// How many nodes, 1 to 64; nil lets the seed choose 3 to 10.
  public var nodes: Int?
  /// A bug to plant.
  public var plant: PlantedBug?
  /// The delay of each message in a network without any fault; nil lets the seed draw delays and faults.
  public var steadyLatency: Duration?
  /// How long faults happen.
  public var faultTime = Duration.seconds(30)
  /// How long the mesh then has to converge. Longer than the longest backoff, 60 s after a refusal, and a suspicion.
  public var calmTime = Duration.seconds(90)

  /// The defaults for a seed.
  public init(seed: UInt64) { self.seed = seed }

  /// The most nodes of one run.
  public static let nodesMax = 64
}

/// How one run ended.
public struct SimulationResult: Equatable, Sendable {
  /// What was run.
  public let seed: UInt64
  /// How many nodes took part.
  public let nodes: Int
  /// A hash over all that was delivered and all that came of it.
  public let hash: UInt64
  /// The first invariant that failed, and where.
  public let violation: String?
  /// Inputs handled by all engines.
  public let steps: Int
  /// When it ended, in virtual time.
  public let endedAt: Instant
  /// In a network without faults: from the last node's start until all saw each other alive.
  public let formedAfter: Duration?
  /// How often each fault and each membership event happened, by name, so that a campaign can prove that it tried them.
  public let tally: [(name: String, count: Int)]

  /// Equal when all but the tally is; the hash covers what the tally counts.
  public static func == (left: SimulationResult, right: SimulationResult) -> Bool {
    left.seed == right.seed && left.nodes == right.nodes && left.hash == right.hash
      && left.violation == right.violation && left.steps == right.steps
  }
}
