import CLinux
import Glibc
import MeshBasics
import MeshMembership
import MeshTelemetry
import MeshThreads
import MeshTransport

/// A bounded queue of events with three doors: `next`, a readable descriptor, and a callback thread of its own.
///
/// Nothing here ever waits for the consumer: what doesn't fit is coalesced or dropped and counted (`EventBacklog`).
/// Safe from any thread; one consumer at a time.
public final class EventStream: @unchecked Sendable {
  /// How many events a stream may hold.
  public static let capacityRange = 16...65_536

  let lock = Lock()
  private let condition: ConditionVariable
  private let eventDescriptor: Int32
  private var backlog: EventBacklog
  private var isClosed = false
  private var isReadable = false
  private var hasCallbacks = false
  private var callbackThread: pthread_t?
  private var pumps: [LeaseQueue.PumpList.Entry] = []

  /// A stream for at most `capacity` events (`capacityRange`).
  public init(capacity: Int) throws(MeshError) {
    guard EventStream.capacityRange.contains(capacity) else {
      throw MeshError(.argument, "event stream capacity \(capacity): must be within 16...65536 events")
    }
    backlog = EventBacklog(capacity: capacity)
    condition = ConditionVariable()
    eventDescriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard eventDescriptor >= 0 else {
      throw MeshError(.resource, "event stream: eventfd: \(String(cString: strerror(errno)))")
    }
  }

  deinit { _ = Glibc.close(eventDescriptor) }

  /// The oldest event. Waits up to `timeout` (nil for ever, zero not at all); nil when none came in time.
  ///
  /// Throws `.closed` after `close`, and `.wouldDeadlock` on this stream's own callback thread.
  public func next(timeout: Duration?) throws(MeshError) -> StreamEvent? {
    try refuseOnCallbackThread()
    return try nextForConsumer(timeout: timeout)
  }

  /// Readable while at least one event waits; -1 after `close`. Owned by the stream: never read or close it.
  public var descriptor: Int32 { lock.locked { isClosed ? -1 : eventDescriptor } }

  /// Starts one thread that calls `call` for each event until `close`, then `drop` exactly once. Once per stream.
  public func startCallbacks(
    call: @escaping @Sendable (StreamEvent) -> Void, drop: @escaping @Sendable () -> Void
  ) throws(MeshError) {
    try lock.locked { () throws(MeshError) in
      guard !isClosed else { throw EventStream.closedError }
      guard !hasCallbacks else {
        throw MeshError(.argument, "event stream: its callback thread runs already; a stream has one consumer")
      }
      hasCallbacks = true
    }
    do throws(MeshError) {
      let thread = try LibraryThread.start(name: "meshkit-events", stackBytes: LibraryThread.hostStackBytes) { [self] in
        lock.locked { callbackThread = pthread_self() }
        while let event = try? nextForConsumer(timeout: nil) { call(event) }
        drop()
      }
      thread.detach()
    } catch {
      lock.locked { hasCallbacks = false }
      throw error
    }
  }

  /// Ends the stream and wakes its waiters with `.closed`; a host that polls the descriptor finds it readable. Events
  /// still inside are gone. Never blocks.
  public func close() {
    var gone = EventBacklog(capacity: 0)
    var pumps: [LeaseQueue.PumpList.Entry] = []
    lock.locked {
      isClosed = true
      swap(&gone, &backlog)
      swap(&pumps, &self.pumps)
      markReadable(true)
      condition.broadcast()
    }
    for entry in pumps { entry.pump?.streamClosed(unread: gone.withdrawLeases { $0.pump == entry.number }) }
  }

  /// Appends an event of a type that no host knows, for the tests of bindings.
  public func injectUnknown() { _ = add { $0.add(lossy: StreamEvent(.unknown)) } }

  // MARK: The producers' side

  var isOpen: Bool { lock.locked { !isClosed } }

  /// Sets slots aside for completions, before the operations are accepted: all or none.
  func reserve(_ count: Int = 1) throws(MeshError) {
    try lock.locked { () throws(MeshError) in try reserveLocked(count) }
  }

