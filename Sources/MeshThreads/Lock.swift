// The one lock of the shell, in a module of its own so that every module with threads shares it. It is no
// `Synchronization.Mutex`, which collapses under contention on Linux (docs/architecture.md).
import Glibc

/// A mutual-exclusion lock over `pthread_mutex_t`. Not recursive: taking it twice on one thread deadlocks.
///
/// Safe from any thread. Hold it for a few instructions only, never around IO or a call into the host.
public final class Lock: @unchecked Sendable {
  /// The mutex itself, for condition variables. Sendable although it is a raw pointer: it is made for sharing, and
  /// never moves.
  public let mutex: UnsafeMutablePointer<pthread_mutex_t>

  /// An open lock.
  public init() {
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deinitialize(count: 1)
    mutex.deallocate()
  }

  /// Runs `body` while holding the lock, and gives back its result or error.
  @inlinable
  public func locked<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }
}
