import MeshBasics

/// Where a task is kept: a number that is good until the task leaves the queue.
typealias Slot = Int32

/// A task as the queue holds it: 72 bytes.
struct StoredTask {
  enum State: UInt8 {
    /// The slot is unused.
    case free
    /// In the line of its priority.
    case ready
    /// Behind an earlier task of its key.
    case held
    /// Waiting for its time.
    case delayed
    /// At a consumer.
    case leased
  }

  var sequence: UInt64
  var admittedAt: Instant
  /// Ready: since when. Delayed: until when. Leased: until when. Held: when it may be delivered at the earliest.
  var at: Instant
  /// Of the last grant. It stays after an expiry, so that a token that comes late is told why it is refused.
  var leaseID: UInt64 = 0
  var payload: TaskBytes?
  var details: TaskDetails?
  var next: Slot = -1
  var previous: Slot = -1
  /// The number of the last delivery.
  var attempt: UInt32
  /// When that was, in milliseconds of the clock; it wraps, which differences don't mind.
  var grantedMilliseconds: UInt32 = 0
  /// Deliveries that count against the task.
  var charges: UInt16
  /// Which of the queue's epochs it was admitted in.
  var epoch: UInt16
  var priority: Int8
  var state: State
}

extension Instant {
  var wrappingMilliseconds: UInt32 { UInt32(truncatingIfNeeded: nanoseconds / 1_000_000) }
}

/// Tasks in order: a list whose links are in the tasks themselves.
struct TaskLine {
  fileprivate(set) var first: Slot = -1
  fileprivate(set) var last: Slot = -1
  fileprivate(set) var count = 0

  var isEmpty: Bool { first < 0 }
}

/// The places of all tasks, and where each is. It grows by a few hundred places at a time, so that a large queue has
/// few that are unused, and uses places again; slots come from `insert` and `find` alone. It owns its memory and can't
/// be copied: arrays of arrays would ask at each of a task's dozen changes whether they are shared.
struct TaskStore: ~Copyable, @unchecked Sendable {
  // Sendable although it holds pointers: nobody else has them.
  private static let chunkBits = 9
  private static let chunkSize = 1 << chunkBits

  private typealias Chunk = UnsafeMutablePointer<StoredTask>

  /// Memory of our own, and no array: its bounds would be looked at again at each of a task's dozen changes.
  private var chunks = UnsafeMutableBufferPointer<Chunk>.allocate(capacity: 8)
  private var chunkCount = 0
  /// How many places were ever used.
  private var used = 0
  private var firstFree: Slot = -1
  private var table = SlotTable()
  /// The lives of queues in which the tasks were admitted, this queue's own first. None is ever taken away.
  private(set) var epochs: [UInt64]

  private let ownEpoch: UInt64
  private let seed: UInt64

  /// No tasks, in a queue of this life. `seed` keeps whoever writes a snapshot from choosing ids that meet in the
  /// table.
  init(epoch: UInt64, seed: UInt64) {
    epochs = [epoch]
    ownEpoch = epoch
    self.seed = seed
  }

  deinit {
    for place in 0..<used { self.place(Slot(truncatingIfNeeded: place)).deinitialize(count: 1) }
    for chunk in 0..<chunkCount { chunks[chunk].deallocate() }
    chunks.deallocate()
  }

  /// The task at `slot`, for more than one look; good until the task is let go of.
  @inline(__always)
  mutating func task(at slot: Slot) -> UnsafeMutablePointer<StoredTask> { place(slot) }

  @inline(__always)
  private func place(_ slot: Slot) -> UnsafeMutablePointer<StoredTask> {
    // Slots come from `insert` and `find` alone, so that there is a chunk.
    (chunks.baseAddress.unsafelyUnwrapped + Int(slot) >> TaskStore.chunkBits).pointee
      + (Int(slot) & (TaskStore.chunkSize &- 1))
  }

  subscript(slot: Slot) -> StoredTask {
    // Addresses, and no accessors that lend the task: those cost as much as what is done to it.
    @inline(__always) unsafeAddress { UnsafePointer(place(slot)) }
    @inline(__always) unsafeMutableAddress { place(slot) }
  }

