import Glibc
import MeshBasics

/// A condition to wait for under a `Lock`, on the monotonic clock.
public final class ConditionVariable: @unchecked Sendable {
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// A condition that nobody waits for yet.
  public init() {
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    condition.deallocate()
  }

  /// Wakes one waiter.
  public func signal() { pthread_cond_signal(condition) }

  /// Wakes every waiter.
  public func broadcast() { pthread_cond_broadcast(condition) }

  /// Waits, with `lock` held, until woken or `deadline` (nil: for ever). False when the deadline passed.
  public func wait(_ lock: Lock, until deadline: Instant?) -> Bool {
    guard let deadline else { return pthread_cond_wait(condition, lock.mutex) == 0 }
    var time = timespec()
    time.tv_sec = Int(clamping: deadline.nanoseconds / 1_000_000_000)
    time.tv_nsec = Int(deadline.nanoseconds % 1_000_000_000)
    return pthread_cond_timedwait(condition, lock.mutex, &time) == 0
  }
}
