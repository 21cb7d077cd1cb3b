// The real engines of several nodes under virtual time. Everything follows from the seed: two runs give one hash.
import MeshBasics
import MeshEngine
import MeshMembership
import MeshWire

/// One run of the simulator.
public struct Simulation {
  enum Event {
    case wake(node: Int, life: Int)
    case input(node: Int, life: Int, EngineInput)
    case message(LinkEndpoint, [UInt8])
    case dialArrived(LinkEndpoint, Endpoint)
    case written(node: Int, life: Int, SyncToken, StoreWrite)
    case fault
    case calm
    case inspection
  }

  let options: SimulationOptions
  var random: SeededRandom
  var nodes: [Node] = []
  var network = Network()
  var queue = EventQueue<Event>()
  var now = Instant.origin
  var hash = StableHash()
  var steps = 0
  var violation: String?
  var isCalm = false
  var calmInspections = 0
  var lastProblem: String?
  var tallies = OrderedMap<String, Int>()
  var lastStartAt = Instant.origin
  var formedAfter: Duration?
  /// Where the steps are told in words, if anybody wants them.
  let tell: ((String) -> Void)?
  private var checkers: [any Checker] = []
  private var effects = EngineEffects()

  static let unixStart: Int64 = 1_800_000_000_000

  /// A run that has not begun. Each of its steps goes to `tell` in words.
  public init(_ options: SimulationOptions, tell: ((String) -> Void)? = nil) {
    self.options = options
    self.tell = tell
    random = SeededRandom(seed: options.seed)
    let drawn = 3 &+ Int(random.below(8))
    let count = max(1, min(options.nodes ?? drawn, SimulationOptions.nodesMax))
    let seedCount = 1 &+ Int(random.below(UInt64(min(3, count))))
    let seeds = (0..<min(seedCount, count)).compactMap { Endpoint(host: Node.name($0), port: 17421) }
    nodes = (0..<count).compactMap { Node(index: $0, seeds: seeds, plant: options.plant) }
    checkers = [
      MonotonicVersions(), NoResurrection(), OneEpochPerLife(), OnlyOwnersMint(),
      BoundedQueues(retransmitLimit: 3, nodes: count),
    ]
  }

  /// Runs to the end: until an invariant fails, or the mesh has converged and stayed so.
  public mutating func run() -> SimulationResult {
    for index in nodes.indices {
      var startsAt = now + Duration(nanoseconds: Int64(random.below(2_000_000_000)))
      if options.steadyLatency != nil {
        // The first node is a seed of all, and there before them.
        startsAt = index == 0 ? now : startsAt + .milliseconds(100)
      }
      lastStartAt = max(lastStartAt, startsAt)
      start(index, at: startsAt)
    }
    drawWeather()
    let calmAt = now + (options.steadyLatency == nil ? options.faultTime : .seconds(2))
    if options.steadyLatency == nil { queue.schedule(.fault, at: now + .seconds(2)) }
    queue.schedule(.calm, at: calmAt)
    let end = calmAt + options.calmTime
    while violation == nil, let next = queue.nextAt, next <= end, calmInspections < 4 {
      guard let (at, event) = queue.popFirst() else { break }
      now = max(now, at)
      handle(event)
    }
    if violation == nil && calmInspections < 4 {
      violation =
        "convergence: \(lastProblem ?? "not inspected") \(options.calmTime.milliseconds / 1000) s after the faults"
    }
    tallies["messages reordered"] = network.reordered
    return SimulationResult(
      seed: options.seed, nodes: nodes.count, hash: hash.value, violation: violation, steps: steps, endedAt: now,
      formedAfter: formedAfter, tally: tallies.map { ($0.0, $0.1) })
  }

  /// Counts something that happened, and tells it.
  mutating func count(_ name: String, at index: Int? = nil) {
    tallies[name] = (tallies[name] ?? 0) &+ 1
    if let index { say(index, name) }
  }

