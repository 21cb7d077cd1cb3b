// Opaque handles: what C holds instead of references.
//
// A handle looks like a pointer and is a number: generation << 32 | slot << 8 | kind. It is never dereferenced, so a
// host that uses one twice, too late or as another kind gets an error and not a crash. A slot whose generations are
// used up is retired, so that a stale handle never comes alive again.
import MeshRuntime
import MeshThreads
import Synchronization

/// What a handle stands for; the lowest byte of it, never 0, so that no handle is NULL.
enum HandleKind: UInt8 {
  case error = 0xE1
  case text = 0xE3
  case config = 0xE5
  case events = 0xE7
  case node = 0xE9
  case members = 0xEB
  case queue = 0xED
  case deadLetters = 0xEF
  case backpressure = 0xF1
  case gate = 0xF3
  case pump = 0xF5
}

/// The live objects of one kind.
///
/// A call *pins* the slot of its handle while it uses the object: one atomic instruction at its beginning and one at
/// its end, where a lock around the table and a reference of its own would take four, all of them in memory that every
/// thread writes to. The table's own reference goes with the last pin, so that nobody uses an object that is gone.
///
/// An object that has a lock of its own may share it with its slot, as its *gate*: whoever holds that needs no pin. It
/// stays with the slot, so that the next object there has the same lock as one that outlives its handle; that costs
/// them time at most, because nobody takes two such locks at once.
final class HandleTable<Object: AnyObject>: @unchecked Sendable {
  /// It never moves, and is never freed.
  private struct Slot: ~Copyable {
    /// `generation << 32 | isLive << 31 | pins`.
    let word = Atomic<UInt64>(1 << 32)
    /// Set while the slot is live or pinned.
    var object: Unmanaged<Object>?
    /// Held while the slot ceases to be live. Never let go of, so that nobody needs a reference to it.
    let gate: Unmanaged<Lock>?

    /// A slot that is not live.
    init(hasGate: Bool) { gate = hasGate ? Unmanaged.passRetained(Lock()) : nil }
  }

  private typealias Place = UnsafeMutablePointer<Slot>

  private static var live: UInt64 { 1 << 31 }
  private static var pins: UInt64 { live &- 1 }
  /// Chunk n has `first << n` slots, so that few of them hold the most objects that there may be of one kind.
  private static var firstChunk: Int { 64 }
  private static var chunksMax: Int { 18 }

  private let kind: HandleKind
  private let hasGates: Bool
  /// Guards what follows, but for reading slots below `count`.
  private let lock = Lock()
  private let chunks = UnsafeMutablePointer<Place?>.allocate(capacity: HandleTable.chunksMax)
  private let count = Atomic<Int>(0)
  private var free: [Int] = []

  /// An empty one; `hasGates` when its objects share their locks with their slots.
  init(_ kind: HandleKind, hasGates: Bool = false) {
    self.kind = kind
    self.hasGates = hasGates
    chunks.initialize(repeating: nil, count: HandleTable.chunksMax)
  }

  /// Keeps `object` until `remove`; nil when the table is full.
  func insert(_ object: Object) -> OpaquePointer? {
    lock.locked {
      guard let index = free.popLast() ?? grow() else { return nil }
      return fill(index, object)
    }
  }

  /// `insert` for an object that shares its lock with its slot, in a table with gates.
  func insert(
    _ make: (_ gate: Lock) throws(MeshError) -> Object
  ) throws(MeshError) -> OpaquePointer? {
    // The slot is taken first, since it is its gate that the object gets; nobody knows of it yet.
    let reserved = lock.locked { () -> (Int, Lock)? in
      guard hasGates, let index = free.popLast() ?? grow(), let gate = place(index)?.pointee.gate else { return nil }
      return (index, gate.takeUnretainedValue())
    }
    guard let (index, gate) = reserved else { return nil }
    do throws(MeshError) {
      let object = try make(gate)
      return lock.locked { fill(index, object) }
    } catch {
      lock.locked { free.append(index) }
      throw error
    }
  }

