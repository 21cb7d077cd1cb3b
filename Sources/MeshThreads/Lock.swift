// The one lock of the shell, in a module of its own so that every module with threads shares it. Why it is neither
// `Synchronization.Mutex` nor a `pthread_mutex_t`: docs/decisions/0028-a-lock-for-brief-turns.md.
import CLinux
import Glibc
import Synchronization

/// A mutual-exclusion lock for turns that take well under a microsecond. Not recursive: taking it twice on one thread
/// deadlocks.
///
/// Safe from any thread. Hold it for a few instructions only, never around IO or a call into the host.
///
/// Who finds it taken spins for some microseconds, in which it becomes free as a rule. Where it didn't, more threads
/// want it than can work at once, and if they took turns, each would find the memory that it guards in the cache of
/// another processor. So they sleep, and the thread that runs keeps taking it. It wakes one of them after so many
/// turns; but each naps so briefly that nothing depends on that: a wake that is lost costs the rest of a nap.
public final class Lock: @unchecked Sendable {
  // Sendable although it has a raw pointer: what is there is made for sharing, and never moves.
  @usableFromInline let words: UnsafeMutablePointer<LockWords>

  /// How often a thread looks again before it sleeps, and how many hints to the processor it gives between two looks;
  /// some 8 us together on the processors this was measured on.
  private static let looksMax = 40
  private static let hintsBetweenLooks = 4
  /// How long it then sleeps, unless it is woken.
  private static let nap = 200_000
  /// After so many turns one that sleeps is woken.
  private static let turnsBetweenWakes: UInt32 = 1_024

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

  @usableFromInline
  func lockContended() {
    var looksLeft = Lock.looksMax
    while true {
      let state = words.pointee.state.load(ordering: .relaxed)
      if state & LockWords.taken == 0 {
        let (isMine, _) = words.pointee.state.weakCompareExchange(
          expected: state, desired: state | LockWords.taken, ordering: .acquiring)
        if isMine { return }
      } else if state == LockWords.taken, looksLeft > 0 {
        looksLeft -= 1
        for _ in 0..<Lock.hintsBetweenLooks { clinux_spin_hint() }
      } else {
        sleep(at: state)
        // It is crowded, and stays so for a while.
        looksLeft = 0
      }
    }
  }

  /// Naps, if the lock is still taken, and by as many sleepers.
  private func sleep(at state: UInt32) {
    // Read before the thread counts as a sleeper, so that a wake from then on isn't missed.
    let wakes = words.pointee.wakes.load(ordering: .acquiring)
    let (isSleeper, _) = words.pointee.state.weakCompareExchange(
      expected: state, desired: state &+ LockWords.sleeper, ordering: .relaxed)
    guard isSleeper else { return }
    var until = timespec()
    clock_gettime(CLOCK_MONOTONIC, &until)
    until.tv_nsec += Lock.nap
    if until.tv_nsec >= 1_000_000_000 {
      until.tv_sec += 1
      until.tv_nsec -= 1_000_000_000
    }
    _ = clinux_futex_wait(LockWords.wakes(of: words), wakes, &until)
    words.pointee.state.wrappingSubtract(LockWords.sleeper, ordering: .relaxed)
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
    words.pointee.turns &+= 1
    let isDue = isLast || words.pointee.turns >= Lock.turnsBetweenWakes
    if isDue { words.pointee.turns = 0 }
    let state = words.pointee.state.wrappingSubtract(LockWords.taken, ordering: .releasing).newValue
    guard isDue, state != 0 else { return }
    words.pointee.wakes.wrappingAdd(1, ordering: .releasing)
    clinux_futex_wake(LockWords.wakes(of: words), 1)
  }
}

/// What the threads at a lock share.
@usableFromInline
struct LockWords: ~Copyable {
  /// Changes when a sleeper is woken: the word that the kernel looks at.
  let wakes = Atomic<UInt32>(0)
  /// `sleepers << 1 | isTaken`.
  @usableFromInline let state = Atomic<UInt32>(0)
  /// Turns since the last wake, while there are sleepers. The lock guards it.
  var turns: UInt32 = 0

  @usableFromInline static var taken: UInt32 { 1 }
  static var sleeper: UInt32 { 2 }

  /// Where the kernel looks: the first word.
  static func wakes(of words: UnsafeMutablePointer<LockWords>) -> UnsafeMutablePointer<UInt32> {
    UnsafeMutableRawPointer(words).assumingMemoryBound(to: UInt32.self)
  }
}
