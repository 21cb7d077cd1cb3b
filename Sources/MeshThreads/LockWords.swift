// The state of a `Lock`, and how a thread that sleeps at it is woken.
import CLinux
import Synchronization

/// What the threads at a lock share.
@usableFromInline
struct LockWords: ~Copyable {
  /// Changes when a sleeper is woken: the word that the kernel looks at, so it is the first.
  let wakes = Atomic<UInt32>(0)
  /// `sleepers << 3 | isWaking << 2 | isReserved << 1 | isTaken`.
  @usableFromInline let state = Atomic<UInt32>(0)
  /// Turns since the last wake, while there were sleepers. Who holds the lock changes it.
  let turns = Atomic<UInt32>(0)

  @usableFromInline static var taken: UInt32 { 1 }
  /// Somebody has waited for long, and takes it next.
  static var reserved: UInt32 { 2 }
  /// Somebody was woken, and isn't up yet: until then nobody needs to wake another.
  static var waking: UInt32 { 4 }
  static var sleeper: UInt32 { 8 }

  /// After so many turns one that sleeps is woken.
  static var turnsBetweenWakes: UInt32 { 1_024 }

  // Whom a wake is for: bits of futex(2).
  static var anySleeper: UInt32 { 1 }
  static var next: UInt32 { 2 }

  /// Wakes the sleeper that the lock is reserved for.
  static func wakeNext(at words: UnsafeMutablePointer<LockWords>) {
    words.pointee.wakes.wrappingAdd(1, ordering: .releasing)
    clinux_futex_wake(address(of: words), 1, next)
  }

  /// Wakes one sleeper, if the state is still that one: who changed it is up, and gives the lock back in turn.
  static func wakeOne(at words: UnsafeMutablePointer<LockWords>, _ state: UInt32) {
    let (isMine, _) = words.pointee.state.compareExchange(
      expected: state, desired: state | waking, ordering: .relaxed)
    guard isMine else { return }
    // Whoever was counted as a sleeper finds this, is woken, or was up already; and says so by clearing the bit.
    words.pointee.wakes.wrappingAdd(1, ordering: .releasing)
    clinux_futex_wake(address(of: words), 1, anySleeper)
  }

  /// The calling thread sleeps no more. What woke it doesn't matter, and may have been meant for another lock that was
  /// here before: futex(2) says that this can be.
  static func standUp(at words: UnsafeMutablePointer<LockWords>) {
    var state = words.pointee.state.load(ordering: .relaxed)
    var isUp = false
    while !isUp {
      (isUp, state) = words.pointee.state.weakCompareExchange(
        expected: state, desired: (state &- sleeper) & ~waking, ordering: .relaxed)
    }
  }

  /// Where the kernel looks.
  static func address(of words: UnsafeMutablePointer<LockWords>) -> UnsafeMutablePointer<UInt32> {
    UnsafeMutableRawPointer(words).assumingMemoryBound(to: UInt32.self)
  }
}
