import CLinux
import Glibc
import MeshBasics
import Synchronization

/// A condition to wait for under a `Lock`, on the monotonic clock.
///
/// *Threads*: any. What is waited for changes with the lock held; the wake may follow after it. A wait may end without
/// a wake, so its caller looks again.
public final class ConditionVariable: @unchecked Sendable {
  // Sendable although it has a raw pointer: what is there is made for sharing, and never moves.
  private let words = UnsafeMutablePointer<Words>.allocate(capacity: 1)

  private struct Words: ~Copyable {
    /// Changes with each wake: the word that the kernel looks at, so it is the first.
    let wakes = Atomic<UInt32>(0)
    let waiters = Atomic<UInt32>(0)
  }

  /// A condition that nobody waits for yet.
  public init() { words.initialize(to: Words()) }

  deinit {
    words.deinitialize(count: 1)
    words.deallocate()
  }

  /// Wakes one waiter.
  public func signal() { wake(1) }

  /// Wakes every waiter.
  public func broadcast() { wake(.max) }

  /// Waits, with `lock` held, until woken or `deadline` (nil: for ever). False when the deadline passed.
  public func wait(_ lock: Lock, until deadline: Instant?) -> Bool {
    words.pointee.waiters.wrappingAdd(1, ordering: .relaxed)
    // Read with the lock held: a wake for what changes from now on changes this word too, and isn't missed.
    let wakes = words.pointee.wakes.load(ordering: .relaxed)
    lock.unlock(isLast: true)
    let isInTime = sleep(while: wakes, until: deadline)
    lock.lockAgain()
    words.pointee.waiters.wrappingSubtract(1, ordering: .relaxed)
    return isInTime
  }

  private func sleep(while wakes: UInt32, until deadline: Instant?) -> Bool {
    guard let deadline else { return clinux_futex_wait(address, wakes, nil, .max) != ETIMEDOUT }
    var time = timespec()
    time.tv_sec = Int(clamping: deadline.nanoseconds / 1_000_000_000)
    time.tv_nsec = Int(deadline.nanoseconds % 1_000_000_000)
    return clinux_futex_wait(address, wakes, &time, .max) != ETIMEDOUT
  }

  private func wake(_ count: Int32) {
    words.pointee.wakes.wrappingAdd(1, ordering: .relaxed)
    guard words.pointee.waiters.load(ordering: .relaxed) > 0 else { return }
    clinux_futex_wake(address, count, .max)
  }

  private var address: UnsafeMutablePointer<UInt32> {
    UnsafeMutableRawPointer(words).assumingMemoryBound(to: UInt32.self)
  }
}
