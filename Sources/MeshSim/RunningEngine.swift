import MeshBasics
import MeshEngine
import MeshMembership

/// The engine of a process in one of its lives. It lives behind a pointer, because calling a getter of a property that
/// holds an engine would copy all of it first, at each step.
final class RunningEngine {
  private let engine: UnsafeMutablePointer<Engine>

  init(_ engine: Engine) {
    self.engine = .allocate(capacity: 1)
    self.engine.initialize(to: engine)
  }

  deinit {
    engine.deinitialize(count: 1)
    engine.deallocate()
  }

  func handle(_ input: EngineInput, now: Instant, into effects: inout EngineEffects) {
    engine.pointee.handle(input, now: now, into: &effects)
  }

  var nextDeadline: Instant? { read { $0.nextDeadline } }
  /// Before it is up it refuses what its host asks of it.
  var isUp: Bool { engine.pointee.isRunning }
  var marks: Marks { engine.pointee.marks }
  var statistics: [(name: String, value: Int64)] { engine.pointee.statistics }

  /// Its own health, as Lifeguard counts it; 0 is well.
  var health: Int64 { figure("localHealth") }
  var isWell: Bool { health == 0 }
  /// Whether it holds a link to each of its neighbours on the rings.
  var isLinked: Bool { figure("neighboursUnlinked") == 0 }

  private func figure(_ name: String) -> Int64 { statistics.first { $0.name == name }?.value ?? 0 }

  func takeChanges() -> [NodeID] { engine.pointee.takeChanges() }
  func member(_ node: NodeID) -> MemberView? { read { $0.member(node) } }

  /// Lends the engine to `body` where it is.
  private func read<Result>(_ body: (inout Engine) -> Result) -> Result { body(&engine.pointee) }
}
