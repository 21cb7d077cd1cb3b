import Foundation
import MeshBasics
import Testing

@testable import MeshTasks

/// Random scripts, played to the room and to the model. A failure prints its seed and the shortest script that fails.
/// MESHKIT_TASK_SEEDS sets how many seeds are tried, MESHKIT_TASK_SEED the first of them.
struct ModelTests {
  private static func number(_ name: String, _ usual: UInt64) -> UInt64 {
    ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } ?? usual
  }

  @Test func theRoomDoesWhatTheModelDoes() {
    let first = ModelTests.number("MESHKIT_TASK_SEED", 1)
    for seed in first..<(first + ModelTests.number("MESHKIT_TASK_SEEDS", 200)) {
      let script = QueueScript(seed: seed, length: 50)
      guard QueueDuel.problem(script) != nil else { continue }
      let short = script.shortened { QueueDuel.problem($0) != nil }
      Issue.record("MESHKIT_TASK_SEED=\(seed): \(QueueDuel.problem(short) ?? "")\n\(short)")
      return
    }
  }

  @Test func bothKindsOfTurnsArePlayed() {
    let scripts = (UInt64(1)...50).map { QueueScript(seed: $0, length: 50) }
    let brief = scripts.map(QueueDuel.briefTurns).reduce(0, +)
    #expect((20...1_250).contains(brief))
  }

  @Test func aFailingScriptIsCutToWhatFails() {
    let script = QueueScript(seed: 3, length: 200)
    func fails(_ script: QueueScript) -> Bool {
      let leases = script.steps.count { if case .lease = $0.action { true } else { false } }
      return leases >= 2 && script.steps.contains { if case .drain = $0.action { true } else { false } }
    }
    #expect(fails(script))
    let short = script.shortened(while: fails)
    #expect(short.steps.count == 3 && short.steps.allSatisfy { $0.after == 0 })
  }
}
