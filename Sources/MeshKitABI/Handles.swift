// Opaque handles: what C holds instead of references.
//
// A handle looks like a pointer and is a number: generation << 32 | slot << 8 | kind. It is never dereferenced, so a
// host that uses one twice, too late or as another kind gets an error and not a crash. A slot whose generations are
// used up is retired, so that a stale handle never comes alive again.
import MeshRuntime
import MeshThreads

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
final class HandleTable<Object: AnyObject>: @unchecked Sendable {
  private struct Slot {
    var generation: UInt32
    var object: Object?
  }

  private let kind: HandleKind
  private let lock = Lock()
  private var slots: [Slot] = []
  private var free: [Int] = []

  init(_ kind: HandleKind) { self.kind = kind }

  /// The most objects of one kind at a time.
  private static var slotsMax: Int { 1 << 24 }

  /// Keeps `object` until `remove`; nil when the table is full.
  func insert(_ object: Object) -> OpaquePointer? {
    lock.locked {
      if let index = free.popLast() {
        slots[index].object = object
        return handle(index, slots[index].generation)
      }
      guard slots.count < Self.slotsMax else { return nil }
      slots.append(Slot(generation: 1, object: object))
      return handle(slots.count &- 1, 1)
    }
  }

  /// The object behind a handle. Throws `.argument` for what was never such a handle, `.closed` for what was.
  func find(_ handle: OpaquePointer?) throws(MeshError) -> Object {
    guard let object = lock.locked({ index(of: handle).flatMap { slots[$0].object } }) else { throw refusal(handle) }
    return object
  }

  /// Takes the object out of the table; nil when the handle isn't live. The caller drops it outside the lock.
  func remove(_ handle: OpaquePointer?) -> Object? {
    lock.locked {
      guard let index = index(of: handle), let object = slots[index].object else { return nil }
      slots[index].object = nil
      slots[index].generation &+= 1
      if slots[index].generation != 0 { free.append(index) }
      return object
    }
  }

  /// `remove`, with the reason when there is nothing to take.
  func take(_ handle: OpaquePointer?) throws(MeshError) -> Object {
    guard let object = remove(handle) else { throw refusal(handle) }
    return object
  }

  private func handle(_ index: Int, _ generation: UInt32) -> OpaquePointer? {
    OpaquePointer(bitPattern: UInt(generation) << 32 | UInt(truncatingIfNeeded: index) << 8 | UInt(kind.rawValue))
  }

  /// The slot that a handle of this kind and of the slot's present generation names.
  private func index(of handle: OpaquePointer?) -> Int? {
    guard let slot = slot(of: handle), slots[slot].generation == UInt32(UInt(bitPattern: handle) >> 32) else {
      return nil
    }
    return slot
  }

  private func slot(of handle: OpaquePointer?) -> Int? {
    let bits = UInt(bitPattern: handle)
    let slot = Int(bits >> 8 & 0xFF_FFFF)
    return bits & 0xFF == UInt(kind.rawValue) && slot < slots.count ? slot : nil
  }

  private func refusal(_ handle: OpaquePointer?) -> MeshError {
    let generation = UInt32(UInt(bitPattern: handle) >> 32)
    let wasIssued = lock.locked {
      slot(of: handle).map { generation >= 1 && (slots[$0].generation == 0 || generation < slots[$0].generation) }
        ?? false
    }
    if wasIssued { return MeshError(.closed, "the \(kind) handle was released") }
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
  static let queues = HandleTable<LeaseQueue>(.queue)
  static let deadLetters = HandleTable<DeadLettersImage>(.deadLetters)
  static let monitors = HandleTable<MonitorObject>(.backpressure)
  static let gates = HandleTable<RateGate>(.gate)
  static let pumps = HandleTable<LeasePump>(.pump)
}
