import MeshBasics
import MeshMembership

/// The bounded memory of one event stream: three lanes that keep the order of arrival between them.
///
/// - *completions* have their slot reserved when the operation is submitted, so they are never lost;
/// - *members* coalesce: when the lane is full, a newer event of a member takes the place of its pending one;
/// - *logs* lose their oldest.
///
/// What is lost is counted, and told before the next event. No locks: `EventStream` holds one around it.
struct EventBacklog {
  private struct Entry {
    let order: UInt64
    var event: StreamEvent
  }

  private var completions: BoundedRing<Entry>
  private var members: BoundedRing<Entry>
  private var logs: BoundedRing<Entry>
  private var reserved = 0
  private var arrivals: UInt64 = 0
  private(set) var dropped: UInt64 = 0

  /// Shares `capacity` out: half to members, a quarter each to completions and logs.
  init(capacity: Int) {
    completions = BoundedRing(capacity: capacity / 4)
    members = BoundedRing(capacity: capacity / 2)
    logs = BoundedRing(capacity: capacity / 4)
  }

  var isEmpty: Bool { dropped == 0 && completions.isEmpty && members.isEmpty && logs.isEmpty }

  /// Sets one slot aside for a completion to come; false when none is free.
  mutating func reserve() -> Bool {
    guard completions.count &+ reserved < completions.capacity else { return false }
    reserved &+= 1
    return true
  }

  /// Gives a reserved slot back unused.
  mutating func cancelReservation() { reserved = max(0, reserved &- 1) }

  /// Puts a completion into its reserved slot.
  mutating func complete(_ event: StreamEvent) {
    cancelReservation()
    let kept = completions.append(Entry(order: nextOrder(), event: event))
    if !kept { dropped &+= 1 }
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

  /// Adds a log record or another event that may be lost, dropping the oldest when full.
  mutating func add(lossy event: StreamEvent) {
    if logs.isFull {
      _ = logs.popFirst()
      dropped &+= 1
    }
    _ = logs.append(Entry(order: nextOrder(), event: event))
  }

  /// The oldest event of all lanes; before it, the news that some were lost.
  mutating func popFirst() -> StreamEvent? {
    if dropped > 0 {
      defer { dropped = 0 }
      return StreamEvent(.dropped(count: dropped))
    }
    let heads = (completions.first?.order ?? .max, members.first?.order ?? .max, logs.first?.order ?? .max)
    if heads.0 < heads.1 && heads.0 < heads.2 { return completions.popFirst()?.event }
    if heads.1 < heads.2 { return members.popFirst()?.event }
    return logs.popFirst()?.event
  }

  private mutating func nextOrder() -> UInt64 {
    arrivals &+= 1
    return arrivals
  }
}
