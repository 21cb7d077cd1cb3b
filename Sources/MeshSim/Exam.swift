// What a settled mesh must still do at the end of a run, each within the time that the protocol promises: broadcasts,
// labels, a goodbye and a death reach everybody.
import MeshBasics
import MeshEngine
import MeshWire

extension Simulation {
  /// The longest that one message takes in the calm.
  private var longestHop: Duration {
    network.latencyMax + network.jitter + (network.regions > 1 ? .milliseconds(150) : .zero)
  }

  /// What news may take to reach all: a second, and some hops and round trips where machines are far from each other.
  private var promptly: Duration { .seconds(1) + longestHop.multiplied(by: 16) }

  func examine() {
    guard violation == nil else { return }
    recover()
    let running = processes.filter { $0.engine != nil && !$0.isStranger }
    guard running.count >= 2 else { return }
    let offset = Int(derived(options.seed, 19) % UInt64(running.count))
    let chosen = (0..<running.count).map { running[(offset &+ $0) % running.count] }
    examineBroadcasts(chosen)
    examineLabels(chosen[0])
    if running.count >= 3 { examineGoodbye(chosen[1]) }
    if running.count >= 4 && isSmall && derived(options.seed, 23) % 4 == 0 { examineDeath(chosen[2]) }
  }

  /// What was sent into a cut is tried again at growing distances, so that a stream may stand still for a while after
  /// it; links of which one side alone knows the end last a while longer, and are then to be replaced; and a node that
  /// was not well gives the others more time. What is promised is promised after that.
  private func recover() {
    // What arrives as late as that may have to be outbid first, and a broadcast of the epoch before is lost.
    let latest = connections.latestArrival
    if latest > now { advance(to: latest + .seconds(1)) }
    for _ in 0..<180 {
      let isWell = processes.allSatisfy { process in
        process.engine.map { $0.isWell && ($0.isLinked || process.isStranger) } ?? true
      }
      if violation != nil || isWell && !connections.hasHalfOpen { return }
      advance(to: now + .milliseconds(250))
    }
  }

  private func examineBroadcasts(_ chosen: [Process]) {
    // Above the inline size they are pulled; through a narrow pipe that takes its time.
    for (place, size) in [10, WireLimits.broadcastInlineBytes, network.bandwidth > 0 ? 2_000 : 40_000].enumerated() {
      let process = chosen[place % chosen.count]
      checks.reach.told("topic-\(broadcastCount &+ 1)", by: process, in: self)
      broadcast(from: process, size: size)
    }
    advance(to: now + promptly) { self.checks.reach.isComplete }
    if let problem = checks.reach.problem(in: self) { fail(BroadcastReach.name, problem) }
  }

  private func examineLabels(_ process: Process) {
    let labels = [Label(key: "exam", value: "\(steps)")]
    give(.command(CommandToken(rawValue: 6_000), .setLabels(labels)), to: process, life: nil)
    awaitAgreement(within: promptly, "prompt labels")
  }

  private func examineGoodbye(_ process: Process) {
    let epoch = names.truths[process.name].own.epoch
    give(.command(CommandToken(rawValue: 6_001), .leave), to: process, life: nil)
    // It waits for peers that it is greeting; until it has said it, all agree that it is alive.
    awaitAgreement(within: promptly, "prompt goodbyes") { self.names.truths[process.name].own.state == .left }
    for observer in processes where observer.engine != nil && observer !== process && !observer.isStranger {
      let seen = views[observer.index, process.name]
      guard seen.state != .left, seen.epoch == epoch else { continue }
      fail("prompt goodbyes", "\(observer.nodeID) holds \(process.nodeID) as \(seen.version), but it said goodbye")
    }
  }

  /// A process or its machine dies: all know after the longest silence and the time that news takes.
  private func examineDeath(_ process: Process) {
    guard process.engine != nil else { return }
    let isHost = derived(options.seed, 29) % 2 == 0
    let span = process.configuration.membership.suspicionInterval + promptly
    kill(process, host: isHost)
    awaitAgreement(within: span, "complete deaths")
  }

  private func awaitAgreement(within span: Duration, _ checker: String, once isSaid: () -> Bool = { true }) {
    advance(to: now + span) { isSaid() && self.agreement.isComplete }
    if let problem = agreement.problem(in: self) {
      fail(checker, "\(problem), after \(span.milliseconds) ms")
    }
  }
}
