import MeshBasics

/// What shall happen in virtual time, ordered by time and then by the order of scheduling: a binary heap.
struct EventQueue<Event> {
  private struct Entry {
    let at: Instant
    let number: UInt64
    let event: Event

    func precedes(_ other: Entry) -> Bool { at == other.at ? number < other.number : at < other.at }
  }

  private var heap: [Entry] = []
  private var lastNumber: UInt64 = 0

  var nextAt: Instant? { heap.first?.at }

  mutating func schedule(_ event: Event, at: Instant) {
    lastNumber &+= 1
    heap.append(Entry(at: at, number: lastNumber, event: event))
    var child = heap.count &- 1
    while child > 0 {
      let parent = (child &- 1) / 2
      guard heap[child].precedes(heap[parent]) else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func popFirst() -> (at: Instant, event: Event)? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    if !heap.isEmpty {
      heap[0] = last
      sink()
    }
    return (first.at, first.event)
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var least = parent
      for child in [2 &* parent &+ 1, 2 &* parent &+ 2] where child < heap.count {
        if heap[child].precedes(heap[least]) { least = child }
      }
      guard least != parent else { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
