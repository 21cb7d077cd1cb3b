// Which faults a run has, drawn before it begins: an explicit list, so that a failing run can be repeated without those
// that don't matter.
import MeshBasics

struct FaultPlan {
  private(set) var faults: [Fault] = []
  private var random: SeededRandom
  private let nodes: Int
  private let seedCount: Int
  private let end: Instant

  /// The plan of a seed. The first `seedCount` nodes are the seeds that all look for.
  static func draw(_ options: SimulationOptions, nodes: Int, seedCount: Int) -> [Fault] {
    guard options.profile != .calm else { return [] }
    var plan = FaultPlan(
      random: SeededRandom(seed: derived(options.seed, 7)), nodes: nodes, seedCount: seedCount,
      end: .origin + options.lasting)
    let theme = FaultTheme(options)
    if theme == .seedless {
      plan.drawSeedless()
      return plan.faults
    }
    let weights = theme.map { $0.weights } ?? plan.weights(of: options.profile)
    if theme == nil { plan.drawWeather(options.profile, weights) }
    plan.drawIncidents(options.profile, weights)
    if theme == .intruders { plan.keepOneHostile() }
    return plan.faults
  }

  private init(random: SeededRandom, nodes: Int, seedCount: Int, end: Instant) {
    self.random = random
    self.nodes = nodes
    self.seedCount = seedCount
    self.end = end
  }

  typealias Weights = [(kind: FaultKind, weight: UInt64)]

  private static let lossy: [(FaultKind, UInt64)] = [
    (.burst, 3), (.machineLoss, 3), (.oneWayLoss, 3), (.spike, 3), (.slow, 2), (.dialFailure, 1), (.brokenLink, 2),
    (.relabel, 2), (.overflow, 1), (.broadcast, 2),
  ]
  private static let partition: [(FaultKind, UInt64)] = [
    (.partition, 4), (.manyParts, 2), (.bridge, 2), (.oneWayPartition, 2), (.deaf, 2), (.mute, 2), (.flipFlop, 1),
    (.blackHole, 3), (.brokenLink, 2), (.relabel, 2), (.crash, 1), (.broadcast, 1),
  ]
  private static let pause: [(FaultKind, UInt64)] = [
    (.pause, 8), (.slow, 3), (.lateTicks, 3), (.slowDisk, 1), (.wallJump, 1), (.relabel, 2), (.restart, 1),
    (.overflow, 1), (.broadcast, 1),
  ]
  private static let churn: [(FaultKind, UInt64)] = [
    (.crash, 6), (.hostDeath, 3), (.restart, 4), (.leave, 4), (.newAddress, 2), (.swapAddresses, 1), (.lostDisk, 2),
    (.restartAll, 1), (.relabel, 3), (.drain, 1), (.removal, 1), (.wallJump, 1), (.failingDisk, 1), (.slowDisk, 1),
    (.broadcast, 2), (.security, 1), (.clone, 1), (.storm, 1), (.flood, 1),
  ]
  private static let wan: [(FaultKind, UInt64)] = [
    (.spike, 3), (.narrow, 2), (.burst, 2), (.partition, 1), (.blackHole, 2), (.crash, 2), (.hostDeath, 1),
    (.restart, 2), (.leave, 1), (.relabel, 3), (.pause, 1), (.dialFailure, 1), (.broadcast, 2),
  ]

  /// How likely each kind is. The swarm takes a part of all kinds, another in each seed: bugs often need that something
  /// else does not happen.
  private mutating func weights(of profile: Profile) -> Weights {
    switch profile {
    case .lossy: return FaultPlan.lossy.map { (kind: $0.0, weight: $0.1) }
    case .partition: return FaultPlan.partition.map { (kind: $0.0, weight: $0.1) }
    case .pause: return FaultPlan.pause.map { (kind: $0.0, weight: $0.1) }
    case .churn: return FaultPlan.churn.map { (kind: $0.0, weight: $0.1) }
    case .wan: return FaultPlan.wan.map { (kind: $0.0, weight: $0.1) }
    case .calm: return []
    case .swarm:
      var chosen = Weights()
      for kind in FaultKind.allCases where kind != .seedLoss {
        guard random.chance(2, in: 5) else { continue }
        chosen.append((kind: kind, weight: 1 &+ random.below(4)))
      }
      return chosen.isEmpty ? [(kind: .crash, weight: 1), (kind: .restart, weight: 1)] : chosen
    }
  }

