import MeshBasics
import Testing

@testable import MeshTasks

/// The parts of a queue against plain arrays. Hashes are drawn from few values, so that most of them meet.
struct StoreTests {
  @Test(arguments: UInt64(1)...20) func aSlotTableFindsWhatIsInIt(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var table = SlotTable()
    var model: [(hash: UInt64, slot: Slot)] = []
    // Some wrap around the end of the table, some differ only above the bits that name a place.
    let hashes: [UInt64] = [0, 1, 2, 15, 16, 31, 0xFFFF_FFFF, 1 << 31, 1 << 32, 1 << 32 | 1, .max, 0x10_0000]
    for step in 0..<800 {
      let hash = hashes[random.pick(hashes.count)]
      switch random.pick(5) {
      case 0...2:
        table.insert(hash, Slot(step))
        model.append((hash, Slot(step)))
      case 3 where !model.isEmpty:
        let gone = model.remove(at: random.pick(model.count))
        let (removed, again) = (table.remove(gone.hash, gone.slot), table.remove(gone.hash, gone.slot))
        #expect(removed && !again)
      default:
        let other = Slot(10_000)
        let found = table.find(hash) { $0 == other }
        #expect(found == nil)
      }
      let count = table.count
      #expect(count == model.count)
      if step % 20 == 0 {
        for entry in model {
          let found = table.find(entry.hash) { $0 == entry.slot }
          #expect(found == entry.slot)
        }
      }
    }
    for entry in model { table.remove(entry.hash, entry.slot) }
    let left = table.count + hashes.count { table.find($0) { _ in true } != nil }
    #expect(left == 0)
  }

  @Test(arguments: UInt64(1)...10) func aStoreKeepsItsTasksAndLinesApart(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var store = TaskStore(epoch: 9, seed: 3)
    var lines = [TaskLine(), TaskLine()]
    var model: [[(id: TaskID, slot: Slot)]] = [[], []]
    var sequence: UInt64 = 0
    for _ in 0..<2_000 {
      let line = random.pick(2)
      switch random.pick(6) {
      case 0, 1, 2:
        sequence += 1
        let epoch = random.pick(3)
        let number = store.number(ofEpoch: [9, 4, 5][epoch])
        let slot = store.insert(stored(sequence, epoch: number))
        let id = TaskID(epoch: [9, 4, 5][epoch], sequence: sequence)
        if random.pick(2) == 0 {
          store.append(slot, to: &lines[line])
          model[line].append((id, slot))
        } else {
          store.prepend(slot, to: &lines[line])
          model[line].insert((id, slot), at: 0)
        }
      case 3, 4:
        guard !model[line].isEmpty else { continue }
        let gone = model[line].remove(at: random.pick(model[line].count))
        store.remove(gone.slot, from: &lines[line])
        store.free(gone.slot)
        #expect(store.find(gone.id) == nil)
      default:
        guard !model[line].isEmpty else { continue }
        let moved = model[line].removeFirst()
        store.remove(moved.slot, from: &lines[line])
        store.append(moved.slot, to: &lines[1 - line])
        model[1 - line].append(moved)
      }
      #expect(lines[line].count == model[line].count && lines[line].isEmpty == model[line].isEmpty)
    }
    for line in 0...1 {
      let slots = store.slots(of: lines[line])
      #expect(slots == model[line].map(\.slot))
      for entry in model[line] {
        let (found, id) = (store.find(entry.id), store.id(of: entry.slot))
        #expect(found == entry.slot && id == entry.id)
      }
    }
    let inUse = store.slotsInUse
    #expect(inUse == (model[0] + model[1]).map(\.slot).sorted())
  }

  private func stored(_ sequence: UInt64, epoch: UInt16 = 0, priority: Int8 = 0, key: String = "") -> StoredTask {
    StoredTask(
      sequence: sequence, admittedAt: .origin, at: .origin, payload: nil,
      details: key.isEmpty ? nil : TaskDetails(key: key), attempt: 0, charges: 0, epoch: epoch, priority: priority,
      state: .ready)
  }

