// The one lock of the shell, in a module of its own so that every module with threads shares it. Why it is neither
// `Synchronization.Mutex` nor a `pthread_mutex_t`: docs/decisions/0028-a-lock-for-brief-turns.md.
import Glibc
import Synchronization

/// A mutual-exclusion lock for turns that take well under a microsecond. Not recursive: taking it twice on one thread
/// deadlocks.
///
/// Safe from any thread. Hold it briefly, never around IO or a call into the host.
///
/// Who finds it taken spins for some microseconds, in which it becomes free as a rule. Where it didn't, more threads
/// want it than can work at once, and if they took turns, each would find the memory that it guards in the cache of
/// another processor. So they sleep, and the thread that runs keeps taking it, until one of them has waited for two
/// milliseconds: then that one is the next. Each sleeps for so short a time that a lost wake costs no more than that.
public final class Lock: @unchecked Sendable {
  // Sendable although it has a raw pointer: what is there is made for sharing, and never moves.
  @usableFromInline let words: UnsafeMutablePointer<LockWords>

  /// An open lock.
  public init() {
    words = .allocate(capacity: 1)
    words.initialize(to: LockWords())
  }

  deinit {
    words.deinitialize(count: 1)
    words.deallocate()
  }

  /// Runs `body` while holding the lock, and gives back its result or error.
  @inlinable
  public func locked<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    lock()
    defer { unlock() }
    return try body()
  }

  // MARK: Taking it

  @inlinable
  @inline(__always)
  func lock() {
    if !words.pointee.state.weakCompareExchange(expected: 0, desired: LockWords.taken, ordering: .acquiring).exchanged {
      lockContended()
    }
  }

  /// `lock` for a thread that was just woken: who woke it may hold the lock, on the processor that this thread now
  /// takes from it.
  func lockAgain() {
    if !words.pointee.state.weakCompareExchange(expected: 0, desired: LockWords.taken, ordering: .acquiring).exchanged {
      sched_yield()
      lockContended()
    }
  }

  @usableFromInline
  func lockContended() {
    var patience = LockPatience()
    while true {
      let state = words.pointee.state.load(ordering: .relaxed)
      if patience.mayTake(state) {
        let (isMine, _) = words.pointee.state.weakCompareExchange(
          expected: state, desired: patience.taking(state), ordering: .acquiring)
        if isMine { return }
      } else if state != LockWords.taken || !patience.spin() {
        patience.sleep(at: words, state)
      }
    }
  }

  // MARK: Opening it

  /// `isLast` when the thread goes to sleep, and won't be the next to take it.
  @inlinable
  @inline(__always)
  func unlock(isLast: Bool = false) {
    if !words.pointee.state.weakCompareExchange(expected: LockWords.taken, desired: 0, ordering: .releasing).exchanged {
      unlockContended(isLast: isLast)
    }
  }

  @usableFromInline
  func unlockContended(isLast: Bool) {
    let turns = words.pointee.turns.load(ordering: .relaxed) &+ 1
    let isDue = isLast || turns >= LockWords.turnsBetweenWakes
    words.pointee.turns.store(isDue ? 0 : turns, ordering: .relaxed)
    let state = words.pointee.state.wrappingSubtract(LockWords.taken, ordering: .releasing).newValue
    if state & LockWords.reserved != 0 {
      LockWords.wakeNext(at: words)
    } else if state == LockWords.sleeper || isDue && state >= LockWords.sleeper && state & LockWords.waking == 0 {
      // One alone is no crowd.
      LockWords.wakeOne(at: words, state)
    }
  }
}
