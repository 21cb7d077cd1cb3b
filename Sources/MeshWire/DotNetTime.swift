/// Moments as .NET's `DateTimeOffset` in JSON (contracts: http §1): ISO 8601 in UTC with the offset `+00:00`, a
/// fraction of up to seven digits without zeros at its end, none at all when it is zero.
public enum DotNetTime {
  private static let ticksPerSecond: Int64 = 10_000_000
  private static let secondsPerDay: Int64 = 86_400
  /// 0001-01-01T00:00:00 and 9999-12-31T23:59:59.9999999, the ends of .NET's clock, in ticks from 1970.
  private static let ticksMin: Int64 = -621_355_968_000_000_000
  private static let ticksMax: Int64 = 2_534_023_007_999_999_999

  /// The text of the moment `unixTicks` (100 ns each) after 1970, clamped to the years 1 to 9999.
  public static func text(unixTicks: Int64) -> String {
    let ticks = min(max(unixTicks, ticksMin), ticksMax)
    let (seconds, fraction) = floorDivide(ticks, by: ticksPerSecond)
    let (days, second) = floorDivide(seconds, by: secondsPerDay)
    let date = civilDate(daysSince1970: days)
    var text = "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
    text += "T\(padded(second / 3_600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))"
    if fraction > 0 {
      var digits = padded(fraction, 7)
      while digits.hasSuffix("0") { digits.removeLast() }
      text += ".\(digits)"
    }
    return text + "+00:00"
  }

  /// The ticks after 1970 of the moment that `text` names: a date, `T`, hours and minutes, and where they are there
  /// seconds with a fraction of up to 16 digits, and `Z` or an offset of up to 14 hours. Without one it is UTC. Nil for
  /// anything else, and for what lies beyond the years 1 to 9999 in UTC.
  public static func unixTicks(parsing text: String) -> Int64? {
    var rest = Array(text.utf8)[...]
    guard let year = number(&rest, digits: 4), year > 0, accept(&rest, "-"), let month = number(&rest, digits: 2),
      (1...12).contains(month), accept(&rest, "-"), let day = number(&rest, digits: 2),
      (1...daysIn(month, of: year)).contains(day), accept(&rest, "T"), let hour = number(&rest, digits: 2), hour < 24,
      accept(&rest, ":"), let minute = number(&rest, digits: 2), minute < 60
    else { return nil }
    var (second, fraction): (Int64, Int64) = (0, 0)
    if accept(&rest, ":") {
      guard let whole = number(&rest, digits: 2), whole < 60, let ticks = self.fraction(&rest) else { return nil }
      (second, fraction) = (whole, ticks)
    }
    guard let offset = offsetSeconds(&rest), rest.isEmpty else { return nil }
    let days = daysSince1970(year: year, month: month, day: day)
    let seconds = days * secondsPerDay + hour * 3_600 + minute * 60 + second - offset
    let ticks = seconds * ticksPerSecond + fraction
    return (ticksMin...ticksMax).contains(ticks) ? ticks : nil
  }

  /// The day of the Gregorian calendar, by Howard Hinnant's `civil_from_days`: years are counted from March, so that
  /// the leap day is the last of its year.
  static func civilDate(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = floorDivide(daysSince1970 &+ 719_468, by: 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
  }

  /// Its inverse, `days_from_civil`.
  private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let (era, yearOfEra) = floorDivide(shifted, by: 400)
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func daysIn(_ month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  // MARK: Reading

  private static func accept(_ rest: inout ArraySlice<UInt8>, _ character: Unicode.Scalar) -> Bool {
    guard let first = rest.first, UInt32(first) == character.value else { return false }
    rest = rest.dropFirst()
    return true
  }

  /// A number of exactly so many digits.
  private static func number(_ rest: inout ArraySlice<UInt8>, digits: Int) -> Int64? {
    let text = rest.prefix(digits)
    guard text.count == digits, text.allSatisfy(isDigit) else { return nil }
    rest = rest.dropFirst(digits)
    return text.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
  }

  /// The ticks of a fraction; digits beyond the seventh are cut off, as .NET does. Zero where there is none.
  private static func fraction(_ rest: inout ArraySlice<UInt8>) -> Int64? {
    guard accept(&rest, ".") else { return 0 }
    let digits = rest.prefix(while: isDigit)
    guard (1...16).contains(digits.count) else { return nil }
    rest = rest.dropFirst(digits.count)
    let padded = Array(digits.prefix(7)) + [UInt8](repeating: UInt8(ascii: "0"), count: max(0, 7 - digits.count))
    return padded.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
  }

  private static func offsetSeconds(_ rest: inout ArraySlice<UInt8>) -> Int64? {
    if rest.isEmpty || accept(&rest, "Z") { return 0 }
    let isBehind = rest.first == UInt8(ascii: "-")
    guard accept(&rest, "+") || accept(&rest, "-"), let hours = number(&rest, digits: 2), accept(&rest, ":"),
      let minutes = number(&rest, digits: 2), minutes < 60, hours * 60 + minutes <= 14 * 60
    else { return nil }
    let seconds = hours * 3_600 + minutes * 60
    return isBehind ? -seconds : seconds
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func floorDivide(_ number: Int64, by divisor: Int64) -> (quotient: Int64, rest: Int64) {
    let (quotient, rest) = number.quotientAndRemainder(dividingBy: divisor)
    return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}
