// Makes a failing run small: without nodes, without faults, with less time, as long as the same checker still fails.
import MeshBasics

struct Minimizer {
  /// Tries and steps at most: a person waits.
  private static let runsMax = 300
  private static let stepsMax = 4_000_000

  private var best: SimulationOptions
  private let checker: String
  private let nodes: Int
  private(set) var runs = 0
  private var steps = 0

  init(_ options: SimulationOptions, _ result: SimulationResult) {
    best = options
    checker = result.violation?.checker ?? ""
    nodes = result.nodes
  }

  /// The shortest run that was found.
  mutating func run() -> SimulationOptions {
    if best.faults == nil { best.faults = Array(Simulation(best).plan.indices) }
    dropNodes()
    dropFaults()
    shortenTime()
    dropFaults()
    return best
  }

  private var isExhausted: Bool { runs >= Minimizer.runsMax || steps >= Minimizer.stepsMax }

  /// Whether the same checker still fails; then `candidate` is the best so far.
  private mutating func fails(_ candidate: SimulationOptions) -> Bool {
    guard !isExhausted else { return false }
    runs &+= 1
    let result = Simulation(candidate).run()
    steps &+= result.steps
    guard result.violation?.checker == checker else { return false }
    best = candidate
    return true
  }

  /// Leaves out halves, then quarters, and so on down to single ones; but not the first, the seed that all look for.
  private mutating func dropNodes() {
    var size = max(1, nodes / 2)
    while size >= 1 {
      var start = 0
      while start < nodes {
        let chunk = (start..<min(start &+ size, nodes)).filter { $0 > 0 && !best.skipped.contains($0) }
        if !chunk.isEmpty && best.skipped.count &+ chunk.count < nodes {
          var candidate = best
          candidate.skipped = (best.skipped + chunk).sorted()
          _ = fails(candidate)
        }
        start &+= size
      }
      if size == 1 { break }
      size /= 2
    }
  }

  private mutating func dropFaults() {
    var size = max(1, (best.faults?.count ?? 0) / 2)
    while size >= 1 {
      var start = 0
      while let faults = best.faults, start < faults.count {
        var candidate = best
        var rest = faults
        rest.removeSubrange(start..<min(start &+ size, faults.count))
        candidate.faults = rest
        // What comes after moves up when the chunk is gone.
        if !fails(candidate) { start &+= size }
      }
      if size == 1 { break }
      size /= 2
    }
  }

  private mutating func shortenTime() {
    var step = best.lasting.divided(by: 2)
    while step >= .milliseconds(250) {
      var candidate = best
      candidate.faultTime = best.lasting - step
      if candidate.lasting < .milliseconds(500) || !fails(candidate) { step = step.divided(by: 2) }
    }
  }
}
