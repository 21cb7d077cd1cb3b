// What is true: which nodes there are, which of them run, and what they have said of themselves.
import MeshBasics
import MeshMembership
import MeshWire

/// What is true of one name.
struct Truth {
  /// The processes that run under the name, and whether more than one ever did at a time.
  var owners: [Int] = []
  var wasContested = false
  /// It belongs to another cluster.
  var isStranger = false
  /// What the running owner says of itself now.
  var own = Seen()
  /// The greatest version that any owner ever had.
  var mintedEpoch: UInt64 = 0
  var mintedIncarnation: UInt32 = 0
  /// What owners said under each metadata version.
  var contents: [Int64: [NodeMetadata]] = [:]
}

/// The names of the mesh, by number.
struct Names {
  private(set) var ids: [NodeID] = []
  private var numbers: [NodeID: Int] = [:]
  var truths: [Truth] = []

  var count: Int { ids.count }

  /// The number of a name, new or known.
  mutating func add(_ node: NodeID) -> Int {
    if let number = numbers[node] { return number }
    let number = ids.count
    ids.append(node)
    numbers[node] = number
    truths.append(Truth())
    return number
  }

  func number(of node: NodeID) -> Int? { numbers[node] }

  /// What all should hold of the name; nil where that is nobody's business.
  func expectation(_ name: Int) -> Expectation {
    let truth = truths[name]
    if truth.isStranger { return .anything }
    if truth.owners.count > 1 { return .contested }
    guard !truth.owners.isEmpty, truth.own.state == .alive else { return .ended }
    return .alive(truth.own)
  }

  /// A process has stopped.
  mutating func stopped(_ process: Process, in world: Simulation) {
    truths[process.name].owners.removeAll { $0 == process.index }
    if let rest = truths[process.name].owners.first {
      truths[process.name].own = world.views[rest, process.name]
    }
  }
}

/// What all nodes should hold of a name in the end.
enum Expectation: Equatable {
  case alive(Seen)
  case ended
  /// Two processes use it at once: nobody can be right.
  case contested
  case anything

  func agrees(with seen: Seen) -> Bool {
    switch self {
    case .alive(let own): seen == own
    case .ended: seen.state == .unknown || seen.state == .dead || seen.state == .left
    case .contested: false
    case .anything: true
    }
  }
}
