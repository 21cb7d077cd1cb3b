/// A point on a monotonic clock, in nanoseconds from an origin that only the shell knows.
///
/// Rooms never read a clock: every `Instant` comes in from the shell or from the simulator. Arithmetic saturates,
/// so that a hostile or broken duration can't trap.
public struct Instant: Comparable, Hashable, Sendable {
  /// Nanoseconds since the clock's origin.
  public let nanoseconds: UInt64

  /// The point `nanoseconds` after the origin.
  @inlinable public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// The clock's origin.
  public static let origin = Instant(nanoseconds: 0)
  /// A point that no clock reaches; as a deadline it means "never".
  public static let distantFuture = Instant(nanoseconds: .max)

  /// Orders by time.
  @inlinable public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

  /// The point `span` later; saturates at the ends of the clock.
  @inlinable public static func + (instant: Instant, span: Duration) -> Instant {
    if span.nanoseconds >= 0 {
      let (sum, overflow) = instant.nanoseconds.addingReportingOverflow(UInt64(span.nanoseconds))
      return overflow ? .distantFuture : Instant(nanoseconds: sum)
    }
    let (difference, overflow) = instant.nanoseconds.subtractingReportingOverflow(span.nanoseconds.magnitude)
    return overflow ? .origin : Instant(nanoseconds: difference)
  }

  /// The time from `earlier` to this point; negative when it lies later, saturating.
  @inlinable public func since(_ earlier: Instant) -> Duration {
    if self >= earlier {
      return Duration(nanoseconds: Int64(clamping: nanoseconds &- earlier.nanoseconds))
    }
    return Duration(nanoseconds: 0 &- Int64(clamping: earlier.nanoseconds &- nanoseconds))
  }
}

/// A length of time in nanoseconds, about ±292 years. Shadows the standard library's type on purpose: eight bytes,
/// integer arithmetic, and saturation in place of traps.
public struct Duration: Comparable, Hashable, Sendable {
  /// The length in nanoseconds.
  public let nanoseconds: Int64

  /// A length of `nanoseconds`.
  @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// No time at all.
  public static let zero = Duration(nanoseconds: 0)

  /// A length of `count` seconds, saturating.
  @inlinable public static func seconds(_ count: Int64) -> Duration {
    Duration(nanoseconds: 1_000_000_000).multiplied(by: count)
  }
  /// A length of `count` milliseconds, saturating.
  @inlinable public static func milliseconds(_ count: Int64) -> Duration {
    Duration(nanoseconds: 1_000_000).multiplied(by: count)
  }
  /// A length of `count` microseconds, saturating.
  @inlinable public static func microseconds(_ count: Int64) -> Duration {
    Duration(nanoseconds: 1_000).multiplied(by: count)
  }

  /// Whole milliseconds, rounded towards zero.
  @inlinable public var milliseconds: Int64 { nanoseconds / 1_000_000 }
  /// Whole microseconds, rounded towards zero.
  @inlinable public var microseconds: Int64 { nanoseconds / 1_000 }
  /// The length in milliseconds with its fraction, for display.
  @inlinable public var fractionalMilliseconds: Double { Double(nanoseconds) / 1e6 }

  /// This length `factor` times, saturating.
  @inlinable public func multiplied(by factor: Int64) -> Duration {
    let (product, overflow) = nanoseconds.multipliedReportingOverflow(by: factor)
    if !overflow { return Duration(nanoseconds: product) }
    return Duration(nanoseconds: (nanoseconds < 0) == (factor < 0) ? .max : .min)
  }

  /// This length divided by `divisor`; a divisor of zero gives the length itself.
  @inlinable public func divided(by divisor: Int64) -> Duration {
    let (quotient, overflow) = nanoseconds.dividedReportingOverflow(by: divisor)
    return overflow ? self : Duration(nanoseconds: quotient)
  }

  /// Orders by length.
  @inlinable public static func < (left: Duration, right: Duration) -> Bool { left.nanoseconds < right.nanoseconds }

  /// The sum, saturating.
  @inlinable public static func + (left: Duration, right: Duration) -> Duration {
    let (sum, overflow) = left.nanoseconds.addingReportingOverflow(right.nanoseconds)
    return overflow ? Duration(nanoseconds: right.nanoseconds < 0 ? .min : .max) : Duration(nanoseconds: sum)
  }

  /// The difference, saturating.
  @inlinable public static func - (left: Duration, right: Duration) -> Duration {
    let (rest, overflow) = left.nanoseconds.subtractingReportingOverflow(right.nanoseconds)
    return overflow ? Duration(nanoseconds: right.nanoseconds < 0 ? .max : .min) : Duration(nanoseconds: rest)
  }
}
