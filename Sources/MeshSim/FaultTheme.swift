// Some seeds have faults of one sort only: what a mesh promises under those can be checked to the letter, because
// nothing else excuses anybody.
import MeshBasics

enum FaultTheme {
  /// Pairs that can't talk to each other, and nothing worse: with relays nobody is suspected.
  case pairs
  /// The seeds are gone, and the rest is cut apart: only healing brings the parts together again.
  case seedless
  /// Hostile members and nodes of another cluster alone: what they say may not cost more than it must.
  case intruders

  /// The theme of a seed, if it has one.
  init?(_ options: SimulationOptions) {
    let number = derived(options.seed, 17) % 8
    switch (options.profile, number) {
    case (.partition, 0), (.partition, 1): self = .pairs
    case (.partition, 2): self = .seedless
    case (.swarm, 0), (.swarm, 1): self = .intruders
    default: return nil
    }
  }

  /// How likely each kind is.
  var weights: FaultPlan.Weights {
    switch self {
    case .pairs: [(.blackHole, 6), (.relabel, 2), (.broadcast, 1)]
    case .seedless: []
    case .intruders: [(.hostile, 3), (.stranger, 1)]
    }
  }
}
