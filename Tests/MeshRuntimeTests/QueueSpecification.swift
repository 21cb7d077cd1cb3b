/// A lease queue as one thread sees it, by plain arrays: what `LinearizabilityTests` hold the shell against. No time
/// passes in it: leases don't end by themselves, and retries don't wait.
struct QueueSpecification: Hashable {
  /// What is asked, and of which delivery.
  enum Call: Hashable {
    case enqueue(waits: Bool)
    case lease(waits: Bool)
    case complete(Delivery)
    case fail(Delivery)
    case handBack(Delivery)
    case heartbeat(Delivery)
    case drain
    case resume
    case close
  }

  /// What it came to.
  enum Outcome: Hashable {
    case admitted(UInt64)
    case leased(Delivery)
    /// No place, or nothing ready, in time.
    case nothing
    case done
    case handedBack([Delivery])
    case draining
    case closed
    case inactive
    case notDraining
  }

  /// A task by its sequence, and the number of its last delivery.
  struct Delivery: Hashable {
    var sequence: UInt64
    var attempt: UInt32
  }

  enum Phase { case open, drained, closed }

  let capacity: Int
  private var ready: [Delivery] = []
  private var leased: [Delivery] = []
  private var lastSequence: UInt64 = 0
  private var phase = Phase.open

  init(capacity: Int) { self.capacity = capacity }

  /// Whether the call may come to that now; if so it has.
  mutating func allows(_ call: Call, _ outcome: Outcome) -> Bool {
    if phase == .closed { return outcome == .closed }
    switch (call, outcome) {
    case (.enqueue, .admitted(let sequence)):
      guard phase == .open, ready.count + leased.count < capacity, sequence == lastSequence + 1 else { return false }
      lastSequence = sequence
      ready.append(Delivery(sequence: sequence, attempt: 0))
      return true
    case (.enqueue, .nothing): return phase == .open && ready.count + leased.count >= capacity
    case (.enqueue, .draining), (.lease(waits: false), .draining): return phase == .drained
    case (.lease, .leased(let delivery)):
      guard phase == .open, var next = ready.first else { return false }
      next.attempt += 1
      guard next == delivery else { return false }
      ready.removeFirst()
      leased.append(delivery)
      return true
    case (.lease(let waits), .nothing): return phase == .open ? ready.isEmpty : waits
    case (.complete(let delivery), .done): return take(delivery)
    case (.fail(let delivery), .done):
      guard take(delivery) else { return false }
      ready.append(delivery)
      return true
    case (.handBack(let delivery), .done):
      guard take(delivery) else { return false }
      ready.insert(delivery, at: 0)
      return true
    case (.heartbeat(let delivery), .done): return leased.contains(delivery)
    case (.complete(let delivery), .inactive), (.fail(let delivery), .inactive),
      (.handBack(let delivery), .inactive), (.heartbeat(let delivery), .inactive):
      return !leased.contains(delivery)
    case (.drain, .handedBack(let deliveries)):
      guard deliveries == sorted(ready) else { return false }
      (ready, phase) = ([], .drained)
      return true
    case (.resume, .done):
      guard phase == .drained else { return false }
      phase = .open
      return true
    case (.resume, .notDraining): return phase == .open
    case (.close, .handedBack(let deliveries)):
      guard deliveries == sorted(ready + leased) else { return false }
      phase = .closed
      return true
    default: return false
    }
  }

  private mutating func take(_ delivery: Delivery) -> Bool {
    guard let index = leased.firstIndex(of: delivery) else { return false }
    leased.remove(at: index)
    return true
  }

  private func sorted(_ deliveries: [Delivery]) -> [Delivery] { deliveries.sorted { $0.sequence < $1.sequence } }
}

/// What several threads asked of one queue, and when.
struct QueueHistory {
  /// A call, from before it was made until after it was answered, in ticks of a clock that all threads share.
  struct Entry {
    let thread: Int
    let call: QueueSpecification.Call
    let outcome: QueueSpecification.Outcome
    let begin: Int
    let end: Int
  }

  let entries: [Entry]

  /// Whether there is an order of all calls in which each one that ended before another began comes before it, and in
  /// which a queue that does one thing at a time would have answered all of them so (Herlihy and Wing). The search is
  /// that of Wing and Gong: next may come any call that began before the first end of all that are left. What is left
  /// and the state that it is left with need to be looked at once.
  func isLinearizable(from start: QueueSpecification) -> Bool {
    struct Position: Hashable {
      var left: UInt64
      var state: QueueSpecification
    }
    guard entries.count <= 64 else { return false }
    var seen: Set<Position> = []
    var open = [Position(left: entries.count == 64 ? .max : 1 << UInt64(entries.count) - 1, state: start)]
    while let position = open.popLast() {
      if position.left == 0 { return true }
      let left = entries.indices.filter { position.left & 1 << UInt64($0) != 0 }
      let firstEnd = left.map { entries[$0].end }.min() ?? 0
      for index in left where entries[index].begin < firstEnd {
        var next = position
        guard next.state.allows(entries[index].call, entries[index].outcome) else { continue }
        next.left &= ~(1 << UInt64(index))
        if seen.insert(next).inserted { open.append(next) }
      }
    }
    return false
  }

  /// The calls in the order in which they began.
  var text: String {
    entries.sorted { $0.begin < $1.begin }.map { entry in
      "thread \(entry.thread), \(entry.begin) to \(entry.end): \(entry.call) -> \(entry.outcome)"
    }.joined(separator: "\n")
  }
}