  private mutating func handle(_ event: Event) {
    switch event {
    case .wake(let index, let life):
      guard nodes[index].life == life, let wakeAt = nodes[index].wakeAt, wakeAt <= now else { return }
      nodes[index].wakeAt = nil
      if nodes[index].engine == nil { boot(index) } else { step(index, .deadlineReached) }
    case .input(let index, let life, let input):
      if nodes[index].life == life { step(index, input) }
    case .message(let receiver, let bytes):
      guard network.peers[receiver] != nil else { return }
      if deferred(receiver.node, .message(receiver, bytes)) { return }
      step(receiver.node, .received(receiver.link, bytes))
    case .dialArrived(let dialer, let endpoint): dialArrived(dialer, endpoint)
    case .written(let index, let life, let token, let write):
      guard nodes[index].life == life else { return }
      // A crash before this moment loses the write.
      switch write {
      case .epoch(let epoch): nodes[index].disk.epoch = epoch
      case .knownPeers(let peers): nodes[index].disk.knownPeers = peers
      }
      step(index, .stored(token))
    case .fault: causeFault()
    case .calm: becomeCalm()
    case .inspection: inspect()
    }
  }

  /// Whether `node` is paused, in which case the event comes again when it goes on.
  private mutating func deferred(_ node: Int, _ event: Event) -> Bool {
    guard nodes[node].pausedUntil > now else { return false }
    queue.schedule(event, at: nodes[node].pausedUntil)
    return true
  }

  /// Schedules the process's start.
  mutating func start(_ index: Int, at moment: Instant) {
    nodes[index].life &+= 1
    nodes[index].wakeAt = moment
    queue.schedule(.wake(node: index, life: nodes[index].life), at: moment)
  }

  private mutating func boot(_ index: Int) {
    var stored = nodes[index].disk
    var unix = Simulation.unixStart &+ now.since(.origin).milliseconds
    // The wall clock may be off by minutes either way at each start.
    unix &+= Int64(random.below(600_000)) &- 300_000
    if options.plant == .reusesEpoch && nodes[index].life > 1 {
      stored.epoch = 0
      unix = Simulation.unixStart &- 600_000
    }
    nodes[index].seenRevision = nil
    nodes[index].engine = Engine(configuration: nodes[index].configuration, stored: stored, seed: random.next())
    step(index, .started(unixMilliseconds: unix))
  }

  /// Gives one input to one engine, carries out its effects and checks what changed.
  mutating func step(_ index: Int, _ input: EngineInput) {
    if deferred(index, .input(node: index, life: nodes[index].life, input)) { return }
    guard nodes[index].engine != nil, violation == nil else { return }
    steps &+= 1
    trace(index, input)
    say(index, words(for: input, at: index))
    effects.removeAll()
    nodes[index].engine?.handle(input, now: now, into: &effects)
    let wanted = effects.list
    for effect in wanted { carryOut(effect, for: index) }
    rearm(index)
    check(index)
    if options.steadyLatency != nil && formedAfter == nil { noteFormation() }
  }

  private mutating func noteFormation() {
    let live = nodes.compactMap { node in node.engine.map { (node: node.id, engine: $0) } }
    guard live.count == nodes.count, Convergence().check(live: live, stopped: []) == nil else { return }
    formedAfter = now.since(lastStartAt)
  }

  private mutating func rearm(_ index: Int) {
    guard let deadline = nodes[index].engine?.nextDeadline else {
      nodes[index].wakeAt = nil
      return
    }
    let at = max(deadline, now)
    if let wakeAt = nodes[index].wakeAt, wakeAt <= at { return }
    nodes[index].wakeAt = at
    queue.schedule(.wake(node: index, life: nodes[index].life), at: at)
  }

  private mutating func check(_ index: Int) {
    guard let engine = nodes[index].engine, engine.viewRevision != nodes[index].seenRevision else { return }
    nodes[index].seenRevision = engine.viewRevision
    let sighting = Sighting(
      observer: nodes[index].id, life: nodes[index].life, members: engine.members, statistics: engine.statistics)
    for position in checkers.indices {
      guard let problem = checkers[position].check(sighting) else { continue }
      violation = "\(checkers[position].name): \(problem), at \(now.since(.origin).milliseconds) ms"
      return
    }
  }

