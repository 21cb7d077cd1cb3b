import MeshBasics
import MeshMembership
import Testing

@testable import MeshSim

struct SimulationTests {
  static func options(_ seed: UInt64, _ profile: Profile, nodes: Int? = nil) -> SimulationOptions {
    InvariantPolicy.trapsOnViolation = true
    var options = SimulationOptions(seed: seed)
    options.profile = profile
    options.nodes = nodes
    return options
  }

  @Test func oneSeedGivesOneHashAndAnotherGivesAnother() {
    let first = Simulation(SimulationTests.options(11, .churn, nodes: 6)).run()
    let again = Simulation(SimulationTests.options(11, .churn, nodes: 6)).run()
    #expect(first.hash == again.hash)
    #expect(first.steps == again.steps)
    #expect(first.tally == again.tally)
    #expect(first.hash != Simulation(SimulationTests.options(12, .churn, nodes: 6)).run().hash)
  }

  @Test(arguments: Profile.allCases)
  func twoSeedsOfEachProfileRunClean(profile: Profile) {
    for seed in UInt64(1)...2 {
      let result = Simulation(SimulationTests.options(seed, profile, nodes: 5)).run()
      #expect(result.violation == nil, "seed \(seed)")
    }
  }

  /// A leaver that is greeting a peer says its goodbye later than it was asked to. In this seed the exam took the calm
  /// before that for everybody's consent.
  @Test func theExamWaitsForAGoodbyeThatWaitsForAGreeting() {
    #expect(Simulation(SimulationTests.options(3968, .partition)).run().violation == nil)
  }

  @Test func messagesTravelAsValuesInLargeRuns() {
    let simulation = Simulation(SimulationTests.options(1, .calm, nodes: SimulationOptions.smallNodesMax + 1))
    #expect(!simulation.carriesBytes)
    #expect(simulation.run().violation == nil)
    #expect(Simulation(SimulationTests.options(1, .calm, nodes: SimulationOptions.smallNodesMax)).carriesBytes)
  }

  /// Some seeds of a campaign have so many nodes that they give links back; most stay small.
  @Test func oneSeedOfManyIsACrowd() {
    let counts = (UInt64(1)...640).map { Simulation(SimulationOptions(seed: $0)).processes.count }
    #expect(counts.allSatisfy { (3...30).contains($0) || (40...SimulationOptions.smallNodesMax).contains($0) })
    #expect((3...25).contains(counts.count { $0 >= 40 }))
  }

  /// The views keep what was seen once, and tell it apart for each process and name.
  @Test func viewsTellWhatWasSeen() {
    var views = Views()
    for _ in 0..<2 { views.addProcess() }
    var sights: [Seen] = []
    for number in 0..<4 {
      var seen = Seen()
      seen.epoch = UInt64(number)
      sights.append(seen)
    }
    #expect(views[1, 7] == Seen())
    for name in [7, 0, 300] {
      for (process, seen) in [(0, 1), (1, 1), (0, 2), (0, 1), (1, 3)] {
        views[process, name] = sights[seen]
        #expect(views[process, name] == sights[seen])
      }
      #expect(views[0, name] == sights[1])
      views[0, name] = Seen()
      #expect(views[0, name] == Seen() && views[1, name] == sights[3])
    }
    #expect(views[0, 301] == Seen() && views[0, 200] == Seen())
  }

