/// Finds a slot by the hash of what is in it: open addressing with linear probing in Robin Hood's order, at most 7/8
/// full. It keeps the hash and the slot, eight bytes each; the caller compares the thing itself. Nothing iterates it,
/// so that its order never shows.
///
/// Entries stand in the order of their homes, the places that their hashes name. So a search ends at the first entry
/// that is nearer to its home than the search is to its own, and a removal moves entries up only until one is at home:
/// tasks, whose hashes follow each other, stay at home for the most part.
///
/// Swift's `Dictionary` is no choice for a room, and would cost three times the memory here. An array would ask at each
/// change whether it is shared, and look at its bounds at each step of a search.
struct SlotTable: ~Copyable, @unchecked Sendable {
  // Sendable although it holds a pointer: nobody else has it.
  private struct Entry {
    var hash: UInt32
    var slot: Slot

    static var unused: Entry { Entry(hash: 0, slot: -1) }
  }

  /// A power of two of them; `index & mask` is one of them.
  private var entries: UnsafeMutablePointer<Entry>
  private var mask: Int
  private(set) var count = 0

  /// An empty table.
  init() {
    mask = 15
    entries = .allocate(capacity: 16)
    entries.initialize(repeating: .unused, count: 16)
  }

  deinit { entries.deallocate() }

  /// The slot under `hash` that `matches`; nil when there is none.
  @inline(__always)
  func find(_ hash: UInt64, where matches: (Slot) -> Bool) -> Slot? {
    index(hash, where: matches).map { entries[$0].slot }
  }

  /// Adds a slot, which isn't in the table.
  mutating func insert(_ hash: UInt64, _ slot: Slot) {
    if count &* 8 >= (mask &+ 1) &* 7 { grow() }
    place(Entry(hash: SlotTable.fold(hash), slot: slot))
    count &+= 1
  }

  /// Takes `slot` out; false when it isn't in the table.
  @discardableResult
  mutating func remove(_ hash: UInt64, _ slot: Slot) -> Bool {
    guard var hole = index(hash, where: { $0 == slot }) else { return false }
    var next = (hole &+ 1) & mask
    while entries[next].slot >= 0, distance(of: entries[next], at: next) > 0 {
      entries[hole] = entries[next]
      hole = next
      next = (next &+ 1) & mask
    }
    entries[hole] = .unused
    count &-= 1
    return true
  }

  @inline(__always)
  private func index(_ hash: UInt64, where matches: (Slot) -> Bool) -> Int? {
    let hash = SlotTable.fold(hash)
    var index = Int(hash) & mask
    var walked = 0
    while entries[index].slot >= 0, distance(of: entries[index], at: index) >= walked {
      if entries[index].hash == hash && matches(entries[index].slot) { return index }
      index = (index &+ 1) & mask
      walked &+= 1
    }
    return nil
  }

  private mutating func place(_ entry: Entry) {
    var entry = entry
    var index = Int(entry.hash) & mask
    var walked = 0
    while entries[index].slot >= 0 {
      let here = distance(of: entries[index], at: index)
      if here < walked {
        swap(&entry, &entries[index])
        walked = here
      }
      index = (index &+ 1) & mask
      walked &+= 1
    }
    entries[index] = entry
  }

  private mutating func grow() {
    let (old, length) = (entries, mask &+ 1)
    mask = length &* 2 &- 1
    entries = .allocate(capacity: length &* 2)
    entries.initialize(repeating: .unused, count: length &* 2)
    for index in 0..<length where old[index].slot >= 0 { place(old[index]) }
    old.deallocate()
  }

  /// How far behind its home an entry stands.
  @inline(__always)
  private func distance(of entry: Entry, at index: Int) -> Int { (index &- Int(entry.hash)) & mask }

  /// Neighbouring numbers stay neighbours.
  private static func fold(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash ^ hash >> 32) }
}
