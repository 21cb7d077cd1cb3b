// Leases in the host's hands: real memory, because a lease is taken a million times a second.
import CMeshKit
import MeshRuntime
import MeshThreads
import Synchronization

/// The blocks that leases are shown in. They are used again and never freed, so that a stale pointer is met as such as
/// long as nobody else has its block; any other pointer is told by its address. Blocks are used again in the order in
/// which they came back, a whole list at a time, so that a stale pointer is met for as long as possible.
///
/// Taking a block and giving it back take no lock, which all queues of the process would share.
final class LeaseBlocks: @unchecked Sendable {
  // Sendable although it has mutable state: what isn't atomic in a block belongs to whoever took it.
  static let shared = LeaseBlocks()

  private struct Block: ~Copyable {
    /// First, so that its address is the block's.
    var image = meshkit_lease_t()
    /// What keeps alive what the image shows.
    var payload: TaskBytes?
    /// Text and attributes of a task that has details.
    var text: UnsafeMutableRawPointer?
    /// The number of the next block in the list, and 1; 0 ends it.
    let next = Atomic<UInt32>(0)
    let isLive = Atomic<Bool>(false)
  }

  private typealias Place = UnsafeMutablePointer<Block>

  /// Chunk n has `first << n` blocks: however many leases there are, an address is looked for in a dozen chunks.
  private static let firstChunk = 256
  private static let chunksMax = 23

  /// Guards `refill`.
  private let lock = Lock()
  private let chunks = UnsafeMutablePointer<Place?>.allocate(capacity: LeaseBlocks.chunksMax)
  private let chunkCount = Atomic<Int>(0)
  /// How many blocks were ever made.
  private let made = Atomic<Int>(0)
  /// The list of blocks that may be taken: the number of the first and 1, beside a count of changes. By that a thread
  /// that would take a block notices that it was taken, and came back, while it looked at its successor.
  private let ready = Atomic<UInt64>(0)
  /// The list of blocks that came back, the newest first.
  private let returned = Atomic<UInt32>(0)

  private init() { chunks.initialize(repeating: nil, count: LeaseBlocks.chunksMax) }

  /// The C image of a lease, alive until `release`.
  func image(of lease: borrowing TaskLease, lasts: Duration) -> UnsafeMutablePointer<meshkit_lease_t> {
    let place = take()
    var image = meshkit_lease_t(lease, at: lease.expiresAt + (.zero - lasts), lasts: lasts)
    if let details = lease.details {
      place.pointee.text = Arena.build { arena in image.show(TaskText(details, &arena)) }
    }
    place.pointee.image = image
    place.pointee.payload = lease.payload
    place.pointee.isLive.store(true, ordering: .releasing)
    return UnsafeMutableRawPointer(place).assumingMemoryBound(to: meshkit_lease_t.self)
  }

  /// Takes a block back; a pointer that isn't a live lease is ignored.
  func release(_ lease: UnsafeMutablePointer<meshkit_lease_t>?) {
    guard let lease, let (place, number) = find(lease),
      place.pointee.isLive.exchange(false, ordering: .acquiringAndReleasing)
    else { return }
    let payload = place.pointee.payload.take()
    let text = place.pointee.text.take()
    var first = returned.load(ordering: .relaxed)
    while true {
      place.pointee.next.store(first, ordering: .relaxed)
      let (isDone, found) = returned.weakCompareExchange(
        expected: first, desired: number &+ 1, ordering: .releasing)
      if isDone { break }
      first = found
    }
    text?.deallocate()
    // The payload goes last: it may have megabytes.
    _ = payload
  }

  // MARK: Places

  private func take() -> Place {
    while true {
      var list = ready.load(ordering: .acquiring)
      while let number = LeaseBlocks.first(of: list), let place = place(number) {
        let next = place.pointee.next.load(ordering: .relaxed)
        let (isDone, found) = ready.weakCompareExchange(
          expected: list, desired: LeaseBlocks.list(from: next, after: list), ordering: .acquiringAndReleasing)
        if isDone { return place }
        list = found
      }
      lock.locked { refill() }
    }
  }

  private static func first(of list: UInt64) -> UInt32? {
    let first = UInt32(truncatingIfNeeded: list)
    return first == 0 ? nil : first &- 1
  }

  private static func list(from first: UInt32, after list: UInt64) -> UInt64 {
    ((list >> 32) &+ 1) << 32 | UInt64(first)
  }

  /// With the lock held: makes a list of what came back, the oldest first, or of new blocks. Nobody else adds to it.
  private func refill() {
    let list = ready.load(ordering: .acquiring)
    guard LeaseBlocks.first(of: list) == nil else { return }
    var (first, next) = (UInt32(0), returned.exchange(0, ordering: .acquiring))
    while next != 0, let place = place(next &- 1) {
      let after = place.pointee.next.load(ordering: .relaxed)
      place.pointee.next.store(first, ordering: .relaxed)
      (first, next) = (next, after)
    }
    if first == 0 { first = grow() }
    ready.store(LeaseBlocks.list(from: first, after: list), ordering: .releasing)
  }

