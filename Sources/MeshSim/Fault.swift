import MeshBasics

/// What may go wrong, or be asked for, in a run.
enum FaultKind: Int, CaseIterable, Sendable {
  // Processes and machines.
  case crash, hostDeath, restart, restartAll, leave, newAddress, swapAddresses, lostDisk, clone
  case pause, slow, lateTicks, overflow, slowDisk, failingDisk, wallJump
  // The network.
  case loss, burst, machineLoss, oneWayLoss, dialFailure, spike, narrow, brokenLink, blackHole
  case partition, manyParts, bridge, oneWayPartition, deaf, mute, flipFlop
  // Hosts and operators.
  case relabel, drain, broadcast, security, removal
  // More than the budget of a link carries: everybody's labels at once, or one host's broadcasts.
  case storm, flood
  // All seeds are gone for good.
  case seedLoss
  // Adversaries.
  case hostile, stranger

  var name: String { FaultKind.names[rawValue] }

  /// Whether it leaves everybody able to reach everybody, if need be with another's help: then nobody may even be
  /// suspected.
  var isHarmless: Bool {
    switch self {
    case .relabel, .drain, .broadcast, .security, .blackHole: true
    default: false
    }
  }

  private static let names = allCases.map { "\($0)" }
}

/// One entry of a run's plan.
struct Fault: Equatable, Sendable {
  let kind: FaultKind
  let at: Instant
  /// How long it lasts; zero for what happens once.
  var duration = Duration.zero
  /// Whom it befalls.
  var node = 0
  /// A second one, where there is one.
  var other = 0
  /// How bad it is, in the kind's own measure.
  var amount: UInt64 = 0

  var words: String {
    let length = duration > .zero ? " for \(duration.milliseconds) ms" : ""
    return "\(kind.name) node \(node) other \(other) amount \(amount)\(length)"
  }
}
