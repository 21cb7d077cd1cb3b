// event: real memory in the host's hands. One block holds the head, the payload and all its text.
import CMeshKit
import MeshRuntime
import MeshThreads

/// The events that hosts hold, so that releasing one twice, or something else, is ignored.
final class EventRegistry: @unchecked Sendable {
  static let shared = EventRegistry()

  /// What keeps alive what an event shows beside its own block: the payload of a task that a pump brought.
  private struct Held {
    let payload: TaskBytes?
  }

  private let lock = Lock()
  private var live: [UnsafeMutableRawPointer: Held] = [:]

  /// The C image of an event, alive until `release`.
  func image(of event: StreamEvent) -> UnsafeMutablePointer<meshkit_event_t> {
    let block = Arena.build { arena in
      let head = arena.room(for: meshkit_event_t.self)
      let image = arena.image(event)
      head?.initialize(to: image)
    }
    var held = Held(payload: nil)
    if case .lease(let pumped) = event.payload { held = Held(payload: pumped.lease.payload) }
    lock.locked { live[block] = held }
    return block.assumingMemoryBound(to: meshkit_event_t.self)
  }

  func release(_ event: UnsafeMutablePointer<meshkit_event_t>?) {
    guard let event else { return }
    let block = UnsafeMutableRawPointer(event)
    // The payload goes without the lock: this may be the last to hold megabytes.
    guard lock.locked({ live.removeValue(forKey: block) }) != nil else { return }
    block.deallocate()
  }
}

extension Arena {
  /// The head of an event, with its payload in the arena.
  mutating func image(_ event: StreamEvent) -> meshkit_event_t {
    var head = meshkit_event_t()
    head.struct_size = UInt32(MemoryLayout<meshkit_event_t>.size)
    head.token = event.token
    head.time_unix_ns = event.unixNanoseconds
    switch event.payload {
    case .member(let change):
      head.type = change.kind.code
      head.payload = UnsafeRawPointer(image(change, at: event.unixNanoseconds))
    case .log(let record):
      head.type = MESHKIT_EVENT_LOG
      let record = image(record)
      head.payload = UnsafeRawPointer(place(record))
    case .broadcast(let message):
      head.type = MESHKIT_EVENT_BROADCAST
      head.payload = UnsafeRawPointer(image(message))
    case .completed(let error):
      head.type = MESHKIT_EVENT_COMPLETED
      head.status = (error?.status ?? .ok).code
      head.payload = UnsafeRawPointer(image(error))
    case .nodeStopped(let error):
      head.type = MESHKIT_EVENT_NODE_STOPPED
      head.status = (error?.status ?? .ok).code
      head.payload = UnsafeRawPointer(image(error))
    case .queue(let event):
      head.type = event.event.code
      head.payload = UnsafeRawPointer(image(event))
    case .lease(let pumped):
      head.type = MESHKIT_EVENT_PUMP_LEASE
      head.payload = UnsafeRawPointer(image(pumped))
    case .pumpEnded(let error):
      head.type = MESHKIT_EVENT_PUMP_ENDED
      head.status = (error?.status ?? .ok).code
      head.payload = UnsafeRawPointer(image(error))
    case .dropped(let count):
      head.type = MESHKIT_EVENT_DROPPED
      let size = UInt32(MemoryLayout<meshkit_dropped_t>.size)
      head.payload = UnsafeRawPointer(place(meshkit_dropped_t(struct_size: size, reserved: 0, count: count)))
    case .unknown:
      head.type = MESHKIT_UNSTABLE_EVENT_UNKNOWN
    }
    return head
  }

  /// What another member told all.
  private mutating func image(_ message: BroadcastMessage) -> UnsafeMutablePointer<meshkit_broadcast_t>? {
    var image = meshkit_broadcast_t()
    image.struct_size = UInt32(MemoryLayout<meshkit_broadcast_t>.size)
    image.origin = text(message.origin.name)
    image.topic = text(message.topic)
    image.payload = bytes(message.payload)
    image.sequence = message.sequence
    return place(image)
  }

