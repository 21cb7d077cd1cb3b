// What `meshsim queues` means: seeds of the simulated lease queue.
import MeshBasics
import MeshTasks

/// Runs of the simulated lease queue, one seed after the other.
public struct QueueCampaign: Sendable {
  private var seed: UInt64 = 1
  private var seedCount: UInt64 = 1
  private var isTraced = false
  private var wantsHelp = false
  private var plant: PlantedQueueBug?

  /// What `meshsim queues --help` prints.
  public static let help = """
    usage: meshsim queues [--seed S] [--seeds COUNT] [--trace] [--plant BUG]

    Runs a lease queue under virtual time, with producers, consumers that err, an operator who drains, closes and
    restores it, and a clock that jumps; and checks that no task is lost or delivered to two at once.

      --seed S       the seed, or the first of them (1)
      --seeds COUNT  how many seeds in a row (1)
      --trace        also print every step with its virtual time in milliseconds, and how often what happened
      --plant BUG    plant a bug, to see a checker find it:
                     \(PlantedQueueBug.allCases.map(\.rawValue).joined(separator: " "))
      --help         this text

    Exit status: 0 all seeds ran clean, 1 a check failed, or in \(Summary.longCampaign) seeds or more something never
    happened, 2 wrong usage.
    """

  /// Reads the arguments after `queues`.
  public init(arguments: [String]) throws(Campaign.UsageError) {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--help", "-h": wantsHelp = true
      case "--trace": isTraced = true
      case "--seed": seed = try Campaign.number(&rest, argument, 0...UInt64.max)
      case "--seeds": seedCount = try Campaign.number(&rest, argument, 1...1_000_000_000)
      case "--plant":
        guard let name = rest.popFirst(), let bug = PlantedQueueBug(rawValue: name) else {
          throw Campaign.UsageError(
            message: "--plant wants one of \(PlantedQueueBug.allCases.map(\.rawValue))")
        }
        plant = bug
      default: throw Campaign.UsageError(message: "unknown argument '\(argument)'")
      }
    }
  }

  /// Runs all seeds, and returns the exit status. Each line goes to `output`.
  public func run(output: @escaping (String) -> Void) -> Int32 {
    if wantsHelp {
      output(QueueCampaign.help)
      return 0
    }
    var tally = QueueTally()
    var (failures, steps, tasks) = (0, 0, 0)
    for offset in 0..<seedCount {
      guard let result = run(seed &+ offset, output) else { return 1 }
      tally.add(result.tally)
      (steps, tasks) = (steps + result.steps, tasks + result.tasks)
      if result.problem != nil { failures += 1 }
    }
    if isTraced { for (name, count) in tally.entries { output("  \(name): \(count)") } }
    let isIncomplete = seedCount >= Summary.longCampaign && plant == nil && !tally.unhit.isEmpty
    if seedCount > 1, !tally.unhit.isEmpty { output("never happened: \(tally.unhit.joined(separator: ", "))") }
    output("\(seedCount) seeds of a lease queue, \(failures) failed, \(steps) steps, \(tasks) tasks")
    return failures > 0 || isIncomplete ? 1 : 0
  }

  private func run(_ seed: UInt64, _ output: @escaping (String) -> Void) -> QueueResult? {
    guard let simulation = try? QueueSimulation(seed: seed, plant: plant, tell: isTraced ? output : nil) else {
      output("seed \(seed) FAILED: the options can't be")
      return nil
    }
    let result = simulation.run()
    if seedCount <= 100 || isTraced {
      output(
        "seed \(seed) hash \(String(result.hash, radix: 16)) steps \(result.steps) tasks \(result.tasks) seconds "
          + "\(result.lasted.milliseconds / 1_000)")
    }
    if let problem = result.problem {
      output("seed \(seed) FAILED \(problem)")
      output("  repeat with: meshsim queues --seed \(seed)\(plant.map { " --plant \($0.rawValue)" } ?? "") --trace")
    }
    return result
  }
}
