import MeshBasics

/// What a queue holds, and what has become of all that it admitted.
public struct TaskCounts: Equatable, Sendable {
  // What it holds.
  /// Deliverable now, and behind an earlier task of the same key.
  public var pending = 0
  /// Waiting for their time.
  public var delayed = 0
  /// At consumers.
  public var leased = 0
  /// Dead letters.
  public var dead = 0

  // What became of tasks, since the queue was made.
  /// Given a place; those that were restored aren't counted.
  public var admitted: UInt64 = 0
  /// Taken in from snapshots.
  public var restored: UInt64 = 0
  /// Done.
  public var completed: UInt64 = 0
  /// Given back by a drain or a close.
  public var handedBack: UInt64 = 0
  /// Forgotten by a close.
  public var discarded: UInt64 = 0
  /// Dead letters that were forgotten on request.
  public var purged: UInt64 = 0

  // What happened to them.
  /// Leases granted.
  public var grants: UInt64 = 0
  /// Leases of a task that had been leased before.
  public var redeliveries: UInt64 = 0
  /// Leases extended.
  public var heartbeats: UInt64 = 0
  /// Deliveries that failed.
  public var failed: UInt64 = 0
  /// Leases that were over before their consumer said anything.
  public var expired: UInt64 = 0
  /// Tasks that came back to the queue after a delivery.
  public var requeued: UInt64 = 0
  /// Tasks that died.
  public var deadLettered: UInt64 = 0
  /// Dead letters that were made tasks again.
  public var redriven: UInt64 = 0
  /// Requests that had become a task before.
  public var duplicates: UInt64 = 0

  /// How long leases lasted that ended by a call.
  public var leaseDurations = DurationCounts()

  /// No task, ever.
  public init() {}

  /// Whether every task that came in is accounted for.
  public var areConserved: Bool {
    let cameIn = admitted &+ restored
    let held = UInt64(clamping: pending &+ delayed &+ leased &+ dead)
    return cameIn == completed &+ handedBack &+ discarded &+ purged &+ held
  }
}

/// How many durations were up to each of a row of lengths.
public struct DurationCounts: Equatable, Sendable {
  /// The upper ends, in milliseconds; one more place is for all that are longer.
  public static let bounds: [Int64] = [1, 5, 25, 100, 500, 2_500, 10_000, 60_000, 600_000]

  // Places in the value itself: an array would ask at each addition whether it is shared.
  private var places = InlineArray<10, UInt64>(repeating: 0)
  /// All of them together.
  public private(set) var sum = Duration.zero

  /// None.
  public init() {}

  /// How many fell into each place.
  public var counts: [UInt64] { places.indices.map { places[$0] } }

  @inline(__always)
  mutating func add(_ duration: Duration) {
    // Most leases are short.
    places[duration.nanoseconds <= 1_000_000 ? 0 : DurationCounts.place(of: duration)] &+= 1
    sum = sum + duration
  }

  private static func place(of duration: Duration) -> Int {
    bounds.firstIndex { duration.nanoseconds <= $0 &* 1_000_000 } ?? bounds.count
  }

  /// Whether both have seen the same.
  public static func == (left: DurationCounts, right: DurationCounts) -> Bool {
    left.sum == right.sum && left.counts == right.counts
  }
}
