import Glibc

/// The Date field's text, made once per second (RFC 9110 §5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`).
struct HTTPDate {
  private var second = Int.min
  private var text = ""

  /// The present.
  mutating func now() -> String {
    let present = time(nil)
    if present != second {
      second = present
      text = HTTPDate.format(present)
    }
    return text
  }

  /// `seconds` since 1970. Not by strftime, whose names depend on the host's locale.
  static func format(_ seconds: Int) -> String {
    var seconds = seconds
    var parts = tm()
    guard gmtime_r(&seconds, &parts) != nil else { return "Thu, 01 Jan 1970 00:00:00 GMT" }
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let day = days.indices.contains(Int(parts.tm_wday)) ? days[Int(parts.tm_wday)] : "Thu"
    let month = months.indices.contains(Int(parts.tm_mon)) ? months[Int(parts.tm_mon)] : "Jan"
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    return "\(day), \(two(parts.tm_mday)) \(month) \(parts.tm_year &+ 1900) \(clock) GMT"
  }
}
