// What goes wrong in a run, and how it ends.
import MeshBasics
import MeshEngine
import MeshWire

extension Simulation {
  /// Each run has weather of its own, from calm to rough.
  mutating func drawWeather() {
    if let latency = options.steadyLatency {
      network.weather.latencyMin = latency
      network.weather.latencyMax = latency
      return
    }
    network.weather.latencyMax = .milliseconds(1 &+ Int64(random.below(40)))
    guard !random.chance(1, in: 5) else { return }
    network.weather.loss = random.below(80)
    network.weather.duplication = random.below(50)
    network.weather.reordering = random.below(100)
    network.weather.dialFailure = random.below(200)
  }

  mutating func causeFault() {
    guard !isCalm else { return }
    queue.schedule(.fault, at: now + Duration(nanoseconds: 200_000_000 &+ Int64(random.below(4_000_000_000))))
    let index = Int(random.below(UInt64(nodes.count)))
    switch random.below(9) {
    case 0, 1: crash(index)
    case 2, 3: restart(index)
    case 4: leave(index)
    case 5: breakLink(of: index)
    case 6: pause(index)
    case 7: partition()
    default: relabel(index)
    }
  }

  private mutating func crash(_ index: Int) {
    guard nodes[index].engine != nil else { return }
    count("crashes", at: index)
    nodes[index].engine = nil
    nodes[index].life &+= 1
    nodes[index].wakeAt = nil
    for end in network.ends(of: index) {
      if random.chance(1, in: 3) {
        // The host died with the process: the peers find out when their transport gives up.
        guard let other = network.disconnect(end) else { continue }
        let closed = Event.input(node: other.node, life: other.life, .linkClosed(other.link, .timedOut))
        queue.schedule(closed, at: now + .seconds(10))
      } else {
        close(end, tellsOther: true)
      }
    }
    if random.chance(1, in: 2) { start(index, at: now + Duration(nanoseconds: Int64(random.below(8_000_000_000)))) }
  }

  private mutating func restart(_ index: Int) {
    guard nodes[index].engine == nil, nodes[index].wakeAt == nil else { return }
    count("restarts", at: index)
    start(index, at: now)
  }

  private mutating func leave(_ index: Int) {
    guard nodes[index].engine != nil else { return }
    count("leaves", at: index)
    step(index, .command(CommandToken(rawValue: 1), .leave))
  }

  private mutating func breakLink(of index: Int) {
    let ends = network.ends(of: index)
    guard !ends.isEmpty else { return }
    count("links broken", at: index)
    let end = ends[Int(random.below(UInt64(ends.count)))]
    let closed = Event.input(node: end.node, life: end.life, .linkClosed(end.link, .timedOut))
    queue.schedule(closed, at: now)
    close(end, tellsOther: true, .timedOut)
  }

  private mutating func pause(_ index: Int) {
    count("pauses", at: index)
    nodes[index].pausedUntil = now + Duration(nanoseconds: 200_000_000 &+ Int64(random.below(9_000_000_000)))
  }

  private mutating func partition() {
    if !network.weather.island.isEmpty {
      network.weather.island = []
      say(nil, "is whole again")
      return
    }
    count("partitions")
    say(nil, "falls into two parts")
    network.weather.island = nodes.map { _ in random.chance(1, in: 2) }
    let isNoticed = random.chance(1, in: 2)
    for (end, other) in network.peers where network.weather.separates(end.node, other.node) && isNoticed {
      let closed = Event.input(node: end.node, life: end.life, .linkClosed(end.link, .timedOut))
      queue.schedule(closed, at: now + .seconds(5))
      close(end, tellsOther: true, .timedOut)
    }
  }

  private mutating func relabel(_ index: Int) {
    count("relabels", at: index)
    let label = Label(key: "turn", value: "\(random.below(1000))")
    step(index, .command(CommandToken(rawValue: 2), .setLabels([label])))
  }

  mutating func becomeCalm() {
    isCalm = true
    let drawn = network.weather
    network.weather = Weather()
    network.weather.latencyMin = drawn.latencyMin
    network.weather.latencyMax = drawn.latencyMax
    say(nil, "is calm from now on")
    for index in nodes.indices {
      nodes[index].pausedUntil = min(nodes[index].pausedUntil, now)
      // The first node is everybody's seed: without it those that have never met can't find each other.
      if index == 0 || random.chance(1, in: 2) { restart(index) }
    }
    queue.schedule(.inspection, at: now + .seconds(1))
  }

  /// Looks once a second whether all agree; four times in a row end the run.
  mutating func inspect() {
    queue.schedule(.inspection, at: now + .seconds(1))
    let live = nodes.compactMap { node in node.engine.map { (node: node.id, engine: $0) } }
    let starting = nodes.contains { $0.engine == nil && $0.wakeAt != nil }
    let stopped = nodes.filter { $0.engine == nil }.map(\.id)
    lastProblem = starting ? "a node is still starting" : Convergence().check(live: live, stopped: stopped)
    calmInspections = lastProblem == nil ? calmInspections &+ 1 : 0
    hash.combine(UInt64(live.count))
  }
}
