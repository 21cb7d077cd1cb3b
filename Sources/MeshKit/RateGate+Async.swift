import MeshRuntime

// Gates for Swift's tasks: what waits gives its thread back meanwhile. What never waits is called as it is.
extension RateGate {
  /// Takes permits, once there is room. A `timeout` of nil waits for ever.
  ///
  /// Throws `CancellationError` when the Swift task is cancelled first; one that is cancelled amid that still gets the
  /// permits, so that none is lost. *Errors*: `.timeout`, `.busy` when too many calls wait, `.closed`, and `.argument`
  /// for more permits than may go through at once.
  public func acquire(_ permits: Int = 1, within timeout: Duration?) async throws {
    let answer: Void? = try await CancellableWait.answer(within: timeout) { answer in
      acquire(permits, answer)
    } giveUp: { [self] waiter in
      cancel(waiter)
    }
    guard answer != nil else { throw MeshError(.timeout, "gate: there was no room in time") }
  }

  /// Runs `body` with permits, which are given back after it however it ends. A `timeout` of nil waits for ever.
  /// *Errors*: those of `acquire`, and of `body`.
  public func withPermits<Outcome>(
    _ permits: Int = 1, within timeout: Duration?, _ body: () async throws -> Outcome
  ) async throws -> Outcome {
    try await acquire(permits, within: timeout)
    defer { try? giveBack(permits) }
    return try await body()
  }
}
