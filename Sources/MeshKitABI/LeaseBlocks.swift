// Leases in the host's hands: real memory, because a lease is taken a million times a second.
import CMeshKit
import MeshRuntime
import MeshThreads

/// The blocks that leases are shown in. They are used again and never freed, so that a stale pointer is met as such as
/// long as nobody else has its block; any other pointer is told by its address.
final class LeaseBlocks: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards all of it.
  static let shared = LeaseBlocks()

  /// What keeps alive what a block shows.
  private struct Holder {
    var payload: TaskBytes?
    /// Text and attributes of a task that has details.
    var text: UnsafeMutableRawPointer?
    var isLive = false
  }

  private static let chunkSize = 256

  private let lock = Lock()
  private var chunks: [UnsafeMutablePointer<meshkit_lease_t>] = []
  private var holders: [Holder] = []
  private var free: [Int] = []

  /// The C image of a lease, alive until `release`.
  func image(of lease: TaskLease, lasts: Duration, now: Instant) -> UnsafeMutablePointer<meshkit_lease_t> {
    var text: UnsafeMutableRawPointer?
    var image = meshkit_lease_t()
    if let details = lease.details {
      text = Arena.build { arena in
        let details = TaskText(details, &arena)
        image.key = details.key
        image.request_id = details.requestID
        image.content_type = details.contentType
        image.last_error = details.lastError
        image.attributes = details.attributes
        image.attribute_count = details.attributeCount
      }
    }
    image.struct_size = UInt32(MemoryLayout<meshkit_lease_t>.size)
    image.priority = Int32(truncatingIfNeeded: lease.priority)
    image.token = meshkit_token_t(lease.token)
    image.payload = lease.payload.view
    image.age_ms = max(0, now.since(lease.admittedAt).milliseconds)
    image.lasts_ms = lasts.milliseconds
    return lock.locked {
      if free.isEmpty { grow() }
      let index = free.removeLast()
      holders[index] = Holder(payload: lease.payload, text: text, isLive: true)
      let place = chunks[index / LeaseBlocks.chunkSize] + index % LeaseBlocks.chunkSize
      place.initialize(to: image)
      return place
    }
  }

  /// Takes a block back; a pointer that isn't a live lease is ignored.
  func release(_ lease: UnsafeMutablePointer<meshkit_lease_t>?) {
    guard let lease else { return }
    let old = lock.locked { () -> Holder? in
      guard let index = index(of: lease), holders[index].isLive else { return nil }
      defer { holders[index] = Holder() }
      free.append(index)
      return holders[index]
    }
    // The payload goes without the lock: it may be the last to hold megabytes.
    old?.text?.deallocate()
  }

  private func grow() {
    let first = chunks.count &* LeaseBlocks.chunkSize
    chunks.append(.allocate(capacity: LeaseBlocks.chunkSize))
    holders += [Holder](repeating: Holder(), count: LeaseBlocks.chunkSize)
    free += (first..<first &+ LeaseBlocks.chunkSize).reversed()
  }

  private func index(of lease: UnsafeMutablePointer<meshkit_lease_t>) -> Int? {
    let stride = MemoryLayout<meshkit_lease_t>.stride
    for (number, chunk) in chunks.enumerated() {
      let offset = UnsafeRawPointer(lease) - UnsafeRawPointer(chunk)
      guard offset >= 0, offset < LeaseBlocks.chunkSize &* stride else { continue }
      return offset % stride == 0 ? number &* LeaseBlocks.chunkSize &+ offset / stride : nil
    }
    return nil
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