  /// Keeps `task`, which isn't here.
  mutating func insert(_ task: consuming StoredTask) -> Slot {
    let hash = task.epoch == 0 ? task.sequence : hash(epochs[Int(task.epoch)], task.sequence)
    let slot: Slot
    if firstFree >= 0 {
      slot = firstFree
      let place = place(slot)
      firstFree = place.pointee.next
      // What was freed holds nothing to let go of.
      place.initialize(to: task)
    } else {
      if used == chunkCount << TaskStore.chunkBits { grow() }
      slot = Slot(truncatingIfNeeded: used)
      place(slot).initialize(to: task)
      used &+= 1
    }
    table.insert(hash, slot)
    return slot
  }

  private mutating func grow() {
    if chunkCount == chunks.count {
      let more = UnsafeMutableBufferPointer<Chunk>.allocate(capacity: chunkCount &* 2)
      _ = more.moveInitialize(fromContentsOf: chunks)
      chunks.deallocate()
      chunks = more
    }
    chunks.initializeElement(at: chunkCount, to: .allocate(capacity: TaskStore.chunkSize))
    chunkCount &+= 1
  }

  /// Where a task is; nil when it isn't here.
  func find(_ id: TaskID) -> Slot? {
    table.find(hash(id.epoch, id.sequence)) {
      place($0).pointee.sequence == id.sequence && epochs[Int(place($0).pointee.epoch)] == id.epoch
    }
  }

  /// Which task is at `slot`.
  func id(of slot: Slot) -> TaskID {
    TaskID(epoch: epochs[Int(place(slot).pointee.epoch)], sequence: place(slot).pointee.sequence)
  }

  /// The number of `epoch` among those of the tasks, which it joins if need be.
  mutating func number(ofEpoch epoch: UInt64) -> UInt16 {
    if let number = epochs.firstIndex(of: epoch) { return UInt16(truncatingIfNeeded: number) }
    epochs.append(epoch)
    return UInt16(truncatingIfNeeded: epochs.count &- 1)
  }

  /// The queue's own tasks follow each other, by numbers that nobody else chooses; those of other lives are strewn.
  @inline(__always)
  private func hash(_ epoch: UInt64, _ sequence: UInt64) -> UInt64 {
    epoch == ownEpoch ? sequence : strewn(epoch, sequence)
  }

  private func strewn(_ epoch: UInt64, _ sequence: UInt64) -> UInt64 {
    var hash = StableHash()
    hash.combine(seed)
    hash.combine(epoch)
    hash.combine(sequence)
    return hash.value
  }

  /// Lets go of the task at `slot`, which is in no line.
  mutating func free(_ slot: Slot) {
    let place = place(slot)
    let epoch = place.pointee.epoch
    let sequence = place.pointee.sequence
    table.remove(epoch == 0 ? sequence : hash(epochs[Int(epoch)], sequence), slot)
    place.pointee.payload = nil
    place.pointee.details = nil
    place.pointee.state = .free
    place.pointee.next = firstFree
    firstFree = slot
  }

  // MARK: Lines

  mutating func append(_ slot: Slot, to line: inout TaskLine) {
    self[slot].previous = line.last
    self[slot].next = -1
    if line.last >= 0 { self[line.last].next = slot } else { line.first = slot }
    line.last = slot
    line.count &+= 1
  }

  mutating func prepend(_ slot: Slot, to line: inout TaskLine) {
    self[slot].previous = -1
    self[slot].next = line.first
    if line.first >= 0 { self[line.first].previous = slot } else { line.last = slot }
    line.first = slot
    line.count &+= 1
  }

  mutating func remove(_ slot: Slot, from line: inout TaskLine) {
    let (previous, next) = (self[slot].previous, self[slot].next)
    if previous >= 0 { self[previous].next = next } else { line.first = next }
    if next >= 0 { self[next].previous = previous } else { line.last = previous }
    line.count &-= 1
  }

  /// The slots of a line, in order.
  func slots(of line: TaskLine) -> [Slot] {
    var slots: [Slot] = []
    var slot = line.first
    while slot >= 0 {
      slots.append(slot)
      slot = self[slot].next
    }
    return slots
  }

  /// All slots that are in use, in the order of their places.
  var slotsInUse: [Slot] {
    var slots: [Slot] = []
    slots.reserveCapacity(table.count)
    for place in 0..<used {
      let slot = Slot(truncatingIfNeeded: place)
      if self[slot].state != .free { slots.append(slot) }
    }
    return slots
  }
}
