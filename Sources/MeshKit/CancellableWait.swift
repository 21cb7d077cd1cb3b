import MeshRuntime
import MeshThreads

/// A wait at a queue or a gate that may be given up before its number is known. It is answered once in any case.
final class CancellableWait: @unchecked Sendable {
  // Sendable although it has variables: `lock` guards them.
  private let lock = Lock()
  private let giveUp: @Sendable (WaiterID) -> Void
  private var waiter: WaiterID?
  private var isCancelled = false

  /// `giveUp` ends the wait with that number.
  private init(_ giveUp: @escaping @Sendable (WaiterID) -> Void) { self.giveUp = giveUp }

  /// Waits for the answer that `begin` asks for, and `giveUp` asks for no longer; nil when the time passed, which it
  /// never does when `timeout` is nil.
  ///
  /// Throws `CancellationError` when the Swift task is cancelled before there is an answer, and what the answer says.
  static func answer<Answer: Sendable>(
    within timeout: Duration?, _ begin: (@escaping @Sendable (Result<Answer, MeshError>) -> Void) -> WaiterID,
    giveUp: @escaping @Sendable (WaiterID) -> Void
  ) async throws -> Answer? {
    let wait = CancellableWait(giveUp)
    async let _: Void = wait.cancel(after: timeout)
    let answer = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        wait.began(begin { continuation.resume(returning: $0) })
      }
    } onCancel: {
      wait.cancel()
    }
    switch answer {
    case .success(let answer): return answer
    case .failure(let error) where error.status == .cancelled:
      try Task.checkCancellation()
      return nil
    case .failure(let error): throw error
    }
  }

  /// It is known as `waiter`.
  private func began(_ waiter: WaiterID) {
    let isLate = lock.locked { () -> Bool in
      self.waiter = waiter
      return isCancelled
    }
    if isLate { giveUp(waiter) }
  }

  /// Gives it up. Does nothing to one that has its answer.
  private func cancel() {
    let waiter = lock.locked { () -> WaiterID? in
      isCancelled = true
      return self.waiter
    }
    if let waiter { giveUp(waiter) }
  }

  /// Gives it up after `timeout`, unless the Swift task that calls this is cancelled before; nil is never.
  private func cancel(after timeout: Duration?) async {
    guard let timeout, (try? await Task.sleep(for: .nanoseconds(timeout.nanoseconds))) != nil else { return }
    cancel()
  }
}
