// The metrics of attached lease queues: Hugo's and OmniRelay's names, each with its unit behind it as their exporter
// writes them (contracts: hugo §1.13 and §2.2, leases §7), and MeshKit's own beside them.
import MeshBasics

/// The figures of one queue, as the node sees them when it is asked.
public struct QueueFigures: Sendable {
  /// The queue.
  public let name: String
  /// What it holds.
  public var pending = 0, delayed = 0, leased = 0, dead = 0
  /// How long the task that has been ready for longest has been so.
  public var oldestAge = Duration.zero
  /// Whether a monitor of it said overloaded last.
  public var isOverloaded = false
  /// Tasks that came in, restored ones included.
  public var enqueued: UInt64 = 0
  /// Leases: granted, completed, extended, failed and run out.
  public var granted: UInt64 = 0, completed: UInt64 = 0, heartbeats: UInt64 = 0, failed: UInt64 = 0
  /// Leases that ran out.
  public var expired: UInt64 = 0
  /// Tasks that came back, were leased again, and died.
  public var requeued: UInt64 = 0, redelivered: UInt64 = 0, deadLettered: UInt64 = 0
  /// How long leases lasted that ended by a call: how many up to each bound, in milliseconds, and in the end all longer
  /// ones; and the sum.
  public var leaseDurations: (bounds: [Int64], counts: [UInt64], sum: Duration) = ([], [], .zero)

  /// The figures of a queue in which nothing has happened.
  public init(name: String) { self.name = name }
}

extension MetricFamily {
  private static let name = ["taskqueue_name"]

  static let queueCounters: [(family: MetricFamily, count: @Sendable (QueueFigures) -> UInt64)] = [
    (
      .init(.counter, "taskqueue_enqueued_items_total", name, "Tasks that came in, restored ones included."), \.enqueued
    ),
    (.init(.counter, "taskqueue_leased_leases_total", name, "Leases granted."), \.granted),
    (.init(.counter, "taskqueue_completed_leases_total", name, "Leases whose task was done."), \.completed),
    (.init(.counter, "taskqueue_heartbeats_leases_total", name, "Leases extended."), \.heartbeats),
    (.init(.counter, "taskqueue_failed_leases_total", name, "Leases whose task failed."), \.failed),
    (.init(.counter, "taskqueue_expired_leases_total", name, "Leases that ran out."), \.expired),
    (.init(.counter, "taskqueue_requeued_items_total", name, "Tasks that came back after a delivery."), \.requeued),
    (.init(.counter, "taskqueue_deadlettered_items_total", name, "Tasks that became dead letters."), \.deadLettered),
    (
      .init(.counter, "taskqueue_redeliveries_total", name, "Leases of a task that had been leased before."),
      \.redelivered
    ),
  ]

  static let queueGauges: [(family: MetricFamily, value: @Sendable (QueueFigures) -> String)] = [
    (.init(.gauge, "taskqueue_pending_items", name, "Tasks that wait for a consumer."), { "\($0.pending)" }),
    (.init(.gauge, "taskqueue_delayed_items", name, "Tasks that wait for their time."), { "\($0.delayed)" }),
    (.init(.gauge, "taskqueue_active_leases", name, "Tasks at consumers."), { "\($0.leased)" }),
    (.init(.gauge, "taskqueue_dead_letters", name, "Dead letters that are kept."), { "\($0.dead)" }),
    (
      .init(
        .gauge, "taskqueue_oldest_age_seconds", name,
        "How long the task that has been ready for longest has been so; 0 when none is."),
      { PrometheusText.number($0.oldestAge.fractionalMilliseconds / 1_000) }
    ),
    (
      .init(
        .gauge, "hugo_taskqueue_backpressure_active_queues", name,
        "1 while a monitor of the queue says that it is overloaded."), { $0.isOverloaded ? "1" : "0" }
    ),
  ]

  static let leaseDuration = MetricFamily(
    .histogram, "taskqueue_lease_duration_ms", name, "How long leases lasted that ended by a call, in milliseconds.")

  static let queueHistograms: [(family: MetricFamily, series: @Sendable (QueueSeries) -> Histogram)] = [
    (.init(.histogram, "taskqueue_pending_depth_items", name, "Pending tasks, sampled once a second."), \.pending),
    (.init(.histogram, "taskqueue_active_depth_leases", name, "Leases, sampled once a second."), \.leased),
    (
      .init(.histogram, "hugo_taskqueue_backpressure_pending", name, "Pending tasks when a monitor signalled."),
      \.signalPending
    ),
    (
      .init(
        .histogram, "hugo_taskqueue_backpressure_duration_ms", name,
        "How long monitors had said the opposite before they signalled, in milliseconds."), \.signalSpan
    ),
  ]

