import MeshBasics
import MeshThreads

/// The metrics of one node, and the one table from observations to metrics and log records. Any thread.
///
/// *Cost*: a count is one uncontended lock and an addition; only observations that are also log records allocate.
public final class Telemetry: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards all of it.
  private let lock = Lock()
  private let now: @Sendable () -> Instant
  private var values = MetricValues()
  private var limiter = RepeatLimiter()

  /// The least level of records that are given out, by its number, and 6 for none at all; nil lets all pass. Metrics
  /// count whatever it is.
  public var minimumLevel: Int32? {
    get { lock.locked { values.minimumLevel } }
    set { lock.locked { values.minimumLevel = newValue } }
  }

  /// How many of the traces are to be kept, 0 to 1; nil while nobody has said. Nothing makes traces yet: it is kept for
  /// what will.
  public var traceSampling: Double? {
    get { lock.locked { values.traceSampling } }
    set { lock.locked { values.traceSampling = newValue } }
  }

  /// Telemetry with all counters at zero. `now` tells when records of one cause may be logged again.
  public init(now: @escaping @Sendable () -> Instant = LogTime.monotonic) { self.now = now }

  /// Counts `observation`; returns its log record, or nil when it is a metric only, or was logged with the same peer
  /// and reason just now: then `summaries` tells of it.
  public func record(_ observation: Observation) -> LogRecord? {
    let cause = RepeatLimiter.Cause(observation)
    let (isLogged, minimum) = lock.locked {
      values.count(observation)
      guard let cause else { return (true, values.minimumLevel) }
      let isLogged = limiter.admits(cause, now: now())
      if !isLogged && cause.hasSummary { values.recordsRepeated &+= 1 }
      return (isLogged, values.minimumLevel)
    }
    guard isLogged, let record = ObservationLog.record(observation, unixNanoseconds: LogTime.unixNanoseconds()) else {
      return nil
    }
    return Telemetry.passes(record, minimum) ? record : nil
  }

  /// That the level was changed is told at any level: it explains the silence. So is who asked for what:
  /// the level must not hide it.
  private static func passes(_ record: LogRecord, _ minimum: Int32?) -> Bool {
    record.level.rawValue >= minimum ?? 0 || record.isAudit || record.eventID == LogKind.logLevelChanged.eventID
  }

  /// One record for each cause whose interval is over and that came again meanwhile. Call it now and then.
  public func summaries() -> [LogRecord] {
    lock.locked {
      let time = now()
      guard limiter.isDue(now: time) else { return [] }
      return limiter.summaries(now: time).filter { Telemetry.passes($0, values.minimumLevel) }
    }
  }

  /// Counts `count` events that an event stream lost because its reader was too slow.
  public func recordDroppedEvents(_ count: UInt64) {
    lock.locked { values.eventsDropped &+= count }
  }

  /// All metrics in the Prometheus text exposition format 0.0.4 (`text/plain; version=0.0.4; charset=utf-8`).
  /// `tethers` and `quic` are the figures of the threads that move bytes, and `queues` those of the attached queues,
  /// which no observation carries.
  public func prometheusText(
    tethers: TetherFigures = TetherFigures(), quic: [QUICFigures] = [], queues: [QueueFigures] = []
  ) -> [UInt8] {
    // Rendered outside of the lock: the copy shares its storage until the next count.
    var copy = lock.locked { values }
    copy.tethers = tethers
    copy.quic = quic
    copy.queueFigures = queues
    return PrometheusText.render(copy)
  }
}

/// Figures of the TCP connections on the mesh port, as the link thread counts them.
public struct TetherFigures: Equatable, Sendable {
  /// How many stand beside a link now.
  public let open: Int64
  /// How many were turned away, cut off, or came to nothing.
  public let refused: Int64

  /// Figures of these parts.
  public init(open: Int64 = 0, refused: Int64 = 0) {
    self.open = open
    self.refused = refused
  }
}

/// What the QUIC side of one listener has done, as its thread counts it.
public struct QUICFigures: Equatable, Sendable {
  /// `control` or `mesh`.
  public let listener: String
  /// Handshakes that others completed, connections refused for a limit, and proofs of address asked for.
  public let handshakes, refused, retries: Int64
  /// UDP datagrams.
  public let datagramsReceived, datagramsSent: Int64
  /// Bytes in them.
  public let bytesReceived, bytesSent: Int64

  /// The figures of `listener` that have these names in the statistics of a node; 0 for one that isn't there.
  public init(listener: String, _ figures: [(name: String, value: Int64)]) {
    func figure(_ name: String) -> Int64 { figures.first { $0.name == name }?.value ?? 0 }
    self.listener = listener
    (handshakes, refused, retries) = (
      figure("handshakesAccepted"), figure("connectionsRefused"), figure("retriesSent")
    )
    (datagramsReceived, datagramsSent) = (figure("datagramsReceived"), figure("datagramsSent"))
    (bytesReceived, bytesSent) = (figure("bytesReceived"), figure("bytesSent"))
  }
}
