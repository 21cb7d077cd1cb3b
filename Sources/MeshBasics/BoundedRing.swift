/// A first-in, first-out queue with a limit, in one array that grows with what waits, and never past the limit.
public struct BoundedRing<Element> {
  private var slots: [Element?] = []
  private var head = 0
  /// The limit.
  public let capacity: Int
  /// The number of elements inside.
  public private(set) var count = 0

  /// An empty ring for at most `capacity` elements (at least one).
  public init(capacity: Int) { self.capacity = Swift.max(1, capacity) }

  /// Whether nothing is inside.
  public var isEmpty: Bool { count == 0 }
  /// Whether the limit is reached.
  public var isFull: Bool { count == capacity }
  /// How many places there is memory for.
  var allocated: Int { slots.count }

  /// Adds `element` at the end; answers false, and changes nothing, when the ring is full.
  public mutating func append(_ element: Element) -> Bool {
    guard !isFull else { return false }
    if count == slots.count { grow() }
    slots[(head &+ count) % slots.count] = element
    count &+= 1
    return true
  }

  /// Doubles the places, up to the limit. The oldest element comes to the front.
  private mutating func grow() {
    let more = Swift.min(capacity, Swift.max(16, slots.count &* 2))
    slots = Array(slots[head...]) + Array(slots[..<head]) + Array(repeating: nil, count: more &- slots.count)
    head = 0
  }

  /// Takes the oldest element out.
  public mutating func popFirst() -> Element? {
    guard count > 0 else { return nil }
    let element = slots[head]
    slots[head] = nil
    head = (head &+ 1) % slots.count
    count &-= 1
    return element
  }

  /// The oldest element, left inside.
  public var first: Element? { count > 0 ? slots[head] : nil }

  /// The element `offset` places behind the oldest; nil when there is none.
  public subscript(offset: Int) -> Element? {
    offset >= 0 && offset < count ? slots[(head &+ offset) % slots.count] : nil
  }

  /// Replaces the newest element that `matches`, in its place; false when there is none.
  public mutating func replaceLast(where matches: (Element) -> Bool, with change: (Element) -> Element) -> Bool {
    for offset in stride(from: count &- 1, through: 0, by: -1) {
      let slot = (head &+ offset) % slots.count
      if let element = slots[slot], matches(element) {
        slots[slot] = change(element)
        return true
      }
    }
    return false
  }

  /// The elements from oldest to newest.
  public var elements: [Element] {
    (0..<count).compactMap { slots[(head &+ $0) % slots.count] }
  }
}

extension BoundedRing: Sendable where Element: Sendable {}
