import MeshRuntime

/// Reads durations as OmniRelay's CLI does: a .NET TimeSpan (`00:00:10`, `1.02:03:04.5`) or a number with a unit
/// (`1500ms`, `10s`, `2m`, `1h`). A bare number is refused, since a TimeSpan would read it as days.
enum DurationText {
  private static let units: [(suffix: String, nanoseconds: Double)] = [
    ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
  ]

  static func parse(_ text: String) -> Duration? {
    if text.contains(":") { return parseClock(text) }
    for unit in units where text.hasSuffix(unit.suffix) {
      let number = text.dropLast(unit.suffix.count)
      guard number.utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ".") }), let value = Double(String(number))
      else { return nil }
      let nanoseconds = (value * unit.nanoseconds).rounded()
      return nanoseconds < 9e18 ? Duration(nanoseconds: Int64(nanoseconds)) : nil
    }
    return nil
  }

  /// `[d.]hh:mm:ss[.fffffff]`
  private static func parseClock(_ text: String) -> Duration? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3 else { return nil }
    let first = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let last = parts[2].split(separator: ".", omittingEmptySubsequences: false)
    guard first.count <= 2, last.count <= 2, let hourText = first.last, let secondText = last.first else { return nil }
    guard let days = first.count == 2 ? number(first[0], max: 10_675) : 0, let hours = number(hourText, max: 23),
      let minutes = number(parts[1], max: 59), let seconds = number(secondText, max: 59),
      let fraction = last.count == 2 ? fraction(last[1]) : 0
    else { return nil }
    let whole = ((days &* 24 &+ hours) &* 60 &+ minutes) &* 60 &+ seconds
    return Duration.seconds(whole) + Duration(nanoseconds: fraction)
  }

  private static func number(_ text: Substring, max: Int64) -> Int64? {
    guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy(isDigit), let value = Int64(text), value <= max
    else { return nil }
    return value
  }

  /// The digits after the point, as nanoseconds.
  private static func fraction(_ text: Substring) -> Int64? {
    guard (1...7).contains(text.utf8.count), text.utf8.allSatisfy(isDigit) else { return nil }
    return Int64(text + String(repeating: "0", count: 9 - text.utf8.count))
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
