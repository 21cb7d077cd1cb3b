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
  var reach = BroadcastReach()
  var needless = NeedlessAccusations()
  var isolation = Isolation()
  var doubts = SelfDoubt()
  var calm = CalmTraffic()
  var amplification = Amplification()
  let queues = BoundedQueues()

  init() {
    viewCheckers = [
      MonotonicVersions(), NoResurrection(), OneEpochPerLife(), OnlyOwnersMint(), OneContent(), OwnWord(),
      NoStrangers(), NoFalseDeath(),
    ]
  }

  mutating func begun(_ process: Process, at now: Instant) {
    stories.begun(process)
    accusations.begun(process)
    broadcasts.begun(process)
    isolation.begun(process, at: now)
    doubts.begun(process)
  }

  mutating func viewChanged(_ change: Change, in world: Simulation) {
    for index in viewCheckers.indices {
      if let problem = viewCheckers[index].check(change, in: world) { world.fail(viewCheckers[index].name, problem) }
    }
    if let problem = stories.check(change, in: world) { world.fail(EventStories.name, problem) }
    guard world.isSmall else { return }
    if let problem = accusations.check(change, in: world) { world.fail(Accusations.name, problem) }
    let isTold = accusations.isTold(change.observer, of: change.name, epoch: change.after.epoch)
    if let problem = isolation.check(change, isTold: isTold, in: world) { world.fail(Isolation.name, problem) }
  }

  mutating func notified(_ event: MembershipEvent, by process: Process, in world: Simulation) {
    if let problem = stories.notified(event, by: process, in: world) { world.fail(EventStories.name, problem) }
  }

  mutating func observed(_ observation: Observation, by process: Process, in world: Simulation) {
    guard world.isSmall else { return }
    switch observation {
    case .probeFailed(let peer):
      if let name = world.names.number(of: peer) { accusations.hasEvidence(process, against: name, at: world.now) }
      guard world.isWakeUp, let problem = doubts.failed(peer, of: process, at: world.now) else { return }
      world.fail(SelfDoubt.name, problem)
    case .pauseDetected(let gap): isolation.wasPaused(process, for: gap)
    default: break
    }
  }

  mutating func sent(_ message: MeshMessage, to links: [LinkID], by process: Process, in world: Simulation) {
    if case .probeRequest(let request) = message {
      doubts.sent(request, to: links.compactMap { world.peer(of: process, on: $0)?.nodeID }, by: process, at: world.now)
    }
    if world.hasStrangers {
      for peer in links.compactMap({ world.peer(of: process, on: $0) }) {
        if let problem = amplification.sent(message, to: peer, by: process) { world.fail(Amplification.name, problem) }
      }
    }
    for record in message.records {
      if let problem = goodbyes.told(record, by: process, in: world) { world.fail(Goodbyes.name, problem) }
      if let problem = accusations.told(record, by: process, in: world) { world.fail(Accusations.name, problem) }
      if let problem = needless.told(record, by: process, in: world) { world.fail(NeedlessAccusations.name, problem) }
    }
  }

  mutating func received(_ message: MeshMessage, from sender: Int, by process: Process, in world: Simulation) {
    isolation.hears(process, at: world.now)
    if case .probeReply(let reply) = message {
      doubts.received(reply, from: world.processes[sender].nodeID, by: process)
    }
    for record in message.records { accusations.heard(record, from: sender, by: process, in: world) }
  }

  mutating func delivered(_ message: BroadcastMessage, by process: Process, in world: Simulation) {
    reach.delivered(message, by: process)
    if let problem = broadcasts.delivered(message, by: process) { world.fail(Broadcasts.name, problem) }
  }
}
