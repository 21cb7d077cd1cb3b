import MeshBasics
import Testing

@testable import MeshSim

/// The room's own bugs, planted on purpose: each must be seen.
struct PlantedBugTests {
  private func failure(_ bug: PlantedBug, _ seed: UInt64, _ profile: Profile) -> String? {
    var options = SimulationTests.options(seed, profile, nodes: 7)
    options.plant = bug
    return Simulation(options).run().violation?.checker
  }

  /// Each bug with a profile and the checker that finds it there.
  @Test(arguments: [
    (PlantedBug.skipsRefutation, Profile.pause, "convergence"), (.resurrectsDead, .partition, "no resurrection"),
    (.forgetsSuspicion, .churn, "convergence"), (.dropsRetransmission, .partition, "convergence"),
    (.mintsForOthers, .pause, "only owners mint"), (.acceptsOlder, .pause, "monotonic versions"),
    (.keepsNews, .lossy, "bounded queues"), (.dropsConfirmations, .pause, "accusations"),
    (.forgetsIncarnation, .lossy, "monotonic versions"), (.reusesEpoch, .churn, "one epoch per life"),
    (.tellsAgain, .swarm, "amplification"), (.asksNoRelays, .partition, "needless accusations"),
    (.believesOneVoice, .churn, "accusations"),
    (.neverHeals, .partition, "convergence"), (.ignoresNacks, .partition, "self-doubt"),
  ])
  func eachPlantedBugIsCaughtByItsChecker(bug: PlantedBug, profile: Profile, checker: String) {
    let caught = (UInt64(1)...40).contains { failure(bug, $0, profile) == checker }
    #expect(caught, "\(bug.rawValue)")
  }

  @Test func aFailingRunIsShortenedAndRepeatedByItsCommand() throws {
    let lines = Lines()
    let arguments = ["--seed", "1", "--seeds", "3", "--profile", "churn", "--nodes", "6", "--plant", "reuses-epoch"]
    #expect(try Campaign(arguments: arguments).run { lines.all.append($0) } == 1)
    let commands = lines.all.filter { $0.contains("repeat with:") }
    #expect(commands.count >= 2)
    let short = try #require(commands.first { $0.contains("--skip") && $0.contains("--faults") })
    let words = short.split(separator: " ").map(String.init)
    let again = Lines()
    let repeated = Array(words.drop { $0 != "meshsim" }.dropFirst())
    #expect(try Campaign(arguments: repeated).run { again.all.append($0) } == 1)
    let failure = try #require(again.all.first { $0.contains("FAILED one epoch per life") })
    #expect(!failure.isEmpty)
    let kept = try #require(words.drop { $0 != "--faults" }.dropFirst().first)
    #expect(kept.split(separator: ",").count <= 4)
  }
}
