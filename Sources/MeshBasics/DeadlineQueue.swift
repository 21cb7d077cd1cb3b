/// At most one deadline for each key, the earliest at hand.
///
/// A binary heap of all deadlines that were set; one that was replaced or withdrawn stays inside until it comes to the
/// top or until half of the heap is such. Setting and taking cost O(log n) on average. Equal deadlines come in the
/// order of their keys, so that the same calls give the same answers in every process.
public struct DeadlineQueue<Key: Comparable> {
  @usableFromInline struct Entry {
    @usableFromInline let instant: Instant
    @usableFromInline let key: Key

    @inlinable init(_ instant: Instant, _ key: Key) {
      self.instant = instant
      self.key = key
    }

    @inlinable func precedes(_ other: Entry) -> Bool {
      instant == other.instant ? key < other.key : instant < other.instant
    }
  }

  /// What counts.
  @usableFromInline var deadlines = ChunkedMap<Key, Instant>()
  /// No parent comes after its children, and the top counts.
  @usableFromInline var heap: [Entry] = []

  /// An empty queue.
  @inlinable public init() {}

  /// The number of keys that have a deadline.
  @inlinable public var count: Int { deadlines.count }
  /// Whether no key has one.
  @inlinable public var isEmpty: Bool { deadlines.isEmpty }
  /// The earliest deadline; nil when there is none.
  @inlinable public var next: Instant? { heap.first?.instant }
  /// The deadline of `key`.
  @inlinable public subscript(key: Key) -> Instant? { deadlines[key] }

  /// Gives `key` a new deadline in place of the one it had; nil withdraws it.
  @inlinable public mutating func set(_ key: Key, at instant: Instant?) {
    guard deadlines[key] != instant else { return }
    deadlines[key] = instant
    if let instant { push(Entry(instant, key)) }
    tidy()
  }

  /// Takes the key with the earliest deadline out, if that isn't after `now`.
  @inlinable public mutating func popDue(_ now: Instant) -> Key? {
    guard let first = heap.first, first.instant <= now else { return nil }
    deadlines[first.key] = nil
    tidy()
    return first.key
  }

  /// Withdraws all deadlines.
  @inlinable public mutating func removeAll() {
    deadlines.removeAll()
    heap = []
  }
}

extension DeadlineQueue {
  /// Removes what doesn't count any more from the top, or from everywhere when it's more than half.
  @inlinable mutating func tidy() {
    while let first = heap.first, deadlines[first.key] != first.instant { removeTop() }
    guard heap.count > deadlines.count &* 2 else { return }
    heap = deadlines.map { Entry($0.1, $0.0) }
    for index in stride(from: heap.count / 2 &- 1, through: 0, by: -1) { sink(from: index) }
  }

  @inlinable mutating func push(_ entry: Entry) {
    var index = heap.count
    heap.append(entry)
    while index > 0 {
      let parent = (index &- 1) / 2
      guard entry.precedes(heap[parent]) else { return }
      heap.swapAt(index, parent)
      index = parent
    }
  }

  @inlinable mutating func removeTop() {
    heap.swapAt(0, heap.count &- 1)
    heap.removeLast()
    sink(from: 0)
  }

  @inlinable mutating func sink(from start: Int) {
    var index = start
    while true {
      var child = index &* 2 &+ 1
      guard child < heap.count else { return }
      if child &+ 1 < heap.count, heap[child &+ 1].precedes(heap[child]) { child &+= 1 }
      guard heap[child].precedes(heap[index]) else { return }
      heap.swapAt(index, child)
      index = child
    }
  }
}

extension DeadlineQueue: Sendable where Key: Sendable {}
extension DeadlineQueue.Entry: Sendable where Key: Sendable {}
