// What the command line of the simulator means: one seed or many, and how to say what came of them.
import MeshBasics

/// What `meshsim` was asked to do.
public struct Campaign: Equatable, Sendable {
  /// The first seed, and what every run has in common.
  public var options = SimulationOptions(seed: 1)
  /// Nil takes the profiles in turn.
  public var profile: Profile?
  /// How many seeds in a row.
  public var seedCount: UInt64 = 1
  /// How many runs at once.
  public var jobs = 1
  var isTraced = false
  var wantsHelp = false
  /// Don't shorten a failing run.
  public var isQuick = false

  /// What is to be measured in place of a search for failures.
  var measurement: Measurement?

  /// Whether `run` does it all on the caller's thread.
  public var runsInTurn: Bool { jobs == 1 || wantsHelp || isTraced || measurement != nil }

  /// Why the arguments can't be followed.
  public struct UsageError: Error, Equatable, Sendable {
    /// For people: the argument and what is allowed.
    public let message: String
  }

  /// What `meshsim --help` prints.
  public static let help = """
    usage: meshsim [--nodes N] [--seed S] [--seeds COUNT] [--profile PROFILE] [--jobs K] [--trace] [--quick]
                   [--plant BUG] [--skip NODES] [--faults NUMBERS] [--fault-time MS]

    Runs the mesh's real engines under virtual time, with the faults of a profile, and checks what must hold. All that
    happens follows from the seed. A failing run is repeated with fewer nodes, fewer faults and less time, until what is
    left can be read. `meshsim queues --help` explains the simulated lease queue.

      --nodes N        nodes of the mesh, 1 to \(SimulationOptions.nodesMax); without it the seed chooses 3 to 30,
                       and in one seed of 64 40 to 64
      --seed S         the seed, or the first of them (1)
      --seeds COUNT    how many seeds in a row (1)
      --profile NAME   \(Profile.allCases.map(\.rawValue).joined(separator: " "))
                       without it the seeds take turns at all but calm
      --jobs K         runs at once, 1 to 64 (1)
      --trace          also print every step with its virtual time in milliseconds, and how often what happened
      --quick          don't shorten failing runs
      --plant BUG      plant a bug, to see a checker find it:
                       \(PlantedBug.allCases.map(\.rawValue).joined(separator: " "))
      --skip NODES     leave out these nodes, numbers with commas between them
      --faults NUMBERS only these faults of the seed's plan; none for none
      --fault-time MS  how long faults happen (20000, and 60000 in one seed of eight)
      --measure        print how fast and at what cost --nodes nodes do their work, on a network without faults; with
                       --minutes M, how many false alarms there are with --loss P per cent of packets lost and --slow P
                       per cent of nodes that handle each input up to 2 s late
      --format NAME    of what --measure prints: table, or tsv for name, unit and all values with tabs between them
      --help           this text

    Exit status: 0 all seeds ran clean, 1 an invariant failed, or in \(Summary.longCampaign) seeds of all profiles or more
    something never happened, 2 wrong usage.
    """