  /// With the lock held: makes a slot live.
  private func fill(_ index: Int, _ object: Object) -> OpaquePointer? {
    guard let place = place(index) else { return nil }
    place.pointee.object = Unmanaged.passRetained(object)
    let word = place.pointee.word.bitwiseOr(HandleTable.live, ordering: .releasing).newValue
    return handle(index, UInt32(word >> 32))
  }

  /// Calls `body` with the object behind a handle and its lock held; what it answers. False when the handle isn't live,
  /// or has no gate.
  @inline(__always)
  func useInside(_ handle: OpaquePointer?, _ body: (Object) -> Bool) -> Bool {
    guard let place = place(of: handle), let gate = place.pointee.gate else { return false }
    return gate._withUnsafeGuaranteedRef { gate in
      gate.locked {
        let word = (UInt64(UInt(bitPattern: handle)) >> 32) << 32 | HandleTable.live
        let present = place.pointee.word.load(ordering: .acquiring)
        guard present & ~HandleTable.pins == word, let object = place.pointee.object
        else { return false }
        return object._withUnsafeGuaranteedRef(body)
      }
    }
  }

  /// Calls `body` with the object behind a handle; nil when the handle isn't live: `refusal` says why.
  @inline(__always)
  func use<Result>(_ handle: OpaquePointer?, _ body: (Object) -> Result) -> Result? {
    guard let place = pin(handle), let object = place.pointee.object else { return nil }
    defer { unpin(place) }
    return object._withUnsafeGuaranteedRef(body)
  }

  /// The object behind a handle. Throws `refusal`.
  func find(_ handle: OpaquePointer?) throws(MeshError) -> Object {
    guard let object = use(handle, { $0 }) else { throw refusal(handle) }
    return object
  }

  /// Takes the object out of the table; nil when the handle isn't live. Calls that use it end as if it were in there.
  func remove(_ handle: OpaquePointer?) -> Object? {
    guard let place = place(of: handle) else { return nil }
    // The slot is live no more, and pinned until the object has been read.
    func end() -> Bool { change(place, of: handle) { ($0 & ~HandleTable.live) &+ 1 } }
    guard place.pointee.gate?.takeUnretainedValue().locked(end) ?? end() else { return nil }
    defer { unpin(place) }
    return place.pointee.object?.takeUnretainedValue()
  }

  /// `remove`, with the reason when there is nothing to take.
  func take(_ handle: OpaquePointer?) throws(MeshError) -> Object {
    guard let object = remove(handle) else { throw refusal(handle) }
    return object
  }

  // MARK: Pins

  @inline(__always)
  private func pin(_ handle: OpaquePointer?) -> Place? {
    guard let place = place(of: handle), change(place, of: handle, by: { $0 &+ 1 }) else { return nil }
    return place
  }

  @inline(__always)
  private func unpin(_ place: Place) {
    let word = place.pointee.word.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue
    if UInt32(truncatingIfNeeded: word) == 0 { recycle(place, word) }
  }

  /// Changes the word of a slot as long as it is live and of the handle's generation; false when it isn't.
  @inline(__always)
  private func change(_ place: Place, of handle: OpaquePointer?, by next: (UInt64) -> UInt64) -> Bool {
    let generation = UInt64(UInt(bitPattern: handle)) >> 32
    var word = place.pointee.word.load(ordering: .relaxed)
    while word >> 32 == generation, word & HandleTable.live != 0 {
      let (isDone, found) = place.pointee.word.weakCompareExchange(
        expected: word, desired: next(word), ordering: .acquiringAndReleasing)
      if isDone { return true }
      word = found
    }
    return false
  }

