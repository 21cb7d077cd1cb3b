import MeshBasics
import MeshMembership

/// Which kinds of faults a run draws from.
public enum Profile: String, CaseIterable, Sendable {
  /// A selection of all kinds, another in each seed.
  case swarm
  /// Loss, one-way loss, bursts, delay and slow nodes.
  case lossy
  /// Cuts of all shapes.
  case partition
  /// Pauses, slow and starved processes, clocks.
  case pause
  /// Crashes, restarts, goodbyes, new addresses, lost disks.
  case churn
  /// Regions far from each other, narrow pipes, a little loss.
  case wan
  /// No fault at all.
  case calm

  /// Those with faults, which a campaign takes turns at.
  public static let rough: [Profile] = [.swarm, .lossy, .partition, .pause, .churn, .wan]
}

/// A bug planted on purpose, to prove that a checker sees it.
public enum PlantedBug: String, CaseIterable, Sendable {
  case skipsRefutation = "skips-refutation"
  case resurrectsDead = "resurrects-dead"
  case forgetsSuspicion = "forgets-suspicion"
  case dropsRetransmission = "drops-retransmission"
  case mintsForOthers = "mints-for-others"
  case acceptsOlder = "accepts-older"
  case keepsNews = "keeps-news"
  case dropsConfirmations = "drops-confirmations"
  case forgetsIncarnation = "forgets-incarnation"
  case asksNoRelays = "asks-no-relays"
  case believesOneVoice = "believes-one-voice"
  case neverHeals = "never-heals"
  case ignoresNacks = "ignores-nacks"
  case tellsAgain = "tells-again"
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
    case .dropsConfirmations: .dropsConfirmations
    case .forgetsIncarnation: .forgetsIncarnation
    case .asksNoRelays: .asksNoRelays
    case .believesOneVoice: .believesOneVoice
    case .neverHeals: .neverHeals
    case .ignoresNacks: .ignoresNacks
    case .tellsAgain: .tellsAgain
    case .reusesEpoch: []
    }
  }
}

/// What one run of the simulator does.
public struct SimulationOptions: Equatable, Sendable {
  /// From this everything random follows.
  public var seed: UInt64
  /// How many nodes, 1 to 5,000; nil lets the seed choose 3 to 30, and in one of 64 seeds 40 to 64.
  public var nodes: Int?
  /// Which faults happen.
  public var profile = Profile.swarm
  /// A bug to plant.
  public var plant: PlantedBug?
  /// The delay of each message in place of the one that the seed draws.
  public var steadyLatency: Duration?
  /// How long faults happen; nil for 20 s, and in one seed of eight 60 s, which is long enough for links to time out.
  public var faultTime: Duration?
  /// How long the mesh then has to converge. Longer than the longest backoff, 60 s after a refusal, and a suspicion.
  public var calmTime = Duration.seconds(90)
  /// The numbers of the only faults of the plan that happen; nil for all.
  public var faults: [Int]?
  /// Nodes that never take part.
  public var skipped: [Int] = []

  /// How long faults happen in this run.
  var lasting: Duration {
    if let faultTime { return faultTime }
    // A large mesh has as many faults in half the time.
    if let nodes, nodes > SimulationOptions.smallNodesMax { return .seconds(10) }
    return derived(seed, 13) % 8 == 0 || FaultTheme(self) == .seedless ? .seconds(60) : .seconds(20)
  }

  /// The defaults for a seed.
  public init(seed: UInt64) { self.seed = seed }

  /// The most nodes of one run.
  public static let nodesMax = 5_000
  /// Beyond this many nodes messages travel as values and not as bytes, and some checkers look away.
  static let smallNodesMax = 64
  /// How long all must agree before a run ends.
  static let agreementTime = Duration.seconds(4)
}

/// An invariant that failed.
public struct Violation: Equatable, Sendable, CustomStringConvertible {
  /// The checker that saw it.
  public let checker: String
  /// What is wrong.
  public let problem: String
  /// When, in virtual time.
  public let at: Instant

  /// One line for people.
  public var description: String { "\(checker): \(problem), at \(at.since(.origin).milliseconds) ms" }
}

/// How one run ended.
public struct SimulationResult: Sendable {
  /// What was run.
  public let seed: UInt64
  /// How many nodes took part.
  public let nodes: Int
  /// A hash over all that was delivered and all that came of it.
  public let hash: UInt64
  /// The first invariant that failed, and where.
  public let violation: Violation?
  /// Inputs handled by all engines.
  public let steps: Int
  /// When it ended, in virtual time.
  public let endedAt: Instant
  /// From the last node's start until all saw each other alive for the first time.
  public let formedAfter: Duration?
  /// How often each fault, each event and each rare branch happened.
  public let tally: Tally
}
