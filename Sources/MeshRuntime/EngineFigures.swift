import MeshBasics
import MeshThreads

/// The engine's counters as of its last turn, for readers on other threads.
final class EngineFigures: @unchecked Sendable {
  private let lock = Lock()
  private var figures: [(name: String, value: Int64)] = []

  func replace(with newer: [(name: String, value: Int64)]) { lock.locked { figures = newer } }

  var current: [(name: String, value: Int64)] { lock.locked { figures } }
}
