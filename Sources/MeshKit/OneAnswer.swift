import MeshThreads

/// Resumes a continuation once, whichever of several threads comes first.
final class OneAnswer: @unchecked Sendable {
  // Sendable although it has a variable: `lock` guards it.
  private let lock = Lock()
  private var continuation: CheckedContinuation<Void, any Error>?

  init(_ continuation: CheckedContinuation<Void, any Error>) { self.continuation = continuation }

  func give(_ error: MeshError?) {
    let waiting = lock.locked { () -> CheckedContinuation<Void, any Error>? in
      defer { continuation = nil }
      return continuation
    }
    if let error { waiting?.resume(throwing: error) } else { waiting?.resume() }
  }
}
