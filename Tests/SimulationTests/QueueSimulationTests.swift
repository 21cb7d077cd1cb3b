import MeshBasics
import Testing

@testable import MeshSim

struct QueueSimulationTests {
  @Test func oneSeedGivesOneHashAndAnotherGivesAnother() throws {
    let (first, again) = (try QueueSimulation(seed: 11).run(), try QueueSimulation(seed: 11).run())
    #expect(first.hash == again.hash && first.tally == again.tally && first.steps == again.steps)
    #expect(try QueueSimulation(seed: 12).run().hash != first.hash)
  }

  @Test func thirtySeedsRunCleanAndEverythingHappens() throws {
    var tally = QueueTally()
    for seed in UInt64(1)...30 {
      let result = try QueueSimulation(seed: seed).run()
      #expect(result.problem == nil, "seed \(seed)")
      tally.add(result.tally)
    }
    #expect(tally.unhit == [])
  }

  /// A bug that is planted at the queue's door is found, by the check that is there for it.
  @Test(arguments: [
    (PlantedQueueBug.lostWake, ["waits", "rest"]), (.lostTask, ["conservation"]),
    (.replayedSnapshot, ["lives", "snapshots", "conservation"]), (.doubledLease, ["deliveries"]),
  ])
  func aPlantedBugIsFound(bug: PlantedQueueBug, checkers: [String]) throws {
    var found: [String] = []
    for seed in UInt64(1)...10 {
      if let problem = try QueueSimulation(seed: seed, plant: bug).run().problem { found.append(problem) }
    }
    #expect(!found.isEmpty)
    for problem in found { #expect(checkers.contains { problem.hasPrefix("\($0):") }, "\(problem)") }
  }

  @Test func usageIsCheckedAndTheTraceTellsEachStep() throws {
    for wrong in [["--seeds", "0"], ["--plant", "nothing"], ["--nodes", "3"], ["--seed"]] {
      #expect(throws: Campaign.UsageError.self, "\(wrong)") { try QueueCampaign(arguments: wrong) }
    }
    let lines = Lines()
    #expect(try QueueCampaign(arguments: ["--seed", "3", "--trace"]).run { lines.all.append($0) } == 0)
    for what in ["enqueue item", "lease, call", "CALM", "complete task", "1 seeds of a lease queue, 0 failed"] {
      #expect(lines.all.contains { $0.contains(what) }, "\(what)")
    }
  }
}
