// How a run is told to people.
import MeshBasics

/// Lines about runs.
enum Report {
  static func line(_ result: SimulationResult, _ options: SimulationOptions) -> String {
    let seconds = result.endedAt.since(.origin).milliseconds / 1_000
    let hash = String(result.hash, radix: 16)
    let padded = String(repeating: "0", count: max(0, 16 - hash.count)) + hash
    return "seed \(result.seed) \(options.profile.rawValue) nodes \(result.nodes) hash \(padded) steps \(result.steps) "
      + "seconds \(seconds)"
  }

  /// The command that repeats a run.
  static func command(_ options: SimulationOptions, nodes: Int) -> String {
    var words = ["meshsim", "--profile", options.profile.rawValue, "--seed", "\(options.seed)"]
    if let nodes = options.nodes { words += ["--nodes", "\(nodes)"] }
    if !options.skipped.isEmpty { words += ["--skip", options.skipped.map(String.init).joined(separator: ",")] }
    if let faults = options.faults {
      words += ["--faults", faults.isEmpty ? "none" : faults.map(String.init).joined(separator: ",")]
    }
    if let time = options.faultTime { words += ["--fault-time", "\(time.milliseconds)"] }
    if let plant = options.plant { words += ["--plant", plant.rawValue] }
    return words.joined(separator: " ")
  }

  /// How many lines of a shortened run are printed.
  private static let linesMax = 60

  /// Makes a failing run as short as it gets, and tells its last moments.
  static func shortened(_ options: SimulationOptions, _ result: SimulationResult, output: (String) -> Void) {
    var minimizer = Minimizer(options, result)
    let short = minimizer.run()
    let lines = Story(short)
    output("  shortest of \(minimizer.runs) tries: \(lines.violation?.description ?? "no failure")")
    output("  repeat with: \(command(short, nodes: result.nodes)) --trace")
    for line in lines.told.suffix(linesMax) { output("  | \(line)") }
  }
}

/// What is worth reading of a run: everything but the single messages and wake-ups.
struct Story {
  let told: [String]
  let violation: Violation?

  init(_ options: SimulationOptions) {
    let lines = Lines()
    let simulation = Simulation(options) { line, isDetail in if !isDetail { lines.all.append(line) } }
    violation = simulation.run().violation
    told = lines.all
  }

  private final class Lines {
    var all: [String] = []
  }
}

/// What came of many runs.
public struct Summary: Sendable {
  private var seeds = 0
  private var steps = 0
  private var tally = Tally()
  private var failures = 0
  /// Whether something that never happened is a failure too: nothing is proven about it.
  private let wantsAll: Bool

  /// No run yet. A long campaign of all profiles must have come by everything.
  public init(_ campaign: Campaign) {
    wantsAll =
      campaign.seedCount >= Summary.longCampaign && campaign.profile == nil && campaign.options.nodes == nil
      && campaign.options.plant == nil
  }

  /// From this many seeds on nothing may have been left out.
  static let longCampaign: UInt64 = 300

  /// Counts one run in.
  public mutating func add(_ result: SimulationResult) {
    seeds &+= 1
    steps &+= result.steps
    tally.add(result.tally)
    if result.violation != nil { failures &+= 1 }
  }

  /// The exit status: 0 when all ran clean, else 1.
  public var status: Int32 { failures > 0 || (wantsAll && !tally.unhit.isEmpty) ? 1 : 0 }

  /// What to print in the end.
  public var lines: [String] {
    var lines: [String] = []
    let unhit = tally.unhit
    if wantsAll && !unhit.isEmpty { lines.append("FAILED in so many seeds something never happened") }
    if seeds > 1 && !unhit.isEmpty { lines.append("never happened: \(unhit.joined(separator: ", "))") }
    lines.append("\(seeds) seeds, \(failures) failed, \(steps) steps")
    return lines
  }
}
