// The steps of a measurement. Whoever has left or died is started again, so that the mesh has its size at each event.
import MeshBasics
import MeshEngine
import MeshWire

struct MeasurementStage {
  let world: Simulation
  let figures = Figures()
  private let count: Int

  init(_ world: Simulation) {
    self.world = world
    count = world.processes.count
    world.network.latencyMin = .microseconds(100)
    world.network.latencyMax = .microseconds(500)
    world.network.jitter = .microseconds(100)
    // Nodes come and go all the time, without a fault of the plan.
    world.disturb(for: .seconds(1_000_000))
  }

  /// More runs of each event in small meshes, where they are cheap and differ more.
  private var repetitions: Int { count <= 200 ? 9 : 3 }

  func measure() {
    form()
    settle(.seconds(20))
    idle()
    for number in 0..<repetitions { join(number) }
    trials("metadata update", [Sight("metadata update seen by", .alive(metadataVersion: 0), Sight.wide)]) {
      relabel($0)
    }
    trials("leave", [Sight("graceful leave seen by", .ended, Sight.wide)]) { process in
      world.give(.command(CommandToken(rawValue: 1), .leave), to: process, life: nil)
    }
    for (title, host) in [("kill", false), ("silent host loss", true)] {
      let sights = [
        Sight("\(title) to suspect", .doubted, Sight.early), Sight("\(title) to left", .ended, Sight.early),
      ]
      trials(title, sights) { world.kill($0, host: host) }
    }
  }

  /// All start within a tenth of a second.
  private func form() {
    for process in world.processes {
      let at = world.now + Duration(nanoseconds: Int64(clamping: process.random.below(100_000_000)))
      world.lastStartAt = max(world.lastStartAt, at)
      world.start(process, at: at)
    }
    world.advance(to: world.lastStartAt)
    let isComplete = agrees(within: .seconds(120))
    figures.add("full discovery after all start", "ms", isComplete ? milliseconds(since: world.lastStartAt) : nil)
    figures.add("messages sent a node until then", "", Double(world.traffic.messages) / Double(count))
    figures.add("bytes sent a node until then", "B", bytes(of: world.traffic) / Double(count))
  }

  private func settle(_ span: Duration) { world.advance(to: world.now + span) }

  private func agrees(within span: Duration) -> Bool {
    world.advance(to: world.now + span) { world.agreement.isComplete }
    return world.agreement.isComplete
  }

  private func milliseconds(since begin: Instant) -> Double { world.now.since(begin).fractionalMilliseconds }

  /// With what the layers below add to each message.
  private func bytes(of traffic: Traffic) -> Double {
    Double(traffic.bytes &+ traffic.messages &* Measurement.overhead)
  }

  private func idle() {
    let before = world.traffic
    settle(.seconds(60))
    let used = Traffic(
      messages: world.traffic.messages &- before.messages, bytes: world.traffic.bytes &- before.bytes)
    figures.add("idle packets sent a node, no acknowledgements", "/s", Double(used.messages) / 60 / Double(count))
    figures.add("idle bytes sent a node, no acknowledgements", "B/s", bytes(of: used) / 60 / Double(count))
    for process in world.processes { figures.add("links of a node", "", Double(process.links.count)) }
  }

  /// A newcomer joins, is seen, and goes again.
  private func join(_ number: Int) {
    guard let node = NodeID("newcomer-\(number)"), let endpoint = Endpoint(host: node.name, port: 17_421) else {
      return
    }
    let process = world.addProcess(node, endpoint, seeds: world.processes[0].configuration.seeds)
    watch([Sight("one join seen by", .alive(metadataVersion: 0), Sight.wide)], process) {
      world.start(process, at: world.now)
    }
    world.give(.command(CommandToken(rawValue: 1), .leave), to: process, life: nil)
    world.advance(to: world.now + .seconds(30)) { process.engine == nil && world.agreement.isComplete }
    settle(.seconds(5))
  }

