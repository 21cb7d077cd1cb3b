// What operators see of a queue beside its counts.

/// Where a queue stands in its life.
public enum TaskQueueState: String, CaseIterable, Sendable {
  /// It admits and leases.
  case open
  /// It does neither, and waits for what is leased to end.
  case draining
  /// It does neither until it is resumed.
  case drained
  /// It has ended for good.
  case closed
}

/// One monitor at one moment.
public struct MonitorState: Equatable, Sendable {
  /// Which one.
  public let id: MonitorID
  /// Whether it sees the queue overloaded now, told or not.
  public let isActive: Bool
  /// What it said last.
  public let latest: BackpressureSignal

  /// A monitor of these parts.
  public init(id: MonitorID, isActive: Bool, latest: BackpressureSignal) {
    self.id = id
    self.isActive = isActive
    self.latest = latest
  }
}

extension TaskQueue {
  /// Where it stands in its life.
  public var state: TaskQueueState {
    switch phase {
    case .open: .open
    case .draining: .draining
    case .drained: .drained
    case .closed: .closed
    }
  }

  /// All monitors, in the order in which they were added.
  public var monitorStates: [MonitorState] {
    monitors.map { MonitorState(id: $0.id, isActive: $0.isActive, latest: $0.latest) }
  }
}
