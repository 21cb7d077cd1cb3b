// What the command line of the simulator means: one seed or many, and how to say what came of them.
import MeshBasics

/// What `meshsim` was asked to do.
public struct Campaign: Equatable, Sendable {
  var options = SimulationOptions(seed: 1)
  var seedCount: UInt64 = 1
  var isTraced = false
  var wantsHelp = false

  /// Why the arguments can't be followed.
  public struct UsageError: Error, Equatable, Sendable {
    /// For people: the argument and what is allowed.
    public let message: String
  }

  /// What `meshsim --help` prints.
  public static let help = """
    usage: meshsim [--nodes N] [--seed S] [--seeds COUNT] [--trace] [--plant BUG]

    Runs the mesh's real engines under virtual time, with delay, loss, repetition, reordering, broken links,
    partitions, pauses, crashes and restarts, and checks what must hold. All that happens follows from the seed.

      --nodes N      nodes of the mesh, 1 to \(SimulationOptions.nodesMax); without it the seed chooses 3 to 10
      --seed S       the seed, or the first of them (1)
      --seeds COUNT  how many seeds in a row (1)
      --trace        also print every step with its virtual time in milliseconds, and how often each fault and each
                     event happened
      --plant BUG    plant a bug, to see a checker find it:
                     \(PlantedBug.allCases.map(\.rawValue).joined(separator: " "))
      --help         this text

    Exit status: 0 all seeds ran clean, 1 an invariant failed, 2 wrong usage.
    """

  /// Reads the arguments, without the program's name.
  public init(arguments: [String]) throws(UsageError) {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--help", "-h": wantsHelp = true
      case "--trace": isTraced = true
      case "--nodes":
        options.nodes = Int(try Campaign.number(&rest, argument, 1...UInt64(SimulationOptions.nodesMax)))
      case "--seed": options.seed = try Campaign.number(&rest, argument, 0...UInt64.max)
      case "--seeds": seedCount = try Campaign.number(&rest, argument, 1...1_000_000_000)
      case "--plant":
        guard let name = rest.popFirst(), let bug = PlantedBug(rawValue: name) else {
          throw UsageError(message: "--plant wants one of \(PlantedBug.allCases.map(\.rawValue))")
        }
        options.plant = bug
      default: throw UsageError(message: "unknown argument '\(argument)'")
      }
    }
  }

  private static func number(
    _ rest: inout ArraySlice<String>, _ name: String, _ allowed: ClosedRange<UInt64>
  ) throws(UsageError) -> UInt64 {
    guard let text = rest.popFirst(), let value = UInt64(text), allowed.contains(value) else {
      throw UsageError(message: "\(name) wants a number from \(allowed.lowerBound) to \(allowed.upperBound)")
    }
    return value
  }

  /// Runs all seeds; gives each line to `output` and returns the exit status.
  public func run(output: @escaping (String) -> Void) -> Int32 {
    if wantsHelp {
      output(Campaign.help)
      return 0
    }
    var failures = 0
    var steps = 0
    for offset in 0..<seedCount {
      var options = options
      options.seed = options.seed &+ offset
      var simulation = Simulation(options, tell: isTraced ? output : nil)
      let result = simulation.run()
      steps &+= result.steps
      report(result, output: output)
      if result.violation != nil { failures &+= 1 }
    }
    output("\(seedCount) seeds, \(failures) failed, \(steps) steps")
    return failures == 0 ? 0 : 1
  }

  private func report(_ result: SimulationResult, output: (String) -> Void) {
    let seconds = result.endedAt.since(.origin).milliseconds / 1000
    let hash = String(result.hash, radix: 16)
    let padded = String(repeating: "0", count: max(0, 16 - hash.count)) + hash
    output("seed \(result.seed) nodes \(result.nodes) hash \(padded) steps \(result.steps) seconds \(seconds)")
    if isTraced {
      for (name, count) in result.tally { output("  \(name): \(count)") }
    }
    guard let violation = result.violation else { return }
    output("  FAILED \(violation)")
    let plant = options.plant.map { " --plant \($0.rawValue)" } ?? ""
    let nodes = options.nodes.map { " --nodes \($0)" } ?? ""
    output("  repeat with: meshsim\(nodes) --seed \(result.seed)\(plant) --trace")
  }
}