  private func reserveLocked(_ count: Int) throws(MeshError) {
    guard !isClosed else { throw EventStream.closedError }
    guard backlog.reserve(count) else {
      let places = count == 1 ? "another completion" : "\(count) more completions"
      throw MeshError(.busy, "event stream: no room for \(places); read events first")
    }
  }

  func cancelReservation(_ count: Int = 1) { lock.locked { backlog.cancelReservation(count) } }

  func complete(_ payload: StreamEvent.Payload, token: UInt64) {
    _ = add { $0.complete(StreamEvent(payload, token: token)) }
  }

  /// Adds a change; answers how many events that cost.
  func add(_ change: MembershipEvent) -> UInt64 { add { $0.add(member: change, StreamEvent(.member(change))) } }

  /// Adds a broadcast; answers how many events that cost.
  func add(_ message: BroadcastMessage) -> UInt64 { add { $0.add(broadcast: message) } }

  /// Adds what happened in a queue; answers how many events that cost.
  func add(_ event: QueueEvent) -> UInt64 { add { $0.add(queue: event) } }

  /// Adds a log record; answers how many events that cost.
  func add(_ record: LogRecord) -> UInt64 {
    let event = StreamEvent(.log(record))
    return add { record.isAudit ? $0.add(audit: event) : $0.add(lossy: event) }
  }

  // MARK: Pumps

  /// Tells `pump` when this is closed, and reserves the slot of its last event.
  func addPump(_ pump: LeasePump, _ number: UInt64) throws(MeshError) {
    try lock.locked { () throws(MeshError) in
      try reserveLocked(1)
      pumps.append(LeaseQueue.PumpList.Entry(pump: pump, number: number))
    }
  }

  func removePump(_ number: UInt64) { lock.locked { pumps.removeAll { $0.number == number } } }

  /// Puts a lease into a slot of its pump; false when this is closed.
  func deliver(_ lease: PumpedLease, token: UInt64) -> Bool {
    var isDelivered = false
    _ = add { backlog in
      backlog.complete(StreamEvent(.lease(lease), token: token))
      isDelivered = true
    }
    return isDelivered
  }

  /// Takes the leases of a pump back that nobody has read.
  func withdrawLeases(of pump: UInt64) -> [TaskToken] {
    lock.locked {
      let tokens = backlog.withdrawLeases { $0.pump == pump }
      markReadable(isClosed || !backlog.isEmpty)
      return tokens
    }
  }

  private func add(_ change: (inout EventBacklog) -> Void) -> UInt64 {
    lock.locked {
      guard !isClosed else { return 0 }
      let before = backlog.dropped
      change(&backlog)
      markReadable(!backlog.isEmpty)
      condition.signal()
      return backlog.dropped &- before
    }
  }

  // MARK: Inside

  private static let closedError = MeshError(.closed, "event stream: it is closed")

  private func refuseOnCallbackThread() throws(MeshError) {
    let isOwnThread = lock.locked { callbackThread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    if isOwnThread {
      throw MeshError(.wouldDeadlock, "event stream: next() on its own callback thread would wait for ever")
    }
  }

  private func nextForConsumer(timeout: Duration?) throws(MeshError) -> StreamEvent? {
    let deadline = timeout.map { MonotonicClock.now() + $0 }
    return try lock.locked { () throws(MeshError) -> StreamEvent? in
      while true {
        guard !isClosed else { throw EventStream.closedError }
        if let event = backlog.popFirst() {
          markReadable(!backlog.isEmpty)
          return event
        }
        guard condition.wait(lock, until: deadline) else { return nil }
      }
    }
  }

  /// Keeps the descriptor's state equal to "something is inside", with a system call only where that changes.
  private func markReadable(_ readable: Bool) {
    guard readable != isReadable else { return }
    isReadable = readable
    if readable {
      eventfd_write(eventDescriptor, 1)
    } else {
      var count = eventfd_t()
      eventfd_read(eventDescriptor, &count)
    }
  }
}