  private mutating func trace(_ index: Int, _ input: EngineInput) {
    hash.combine(now.nanoseconds)
    hash.combine(UInt64(index))
    switch input {
    case .received(let link, let bytes):
      hash.combine(byte: 1)
      hash.combine(link.rawValue)
      hash.combine(bytes)
    case .linkOpened(let link, _):
      hash.combine(byte: 2)
      hash.combine(link.rawValue)
    case .linkClosed(let link, _):
      hash.combine(byte: 3)
      hash.combine(link.rawValue)
    case .started: hash.combine(byte: 4)
    case .stored(let token):
      hash.combine(byte: 5)
      hash.combine(token.rawValue)
    case .command(let token, _):
      hash.combine(byte: 6)
      hash.combine(token.rawValue)
    default: hash.combine(byte: 7)
    }
  }

  private mutating func carryOut(_ effect: EngineEffect, for index: Int) {
    let life = nodes[index].life
    switch effect {
    case .dial(let link, let endpoint):
      hash.combine(link.rawValue)
      let dialer = LinkEndpoint(node: index, life: life, link: link)
      queue.schedule(.dialArrived(dialer, endpoint), at: now + network.latency(&random).multiplied(by: 2))
    case .send(let link, let bytes):
      hash.combine(UInt64(bytes.count))
      let sender = LinkEndpoint(node: index, life: life, link: link)
      guard let receiver = network.peers[sender] else { return }
      let arrivals = network.arrivals(from: index, at: receiver, now: now, &random)
      if arrivals.isEmpty { count("messages lost", at: index) }
      if arrivals.count > 1 { count("messages repeated", at: index) }
      for arrival in arrivals { queue.schedule(.message(receiver, bytes), at: arrival) }
    case .close(let link, _):
      close(LinkEndpoint(node: index, life: life, link: link), tellsOther: true)
    case .persist(let token, let write):
      let delay = Duration(nanoseconds: 1_000_000 &+ Int64(random.below(8_000_000)))
      queue.schedule(.written(node: index, life: life, token, write), at: now + delay)
    case .notify(let event):
      hash.combine(event.correlation)
      count("event \(event.kind)")
      say(index, "sees \(event.member.nodeID) \(event.kind): \(event.member.version)")
    case .observe(.selfRefuted): count("refutations", at: index)
    case .stopped: stopped(index)
    case .poison(let reason): violation = "poison: \(nodes[index].id) \(reason)"
    case .respond, .observe, .complete: break
    }
  }

  private mutating func stopped(_ index: Int) {
    nodes[index].engine = nil
    nodes[index].life &+= 1
    nodes[index].wakeAt = nil
  }

  /// Takes a connection down and tells the other end after a moment.
  mutating func close(_ end: LinkEndpoint, tellsOther: Bool, _ reason: LinkEnd = .closed) {
    guard let other = network.disconnect(end), tellsOther else { return }
    let closed = Event.input(node: other.node, life: other.life, .linkClosed(other.link, reason))
    queue.schedule(closed, at: now + network.latency(&random))
  }

  private mutating func dialArrived(_ dialer: LinkEndpoint, _ endpoint: Endpoint) {
    guard nodes[dialer.node].life == dialer.life else { return }
    let answer: EngineInput
    let listener = nodes.firstIndex { $0.endpoint == endpoint && $0.engine != nil }
    var delay = network.latency(&random)
    if let listener, !network.weather.separates(dialer.node, listener),
      nodes[listener].pausedUntil <= now, !random.chance(network.weather.dialFailure, in: 1000)
    {
      let other = network.connect(dialer, to: listener, life: nodes[listener].life)
      // Both learn of the link before any message of it can arrive, as a transport warrants.
      step(dialer.node, .linkOpened(dialer.link, peer(of: listener)))
      step(listener, .linkOpened(other.link, peer(of: dialer.node)))
      return
    } else if listener == nil {
      answer = .linkClosed(dialer.link, .unreachable("refused"))
    } else {
      answer = .linkClosed(dialer.link, .timedOut)
      delay = delay + .seconds(3)
      count("dials failed", at: dialer.node)
    }
    queue.schedule(.input(node: dialer.node, life: dialer.life, answer), at: now + delay)
  }

  private func peer(of index: Int) -> LinkPeer {
    let identity = PeerIdentity(nodeNames: [nodes[index].id.name], clusterID: "local", keyFingerprint: "")
    return LinkPeer(identity: identity, remoteAddress: nodes[index].endpoint.description, transport: "simulated")
  }
}
