import MeshBasics

/// Keeps peers from filling an operator's log: a record of one kind, peer and reason is logged once per interval, and
/// told of again only in a summary at the end of that interval.
///
/// *Limits*: `causesMax` causes at a time; what comes beyond them in that interval counts as one cause for each kind.
/// So whatever peers do, the records of an interval are bounded. Pure: the time comes in.
struct RepeatLimiter {
  /// How long a cause is silent after its record.
  static let interval = Duration.seconds(10)
  /// How many causes are told apart in one interval.
  static let causesMax = 256

  /// What makes two records the same to an operator.
  struct Cause: Hashable {
    let kind: LogKind
    let peer: String
    let reason: String

    static func == (left: Cause, right: Cause) -> Bool {
      left.kind.eventID == right.kind.eventID && left.peer == right.peer && left.reason == right.reason
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(kind.eventID)
      hasher.combine(peer)
      hasher.combine(reason)
    }
  }

  /// Causes with the number of records that were held back, and in the order of their first record, so that the oldest
  /// ends first.
  private var counts: [Cause: UInt64] = [:]
  private var order: [(cause: Cause, end: Instant)] = []

  /// Whether a record of `cause` is logged now; when not, it is counted.
  mutating func admits(_ cause: Cause, now: Instant) -> Bool {
    if let count = counts[cause] {
      counts[cause] = count &+ 1
      return false
    }
    guard counts.count < RepeatLimiter.causesMax else { return admitsOther(of: cause.kind, now: now) }
    begin(cause, now: now)
    return true
  }

  /// The one cause that stands for all beyond the limit; there are few kinds, so that it may pass the limit itself.
  private mutating func admitsOther(of kind: LogKind, now: Instant) -> Bool {
    let other = Cause(kind: kind, peer: MetricTable.other, reason: MetricTable.other)
    if let count = counts[other] {
      counts[other] = count &+ 1
      return false
    }
    begin(other, now: now)
    return true
  }

  private mutating func begin(_ cause: Cause, now: Instant) {
    counts[cause] = 0
    order.append((cause, now + RepeatLimiter.interval))
  }

  /// Whether some interval is over.
  func isDue(now: Instant) -> Bool { order.first.map { $0.end <= now } ?? false }

  /// Ends the intervals that are over: one summary for each cause that came again.
  mutating func summaries(now: Instant) -> [LogRecord] {
    let ended = order.prefix { $0.end <= now }
    order.removeFirst(ended.count)
    return ended.compactMap { entry in
      guard let count = counts.removeValue(forKey: entry.cause), count > 0 else { return nil }
      let cause = entry.cause
      return LogKind.repeated.record(
        "\(cause.kind.eventName) came \(count) more times: \(cause.peer): \(cause.reason)",
        [cause.kind.eventName, cause.peer, cause.reason, "\(count)"])
    }
  }
}

extension RepeatLimiter.Cause {
  /// The cause of a record that peers can provoke at will; nil for those that they can't.
  init?(_ observation: Observation) {
    switch observation {
    case .messageRejected(let peer, let reason): self.init(.messageRejected, peer, reason)
    case .limitReached(let limit, let peer): self.init(.limitReached, peer, limit)
    case .trustRefused(let peer, let reason, _): self.init(.trustRefused, peer, reason)
    case .datagramsDropped(_, let reason): self.init(.datagramsDropped, "", reason)
    case .selfRefuted(let accuser, _): self.init(.refuted, accuser.name, "")
    case .falseSuspicion(let peer): self.init(.falseSuspicion, peer.name, "")
    case .duplicateNode(let node, _): self.init(.duplicateNode, node.name, "")
    case .broadcastDropped(let reason): self.init(.broadcastDropped, "", reason)
    case .linkDoubted(let peer): self.init(.linkDoubted, peer, "")
    default: return nil
    }
  }

  private init(_ kind: LogKind, _ peer: String, _ reason: String) {
    self.init(
      kind: kind, peer: CleanText.clean(peer, bytesMax: MetricTable.labelBytesMax),
      reason: CleanText.clean(reason, bytesMax: CleanText.fieldBytesMax))
  }
}
