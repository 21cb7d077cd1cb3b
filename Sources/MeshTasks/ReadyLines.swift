import MeshBasics

/// The tasks that may be leased now: a line for each priority, in the order in which they became ready.
struct ReadyLines {
  private typealias Lines = InlineArray<8, TaskLine>

  /// The most urgent first.
  private var lines = Lines(repeating: TaskLine())
  /// The lines that aren't empty: bit n is line n.
  private var inUse: UInt8 = 0

  var isEmpty: Bool { inUse == 0 }

  mutating func append(_ slot: Slot, _ store: inout TaskStore) {
    let line = ReadyLines.line(of: store[slot].priority)
    store.append(slot, to: &lines[line])
    inUse |= 1 << UInt8(truncatingIfNeeded: line)
  }

  /// Puts a task before all others of its priority.
  mutating func prepend(_ slot: Slot, _ store: inout TaskStore) {
    let line = ReadyLines.line(of: store[slot].priority)
    // The first of a line is the one that has been ready for longest.
    if !lines[line].isEmpty { store[slot].at = store[lines[line].first].at }
    store.prepend(slot, to: &lines[line])
    inUse |= 1 << UInt8(truncatingIfNeeded: line)
  }

  /// Takes out the task that is next. There must be one.
  mutating func takeFirst(_ store: inout TaskStore) -> Slot {
    let line = inUse.trailingZeroBitCount
    let slot = lines[line].first
    store.remove(slot, from: &lines[line])
    if lines[line].isEmpty { inUse &= ~(1 << UInt8(truncatingIfNeeded: line)) }
    return slot
  }

  /// Since when the task that has been ready for longest has been so; nil when none is.
  func oldest(_ store: borrowing TaskStore) -> Instant? {
    guard inUse != 0 else { return nil }
    var oldest = Instant.distantFuture
    for line in lines.indices where !lines[line].isEmpty { oldest = min(oldest, store[lines[line].first].at) }
    return oldest
  }

  private static func line(of priority: Int8) -> Int { TaskLimits.priorityRange.upperBound &- Int(priority) }
}
