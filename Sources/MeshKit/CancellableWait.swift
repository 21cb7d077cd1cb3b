import MeshRuntime
import MeshThreads

/// A wait at a queue that may be given up before its number is known. The queue answers it once in any case.
final class CancellableWait: @unchecked Sendable {
  // Sendable although it has variables: `lock` guards them.
  private let lock = Lock()
  private let queue: LeaseQueue
  private var waiter: WaiterID?
  private var isCancelled = false

  init(at queue: LeaseQueue) { self.queue = queue }

  /// The queue knows it as `waiter`.
  func began(_ waiter: WaiterID) {
    let isLate = lock.locked { () -> Bool in
      self.waiter = waiter
      return isCancelled
    }
    if isLate { queue.cancel(waiter) }
  }

  /// Gives it up. Does nothing to one that has its answer.
  func cancel() {
    let waiter = lock.locked { () -> WaiterID? in
      isCancelled = true
      return self.waiter
    }
    if let waiter { queue.cancel(waiter) }
  }

  /// Gives it up after `timeout`, unless the Swift task that calls this is cancelled before; nil is never.
  func cancel(after timeout: Duration?) async {
    guard let timeout, (try? await Task.sleep(for: .nanoseconds(timeout.nanoseconds))) != nil else { return }
    cancel()
  }
}
