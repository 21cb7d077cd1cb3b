// The monitors of a queue.
import MeshBasics

extension TaskQueue {
  mutating func addMonitor(_ options: BackpressureOptions) -> TaskQueueAnswer {
    if let fault = options.faults.first { return .refused(.invalid(fault)) }
    guard monitors.count < TaskLimits.monitorsMax else { return .refused(.tooMany(limit: TaskLimits.monitorsMax)) }
    lastMonitor &+= 1
    monitors.append(
      BackpressureMonitor(lastMonitor, options, pending: counts.pending, oldest: oldestReadyAt, now: now))
    return .monitored(lastMonitor)
  }

  mutating func removeMonitor(_ id: MonitorID) -> TaskQueueAnswer {
    guard let index = monitors.firstIndex(where: { $0.id == id }) else { return .refused(.notFound) }
    monitors.remove(at: index)
    return .done
  }

  mutating func evaluateMonitors(_ effects: inout TaskQueueEffects) {
    let oldest = oldestReadyAt
    for index in monitors.indices {
      guard let signal = monitors[index].evaluate(pending: counts.pending, oldest: oldest, now: now) else { continue }
      effects.events.append(.backpressure(monitors[index].id, signal))
    }
  }

  /// The last signal of a monitor; nil when there is no such monitor.
  public func latestSignal(of monitor: MonitorID) -> BackpressureSignal? { self.monitor(monitor)?.latest }

  /// Whether a monitor sees the queue overloaded now, whatever it has told; nil when there is no such monitor.
  public func isOverloaded(for monitor: MonitorID) -> Bool? { self.monitor(monitor)?.isActive }

  /// The signals of a monitor after `version`, oldest first, and how many before them are gone; nil when there is no
  /// such monitor.
  public func signals(
    of monitor: MonitorID, after version: UInt64
  ) -> (missed: UInt64, signals: [BackpressureSignal])? {
    guard let monitor = self.monitor(monitor) else { return nil }
    let signals = monitor.signals.elements.filter { $0.version > version }
    let missed = signals.first.map { $0.version &- version &- 1 } ?? 0
    return (missed, signals)
  }

  private func monitor(_ id: MonitorID) -> BackpressureMonitor? { monitors.first { $0.id == id } }
}
