/// Moments as .NET's `DateTimeOffset` in JSON (contracts: http §1): ISO 8601 in UTC with the offset `+00:00`, a
/// fraction of up to seven digits without zeros at its end, none at all when it is zero.
enum DotNetTime {
  private static let ticksPerSecond: Int64 = 10_000_000
  private static let secondsPerDay: Int64 = 86_400
  /// 0001-01-01T00:00:00 and 9999-12-31T23:59:59.9999999, the ends of .NET's clock, in ticks from 1970.
  private static let ticksMin: Int64 = -621_355_968_000_000_000
  private static let ticksMax: Int64 = 2_534_023_007_999_999_999

  /// The text of the moment `unixTicks` (100 ns each) after 1970, clamped to the years 1 to 9999.
  static func text(unixTicks: Int64) -> String {
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

  private static func floorDivide(_ number: Int64, by divisor: Int64) -> (quotient: Int64, rest: Int64) {
    let (quotient, rest) = number.quotientAndRemainder(dividingBy: divisor)
    return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}
