import MeshBasics

/// The newest request ids, and which task each became: a producer that asks again is told the same task. The oldest is
/// forgotten for each new one.
struct RequestWindow: ~Copyable {
  private struct Entry {
    var requestID: String
    var task: TaskID
    var hash: UInt64
  }

  private var entries: ContiguousArray<Entry> = []
  private var oldest = 0
  private(set) var table = SlotTable()
  private let capacity: Int
  private let seed: UInt64

  init(capacity: Int, seed: UInt64) {
    self.capacity = capacity
    self.seed = seed
  }

  /// The task that this request became; nil when it isn't remembered.
  func task(of requestID: String) -> TaskID? {
    table.find(hash(requestID)) { entries[Int($0)].requestID == requestID }.map { entries[Int($0)].task }
  }

  /// Remembers a request, which isn't remembered yet.
  mutating func remember(_ requestID: String, _ task: TaskID) {
    guard capacity > 0 else { return }
    let entry = Entry(requestID: requestID, task: task, hash: hash(requestID))
    guard entries.count == capacity else {
      table.insert(entry.hash, Slot(truncatingIfNeeded: entries.count))
      return entries.append(entry)
    }
    table.remove(entries[oldest].hash, Slot(truncatingIfNeeded: oldest))
    entries[oldest] = entry
    table.insert(entry.hash, Slot(truncatingIfNeeded: oldest))
    oldest = (oldest &+ 1) % capacity
  }

  private func hash(_ requestID: String) -> UInt64 {
    var hash = StableHash()
    hash.combine(seed)
    hash.combine(requestID)
    return hash.value
  }
}
