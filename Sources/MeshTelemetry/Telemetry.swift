import MeshBasics
import MeshThreads

/// The metrics of one node, and the one table from observations to metrics and log records. Any thread.
///
/// *Cost*: a count is one uncontended lock and an addition; only observations that are also log records allocate.
public final class Telemetry: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards all of it.
  private let lock = Lock()
  private var values = MetricValues()

  /// Telemetry with all counters at zero.
  public init() {}

  /// Counts `observation`; returns its log record, or nil when it is a metric only.
  public func record(_ observation: Observation) -> LogRecord? {
    lock.locked { values.count(observation) }
    return ObservationLog.record(observation, unixNanoseconds: LogTime.unixNanoseconds())
  }

  /// Counts `count` events that an event stream lost because its reader was too slow.
  public func recordDroppedEvents(_ count: UInt64) {
    lock.locked { values.eventsDropped &+= count }
  }

  /// All metrics in the Prometheus text exposition format 0.0.4 (`text/plain; version=0.0.4; charset=utf-8`).
  public func prometheusText() -> [UInt8] {
    // Rendered outside of the lock: the copy shares its storage until the next count.
    let copy = lock.locked { values }
    return PrometheusText.render(copy)
  }
}