  static let queueTransitions = MetricFamily(
    .counter, "hugo_taskqueue_backpressure_transitions_total", name, "Times that a monitor signalled a change.")
  static let omniRelayTransitions = MetricFamily(
    .counter, "omnirelay_resourcelease_backpressure_transitions_events_total", ["state"],
    "Times that a monitor of any queue signalled a change, by what it changed to (active, inactive).")
  static let omniRelayPending = MetricFamily(
    .histogram, "omnirelay_resourcelease_pending_items", [], "Pending tasks of any queue, sampled once a second.")
  static let omniRelayActive = MetricFamily(
    .histogram, "omnirelay_resourcelease_active_leases", [], "Leases of any queue, sampled once a second.")

  /// All families of queues, in the order of the text.
  static let queues: [MetricFamily] =
    queueCounters.map(\.family) + queueGauges.map(\.family) + [leaseDuration] + queueHistograms.map(\.family)
    + [queueTransitions, omniRelayTransitions, omniRelayPending, omniRelayActive]
}

/// What is counted of one queue as it is sampled.
struct QueueSeries: Sendable {
  var pending = Histogram(bounds: MetricTable.depthBounds)
  var leased = Histogram(bounds: MetricTable.depthBounds)
  var signalPending = Histogram(bounds: MetricTable.depthBounds)
  var signalSpan = Histogram(bounds: MetricTable.signalBounds)
  var transitions: UInt64 = 0
}

/// The same of all queues, and of any. The series of a queue end when it is detached.
struct QueueSeriesTable: Sendable {
  /// By name; at most `MetricTable.queuesMax`.
  private(set) var series = OrderedMap<String, QueueSeries>()
  private(set) var pending = Histogram(bounds: MetricTable.depthBounds)
  private(set) var leased = Histogram(bounds: MetricTable.depthBounds)
  private(set) var transitions = LabelledCounter(known: [["active"], ["inactive"]])

  mutating func count(_ observation: Observation) {
    switch observation {
    case .queueAttached(let queue): if series.count < MetricTable.queuesMax { series[queue] = QueueSeries() }
    case .queueDetached(let queue, _): series.removeValue(forKey: queue)
    case .queueSampled(let queue, let pending, let leased):
      self.pending.add(Double(pending))
      self.leased.add(Double(leased))
      _ = series.modify(queue) {
        $0.pending.add(Double(pending))
        $0.leased.add(Double(leased))
      }
    case .backpressureChanged(let queue, let isActive, let pending, _, _, let span):
      transitions.add([MetricTable.level(isActive)])
      _ = series.modify(queue) {
        $0.transitions &+= 1
        $0.signalPending.add(Double(pending))
        $0.signalSpan.add(span.fractionalMilliseconds)
      }
    default: return
    }
  }
}

extension PrometheusText {
  mutating func queues(_ values: MetricValues) {
    let figures = values.queueFigures
    for (family, count) in MetricFamily.queueCounters {
      self.family(family, figures.map { ([$0.name], "\(count($0))") })
    }
    for (family, value) in MetricFamily.queueGauges { self.family(family, figures.map { ([$0.name], value($0)) }) }
    header(.leaseDuration)
    for queue in figures { histogram(.leaseDuration, queue.name, Histogram(queue.leaseDurations)) }
    let table = values.queues
    for (family, series) in MetricFamily.queueHistograms {
      header(family)
      for (name, queue) in table.series { histogram(family, name, series(queue)) }
    }
    family(.queueTransitions, zip(table.series.keys, table.series.values).map { ([$0], "\($1.transitions)") })
    counter(.omniRelayTransitions, table.transitions)
    header(.omniRelayPending)
    histogram(.omniRelayPending, nil, table.pending)
    header(.omniRelayActive)
    histogram(.omniRelayActive, nil, table.leased)
  }
}

extension Histogram {
  /// One that was counted elsewhere.
  fileprivate init(_ durations: (bounds: [Int64], counts: [UInt64], sum: Duration)) {
    self.init(
      bounds: durations.bounds.map { Double($0) }, counts: durations.counts, sum: durations.sum.fractionalMilliseconds)
  }
}
