// What must hold whatever happens. Each checker is one idea in one file; here they are called.
import MeshBasics
import MeshEngine
import MeshMembership
import MeshWire

/// Looks at every change of every view, right after the step that made it.
protocol ViewChecker {
  var name: String { get }
  /// What is wrong, or nil.
  mutating func check(_ change: Change, in world: Simulation) -> String?
}

/// All checkers of a run.
struct Checks {
  private var viewCheckers: [any ViewChecker]
  var stories = EventStories()
  var accusations = Accusations()
  var goodbyes = Goodbyes()
  var broadcasts = Broadcasts()
  let queues = BoundedQueues()

  init() {
    viewCheckers = [
      MonotonicVersions(), NoResurrection(), OneEpochPerLife(), OnlyOwnersMint(), OneContent(), OwnWord(),
      NoStrangers(), NoFalseDeath(),
    ]
  }

  mutating func begun(_ process: Process) {
    stories.begun(process)
    accusations.begun(process)
    broadcasts.begun(process)
  }

  mutating func viewChanged(_ change: Change, in world: Simulation) {
    for index in viewCheckers.indices {
      if let problem = viewCheckers[index].check(change, in: world) { world.fail(viewCheckers[index].name, problem) }
    }
    if let problem = stories.check(change, in: world) { world.fail(EventStories.name, problem) }
    if world.isSmall, let problem = accusations.check(change, in: world) { world.fail(Accusations.name, problem) }
  }

  mutating func notified(_ event: MembershipEvent, by process: Process, in world: Simulation) {
    if let problem = stories.notified(event, by: process, in: world) { world.fail(EventStories.name, problem) }
  }

  mutating func observed(_ observation: Observation, by process: Process, in world: Simulation) {
    if case .probeFailed(let peer) = observation, world.isSmall, let name = world.names.number(of: peer) {
      accusations.hasEvidence(process, against: name, at: world.now)
    }
  }

  mutating func sent(_ message: MeshMessage, by process: Process, in world: Simulation) {
    for record in message.records {
      if let problem = goodbyes.told(record, by: process, in: world) { world.fail(Goodbyes.name, problem) }
      if let problem = accusations.told(record, by: process, in: world) { world.fail(Accusations.name, problem) }
    }
  }

  mutating func received(_ message: MeshMessage, from sender: Int, by process: Process, in world: Simulation) {
    for record in message.records { accusations.heard(record, from: sender, by: process, in: world) }
  }

  mutating func delivered(_ message: BroadcastMessage, by process: Process, in world: Simulation) {
    if let problem = broadcasts.delivered(message, by: process) { world.fail(Broadcasts.name, problem) }
  }
}