  /// The last call on an object that was taken out is over.
  private func recycle(_ place: Place, _ word: UInt64) {
    let object = place.pointee.object
    place.pointee.object = nil
    let generation = (word >> 32) &+ 1
    place.pointee.word.store(generation << 32, ordering: .releasing)
    if generation < 1 << 32 {
      let index = index(of: place)
      lock.locked { index.map { free.append($0) } }
    }
    // Last, and without the lock: this may be the end of the object.
    object?.release()
  }

  // MARK: Places

  /// With the lock held: one more slot, if there may be one more.
  private func grow() -> Int? {
    let index = count.load(ordering: .relaxed)
    let (chunk, offset) = HandleTable.split(index)
    guard chunk < HandleTable.chunksMax else { return nil }
    let length = HandleTable.firstChunk << chunk
    if chunks[chunk] == nil { chunks[chunk] = .allocate(capacity: length) }
    chunks[chunk].map { ($0 + offset).initialize(to: Slot(hasGate: hasGates)) }
    count.store(index &+ 1, ordering: .releasing)
    return index
  }

  @inline(__always)
  private static func split(_ index: Int) -> (chunk: Int, offset: Int) {
    let shifted = index &+ firstChunk
    let chunk = (Int.bitWidth &- 1 &- shifted.leadingZeroBitCount) &- firstChunk.trailingZeroBitCount
    return (chunk, shifted &- firstChunk << chunk)
  }

  @inline(__always)
  private func place(_ index: Int) -> Place? {
    guard index < count.load(ordering: .acquiring) else { return nil }
    let (chunk, offset) = HandleTable.split(index)
    return chunks[chunk].map { $0 + offset }
  }

  private func index(of place: Place) -> Int? {
    for chunk in 0..<HandleTable.chunksMax {
      guard let first = chunks[chunk] else { return nil }
      let length = HandleTable.firstChunk << chunk
      if place >= first, place < first + length { return length &- HandleTable.firstChunk &+ (place - first) }
    }
    return nil
  }

  private func handle(_ index: Int, _ generation: UInt32) -> OpaquePointer? {
    OpaquePointer(bitPattern: UInt(generation) << 32 | UInt(truncatingIfNeeded: index) << 8 | UInt(kind.rawValue))
  }

  @inline(__always)
  private func place(of handle: OpaquePointer?) -> Place? {
    let bits = UInt(bitPattern: handle)
    return bits & 0xFF == UInt(kind.rawValue) ? place(Int(bits >> 8 & 0xFF_FFFF)) : nil
  }

  /// Why a handle isn't live: `.argument` for what was never such a handle, `.closed` for what was.
  func refusal(_ handle: OpaquePointer?) -> MeshError {
    let generation = UInt64(UInt(bitPattern: handle)) >> 32
    if let word = place(of: handle)?.pointee.word.load(ordering: .acquiring), generation > 0 {
      // Generations start over at 0 only where a slot is retired.
      let present = word >> 32
      let isEnding = generation == present && word & HandleTable.live == 0
      if present == 0 || generation < present || isEnding {
        return MeshError(.closed, "the \(kind) handle was released")
      }
    }
    return MeshError(
      .argument, handle == nil ? "the \(kind) handle is NULL" : "the handle is not a live \(kind) handle")
  }
}

/// The tables, one per kind.
enum Handles {
  static let errors = HandleTable<ErrorObject>(.error)
  static let texts = HandleTable<TextObject>(.text)
  static let configs = HandleTable<ConfigObject>(.config)
  static let events = HandleTable<EventStream>(.events)
  static let nodes = HandleTable<NodeObject>(.node)
  static let members = HandleTable<MembersImage>(.members)
  static let queues = HandleTable<LeaseQueue>(.queue, hasGates: true)
  static let deadLetters = HandleTable<DeadLettersImage>(.deadLetters)
  static let monitors = HandleTable<MonitorObject>(.backpressure)
  static let gates = HandleTable<RateGate>(.gate)
  static let pumps = HandleTable<LeasePump>(.pump)
}
