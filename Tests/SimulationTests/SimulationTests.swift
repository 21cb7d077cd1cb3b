import MeshBasics
import Testing

@testable import MeshSim

struct SimulationTests {
  private func run(_ seed: UInt64, plant: PlantedBug? = nil) -> SimulationResult {
    InvariantPolicy.trapsOnViolation = true
    var options = SimulationOptions(seed: seed)
    options.plant = plant
    var simulation = Simulation(options)
    return simulation.run()
  }

  @Test func oneSeedGivesOneHashAndAnotherGivesAnother() {
    let first = run(11)
    #expect(first == run(11))
    #expect(first.hash != run(12).hash)
  }

  @Test func aFewSeedsRunClean() {
    for seed in UInt64(1)...8 { #expect(run(seed).violation == nil, "seed \(seed)") }
  }

  /// The checker that must find each planted bug.
  @Test(arguments: [
    (PlantedBug.skipsRefutation, "convergence"), (.resurrectsDead, "no resurrection"),
    (.forgetsSuspicion, "convergence"), (.dropsRetransmission, "convergence"),
    (.mintsForOthers, "only owners mint"), (.acceptsOlder, "monotonic versions"),
    (.keepsNews, "bounded queues"), (.reusesEpoch, "one epoch per life"),
  ])
  func eachPlantedBugIsCaughtByItsChecker(bug: PlantedBug, checker: String) {
    let caught = (UInt64(1)...40).contains { run($0, plant: bug).violation?.hasPrefix(checker) == true }
    #expect(caught, "\(bug.rawValue) was not caught by \(checker)")
  }

  /// A campaign in which something never happened proves nothing about it.
  @Test func everyFaultAndEveryEventHappensInAFewSeeds() {
    var tallies: [String: Int] = [:]
    for seed in UInt64(1)...8 { for (name, count) in run(seed).tally { tallies[name, default: 0] += count } }
    let faults = [
      "crashes", "restarts", "leaves", "links broken", "pauses", "partitions", "relabels", "messages lost",
      "messages repeated", "messages reordered", "dials failed", "refutations",
    ]
    let events = ["joined", "updated", "suspect", "recovered", "left"].map { "event \($0)" }
    for name in faults + events { #expect(tallies[name, default: 0] > 0, "\(name)") }
  }

  @Test func threeNodesFormWithin300MillisecondsOfVirtualTime() throws {
    for seed in UInt64(1)...10 {
      var options = SimulationOptions(seed: seed)
      options.nodes = 3
      options.steadyLatency = .milliseconds(1)
      var simulation = Simulation(options)
      let result = simulation.run()
      #expect(result.violation == nil)
      let formedAfter = try #require(result.formedAfter)
      #expect(formedAfter < .milliseconds(300), "seed \(seed): \(formedAfter.milliseconds) ms")
    }
  }

  @Test func aFailingSeedPrintsTheCommandThatRepeatsIt() throws {
    let lines = Lines()
    let status = try Campaign(arguments: ["--seed", "1", "--seeds", "4", "--plant", "reuses-epoch"]).run {
      lines.all.append($0)
    }
    #expect(status == 1)
    let command = try #require(lines.all.first { $0.contains("repeat with:") })
    let words = command.split(separator: " ").map(String.init)
    let again = Lines()
    let arguments = Array(words.drop { $0 != "meshsim" }.dropFirst())
    #expect(try Campaign(arguments: arguments).run { again.all.append($0) } == 1)
    let failure = try #require(lines.all.first { $0.contains("FAILED") })
    #expect(again.all.contains(failure))
  }

  @Test func theTraceTellsEachStepWithItsTime() throws {
    let lines = Lines()
    _ = try Campaign(arguments: ["--nodes", "3", "--seed", "3", "--trace"]).run { lines.all.append($0) }
    let steps = lines.all.filter { $0.contains("  n") && !$0.hasPrefix("seed") }
    #expect(lines.all.count > 500)
    for what in ["starts life 1", "hello of", "ping", "ack", "event joined", "write 1 is durable", "wakes up"] {
      #expect(lines.all.contains { $0.contains(what) }, "\(what)")
    }
    #expect(steps.allSatisfy { $0.prefix(10).contains(".") })
  }

  @Test func usageIsCheckedAndExplained() throws {
    #expect(throws: Campaign.UsageError.self) { try Campaign(arguments: ["--nodes", "0"]) }
    #expect(throws: Campaign.UsageError.self) { try Campaign(arguments: ["--nodes", "65"]) }
    #expect(throws: Campaign.UsageError.self) { try Campaign(arguments: ["--plant", "nothing"]) }
    #expect(try Campaign(arguments: ["--help"]).run(output: { _ in }) == 0)
  }
}

/// Lines that a campaign has printed.
private final class Lines {
  var all: [String] = []
}
