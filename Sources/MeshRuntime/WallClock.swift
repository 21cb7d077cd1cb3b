import Glibc
import MeshBasics
import MeshControl
import MeshTransport

/// The time of day. For display, and for numbers that must grow from one process to the next: no duration comes from
/// it.
enum WallClock {
  /// Nanoseconds since 1970.
  static func unixNanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }

  /// Milliseconds since 1970.
  static func unixMilliseconds() -> Int64 { unixNanoseconds() / 1_000_000 }

  /// Units of 100 nanoseconds since 1970, the resolution of OmniRelay's timestamps.
  static func unixTicks() -> Int64 { unixNanoseconds() / 100 }
}

extension MemberClock {
  /// Now. Both clocks are read at once: what is written at one moment can be told at another only where both tell the
  /// same times.
  static var current: MemberClock { MemberClock(now: MonotonicClock.now(), unixTicks: WallClock.unixTicks()) }
}
