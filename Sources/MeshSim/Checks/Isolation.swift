import MeshBasics
import MeshMembership

/// A node that hears nobody at all blames its own network and declares nobody dead, for six times the longest silence.
/// A host that says that nobody listens is somebody.
struct Isolation {
  static let name = "isolation"

  /// When each process last handled a message of whomever, as far as it can know: a pause is taken out.
  private var heard: [Instant] = []
  /// Whose host answered each process that nobody listens: by those that ever lived there, and by the address itself,
  /// which may be that of a member whom an enemy made up.
  private var refused: [[Int]] = []
  private var refusedAt: [[String]] = []

  mutating func begun(_ process: Process, at now: Instant) {
    while heard.count <= process.index {
      heard.append(.origin)
      refused.append([])
      refusedAt.append([])
    }
    heard[process.index] = now
    refused[process.index] = []
    refusedAt[process.index] = []
  }

  mutating func hears(_ process: Process, at now: Instant) { heard[process.index] = now }

  mutating func isRefused(_ process: Process, by names: [Int], at address: String) {
    guard process.index < refused.count else { return }
    if !refusedAt[process.index].contains(address) { refusedAt[process.index].append(address) }
    refused[process.index] += names.filter { !refused[process.index].contains($0) }
  }

  mutating func wasPaused(_ process: Process, for gap: Duration) { heard[process.index] = heard[process.index] + gap }

  /// What a process takes for dead while it hears nobody, it declares itself, unless somebody said so before.
  func check(_ change: Change, isTold: Bool, in world: Simulation) -> String? {
    let process = change.observer
    guard change.after.state == .dead, change.before.state == .alive || change.before.state == .suspect, !isTold,
      !world.isRemoved(change.name), !refused[process.index].contains(change.name),
      change.view.map({ !refusedAt[process.index].contains($0.metadata.endpoint) }) ?? true
    else { return nil }
    let silence = world.now.since(heard[process.index])
    // As the node counts, whose clock may be half a per cent off.
    let interval = process.configuration.membership.interval
    let least = interval.multiplied(by: 2) + interval.divided(by: 10)
    let most = process.configuration.membership.suspicionInterval.multiplied(by: 6)
    guard silence > least, silence < most - interval, livingOthers(of: process, in: world) > 0
    else { return nil }
    return
      "\(process.nodeID) declares \(world.names.ids[change.name]) dead, but has heard nobody at all for "
      + "\(silence.milliseconds) ms"
  }

  /// How many others the process holds alive or suspect.
  private func livingOthers(of process: Process, in world: Simulation) -> Int {
    (0..<world.names.count).count { name in
      let state = world.views[process.index, name].state
      return name != process.name && (state == .alive || state == .suspect)
    }
  }
}
