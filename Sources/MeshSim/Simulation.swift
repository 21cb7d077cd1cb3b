// The real engines of several nodes under virtual time. Everything follows from the seed: two runs give one hash.
import MeshBasics
import MeshEngine
import MeshMembership
import MeshWire

/// One run of the simulator.
public final class Simulation {
  let options: SimulationOptions
  let plan: [Fault]
  /// Whether messages travel as bytes, through the codec.
  let carriesBytes: Bool
  /// Whether the run is small enough for checkers whose cost grows with the square of the nodes.
  let isSmall: Bool

  var processes: [Process] = []
  /// Which process listens where.
  var listeners: [Endpoint: Int] = [:]
  /// The names that were ever looked for at an address.
  var addressNames: [Endpoint: [Int]] = [:]
  var names: Names
  var network: Network
  var connections = Connections()
  var queue = EventQueue<Event>()
  var now = Instant.origin
  var hash = TraceHash()
  var steps = 0
  var violation: Violation?
  var checks: Checks
  var views = Views()
  var agreement = Agreement()
  var tallies = Tally()
  var traffic = Traffic()
  var watches: [Watch] = []
  /// Until then everybody may give everybody up.
  var excusedUntil = Instant.origin
  /// Until then something may keep nodes from reaching each other, with whosever help.
  var disturbedUntil = Instant.origin
  /// Names that an operator declared gone.
  var removed: [Int] = []
  var broadcastCount = 0
  /// The bandwidth and the jitter outside of faults that change them.
  var usualBandwidth: Int64 = 0
  var usualJitter = Duration.zero
  /// Whether a hostile member takes part, so that what is told of others may be forged.
  let isForged: Bool
  /// How many hostile members have appeared so far.
  var hostileCount = 0
  /// Whether nodes of another cluster take part.
  let hasStrangers: Bool
  /// What the faults of this run have in common, if anything.
  let theme: FaultTheme?
  var isCalm = false
  /// When the last of what was sent before the calm arrives.
  var backlogUntil = Instant.origin
  /// Whether the step that is taken is one that a deadline caused.
  var isWakeUp = false
  var agreedSince: Instant?
  /// They have nothing more to say than they must.
  var isQuiet = false
  var lastStartAt = Instant.origin
  var formedAt: Instant?
  /// Numbers that faults need while they last.
  var random: SeededRandom
  /// Where the steps are told in words, if anybody wants them; the flag says whether a line is one of many small ones.
  let tell: ((_ line: String, _ isDetail: Bool) -> Void)?
  private var effects = EngineEffects()

  /// A run that has not begun. Each of its steps goes to `tell` in words.
  public init(_ options: SimulationOptions, tell: ((_ line: String, _ isDetail: Bool) -> Void)? = nil) {
    self.options = options
    self.tell = tell
    random = SeededRandom(seed: derived(options.seed, 3))
    let drawn = 3 &+ Int(min(random.below(28), random.below(28)))
    let wanted = options.nodes ?? Simulation.crowd(options.seed) ?? drawn
    let count = max(1, min(wanted, SimulationOptions.nodesMax))
    let seedCount = 1 &+ Int(random.below(UInt64(min(3, count))))
    plan = FaultPlan.draw(options, nodes: count, seedCount: seedCount)
    theme = options.profile == .calm ? nil : FaultTheme(options)
    hasStrangers = plan.contains { $0.kind == .stranger }
    isForged = plan.contains { $0.kind == .hostile }
    isSmall = count <= SimulationOptions.smallNodesMax
    carriesBytes = isSmall
    network = Network(seed: options.seed, processes: count)
    names = Names()
    checks = Checks()
    makeProcesses(count, seedCount: seedCount)
    drawDistances()
    usualBandwidth = network.bandwidth
    usualJitter = network.jitter
  }

  /// One seed of 64 has 40 to 64 nodes: there nodes have more random links than they keep, and give some back.
  private static func crowd(_ seed: UInt64) -> Int? {
    guard derived(seed, 31) % 64 == 0 else { return nil }
    return 40 &+ Int(derived(seed, 37) % UInt64(SimulationOptions.smallNodesMax &- 39))
  }

  private func makeProcesses(_ count: Int, seedCount: Int) {
    let seeds = (0..<seedCount).compactMap { Endpoint(host: Process.name($0), port: 17_421) }
    for index in 0..<count {
      guard let node = NodeID(Process.name(index)), let endpoint = Endpoint(host: node.name, port: 17_421) else {
        continue
      }
      addProcess(node, endpoint, seeds: seeds).isSeed = index < seedCount
    }
    for index in options.skipped where index < processes.count { processes[index].isSkipped = true }
  }

