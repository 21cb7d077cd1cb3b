import MeshBasics
import MeshMembership
import MeshTelemetry
import MeshThreads

/// Spreads a node's events to its subscribers, and keeps the newest snapshot in step with them: a subscriber sees the
/// members of one snapshot, then every change after it, and nothing twice.
final class EventHub: @unchecked Sendable {
  /// The stream belongs to its host: one that is let go of is gone at once, with its descriptor and its events.
  private struct Subscription {
    weak var stream: EventStream?
    let topics: Topics

    func wants(_ topic: Topics) -> EventStream? { topics.contains(topic) ? stream : nil }
  }

  /// The last records in the order in which they came: audits and others have places of their own, so that a burst of
  /// one hides nothing of the other.
  private struct RecentRecords {
    private typealias Entry = (number: UInt64, record: LogRecord)
    private var audits = BoundedRing<Entry>(capacity: recentRecordsMax)
    private var others = BoundedRing<Entry>(capacity: recentRecordsMax)
    private var arrivals: UInt64 = 0

    mutating func append(_ record: LogRecord) {
      arrivals &+= 1
      if record.isAudit {
        audits.push((arrivals, record))
      } else {
        others.push((arrivals, record))
      }
    }

    var all: [LogRecord] {
      (audits.elements + others.elements).sorted { $0.number < $1.number }.map(\.record)
    }
  }

  /// How many streams may listen to one node.
  static let subscriptionsMax = 64
  /// How many audits a late subscriber still gets, and how many other log records.
  static let recentRecordsMax = 128
  /// Records of threads that don't wait, until the engine's next turn.
  static let waitingRecordsMax = 64
  /// Of audits, which have places of their own.
  static let waitingAuditsMax = 1_024

  private let lock = Lock()
  private let snapshots: SnapshotCell
  private let telemetry: Telemetry
  private var subscriptions: [Subscription] = []
  private var recentRecords = RecentRecords()
  private var hasEnded = false
  private let waitingLock = Lock()
  /// Guarded by `waitingLock`.
  private var waitingRecords: [LogRecord] = []
  /// How many of them are audits.
  private var waitingAudits = 0

  init(snapshots: SnapshotCell, telemetry: Telemetry) {
    self.snapshots = snapshots
    self.telemetry = telemetry
  }

  /// Adds a subscriber. With `.members` it starts with one `joined` for each member that isn't local and hasn't left.
  func subscribe(_ stream: EventStream, topics: Topics) throws(MeshError) {
    // The slot for the end of the node is reserved now: that event is never lost.
    try stream.reserve()
    do throws(MeshError) {
      let lost = try lock.locked { () throws(MeshError) -> UInt64 in
        guard !hasEnded else { throw MeshError(.closed, "node: it has stopped") }
        subscriptions.removeAll { $0.stream?.isOpen != true }
        guard subscriptions.count < EventHub.subscriptionsMax else {
          throw MeshError(.busy, "node: at most \(EventHub.subscriptionsMax) event streams may subscribe")
        }
        subscriptions.append(Subscription(stream: stream, topics: topics))
        var lost: UInt64 = 0
        if topics.contains(.members) { lost &+= replayMembers(to: stream) }
        if topics.contains(.log) { lost &+= recentRecords.all.sum { stream.add($0) } }
        return lost
      }
      count(lost)
    } catch {
      stream.cancelReservation()
      throw error
    }
  }

  /// Makes one turn of the engine visible: the changes, and the picture that holds them.
  func publish(_ changes: [MembershipEvent], snapshot: MembersSnapshot?) {
    guard snapshot != nil || !changes.isEmpty else { return }
    count(
      lock.locked {
        if let snapshot { snapshots.replace(with: snapshot) }
        return subscriptions.sum { subscription in
          guard let stream = subscription.wants(.members) else { return 0 }
          return changes.sum { stream.add($0) }
        }
      })
  }

  /// Spreads what other members told all.
  func publish(_ messages: [BroadcastMessage]) {
    count(
      lock.locked {
        subscriptions.sum { subscription in
          guard let stream = subscription.wants(.broadcasts) else { return 0 }
          return messages.sum { stream.add($0) }
        }
      })
  }

  /// Spreads a log record. Any thread.
  func publish(_ record: LogRecord) {
    count(
      lock.locked {
        recentRecords.append(record)
        return subscriptions.sum { $0.wants(.log)?.add(record) ?? 0 }
      })
  }

  /// Keeps a record for the engine's next turn, from a thread that must not wait for the reader of a stream. What is
  /// too much is lost.
  func publishLater(_ record: LogRecord) {
    let isKept = waitingLock.locked {
      let hasRoom =
        record.isAudit
        ? waitingAudits < EventHub.waitingAuditsMax
        : waitingRecords.count - waitingAudits < EventHub.waitingRecordsMax
      guard hasRoom else { return false }
      waitingRecords.append(record)
      if record.isAudit { waitingAudits += 1 }
      return true
    }
    if !isKept { count(1) }
  }

  /// Spreads the records that were kept.
  func publishWaiting() {
    let records = waitingLock.locked {
      defer { (waitingRecords, waitingAudits) = ([], 0) }
      return waitingRecords
    }
    for record in records { publish(record) }
  }

  /// Tells every subscriber that the node is over, once.
  func end(_ reason: MeshError?) {
    lock.locked {
      guard !hasEnded else { return }
      hasEnded = true
      for subscription in subscriptions { subscription.stream?.complete(.nodeStopped(reason), token: 0) }
      subscriptions.removeAll()
    }
  }

  private func replayMembers(to stream: EventStream) -> UInt64 {
    snapshots.current.members.filter { !$0.isLocal && $0.status != .left }.sum { member in
      stream.add(MembershipEvent(kind: .joined, member: member, correlation: 0))
    }
  }

  private func count(_ lost: UInt64) {
    if lost > 0 { telemetry.recordDroppedEvents(lost) }
  }
}

extension Sequence {
  fileprivate func sum(_ count: (Element) -> UInt64) -> UInt64 { reduce(0) { $0 &+ count($1) } }
}

extension BoundedRing {
  /// Adds `element` at the end; where the ring is full the oldest goes.
  fileprivate mutating func push(_ element: Element) {
    if isFull { _ = popFirst() }
    _ = append(element)
  }
}