  /// Two hostile members are two voices, against which less is promised.
  private mutating func keepOneHostile() {
    let first = faults.firstIndex { $0.kind == .hostile }
    faults = faults.enumerated().filter { $0.offset == first || $0.element.kind != .hostile }.map(\.element)
  }

  /// When all have met, all seeds go for good; then the rest is cut apart for longer than links live, again and again.
  private mutating func drawSeedless() {
    guard nodes >= seedCount &+ 2 else { return }
    var at = Instant.origin + .seconds(8)
    faults.append(Fault(kind: .seedLoss, at: at))
    at = at + .seconds(2)
    while at < end {
      var fault = draw(random.chance(1, in: 3) ? .manyParts : .partition, at)
      fault.duration = span(32_000, 45_000)
      // Halves, and not one or two nodes alone.
      fault.amount = fault.amount / 3 &* 3 &+ 1
      var change = draw(.relabel, at + .seconds(3))
      // What befalls those that are gone doesn't happen.
      fault.node = seedCount &+ fault.node % (nodes &- seedCount)
      change.node = seedCount &+ change.node % (nodes &- seedCount)
      faults.append(fault)
      faults.append(change)
      at = at + fault.duration + span(1_000, 8_000)
    }
  }

  /// What lasts for the whole time of faults.
  private mutating func drawWeather(_ profile: Profile, _ weights: Weights) {
    let whole = end.since(.origin)
    switch profile {
    case .lossy:
      let loss = random.chance(1, in: 2) ? 10 &+ random.below(91) : 100 &+ random.below(250)
      faults.append(Fault(kind: .loss, at: .origin, duration: whole, amount: loss))
    case .wan: faults.append(Fault(kind: .loss, at: .origin, duration: whole, amount: random.below(30)))
    case .swarm:
      if random.chance(1, in: 2) {
        faults.append(Fault(kind: .loss, at: .origin, duration: whole, amount: random.below(120)))
      }
    case .partition, .pause, .churn, .calm: break
    }
  }

  private mutating func drawIncidents(_ profile: Profile, _ weights: Weights) {
    let total = weights.reduce(0) { $0 &+ $1.weight }
    // More nodes make more trouble, but not so much that nobody is ever well.
    let gap = 3_000_000_000 / UInt64(1 &+ min(nodes, 64) / 8) &+ 150_000_000
    var at = Instant.origin + .milliseconds(500) + Duration(nanoseconds: Int64(clamping: random.below(2_000_000_000)))
    while at < end {
      var ticket = random.below(total)
      var kind = FaultKind.restart
      for entry in weights {
        if ticket < entry.weight {
          kind = entry.kind
          break
        }
        ticket &-= entry.weight
      }
      faults.append(draw(kind, at))
      at = at + Duration(nanoseconds: Int64(clamping: gap / 4 &+ random.below(gap &* 2)))
    }
  }

  private mutating func draw(_ kind: FaultKind, _ at: Instant) -> Fault {
    var fault = Fault(kind: kind, at: at)
    fault.node = Int(random.below(UInt64(nodes)))
    fault.other = Int(random.below(UInt64(nodes)))
    fault.amount = random.below(1_000)
    switch kind {
    case .crash, .hostDeath, .lostDisk, .newAddress, .swapAddresses, .restartAll, .failingDisk:
      // Until the process is started again; some stay away for the rest of the run.
      fault.duration = random.chance(2, in: 3) ? span(50, 9_000) : .seconds(3_600)
      if kind == .restartAll { fault.duration = span(50, 1_000) }
    case .pause: fault.duration = random.chance(1, in: 8) ? span(9_000, 60_000) : span(100, 6_000)
    case .slow, .lateTicks, .slowDisk, .overflow: fault.duration = span(1_000, 12_000)
    case .loss, .machineLoss, .oneWayLoss, .dialFailure, .spike, .narrow, .burst:
      fault.duration = span(500, 12_000)
    case .partition, .manyParts, .bridge, .oneWayPartition, .deaf, .mute, .blackHole:
      fault.duration = random.chance(1, in: 4) ? span(8_000, 45_000) : span(200, 8_000)
    case .flipFlop: fault.duration = .seconds(20)
    case .hostile, .stranger, .clone: fault.duration = span(2_000, 20_000)
    case .restart, .leave, .wallJump, .brokenLink, .relabel, .drain, .broadcast, .security, .removal, .storm, .flood,
      .seedLoss:
      break
    }
    return fault
  }

  private mutating func span(_ low: UInt64, _ high: UInt64) -> Duration {
    .milliseconds(Int64(clamping: low &+ random.below(high &- low)))
  }
}