  /// Reads the arguments, without the program's name.
  public init(arguments: [String]) throws(UsageError) {
    var rest = arguments[...]
    var measured = Measurement()
    var isMeasured = false
    while let argument = rest.popFirst() {
      switch argument {
      case "--help", "-h": wantsHelp = true
      case "--trace": isTraced = true
      case "--measure": isMeasured = true
      case "--loss": measured.loss = try Campaign.number(&rest, argument, 0...90)
      case "--slow": measured.slow = try Campaign.number(&rest, argument, 0...90)
      case "--minutes": measured.minutes = try Campaign.number(&rest, argument, 1...600)
      case "--format":
        guard let name = rest.popFirst(), ["table", "tsv"].contains(name) else {
          throw UsageError(message: "--format wants table or tsv")
        }
        measured.isForPrograms = name == "tsv"
      case "--quick": isQuick = true
      case "--nodes":
        options.nodes = Int(try Campaign.number(&rest, argument, 1...UInt64(SimulationOptions.nodesMax)))
      case "--seed": options.seed = try Campaign.number(&rest, argument, 0...UInt64.max)
      case "--seeds": seedCount = try Campaign.number(&rest, argument, 1...1_000_000_000)
      case "--jobs": jobs = Int(try Campaign.number(&rest, argument, 1...64))
      case "--profile":
        guard let name = rest.popFirst(), let named = Profile(rawValue: name) else {
          throw UsageError(message: "--profile wants one of \(Profile.allCases.map(\.rawValue))")
        }
        profile = named
      case "--plant":
        guard let name = rest.popFirst(), let bug = PlantedBug(rawValue: name) else {
          throw UsageError(message: "--plant wants one of \(PlantedBug.allCases.map(\.rawValue))")
        }
        options.plant = bug
      case "--skip": options.skipped = try Campaign.numbers(&rest, argument)
      case "--faults": options.faults = try Campaign.numbers(&rest, argument)
      case "--fault-time":
        options.faultTime = .milliseconds(Int64(try Campaign.number(&rest, argument, 0...3_600_000)))
      default: throw UsageError(message: "unknown argument '\(argument)'")
      }
    }
    guard isMeasured else { return }
    measured.nodes = options.nodes ?? measured.nodes
    measured.seed = options.seed
    measured.isTraced = isTraced
    measurement = measured
  }

  static func number(
    _ rest: inout ArraySlice<String>, _ name: String, _ allowed: ClosedRange<UInt64>
  ) throws(UsageError) -> UInt64 {
    guard let text = rest.popFirst(), let value = UInt64(text), allowed.contains(value) else {
      throw UsageError(message: "\(name) wants a number from \(allowed.lowerBound) to \(allowed.upperBound)")
    }
    return value
  }

  private static func numbers(_ rest: inout ArraySlice<String>, _ name: String) throws(UsageError) -> [Int] {
    guard let text = rest.popFirst() else { throw UsageError(message: "\(name) wants numbers") }
    if text == "none" { return [] }
    var numbers: [Int] = []
    for part in text.split(separator: ",") {
      guard let number = Int(part), (0...1_000_000).contains(number) else {
        throw UsageError(message: "\(name) wants numbers with commas between them, or none")
      }
      numbers.append(number)
    }
    return numbers
  }

  /// The options of the seed `offset` seeds after the first.
  public func options(_ offset: UInt64) -> SimulationOptions {
    var options = options
    options.seed = options.seed &+ offset
    options.profile = profile ?? Profile.rough[Int(options.seed % UInt64(Profile.rough.count))]
    return options
  }

  /// Runs one seed. Each line that it has to say goes to `output`.
  public func run(_ offset: UInt64, output: @escaping (String) -> Void) -> SimulationResult {
    let options = options(offset)
    let isTraced = isTraced
    let simulation = Simulation(options, tell: isTraced ? { line, _ in output(line) } : nil)
    let result = simulation.run()
    if seedCount <= 100 || isTraced { output(Report.line(result, options)) }
    if isTraced { for (name, count) in result.tally.entries { output("  \(name): \(count)") } }
    guard let violation = result.violation else { return result }
    output("seed \(result.seed) FAILED \(violation)")
    output("  repeat with: \(Report.command(options, nodes: result.nodes)) --trace")
    if !isQuick && !isTraced { Report.shortened(options, result, output: output) }
    return result
  }

  /// Runs all seeds one after the other, and returns the exit status.
  public func run(output: @escaping (String) -> Void) -> Int32 {
    if wantsHelp {
      output(Campaign.help)
      return 0
    }
    if let measurement { return measurement.run(output: output) }
    var summary = Summary(self)
    for offset in 0..<seedCount { summary.add(run(offset, output: output)) }
    for line in summary.lines { output(line) }
    return summary.status
  }
}