  /// A list of new blocks.
  private func grow() -> UInt32 {
    let made = self.made.load(ordering: .relaxed)
    let (chunk, offset) = LeaseBlocks.split(made)
    if offset == 0, chunk < LeaseBlocks.chunksMax {
      chunks[chunk] = .allocate(capacity: LeaseBlocks.firstChunk << chunk)
      chunkCount.store(chunk &+ 1, ordering: .releasing)
    }
    var first: UInt32 = 0
    for number in (made..<made &+ LeaseBlocks.firstChunk).reversed() {
      let number = UInt32(truncatingIfNeeded: number)
      guard let place = place(number) else { continue }
      place.initialize(to: Block())
      place.pointee.next.store(first, ordering: .relaxed)
      first = number &+ 1
    }
    self.made.store(made &+ LeaseBlocks.firstChunk, ordering: .releasing)
    return first
  }

  private static func split(_ number: Int) -> (chunk: Int, offset: Int) {
    let shifted = number &+ firstChunk
    let chunk = (Int.bitWidth &- 1 &- shifted.leadingZeroBitCount) &- firstChunk.trailingZeroBitCount
    return (chunk, shifted &- firstChunk << chunk)
  }

  private func place(_ number: UInt32) -> Place? {
    let (chunk, offset) = LeaseBlocks.split(Int(number))
    guard chunk < chunkCount.load(ordering: .acquiring) else { return nil }
    return chunks[chunk].map { $0 + offset }
  }

  /// The block at an address, whoever has it, and its number.
  private func find(_ lease: UnsafeMutablePointer<meshkit_lease_t>) -> (Place, UInt32)? {
    // The greatest chunk has half of all blocks.
    for chunk in (0..<chunkCount.load(ordering: .acquiring)).reversed() {
      guard let first = chunks[chunk] else { continue }
      let distance = UnsafeRawPointer(lease) - UnsafeRawPointer(first)
      let (offset, rest) = distance.quotientAndRemainder(dividingBy: MemoryLayout<Block>.stride)
      guard distance >= 0, offset < LeaseBlocks.firstChunk << chunk else { continue }
      let number = (LeaseBlocks.firstChunk << chunk) &- LeaseBlocks.firstChunk &+ offset
      guard rest == 0, number < made.load(ordering: .acquiring) else { return nil }
      return (first + offset, UInt32(truncatingIfNeeded: number))
    }
    return nil
  }
}

extension meshkit_lease_t {
  /// The image of a lease as it is at `now`, without its details.
  init(_ lease: borrowing TaskLease, at now: Instant, lasts: Duration) {
    self.init()
    struct_size = UInt32(MemoryLayout<meshkit_lease_t>.size)
    priority = Int32(truncatingIfNeeded: lease.priority)
    token = meshkit_token_t(lease.token)
    payload = lease.payload.view
    age_ms = max(0, now.since(lease.admittedAt).milliseconds)
    lasts_ms = lasts.milliseconds
  }

  /// Shows its details.
  mutating func show(_ text: TaskText) {
    (key, request_id, content_type) = (text.key, text.requestID, text.contentType)
    (last_error, attributes, attribute_count) = (text.lastError, text.attributes, text.attributeCount)
  }
}

/// The C images of a task's details.
struct TaskText {
  let key, requestID, contentType, lastError: meshkit_bytes_t
  let attributes: UnsafePointer<meshkit_pair_t>?
  let attributeCount: Int

  init(_ details: TaskDetails?, _ arena: inout Arena) {
    key = arena.text(details?.key ?? "")
    requestID = arena.text(details?.requestID ?? "")
    contentType = arena.text(details?.contentType ?? "")
    lastError = arena.text(details?.lastError ?? "")
    attributes = arena.pairs(details?.attributes ?? []) { ($0.name, $0.value) }
    attributeCount = details?.attributes.count ?? 0
  }
}

extension TaskBytes {
  /// The bytes where they are; good as long as somebody holds this value.
  var view: meshkit_bytes_t {
    withBytes { bytes in
      guard let start = bytes.baseAddress, !bytes.isEmpty else { return meshkit_bytes_t() }
      return meshkit_bytes_t(ptr: start.assumingMemoryBound(to: CChar.self), len: bytes.count)
    }
  }
}

extension meshkit_token_t {
  init(_ token: TaskToken) {
    self.init(task: meshkit_task_id_t(token.id), lease_id: token.leaseID, attempt: token.attempt, reserved: 0)
  }
}

extension TaskToken {
  init(_ token: meshkit_token_t) {
    self.init(id: TaskID(token.task), attempt: token.attempt, leaseID: token.lease_id)
  }
}

extension meshkit_task_id_t {
  init(_ id: TaskID) { self.init(epoch: id.epoch, sequence: id.sequence) }
}

extension TaskID {
  init(_ id: meshkit_task_id_t) { self.init(epoch: id.epoch, sequence: id.sequence) }
}

/// Releases the memory of a lease.
@_cdecl("meshkit_lease_release") @implementation
public func meshkit_lease_release(_ lease: UnsafeMutablePointer<meshkit_lease_t>?) {
  guard !ForkGuard.isForkedChild else { return }
  LeaseBlocks.shared.release(lease)
}
