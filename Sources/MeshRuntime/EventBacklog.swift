import MeshBasics
import MeshMembership
import MeshTasks

/// The bounded memory of one event stream: five lanes that keep the order of arrival between them.
///
/// - *completions* have their slot reserved when the operation is submitted, so they are never lost; the leases that
///   pumps bring are among them;
/// - *members* coalesce: when the lane is full, a newer event of a member takes the place of its pending one; the
///   states of queues are in this lane too, and always coalesce;
/// - *audits* (who asked for what), *broadcasts* and *logs* share their places and lose their oldest: logs first, then
///   broadcasts, and audits only for other audits. Broadcasts are bounded in bytes too.
///
/// What is lost is counted, and told before the next event. No locks: `EventStream` holds one around it.
struct EventBacklog {
  /// The most that the payloads of waiting broadcasts may hold together: 64 of the largest.
  static let broadcastBytesMax = 4 << 20

  private struct Entry {
    let order: UInt64
    var event: StreamEvent
  }

  private var completions: BoundedRing<Entry>
  private var members: BoundedRing<Entry>
  private var broadcasts: BoundedRing<Entry>
  private var logs: BoundedRing<Entry>
  private var audits: BoundedRing<Entry>
  private var broadcastBytes = 0
  private var reserved = 0
  private var arrivals: UInt64 = 0
  private(set) var dropped: UInt64 = 0

  /// Shares `capacity` out: half to members, a quarter to completions, a quarter to the rest.
  init(capacity: Int) {
    completions = BoundedRing(capacity: capacity / 4)
    members = BoundedRing(capacity: capacity / 2)
    broadcasts = BoundedRing(capacity: capacity / 4)
    logs = BoundedRing(capacity: capacity / 4)
    audits = BoundedRing(capacity: capacity / 4)
  }

  var isEmpty: Bool {
    dropped == 0 && completions.isEmpty && members.isEmpty && broadcasts.isEmpty && logs.isEmpty && audits.isEmpty
  }

  /// Sets slots aside for completions to come; false, and none, when there aren't so many.
  mutating func reserve(_ count: Int = 1) -> Bool {
    guard count <= completions.capacity &- completions.count &- reserved else { return false }
    reserved &+= count
    return true
  }

  /// Gives reserved slots back unused.
  mutating func cancelReservation(_ count: Int = 1) { reserved = max(0, reserved &- count) }

  /// Puts a completion into its reserved slot.
  mutating func complete(_ event: StreamEvent) {
    cancelReservation()
    let kept = completions.append(Entry(order: nextOrder(), event: event))
    if !kept { dropped &+= 1 }
  }

  /// Takes the leases out that wait and that `isOurs` picks. Their slots are reserved again.
  mutating func withdrawLeases(where isOurs: (PumpedLease) -> Bool) -> [TaskToken] {
    var tokens: [TaskToken] = []
    for _ in 0..<completions.count {
      guard let entry = completions.popFirst() else { break }
      if case .lease(let lease) = entry.event.payload, isOurs(lease) {
        tokens.append(lease.lease.token)
        reserved &+= 1
      } else {
        _ = completions.append(entry)
      }
    }
    return tokens
  }

  /// Adds a member event, coalescing when full.
  mutating func add(member change: MembershipEvent, _ event: StreamEvent) {
    if members.append(Entry(order: nextOrder(), event: event)) { return }
    let node = change.member.nodeID
    let replaced = members.replaceLast(
      where: { entry in
        guard case .member(let pending) = entry.event.payload else { return false }
        return pending.member.nodeID == node
      }, with: { Entry(order: $0.order, event: event) })
    if !replaced { dropped &+= 1 }
  }

  /// Adds what happened in a queue. A state takes the place of the older one that waits; what else happened may be lost
  /// as records may.
  mutating func add(queue event: QueueEvent) {
    switch event.event {
    case .becameReady, .backpressure:
      let isReplaced = members.replaceLast(
        where: { entry in
          guard case .queue(let older) = entry.event.payload else { return false }
          return event.replaces(older)
        }, with: { Entry(order: $0.order, event: StreamEvent(.queue(event))) })
      if isReplaced { return }
      if !members.append(Entry(order: nextOrder(), event: StreamEvent(.queue(event)))) { dropped &+= 1 }
    default: add(lossy: StreamEvent(.queue(event)))
    }
  }

  /// Adds a log record or another event that may be lost. Without a place the oldest record goes; where broadcasts and
  /// audits have all places, this event.
  mutating func add(lossy event: StreamEvent) {
    if isShareFull && !dropLog() {
      dropped &+= 1
      return
    }
    _ = logs.append(Entry(order: nextOrder(), event: event))
  }

  /// Adds an audit. Without a place the oldest record goes, or else the oldest broadcast, or else the oldest audit.
  mutating func add(audit event: StreamEvent) {
    if isShareFull, !dropLog(), !dropBroadcast(), audits.popFirst() != nil { dropped &+= 1 }
    if !audits.append(Entry(order: nextOrder(), event: event)) { dropped &+= 1 }
  }

  /// Adds a broadcast. Without a place the oldest record goes, or else the oldest broadcast, and where audits have all
  /// places, this one; for bytes, broadcasts go.
  mutating func add(broadcast message: BroadcastMessage) {
    while broadcastBytes &+ message.payload.count > EventBacklog.broadcastBytesMax, dropBroadcast() {}
    if isShareFull && !dropLog() && !dropBroadcast() {
      dropped &+= 1
      return
    }
    if broadcasts.append(Entry(order: nextOrder(), event: StreamEvent(.broadcast(message)))) {
      broadcastBytes &+= message.payload.count
    } else {
      dropped &+= 1
    }
  }

  /// Audits, broadcasts and logs share one lane's places.
  private var isShareFull: Bool { audits.count &+ broadcasts.count &+ logs.count >= logs.capacity }

  private mutating func dropLog() -> Bool {
    guard logs.popFirst() != nil else { return false }
    dropped &+= 1
    return true
  }

  private mutating func dropBroadcast() -> Bool {
    guard popBroadcast() != nil else { return false }
    dropped &+= 1
    return true
  }

  private mutating func popBroadcast() -> StreamEvent? {
    guard let event = broadcasts.popFirst()?.event else { return nil }
    if case .broadcast(let message) = event.payload { broadcastBytes &-= message.payload.count }
    return event
  }

  /// The oldest event of all lanes; before it, the news that some were lost.
  mutating func popFirst() -> StreamEvent? {
    if dropped > 0 {
      defer { dropped = 0 }
      return StreamEvent(.dropped(count: dropped))
    }
    let completion = completions.first?.order ?? .max
    let member = members.first?.order ?? .max
    let broadcast = broadcasts.first?.order ?? .max
    let log = logs.first?.order ?? .max
    let audit = audits.first?.order ?? .max
    switch min(completion, member, broadcast, log, audit) {
    case .max: return nil
    case audit: return audits.popFirst()?.event
    case completion: return popCompletion()
    case member: return members.popFirst()?.event
    case broadcast: return popBroadcast()
    default: return logs.popFirst()?.event
    }
  }

  /// The slot of a lease is its pump's, for the next one.
  private mutating func popCompletion() -> StreamEvent? {
    let event = completions.popFirst()?.event
    if case .lease? = event?.payload { reserved &+= 1 }
    return event
  }

  private mutating func nextOrder() -> UInt64 {
    arrivals &+= 1
    return arrivals
  }
}
