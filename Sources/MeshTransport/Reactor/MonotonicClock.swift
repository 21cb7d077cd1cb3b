import Glibc
import MeshBasics

/// The shell's clock: CLOCK_MONOTONIC, which never jumps and stands still while the machine sleeps.
public enum MonotonicClock {
  /// The present, in nanoseconds since the machine started. Any thread.
  public static func now() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec))
  }
}