  private func relabel(_ process: Process) {
    let label = Label(key: "turn", value: "\(world.now.nanoseconds)")
    world.give(.command(CommandToken(rawValue: 2), .setLabels([label])), to: process, life: nil)
  }

  /// Lets `event` befall some nodes, one after the other; but never the first, which is everybody's seed.
  private func trials(_ title: String, _ sights: [Sight], _ event: (Process) -> Void) {
    var random = SeededRandom(seed: derived(world.options.seed, title.utf8.count))
    for _ in 0..<repetitions {
      let running = world.processes.filter { $0.engine != nil && $0.index > 0 }
      guard !running.isEmpty else { break }
      let victim = running[Int(random.below(UInt64(running.count)))]
      watch(sights, victim) { event(victim) }
      if case .alive? = sights.first?.what {} else { restart(victim) }
      settle(.seconds(5))
    }
  }

  /// A leaver stays for as long as its goodbye takes.
  private func restart(_ victim: Process) {
    world.advance(to: world.now + .seconds(5)) { victim.engine == nil }
    world.start(victim, at: world.now)
    _ = agrees(within: .seconds(60))
  }

  /// Notes when how many of the others see what befalls a process.
  private func watch(_ sights: [Sight], _ subject: Process, _ event: () -> Void) {
    let observers = world.agreement.observerCount &- (subject.engine == nil ? 0 : 1)
    let version = world.names.truths[subject.name].own.metadataVersion
    world.watches = sights.map { sight in
      if case .alive = sight.what { return Watch(subject.name, .alive(metadataVersion: version &+ 1)) }
      return Watch(subject.name, sight.what)
    }
    let begin = world.now
    event()
    world.advance(to: begin + .seconds(60)) { world.watches.allSatisfy { $0.times.count >= observers } }
    for (sight, watch) in zip(sights, world.watches) {
      let times = watch.times.map { $0.since(begin).fractionalMilliseconds }
      for (text, share) in sight.shares {
        let place = max(1, (observers &* share &+ 99) / 100) &- 1
        figures.add(
          "\(sight.name), \(text)", "ms", times.count >= observers && place < times.count ? times[place] : nil)
      }
    }
    world.watches = []
  }

  /// Counts false alarms for so many simulated minutes, each of which is told when it is over: an hour takes long.
  func countAlarms(loss: UInt64, slow: UInt64, minutes: UInt64, tell: (String) -> Void) {
    form()
    settle(.seconds(10))
    world.network.loss = loss &* 10
    let slowCount = Int(UInt64(count) &* slow / 100)
    for process in world.processes.suffix(slowCount) { process.inputDelay = .seconds(2) }
    // What is counted here must not end the run.
    world.excuseAll(for: .seconds(7_200))
    let (before, sentBefore) = (world.tallies, world.traffic)
    for minute in 0..<minutes {
      settle(.seconds(60))
      let counts = Self.alarms.map { "\($0.title) \(world.tallies.count($0.name) &- before.count($0.name))" }
      tell(
        "after \(minute &+ 1) min: \(counts.joined(separator: ", ")), "
          + "messages \(world.traffic.messages &- sentBefore.messages)")
    }
    for alarm in Self.alarms {
      let counted = world.tallies.count(alarm.name) &- before.count(alarm.name)
      figures.add("\(alarm.title) in all that time", "events", Double(counted))
    }
  }

  private static let alarms = [
    (name: "event left", title: "false left"), (name: "event suspect", title: "false suspect"),
    (name: "observed refutation", title: "refutations"),
  ]
}

/// What others are to see of an event, and at which shares of them the times are told.
private struct Sight {
  let name: String
  let what: Watch.Sight
  let shares: [(text: String, percent: Int)]

  static let wide = [("50 %", 50), ("95 %", 95), ("all", 100)]
  static let early = [("first", 0), ("50 %", 50), ("all", 100)]

  init(_ name: String, _ what: Watch.Sight, _ shares: [(String, Int)]) {
    self.name = name
    self.what = what
    self.shares = shares
  }
}
