import MeshBasics

/// A counter with one label of open-ended values, bounded.
struct LabelledCounter {
  private(set) var labels: [[String]] = []
  private(set) var values: [UInt64] = []
  private let max: Int

  /// At most `max` series and one named `other`; `known` ones exist from the start, so that their first count is a
  /// rise.
  init(max: Int = MetricTable.reasonsMax, known: [[String]] = []) {
    self.max = max
    labels = known
    values = known.map { _ in 0 }
  }

  mutating func add(_ key: [String], _ count: UInt64 = 1) {
    if let index = labels.firstIndex(of: key) {
      values[index] &+= count
      return
    }
    let clean = key.map { CleanText.clean($0, bytesMax: MetricTable.labelBytesMax) }
    if let index = labels.firstIndex(of: clean) {
      values[index] &+= count
    } else if labels.count < max {
      labels.append(clean)
      values.append(count)
    } else {
      addOther(width: clean.count, count)
    }
  }

  private mutating func addOther(width: Int, _ count: UInt64) {
    let other = [String](repeating: MetricTable.other, count: width)
    if let index = labels.firstIndex(of: other) {
      values[index] &+= count
    } else {
      labels.append(other)
      values.append(count)
    }
  }
}

/// Bytes by kind of message, in both directions. Each message passes here, and kinds are few and short: a search costs
/// some comparisons of words, and nothing is allocated.
struct BytesByKind {
  struct Entry {
    let kind: String
    var inbound: UInt64 = 0
    var outbound: UInt64 = 0
  }

  /// At most `MetricTable.kindsMax` kinds, and one named `other`.
  private(set) var entries: [Entry] = []

  mutating func add(_ kind: String, _ bytes: UInt64, inbound: Bool) {
    let index = entries.firstIndex { $0.kind == kind } ?? begin(kind)
    if inbound { entries[index].inbound &+= bytes } else { entries[index].outbound &+= bytes }
  }

  private mutating func begin(_ kind: String) -> Int {
    let isFull = entries.count >= MetricTable.kindsMax
    if isFull, let other = entries.firstIndex(where: { $0.kind == MetricTable.other }) { return other }
    entries.append(Entry(kind: isFull ? MetricTable.other : kind))
    return entries.count &- 1
  }
}

/// One histogram series.
struct Histogram {
  let bounds: [Double]
  private(set) var buckets: [UInt64]
  private(set) var count: UInt64 = 0
  private(set) var sum = 0.0

  init(bounds: [Double]) {
    self.bounds = bounds
    buckets = [UInt64](repeating: 0, count: bounds.count)
  }

  /// One that was counted elsewhere: `counts` has a place for each bound, and one for all that is greater.
  init(bounds: [Double], counts: [UInt64], sum: Double) {
    self.bounds = bounds
    buckets = Array(counts.prefix(bounds.count))
    count = counts.reduce(0, &+)
    self.sum = sum
  }

  mutating func add(_ value: Double) {
    guard value.isFinite, value >= 0 else { return }
    count &+= 1
    sum += value
    // Kept apart and summed up when read: then each measurement touches one bucket.
    if let index = bounds.firstIndex(where: { value <= $0 }) { buckets[index] &+= 1 }
  }
}

/// All numbers of one node. Guarded by `Telemetry`'s lock.
struct MetricValues {
  var alive = 0
  var suspect = 0
  var left = 0
  /// Sorted by peer; at most `MetricTable.peersMax`.
  private(set) var roundTrips = OrderedMap<String, Histogram>()
  private(set) var otherRoundTrips = Histogram(bounds: MetricTable.roundTripBounds)
  var sent: UInt64 = 0
  var received: UInt64 = 0
  var sendFailures: UInt64 = 0
  var receiveFailures: UInt64 = 0
  var probeFailures: UInt64 = 0
  var rejected = LabelledCounter()
  var suspicions: UInt64 = 0
  var departures = LabelledCounter(known: [["dead"], ["graceful"]])
  var refutations: UInt64 = 0
  var linksOpened: UInt64 = 0
  var linksClosed: UInt64 = 0
  var dialFailures: UInt64 = 0
  var trustRefused = LabelledCounter()
  var datagramsDropped = LabelledCounter()
  var certificateReloads = LabelledCounter(known: [["failure"], ["success"]])
  var limits = LabelledCounter()
  private(set) var requests = LabelledCounter()
  private(set) var lateness = Histogram(bounds: MetricTable.latenessBounds)
  private(set) var calls = LabelledCounter()
  private(set) var peerCalls = LabelledCounter()
  private(set) var peerCallRetries = LabelledCounter()
  private(set) var peerCircuitsOpened: UInt64 = 0
  private(set) var watches = 0
  private(set) var watchLags = LabelledCounter(known: [["backpressure"], ["members"], ["queues"]])
  private(set) var callersRefused = LabelledCounter(
    known: [
      "foreign-host", "foreign-origin", "no-credential", "scope", "unknown-token", "untrusted-certificate",
    ].map { [$0] })
  private(set) var principalsReloads = LabelledCounter(known: [["failure"], ["success"]])
  var storeFailures: UInt64 = 0
  var eventsDropped: UInt64 = 0
  private(set) var links = 0
  private(set) var newsQueued = 0
  private(set) var health = 0
  private(set) var isIsolated = false
  private(set) var convergence = Histogram(bounds: MetricTable.convergenceBounds)
  private(set) var fanout = Histogram(bounds: MetricTable.fanoutBounds)
  private(set) var bytes = BytesByKind()
  private(set) var probesRelayed: UInt64 = 0
  private(set) var probesReached = LabelledCounter(known: [["direct"], ["relay"]])
  private(set) var falseSuspicions: UInt64 = 0
  private(set) var pauses: UInt64 = 0
  private(set) var duplicates: UInt64 = 0
  private(set) var removals: UInt64 = 0
  private(set) var syncs: UInt64 = 0
  private(set) var syncRecords: UInt64 = 0
  private(set) var broadcastsDelivered: UInt64 = 0
  private(set) var broadcastsDropped = LabelledCounter()
  private(set) var linksDoubted: UInt64 = 0
  var recordsRepeated: UInt64 = 0
  var minimumLevel: Int32?
  var traceSampling: Double?
  /// Set on the copy that is rendered.
  var tethers = TetherFigures()
  /// The same.
  var quic: [QUICFigures] = []
  /// The same.
  var queueFigures: [QueueFigures] = []
  private(set) var queues = QueueSeriesTable()

