import Glibc
import MeshBasics

/// The clocks of records. The wall clock is for people only: nothing is decided by it.
public enum LogTime {
  /// Now, on the clock that only goes forward.
  @Sendable public static func monotonic() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec))
  }

  /// Now, in nanoseconds since 1970.
  static func unixNanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }

  /// `2025-11-24T09:59:53.5+00:00`, as .NET writes it: up to seven digits, no zeros at their end.
  static func iso(_ nanoseconds: Int64) -> String {
    var seconds = Int(nanoseconds / 1_000_000_000)
    var fraction = Int(nanoseconds % 1_000_000_000)
    if fraction < 0 {
      seconds &-= 1
      fraction &+= 1_000_000_000
    }
    var parts = tm()
    guard gmtime_r(&seconds, &parts) != nil else { return "" }
    func padded(_ number: Int, _ width: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width &- digits.utf8.count)) + digits
    }
    let date = [
      padded(Int(parts.tm_year) &+ 1900, 4), padded(Int(parts.tm_mon) &+ 1, 2), padded(Int(parts.tm_mday), 2),
    ]
    let time = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded(Int($0), 2) }
    var text = date.joined(separator: "-") + "T" + time.joined(separator: ":")
    if fraction / 100 > 0 {
      var digits = padded(fraction / 100, 7)
      while digits.hasSuffix("0") { digits.removeLast() }
      text += "." + digits
    }
    return text + "+00:00"
  }
}