  @discardableResult
  func addProcess(_ node: NodeID, _ endpoint: Endpoint, seeds: [Endpoint], cluster: String = "local") -> Process {
    var metadata = NodeMetadata()
    metadata.endpoint = endpoint.description
    metadata.clusterID = cluster
    var configuration = EngineConfiguration(nodeID: node, metadata: metadata)
    configuration.seeds = seeds
    configuration.membership.mutations = options.plant?.mutations ?? []
    let process = Process(
      index: processes.count, name: number(of: node), nodeID: node, endpoint: endpoint, configuration: configuration,
      seed: options.seed)
    // At most half a per cent fast or slow.
    if options.profile != .calm { process.clock.drift = Int64(random.below(10_001)) &- 5_000 }
    processes.append(process)
    listen(process)
    views.addProcess()
    if network.machineLoss.count < processes.count { network.add(1) }
    return process
  }

  func listen(_ process: Process) {
    listeners[process.endpoint] = process.index
    if addressNames[process.endpoint]?.contains(process.name) != true {
      addressNames[process.endpoint, default: []].append(process.name)
    }
  }

  private func drawDistances() {
    if let latency = options.steadyLatency {
      network.latencyMin = latency
      network.latencyMax = latency
      return
    }
    network.latencyMax = .milliseconds(1 &+ Int64(random.below(20)))
    if random.chance(1, in: 3) { network.jitter = .milliseconds(1 &+ Int64(random.below(30))) }
    if options.profile == .wan {
      network.regions = 2 &+ Int(random.below(4))
      network.jitter = .milliseconds(1 &+ Int64(random.below(20)))
      network.bandwidth = Int64(200_000 &+ random.below(2_000_000))
    }
  }

  /// Handles all that is due up to `end`, or until `isDone` says so.
  func advance(to end: Instant, until isDone: () -> Bool = { false }) {
    while violation == nil, let next = queue.nextAt, next <= end {
      guard let (at, event) = queue.popFirst() else { break }
      now = max(now, at)
      handle(event)
      if isDone() { return }
    }
    if violation == nil && !isDone() { now = max(now, end) }
  }

  /// One input, its effects, and what the checkers say.
  func step(_ process: Process, _ input: EngineInput) {
    guard process.engine != nil, violation == nil else { return }
    steps &+= 1
    trace(process, input)
    if case .deadlineReached = input { isWakeUp = true } else { isWakeUp = false }
    if case .command(_, let command) = input { note(command, of: process) }
    if case .linkClosed(let link, _) = input { noteDial(link, of: process) }
    effects.removeAll()
    // What is due anyhow is done in the same step.
    var unreadable: LinkID?
    if case .unreadable(let link, _) = input, let deadline = process.engine?.nextDeadline,
      deadline > process.clock.local(now)
    {
      unreadable = link
    }
    process.engine?.handle(input, now: process.clock.local(now), into: &effects)
    let wanted = effects.list
    if let unreadable, let problem = checks.amplification.unreadable(wanted, on: unreadable, by: process) {
      fail(Amplification.name, problem)
    }
    for effect in wanted { carryOut(effect, for: process) }
    guard process.engine != nil else { return }
    rearm(process)
    look(at: process)
  }

  private func note(_ command: Command, of process: Process) {
    switch command {
    case .setLabels(let labels): if process.engine?.isUp == true { process.labels = labels }
    case .leave: process.isLeaving = true
    case .setDraining, .removeMember, .broadcast: break
    }
  }

  /// Schedules the wake-up for the engine's next deadline, unless one that comes early enough is scheduled.
  func rearm(_ process: Process) {
    guard let deadline = process.engine?.nextDeadline, deadline != .distantFuture else {
      process.wakeAt = nil
      return
    }
    var at = max(process.clock.time(of: deadline), now)
    if process.tickDelay > .zero {
      let late = process.random.below(UInt64(process.tickDelay.nanoseconds))
      at = at + Duration(nanoseconds: Int64(clamping: late))
    }
    if let wakeAt = process.wakeAt, wakeAt <= at { return }
    process.wakeAt = at
    queue.schedule(.wake(process: process.index, life: process.life), at: at)
  }

  func fail(_ checker: String, _ problem: String) {
    guard violation == nil else { return }
    violation = Violation(checker: checker, problem: problem, at: now)
    say(nil, "FAILED \(checker): \(problem)")
  }

  func isRemoved(_ name: Int) -> Bool { removed.contains(name) }

  func tally(_ count: Tally.Count) { tallies.add(count) }
}