  /// Members that have not left and have no link to this node. The three gauges may be from different moments.
  var passiveView: Int { max(0, alive &+ suspect &- 1 &- links) }

  mutating func count(_ observation: Observation) {
    switch observation {
    case .membersCounted(let alive, let suspect, let left):
      (self.alive, self.suspect, self.left) = (alive, suspect, left)
    case .roundTripMeasured(let peer, let span): addRoundTrip(peer.name, span.fractionalMilliseconds)
    case .messageSent(let kind, let bytes):
      sent &+= 1
      self.bytes.add(kind, UInt64(clamping: bytes), inbound: false)
    case .messageReceived(let kind, let bytes):
      received &+= 1
      self.bytes.add(kind, UInt64(clamping: bytes), inbound: true)
    case .messageFailed(let outbound): if outbound { sendFailures &+= 1 } else { receiveFailures &+= 1 }
    case .probeFailed: probeFailures &+= 1
    case .memberSuspected: suspicions &+= 1
    case .memberLeft(let facts, let graceful, _):
      departures.add([graceful ? "graceful" : "dead"])
      // Its place is free for another peer; a scraper sees the series end.
      roundTrips.removeValue(forKey: facts.peer.name)
    case .selfRefuted: refutations &+= 1
    default: countFrequent(observation)
    }
  }

  private mutating func countFrequent(_ observation: Observation) {
    switch observation {
    case .newsQueued(let count): newsQueued = count
    case .newsSpread(let peers): fanout.add(Double(peers))
    case .linksCounted(let count): links = count
    case .healthChanged(let level): health = level
    case .isolated(let flag): isIsolated = flag
    case .convergenceMeasured(let span): convergence.add(span.fractionalMilliseconds / 1_000)
    case .probeRelayed: probesRelayed &+= 1
    case .probeReached(_, let path): probesReached.add([path])
    case .falseSuspicion: falseSuspicions &+= 1
    case .broadcastDelivered: broadcastsDelivered &+= 1
    case .broadcastDropped(let reason): broadcastsDropped.add([reason])
    case .syncFinished(let records):
      syncs &+= 1
      syncRecords &+= UInt64(clamping: records)
    default: countRare(observation)
    }
  }

  private mutating func countRare(_ observation: Observation) {
    switch observation {
    case .messageRejected(_, let reason): rejected.add([reason])
    case .limitReached(let limit, _, let count): limits.add([limit], count)
    case .linkOpened: linksOpened &+= 1
    case .linkClosed: linksClosed &+= 1
    case .dialFailed: dialFailures &+= 1
    case .trustRefused(_, let reason, let inbound):
      trustRefused.add([reason, MetricTable.direction(inbound: inbound)])
    case .datagramsDropped(let count, let reason): datagramsDropped.add([reason], count)
    case .certificateReloaded: certificateReloads.add(["success"])
    case .certificateReloadFailed: certificateReloads.add(["failure"])
    case .requestAnswered(let version, let encoding, let status, _):
      requests.add([version, encoding.isEmpty ? "none" : encoding, MetricTable.statusClass(status)])
    case .engineLate(let span): lateness.add(span.fractionalMilliseconds / 1_000)
    case .callEnded(let method, let code): calls.add([method.isEmpty ? MetricTable.other : method, "\(code)"])
    case .peerCallEnded(let method, let outcome): peerCalls.add([method, outcome])
    case .peerCallRetried(let method): peerCallRetries.add([method])
    case .peerCircuit(_, let isOpen, _): if isOpen { peerCircuitsOpened &+= 1 }
    case .watchesCounted(let count): watches = count
    case .watchLagged(let resource, _): watchLags.add([resource])
    case .callerRefused(let reason, _, _, _): callersRefused.add([reason])
    case .principalsReloaded: principalsReloads.add(["success"])
    case .principalsReloadFailed: principalsReloads.add(["failure"])
    case .storeFailed: storeFailures &+= 1
    case .linkDoubted: linksDoubted &+= 1
    case .pauseDetected: pauses &+= 1
    case .duplicateNode: duplicates &+= 1
    case .memberRemoved: removals &+= 1
    default: queues.count(observation)
    }
  }

  private mutating func addRoundTrip(_ peer: String, _ milliseconds: Double) {
    if roundTrips.modify(peer, { $0.add(milliseconds) }) != nil { return }
    if roundTrips.count < MetricTable.peersMax {
      var series = Histogram(bounds: MetricTable.roundTripBounds)
      series.add(milliseconds)
      roundTrips[peer] = series
    } else {
      otherRoundTrips.add(milliseconds)
    }
  }
}
