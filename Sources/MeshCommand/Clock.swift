import Glibc

/// Wall time for display.
enum Clock {
  /// Now, in nanoseconds since 1970.
  static func unixNanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }

  /// `2026-01-31T23:59:59.123Z` for a Unix time in nanoseconds.
  static func timestamp(unixNanoseconds: Int64) -> String {
    var seconds = time_t(unixNanoseconds / 1_000_000_000)
    let milliseconds = unixNanoseconds % 1_000_000_000 / 1_000_000
    var parts = tm()
    guard gmtime_r(&seconds, &parts) != nil else { return "-" }
    let year = digits(Int(parts.tm_year) &+ 1900, 4)
    let date = "\(year)-\(digits(Int(parts.tm_mon) &+ 1, 2))-\(digits(Int(parts.tm_mday), 2))"
    let time = "\(digits(Int(parts.tm_hour), 2)):\(digits(Int(parts.tm_min), 2)):\(digits(Int(parts.tm_sec), 2))"
    return "\(date)T\(time).\(digits(Int(milliseconds.magnitude), 3))Z"
  }

  /// The same for a Unix time in seconds.
  static func timestamp(unixSeconds: Int64) -> String {
    timestamp(unixNanoseconds: unixSeconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue)
  }

  private static func digits(_ number: Int, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width &- text.count)) + text
  }
}
