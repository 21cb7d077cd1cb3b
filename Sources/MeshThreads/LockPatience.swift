// How a thread waits for a `Lock` that it found taken.
import CLinux
import Glibc
import Synchronization

/// One thread's wait for a lock: it spins, naps for longer and longer, and at last reserves the lock.
struct LockPatience {
  /// How often a thread looks again before it sleeps, and how many hints to the processor it gives between two looks;
  /// some 8 us together on the processors this was measured on.
  private static let looksMax = 40
  private static let hintsBetweenLooks = 4
  /// Nanoseconds of the first nap, and of the longest.
  private static let firstNap = 200_000
  private static let longestNap = 3_200_000
  /// Who has waited for so many nanoseconds reserves the lock before it naps again.
  private static let waitMax = 2_000_000

  private var looksLeft = LockPatience.looksMax
  private var nap = LockPatience.firstNap
  private var began: Int?
  /// Whether the lock is reserved for this thread.
  private var isNext = false

  /// Whether this thread may take a lock in that state.
  func mayTake(_ state: UInt32) -> Bool {
    state & LockWords.taken == 0 && (isNext || state & LockWords.reserved == 0)
  }

  /// The state after it did.
  func taking(_ state: UInt32) -> UInt32 {
    (isNext ? state & ~LockWords.reserved : state) | LockWords.taken
  }

  /// Lets some time pass on the processor; false when enough has.
  mutating func spin() -> Bool {
    guard looksLeft > 0 else { return false }
    looksLeft -= 1
    for _ in 0..<LockPatience.hintsBetweenLooks { clinux_spin_hint() }
    return true
  }

  /// Naps, if the state is still that one.
  mutating func sleep(at words: UnsafeMutablePointer<LockWords>, _ state: UInt32) {
    // Where one sleeps it is crowded, and stays so for a while.
    looksLeft = 0
    let now = LockPatience.now()
    let isOverdue = now - (began ?? now) >= LockPatience.waitMax
    began = began ?? now
    let reserves = isOverdue && state & LockWords.reserved == 0
    // Read before the thread counts as a sleeper, so that a wake from then on isn't missed.
    let wakes = words.pointee.wakes.load(ordering: .acquiring)
    let (isSleeper, _) = words.pointee.state.weakCompareExchange(
      expected: state, desired: (state &+ LockWords.sleeper) | (reserves ? LockWords.reserved : 0), ordering: .relaxed)
    guard isSleeper else { return }
    if reserves { isNext = true }
    var until = timespec(tv_sec: (now + nap) / 1_000_000_000, tv_nsec: (now + nap) % 1_000_000_000)
    let bits = isNext ? LockWords.next : LockWords.anySleeper
    _ = clinux_futex_wait(LockWords.address(of: words), wakes, &until, bits)
    LockWords.standUp(at: words)
    nap = min(2 * nap, LockPatience.longestNap)
  }

  /// Nanoseconds of the monotonic clock.
  private static func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
}
