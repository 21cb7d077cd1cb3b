import MeshBasics

/// What shall happen in virtual time, ordered by time and then by the order of scheduling. A heap of small keys, four
/// children to a node, over a slab of events: large runs hold hundreds of thousands of them, and moving an event costs
/// more than moving its key.
struct EventQueue<Event> {
  private struct Key {
    let at: UInt64
    let number: UInt64
    let slot: Int

    func precedes(_ other: Key) -> Bool { at == other.at ? number < other.number : at < other.at }
  }

  private var heap: [Key] = []
  private var slab: [Event?] = []
  private var free: [Int] = []
  private var lastNumber: UInt64 = 0

  var nextAt: Instant? { heap.first.map { Instant(nanoseconds: $0.at) } }
  var count: Int { heap.count }

  mutating func schedule(_ event: Event, at: Instant) {
    lastNumber &+= 1
    let slot: Int
    if let reused = free.popLast() {
      slot = reused
      slab[slot] = event
    } else {
      slot = slab.count
      slab.append(event)
    }
    rise(Key(at: at.nanoseconds, number: lastNumber, slot: slot))
  }

  mutating func popFirst() -> (at: Instant, event: Event)? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    if !heap.isEmpty { sink(last) }
    guard let event = slab[first.slot] else { return nil }
    slab[first.slot] = nil
    free.append(first.slot)
    return (Instant(nanoseconds: first.at), event)
  }

  private mutating func rise(_ key: Key) {
    heap.append(key)
    var child = heap.count &- 1
    while child > 0 {
      let parent = (child &- 1) >> 2
      guard key.precedes(heap[parent]) else { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = key
  }

  /// Puts `key` in the place of the first.
  private mutating func sink(_ key: Key) {
    var parent = 0
    let count = heap.count
    while true {
      let firstChild = (parent << 2) &+ 1
      guard firstChild < count else { break }
      var least = firstChild
      var child = firstChild &+ 1
      let end = min(firstChild &+ 4, count)
      while child < end {
        if heap[child].precedes(heap[least]) { least = child }
        child &+= 1
      }
      guard heap[least].precedes(key) else { break }
      heap[parent] = heap[least]
      parent = least
    }
    heap[parent] = key
  }
}
