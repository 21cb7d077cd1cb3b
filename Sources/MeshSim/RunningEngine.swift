import MeshBasics
import MeshEngine
import MeshMembership

/// The engine of a process in one of its lives. A box, because reading a property of an optional engine copies all of
/// it.
final class RunningEngine {
  private var engine: Engine

  init(_ engine: Engine) { self.engine = engine }

  func handle(_ input: EngineInput, now: Instant, into effects: inout EngineEffects) {
    engine.handle(input, now: now, into: &effects)
  }

  var nextDeadline: Instant? { engine.nextDeadline }
  var marks: Marks { engine.marks }
  var statistics: [(name: String, value: Int64)] { engine.statistics }

  func takeChanges() -> [NodeID] { engine.takeChanges() }
  func member(_ node: NodeID) -> MemberView? { engine.member(node) }
}
