// How fast and at what cost a mesh of simulated nodes does its work, on a network without faults or with steady loss.
import MeshBasics
import MeshEngine
import MeshWire

/// One measurement of a mesh.
public struct Measurement: Equatable, Sendable {
  /// How many nodes.
  public var nodes = 100
  /// From this everything random follows.
  public var seed: UInt64 = 1
  /// Packets lost, in per cent.
  public var loss: UInt64 = 0
  /// Nodes that handle each input up to 2 s late, in per cent.
  public var slow: UInt64 = 0
  /// For how long false alarms are counted; nil measures times and costs on a quiet network.
  public var minutes: UInt64?

  /// What UDP, IP and QUIC add to each message: 20 + 8 bytes of headers, and about 30 of the QUIC packet and stream
  /// frame, the HTTP/3 frame and the length of the message.
  static let overhead = 58

  /// Also print what happens, but for single messages.
  public var isTraced = false

  /// A measurement of 100 nodes.
  public init() {}

  /// Runs it; each line of the table goes to `output`. Returns the exit status.
  public func run(output: @escaping (String) -> Void) -> Int32 {
    var options = SimulationOptions(seed: seed)
    options.nodes = nodes
    options.profile = .calm
    let stage = Stage(
      Simulation(options, tell: isTraced ? { line, isDetail in if !isDetail { output(line) } } : nil), output)
    if let minutes {
      stage.countAlarms(loss: loss, slow: slow, minutes: minutes)
    } else {
      stage.measure()
    }
    if let violation = stage.world.violation { output("FAILED \(violation)") }
    return stage.world.violation == nil ? 0 : 1
  }
}

/// The steps of a measurement.
private struct Stage {
  let world: Simulation
  let output: (String) -> Void
  private let count: Int

  init(_ world: Simulation, _ output: @escaping (String) -> Void) {
    self.world = world
    self.output = output
    count = world.processes.count
    world.network.latencyMin = .microseconds(100)
    world.network.latencyMax = .microseconds(500)
    world.network.jitter = .microseconds(100)
  }

  /// More runs of each event in small meshes, where they are cheap and differ more.
  private var repetitions: Int { count <= 200 ? 9 : 3 }

  func measure() {
    output("nodes \(count), one way 0.1 to 0.6 ms, default knobs, seed \(world.options.seed)")
    form()
    settle(.seconds(20))
    idle()
    join()
    table("metadata update", [.alive(metadataVersion: 0)]) { relabel($0) }
    table("leave", [.ended]) { process in
      world.give(.command(CommandToken(rawValue: 1), .leave), to: process, life: nil)
    }
    table("process death", [.doubted, .ended]) { world.kill($0, host: false) }
    table("silent host death", [.doubted, .ended]) { world.kill($0, host: true) }
  }

  /// All start within a tenth of a second.
  private func form() {
    for process in world.processes {
      let at = world.now + Duration(nanoseconds: Int64(clamping: process.random.below(100_000_000)))
      world.lastStartAt = max(world.lastStartAt, at)
      world.start(process, at: at)
    }
    world.advance(to: world.lastStartAt)
    world.advance(to: world.lastStartAt + .seconds(120)) { world.agreement.isComplete }
    let time = world.now.since(world.lastStartAt)
    let isComplete = world.agreement.isComplete
    output(line("full discovery", isComplete ? [("100 %", time)] : []))
    output(
      "  after \(world.traffic.messages / count) messages and \(world.traffic.bytes / count / 1_000) kB a node")
  }

  private func settle(_ span: Duration) { world.advance(to: world.now + span) }

  private func idle() {
    let before = world.traffic
    settle(.seconds(60))
    let messages = Double(world.traffic.messages &- before.messages) / 60 / Double(count)
    let bytes = Double(world.traffic.bytes &- before.bytes) / 60 / Double(count)
    let links = world.processes.reduce(0) { $0 &+ $1.links.count }
    output(
      "idle: \(tenths(messages)) messages/s and \(tenths(bytes)) B/s a node, "
        + "\(tenths(bytes + messages * Double(Measurement.overhead))) B/s "
        + "with \(Measurement.overhead) B a packet, \(tenths(Double(links) / Double(count))) links")
  }

