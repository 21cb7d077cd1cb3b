import MeshBasics

/// Durations as configurations write them: `00:00:01.5` and `1.02:03:04` as .NET does, or `1500ms`, `2s`, `5m`, `1h`,
/// `1d`. A bare number is refused, because .NET reads it as days and everyone else as seconds.
enum DurationText {
  private static let units: [(suffix: String, nanoseconds: Int64)] = [
    ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
  ]

  /// The duration that `text` spells, or nil.
  static func parse(_ text: String) -> Duration? {
    text.utf8.contains(UInt8(ascii: ":")) ? parseClock(text) : parseUnit(text)
  }

  /// The shortest spelling with a unit: `90s`, `1500ms`.
  static func render(_ span: Duration) -> String {
    for unit in units.reversed() where span.nanoseconds != 0 && span.nanoseconds % unit.nanoseconds == 0 {
      return "\(span.nanoseconds / unit.nanoseconds)\(unit.suffix)"
    }
    return "\(Text.trimmed(span.fractionalMilliseconds))ms"
  }

  /// `1500ms`, `1.5s`: digits, perhaps a fraction, and a unit.
  private static func parseUnit(_ text: String) -> Duration? {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let suffix = Text.lowercased(String(text[number.endIndex...]))
    guard let unit = units.first(where: { $0.suffix == suffix }) else { return nil }
    let parts = number.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = parts.first, let count = Text.digits(whole) else { return nil }
    let fraction = parts.count == 2 ? Self.fraction(parts[1], of: unit.nanoseconds) : 0
    guard let fraction else { return nil }
    return sum(product(count, unit.nanoseconds), fraction)
  }

  /// `[d.]hh:mm:ss[.fffffff]`.
  private static func parseClock(_ text: String) -> Duration? {
    let fields = text.split(separator: ":", omittingEmptySubsequences: false)
    guard fields.count == 3 else { return nil }
    let dayAndHour = fields[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let secondAndFraction = fields[2].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let hourText = dayAndHour.last, let secondText = secondAndFraction.first,
      let days = dayAndHour.count == 2 ? Text.digits(dayAndHour[0]) : 0,
      let hours = twoDigits(hourText, below: 24), let minutes = twoDigits(fields[1], below: 60),
      let seconds = twoDigits(secondText, below: 60),
      let fraction = secondAndFraction.count == 2 ? Self.fraction(secondAndFraction[1], of: 1_000_000_000) : 0
    else { return nil }
    let ofDay = (hours &* 3_600 &+ minutes &* 60 &+ seconds) &* 1_000_000_000 &+ fraction
    return sum(product(days, 86_400_000_000_000), ofDay)
  }

  private static func twoDigits(_ text: Substring, below limit: Int64) -> Int64? {
    guard text.utf8.count <= 2, let number = Text.digits(text), number < limit else { return nil }
    return number
  }

  /// What the digits after a point are worth, in nanoseconds of a unit; digits below a nanosecond count nothing.
  private static func fraction(_ digits: Substring, of unit: Int64) -> Int64? {
    guard (1...9).contains(digits.utf8.count), Text.digits(digits) != nil else { return nil }
    var scale = unit
    var total: Int64 = 0
    for digit in digits.utf8 {
      // A tenth of each unit divides evenly down to the nanosecond, save for the small rest that is dropped.
      scale /= 10
      total &+= Int64(digit &- UInt8(ascii: "0")) &* scale
    }
    return total
  }

  private static func product(_ left: Int64, _ right: Int64) -> Int64? {
    let (value, overflow) = left.multipliedReportingOverflow(by: right)
    return overflow ? nil : value
  }

  private static func sum(_ left: Int64?, _ right: Int64) -> Duration? {
    guard let left else { return nil }
    let (value, overflow) = left.addingReportingOverflow(right)
    return overflow ? nil : Duration(nanoseconds: value)
  }
}