  /// A campaign in which something never happened proves nothing about it.
  @Test func everyFaultIsPlannedInAFewSeeds() {
    var planned: [FaultKind] = []
    for seed in UInt64(1)...120 {
      for fault in Simulation(SimulationTests.options(seed, Profile.rough[Int(seed % 6)], nodes: 9)).plan {
        if !planned.contains(fault.kind) { planned.append(fault.kind) }
      }
    }
    for kind in FaultKind.allCases { #expect(planned.contains(kind), "\(kind)") }
  }

  @Test func threeNodesFormWithin300MillisecondsOfVirtualTime() throws {
    for seed in UInt64(1)...5 {
      let simulation = Simulation(SimulationTests.options(seed, .calm, nodes: 3))
      simulation.network.latencyMax = .milliseconds(1)
      // The seeds are there before the others.
      for process in simulation.processes where process.isSeed { simulation.start(process, at: .origin) }
      let start = Instant.origin + .milliseconds(100)
      for process in simulation.processes { simulation.start(process, at: start) }
      simulation.advance(to: start)
      simulation.advance(to: start + .seconds(10)) { simulation.agreement.isComplete }
      #expect(simulation.agreement.isComplete)
      #expect(simulation.now < start + .milliseconds(300), "seed \(seed)")
    }
  }

  @Test func theTraceTellsEachStepWithItsTime() throws {
    let lines = Lines()
    let arguments = ["--nodes", "3", "--seed", "3", "--profile", "churn", "--trace"]
    _ = try Campaign(arguments: arguments).run { lines.all.append($0) }
    let steps = lines.all.filter { $0.contains("  n") && !$0.hasPrefix("seed") && !$0.hasPrefix("  ") }
    #expect(lines.all.count > 300)
    for what in ["starts life 1", "hello of", "ping", "ack", "FAULT", "write 1 is durable", "wakes up", "CALM"] {
      #expect(lines.all.contains { $0.contains(what) }, "\(what)")
    }
    #expect(steps.allSatisfy { $0.prefix(10).contains(".") })
  }

  @Test func usageIsCheckedAndExplained() throws {
    for wrong in [
      ["--nodes", "0"], ["--nodes", "5001"], ["--plant", "nothing"], ["--profile", "storm"], ["--faults", "1,x"],
      ["--jobs", "65"], ["--format", "xml"], ["--nodes"], ["--what"],
    ] {
      #expect(throws: Campaign.UsageError.self, "\(wrong)") { try Campaign(arguments: wrong) }
    }
    #expect(try Campaign(arguments: ["--help"]).run(output: { _ in }) == 0)
    #expect(try Campaign(arguments: ["--nodes", "5000", "--faults", "none"]).options(0).faults == [])
  }

  /// A long campaign fails when a fault, an event or a rare turn of the room never came up in it.
  @Test func aLongCampaignMustComeByEverything() throws {
    let result = Simulation(SimulationTests.options(1, .calm, nodes: 2)).run()
    for (arguments, status) in [
      (["--seeds", "300"], Int32(1)), (["--seeds", "299"], 0), (["--seeds", "300", "--profile", "wan"], 0),
    ] {
      var summary = Summary(try Campaign(arguments: arguments))
      summary.add(result)
      #expect(summary.status == status)
      #expect(summary.lines.contains { $0.hasPrefix("FAILED") } == (status == 1))
    }
  }

  @Test(arguments: [3, 6])
  func programsCanReadAMeasurement(nodes: Int) throws {
    let lines = Lines()
    let arguments = ["--measure", "--format", "tsv", "--nodes", "\(nodes)"]
    #expect(try Campaign(arguments: arguments).run { lines.all.append($0) } == 0)
    for line in lines.all {
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
      #expect(fields.count >= 3)
      #expect(fields.dropFirst(2).allSatisfy { Double($0) != nil }, "\(line)")
    }
    #expect(lines.all.contains { $0.hasPrefix("silent host loss to left, all\tms\t") })
  }

  @Test func aMeasurementPrintsATable() throws {
    let lines = Lines()
    let arguments = ["--measure", "--nodes", "6"]
    #expect(try Campaign(arguments: arguments).run { lines.all.append($0) } == 0)
    for title in [
      "full discovery", "idle packets sent a node", "one join seen by, all", "metadata update seen by, all",
      "graceful leave seen by, all", "kill to left, all", "silent host loss to left, all",
    ] {
      #expect(lines.all.contains { $0.hasPrefix(title) }, "\(title)")
    }
  }
}

/// Lines that a campaign has printed.
final class Lines {
  var all: [String] = []
}