  private func join() {
    var series = Series()
    for number in 0..<repetitions {
      guard let node = NodeID("newcomer-\(number)"), let endpoint = Endpoint(host: node.name, port: 17_421) else {
        continue
      }
      let process = world.addProcess(node, endpoint, seeds: world.processes[0].configuration.seeds)
      let observers = world.agreement.observerCount
      world.watches = [Watch(process.name, .alive(metadataVersion: 0))]
      let begin = world.now
      world.start(process, at: begin)
      world.advance(to: begin + .seconds(30)) { world.watches[0].times.count >= observers }
      series.add(world.watches[0].times.map { $0.since(begin) }, of: observers)
      settle(.seconds(5))
    }
    output(line("join seen", series.figures))
  }

  private func relabel(_ process: Process) {
    let label = Label(key: "turn", value: "\(world.now.nanoseconds)")
    world.give(.command(CommandToken(rawValue: 2), .setLabels([label])), to: process, life: nil)
  }

  /// Lets `event` befall some nodes, one after the other, and tells when how many others saw it.
  private func table(_ title: String, _ sights: [Watch.Sight], _ event: (Process) -> Void) {
    var series = sights.map { _ in Series() }
    var random = SeededRandom(seed: derived(world.options.seed, title.utf8.count))
    for _ in 0..<repetitions {
      let running = world.processes.filter { $0.engine != nil && !$0.isSeed }
      guard running.count > 2 else { break }
      let victim = running[Int(random.below(UInt64(running.count)))]
      let observers = world.agreement.observerCount &- 1
      let version = world.names.truths[victim.name].own.metadataVersion
      world.watches = sights.map { sight in
        if case .alive = sight { return Watch(victim.name, .alive(metadataVersion: version &+ 1)) }
        return Watch(victim.name, sight)
      }
      let begin = world.now
      event(victim)
      world.advance(to: begin + .seconds(60)) { world.watches.allSatisfy { $0.times.count >= observers } }
      for (index, watch) in world.watches.enumerated() {
        series[index].add(watch.times.map { $0.since(begin) }, of: observers)
      }
      settle(.seconds(5))
    }
    for (index, sight) in sights.enumerated() {
      let name =
        switch sight {
        case .doubted: "\(title) suspected"
        case .ended where sights.count > 1: "\(title) left"
        default: title
        }
      output(line(name, series[index].figures))
    }
  }

  func countAlarms(loss: UInt64, slow: UInt64, minutes: UInt64) {
    output(
      "nodes \(count), one way 0.1 to 0.6 ms, loss \(loss) %, slow nodes \(slow) %, \(minutes) simulated minutes, seed "
        + "\(world.options.seed)")
    form()
    settle(.seconds(10))
    world.network.loss = loss &* 10
    let slowCount = Int(UInt64(count) &* slow / 100)
    for process in world.processes.suffix(slowCount) { process.inputDelay = .seconds(2) }
    // What is counted here must not end the run.
    world.excuseAll(for: .seconds(7_200))
    let before = world.tallies
    world.advance(to: world.now + .seconds(Int64(clamping: minutes &* 60)))
    for name in ["event left", "event suspect", "observed refutation", "observed false suspicion"] {
      output("  \(name): \(world.tallies.count(name) &- before.count(name))")
    }
  }

  private func line(_ title: String, _ figures: [(String, Duration)]) -> String {
    let padding = String(repeating: " ", count: max(1, 28 &- title.utf8.count))
    if figures.isEmpty { return "\(title)\(padding)not seen by all" }
    return title + padding
      + figures.map { "\($0.0) \(tenths($0.1.fractionalMilliseconds)) ms" }.joined(separator: "   ")
  }

  private func tenths(_ number: Double) -> String {
    let rounded = Int64(number * 10 + 0.5)
    return "\(rounded / 10).\(rounded % 10)"
  }
}

/// The times at which others saw some events of one kind.
private struct Series {
  private var first: [Duration] = []
  private var half: [Duration] = []
  private var most: [Duration] = []
  private var last: [Duration] = []

  mutating func add(_ times: [Duration], of observers: Int) {
    guard observers > 0, times.count >= observers else { return }
    first.append(times[0])
    half.append(times[(observers &- 1) / 2])
    most.append(times[min(observers &- 1, observers &* 95 / 100)])
    last.append(times[observers &- 1])
  }

  /// The medians over all events, and the worst.
  var figures: [(String, Duration)] {
    guard !first.isEmpty else { return [] }
    return [
      ("first", median(first)), ("50 %", median(half)), ("95 %", median(most)), ("100 %", median(last)),
      ("worst", last.max() ?? .zero),
    ]
  }

  private func median(_ times: [Duration]) -> Duration { times.sorted()[times.count / 2] }
}
