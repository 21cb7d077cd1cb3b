import MeshBasics

/// What has one deadline in a `DeadlineHeap`.
protocol DeadlineOwner: AnyObject {
  /// Where the heap holds it; nil while it has no deadline. Only the heap writes it.
  var heapIndex: Int? { get set }
}

/// Deadlines, earliest first, one per owner. An owner whose deadline moves keeps its one place, so the heap never holds
/// more than its owners, wakes nobody for a deadline that has moved, and lets go of who is removed.
struct DeadlineHeap<Owner: DeadlineOwner> {
  private var entries: [(deadline: Instant, owner: Owner)] = []

  /// The earliest deadline; nil when there is none.
  var first: Instant? { entries.first?.deadline }
  var count: Int { entries.count }

  /// Gives `owner` its deadline, or moves the one it has.
  mutating func set(_ owner: Owner, to deadline: Instant) {
    guard let index = owner.heapIndex else {
      owner.heapIndex = entries.count
      entries.append((deadline, owner))
      return rise(from: entries.count - 1)
    }
    let before = entries[index].deadline
    entries[index].deadline = deadline
    if deadline < before { rise(from: index) } else { sink(from: index) }
  }

  /// Takes `owner` out, if it is in.
  mutating func remove(_ owner: Owner) {
    guard let index = owner.heapIndex else { return }
    swap(index, entries.count - 1)
    entries.removeLast()
    owner.heapIndex = nil
    guard index < entries.count else { return }
    rise(from: index)
    sink(from: index)
  }

  /// Takes out the owner of the earliest deadline if that has come.
  mutating func next(upTo now: Instant) -> Owner? {
    guard let top = entries.first, top.deadline <= now else { return nil }
    remove(top.owner)
    return top.owner
  }

  private mutating func rise(from start: Int) {
    var child = start
    while child > 0 {
      let parent = (child - 1) / 2
      if entries[parent].deadline <= entries[child].deadline { return }
      swap(parent, child)
      child = parent
    }
  }

  private mutating func sink(from start: Int) {
    var parent = start
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count {
        if entries[child].deadline < entries[least].deadline { least = child }
      }
      if least == parent { return }
      swap(parent, least)
      parent = least
    }
  }

  private mutating func swap(_ left: Int, _ right: Int) {
    entries.swapAt(left, right)
    entries[left].owner.heapIndex = left
    entries[right].owner.heapIndex = right
  }
}