  /// What happened in a lease queue.
  private mutating func image(_ event: QueueEvent) -> UnsafeMutablePointer<meshkit_queue_event_t>? {
    var image = meshkit_queue_event_t()
    image.struct_size = UInt32(MemoryLayout<meshkit_queue_event_t>.size)
    image.queue = text(event.queue)
    image.epoch = event.epoch
    switch event.event {
    case .becameReady, .closed: break
    case .leaseExpired(let token):
      (image.epoch, image.sequence, image.attempt) = (token.id.epoch, token.id.sequence, token.attempt)
    case .deadLettered(let id, let cause, let attempt):
      image.cause = Int32(cause.rawValue)
      (image.epoch, image.sequence, image.attempt) = (id.epoch, id.sequence, attempt)
    case .deadLettersFull(let count), .drained(let count): image.count = UInt64(clamping: count)
    case .backpressure(let monitor, let signal):
      image.sequence = UInt64(monitor)
      image.is_active = signal.isActive ? 1 : 0
      (image.version, image.count) = (signal.version, UInt64(clamping: signal.pendingCount))
      image.high_watermark = UInt32(clamping: signal.highWatermark)
      image.low_watermark = UInt32(clamping: signal.lowWatermark)
    }
    return place(image)
  }

  /// How an operation, a node or a pump ended.
  private mutating func image(_ error: MeshError?) -> UnsafeMutablePointer<meshkit_outcome_t>? {
    var outcome = meshkit_outcome_t()
    outcome.struct_size = UInt32(MemoryLayout<meshkit_outcome_t>.size)
    outcome.is_fatal = error?.isFatal == true ? 1 : 0
    outcome.retry_after_ms = error?.retryAfterMilliseconds ?? -1
    outcome.message = text(error?.message ?? "")
    return place(outcome)
  }

  /// A change of the membership. A member that the node has heard of is shown as heard when the event happened.
  private mutating func image(
    _ change: MembershipEvent, at unixNanoseconds: Int64
  ) -> UnsafeMutablePointer<meshkit_member_event_t>? {
    let heard = change.member.isLocal || change.member.lastHeard != nil
    let member = image(change.member, lastSeen: heard ? unixNanoseconds : 0)
    let place = place(member)
    let size = UInt32(MemoryLayout<meshkit_member_event_t>.size)
    return self.place(
      meshkit_member_event_t(struct_size: size, reserved: 0, correlation: change.correlation, member: place))
  }
}

extension MembershipEvent.Kind {
  /// MESHKIT_EVENT_MEMBER_*.
  fileprivate var code: UInt32 {
    switch self {
    case .joined: MESHKIT_EVENT_MEMBER_JOINED
    case .updated: MESHKIT_EVENT_MEMBER_UPDATED
    case .suspect: MESHKIT_EVENT_MEMBER_SUSPECT
    case .recovered: MESHKIT_EVENT_MEMBER_RECOVERED
    case .left: MESHKIT_EVENT_MEMBER_LEFT
    }
  }
}

extension TaskEvent {
  /// MESHKIT_EVENT_QUEUE_*.
  fileprivate var code: UInt32 {
    switch self {
    case .becameReady: MESHKIT_EVENT_QUEUE_READY
    case .leaseExpired: MESHKIT_EVENT_QUEUE_EXPIRED
    case .deadLettered: MESHKIT_EVENT_QUEUE_DEAD
    case .deadLettersFull: MESHKIT_EVENT_QUEUE_DEAD_FULL
    case .backpressure: MESHKIT_EVENT_QUEUE_SIGNAL
    case .drained: MESHKIT_EVENT_QUEUE_DRAINED
    case .closed: MESHKIT_EVENT_QUEUE_CLOSED
    }
  }
}

/// Releases an event with its payload.
@_cdecl("meshkit_event_release") @implementation
public func meshkit_event_release(_ event: UnsafeMutablePointer<meshkit_event_t>?) {
  guard !ForkGuard.isForkedChild else { return }
  EventRegistry.shared.release(event)
}
