import MeshBasics

/// The tasks of each key, in the order of their admission. The first *holds* the key, from when it is deliverable until
/// it is done or dead; the others wait behind it, however urgent they are.
struct KeyLines: ~Copyable {
  private struct Line {
    var holder: Slot
    var waiting = TaskLine()
  }

  private var lines: ContiguousArray<Line> = []
  private var unused: ContiguousArray<Int32> = []
  private var table = SlotTable()
  private let seed: UInt64

  /// `seed` keeps producers from choosing keys that meet in the table.
  init(seed: UInt64) { self.seed = seed }

  /// Adds the task at `slot`; true when it holds its key, false when it waits.
  mutating func join(_ slot: Slot, _ key: String, _ store: inout TaskStore) -> Bool {
    let hash = self.hash(key)
    if let line = find(key, hash, store) {
      store.append(slot, to: &lines[Int(line)].waiting)
      return false
    }
    if let line = unused.popLast() {
      lines[Int(line)] = Line(holder: slot)
      table.insert(hash, line)
    } else {
      lines.append(Line(holder: slot))
      table.insert(hash, Int32(truncatingIfNeeded: lines.count &- 1))
    }
    return true
  }

  /// Takes the holder of `key` out. The task that holds it now, if one was waiting.
  mutating func leave(_ key: String, _ store: inout TaskStore) -> Slot? {
    let hash = self.hash(key)
    guard let line = find(key, hash, store) else { return nil }
    let next = lines[Int(line)].waiting.first
    guard next >= 0 else {
      table.remove(hash, line)
      unused.append(line)
      return nil
    }
    store.remove(next, from: &lines[Int(line)].waiting)
    lines[Int(line)].holder = next
    return next
  }

  /// How many keys are held.
  var count: Int { table.count }

  private func find(_ key: String, _ hash: UInt64, _ store: borrowing TaskStore) -> Int32? {
    table.find(hash) { store[lines[Int($0)].holder].details?.key == key }
  }

  private func hash(_ key: String) -> UInt64 {
    var hash = StableHash()
    hash.combine(seed)
    hash.combine(key)
    return hash.value
  }
}
