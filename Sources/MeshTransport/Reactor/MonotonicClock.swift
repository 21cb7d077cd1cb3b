import Glibc
import MeshBasics

/// The shell's clock: CLOCK_MONOTONIC, which never jumps and stands still while the machine sleeps.
public enum MonotonicClock {
  /// The present, in nanoseconds since the machine started. Any thread.
  public static func now() -> Instant { read(CLOCK_MONOTONIC) }

  /// The same as of the kernel's last tick, some milliseconds ago; cheaper. Any thread.
  public static func lastTick() -> Instant { read(CLOCK_MONOTONIC_COARSE) }

  @inline(__always)
  private static func read(_ clock: clockid_t) -> Instant {
    var time = timespec()
    clock_gettime(clock, &time)
    return Instant(nanoseconds: UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec))
  }
}