  @Test func lettingGoOfATaskLetsGoOfItsPayload() {
    var store = TaskStore(epoch: 1, seed: 3)
    var task = stored(1)
    var bytes: TaskBytes? = TaskBytes([1, 2, 3])
    weak let owner = bytes?.owner
    task.payload = bytes
    let slot = store.insert(task)
    task.payload = nil
    bytes = nil
    #expect(owner != nil)
    store.free(slot)
    #expect(owner == nil)
  }

  @Test(arguments: UInt64(1)...10) func readyLinesGiveTheMostUrgentFirst(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var store = TaskStore(epoch: 1, seed: 3)
    var lines = ReadyLines()
    var model: [(priority: Int8, slot: Slot, at: Instant)] = []
    for step in UInt64(1)...1_000 {
      let now = Instant(nanoseconds: step)
      switch random.pick(5) {
      case 0, 1:
        let slot = add(step, random.pick(8), now, &store)
        lines.append(slot, &store)
        model.append((store[slot].priority, slot, now))
      case 2:
        let slot = add(step, random.pick(8), now, &store)
        lines.prepend(slot, &store)
        let priority = store[slot].priority
        let eldest = model.filter { $0.priority == priority }.map(\.at).min() ?? now
        model.insert((priority, slot, eldest), at: 0)
      default:
        #expect(lines.isEmpty == model.isEmpty)
        guard let urgent = model.map(\.priority).max(),
          let place = model.firstIndex(where: { $0.priority == urgent })
        else { continue }
        let slot = lines.takeFirst(&store)
        #expect(slot == model[place].slot)
        model.remove(at: place)
        store.free(slot)
      }
      let oldest = lines.oldest(store)
      #expect(oldest == model.map(\.at).min())
    }
  }

  private func add(_ sequence: UInt64, _ priority: Int, _ now: Instant, _ store: inout TaskStore) -> Slot {
    var task = stored(sequence, priority: Int8(priority - 4))
    task.at = now
    return store.insert(task)
  }

  @Test(arguments: UInt64(1)...10) func keyLinesGiveEachKeyToOneAfterTheOther(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var store = TaskStore(epoch: 1, seed: 3)
    var lines = KeyLines(seed: seed)
    var model: [(key: String, slots: [Slot])] = []
    for step in UInt64(1)...1_500 {
      if random.pick(2) == 0 || model.isEmpty {
        let key = "key \(random.pick(40))"
        let slot = store.insert(stored(step, key: key))
        let holds = lines.join(slot, key, &store)
        if let place = model.firstIndex(where: { $0.key == key }) {
          #expect(!holds)
          model[place].slots.append(slot)
        } else {
          #expect(holds)
          model.append((key, [slot]))
        }
      } else {
        let place = random.pick(model.count)
        let gone = model[place].slots.removeFirst()
        let next = lines.leave(model[place].key, &store)
        store.free(gone)
        #expect(next == model[place].slots.first)
        if model[place].slots.isEmpty { model.remove(at: place) }
      }
      let count = lines.count
      #expect(count == model.count)
    }
    let nobody = lines.leave("never seen", &store)
    #expect(nobody == nil)
  }

  @Test(arguments: [0, 1, 2, 7]) func aRequestWindowRemembersTheNewest(capacity: Int) {
    var random = SeededRandom(seed: UInt64(capacity))
    var window = RequestWindow(capacity: capacity, seed: 3)
    var model: [(name: String, id: TaskID)] = []
    for step in UInt64(1)...1_000 {
      let name = "r\(random.pick(12))"
      let known = model.first { $0.name == name }?.id
      let remembered = window.task(of: name)
      #expect(remembered == known)
      guard known == nil else { continue }
      window.remember(name, TaskID(epoch: 1, sequence: step))
      model.append((name, TaskID(epoch: 1, sequence: step)))
      if model.count > capacity { model.removeFirst() }
      let count = window.table.count
      #expect(count == model.count, "what is forgotten takes no place")
    }
  }
}
