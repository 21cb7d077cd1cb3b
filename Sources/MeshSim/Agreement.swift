// Whether all running nodes hold what is true, kept up to date change by change: looking at all pairs would be
// quadratic.
import MeshBasics

struct Agreement {
  private var expectations: [Expectation] = []
  private var observers: [Process] = []
  /// How much each process is wrong about.
  private var wrongOf: [Int] = []
  private(set) var wrong = 0

  var isComplete: Bool { wrong == 0 && !observers.isEmpty }
  var observerCount: Int { observers.count }

  private mutating func add(_ difference: Int, to process: Int) {
    while wrongOf.count <= process { wrongOf.append(0) }
    wrongOf[process] &+= difference
    wrong &+= difference
  }

  mutating func begin(_ process: Process, in world: Simulation) {
    while expectations.count < world.names.count { expectations.append(.anything) }
    observers.append(process)
    let unknown = Seen()
    var count = 0
    for expectation in expectations where !expectation.agrees(with: unknown) { count &+= 1 }
    add(count, to: process.index)
  }

  mutating func end(_ process: Process, in world: Simulation) {
    observers.removeAll { $0 === process }
    if process.index < wrongOf.count { add(0 &- wrongOf[process.index], to: process.index) }
  }

  /// What all should hold of a name may have changed.
  mutating func expect(_ name: Int, in world: Simulation) {
    while expectations.count < world.names.count { expectations.append(.anything) }
    let old = expectations[name]
    let new = world.names.expectation(name)
    guard old != new else { return }
    expectations[name] = new
    for observer in observers {
      let seen = world.views[observer.index, name]
      add((new.agrees(with: seen) ? 0 : 1) &- (old.agrees(with: seen) ? 0 : 1), to: observer.index)
    }
  }

  mutating func changed(_ change: Change) {
    guard change.name < expectations.count else { return }
    let expectation = expectations[change.name]
    let difference =
      (expectation.agrees(with: change.after) ? 0 : 1) &- (expectation.agrees(with: change.before) ? 0 : 1)
    if difference != 0 { add(difference, to: change.observer.index) }
  }

  /// What still differs, in words; nil when nothing does.
  func problem(in world: Simulation) -> String? {
    for observer in observers {
      for (name, expectation) in expectations.enumerated() {
        let seen = world.views[observer.index, name]
        guard !expectation.agrees(with: seen) else { continue }
        let node = world.names.ids[name]
        switch expectation {
        case .alive(let own): return "\(observer.nodeID) sees \(node) as \(seen.version), but it is \(own.version)"
        case .ended: return "\(observer.nodeID) sees \(node) as \(seen.version), but it has stopped"
        case .contested: return "two live processes are called \(node)"
        case .anything: break
        }
      }
    }
    return nil
  }
}

/// When how many observers saw one thing.
struct Watch {
  enum Sight {
    /// Alive, with this metadata version or a greater one.
    case alive(metadataVersion: Int64)
    case doubted
    case ended
  }

  let name: Int
  let sight: Sight
  private(set) var times: [Instant] = []
  private var hasSeen: [Bool] = []

  init(_ name: Int, _ sight: Sight) {
    self.name = name
    self.sight = sight
  }

  mutating func look(_ change: Change, at now: Instant) {
    guard change.name == name, !change.isOwn else { return }
    let isSeen =
      switch sight {
      case .alive(let version): change.after.state == .alive && change.after.metadataVersion >= version
      case .doubted: change.after.state == .suspect || change.after.state.isEnd
      case .ended: change.after.state.isEnd
      }
    guard isSeen else { return }
    while hasSeen.count <= change.observer.index { hasSeen.append(false) }
    guard !hasSeen[change.observer.index] else { return }
    hasSeen[change.observer.index] = true
    times.append(now)
  }
}

extension Simulation {
  /// The agreement as of now; what a process that ended held is of no interest any more.
  func becameStopped(_ process: Process) {
    names.stopped(process, in: self)
    agreement.expect(process.name, in: self)
  }
}
