import MeshBasics

/// Keeps peers from filling an operator's log: a record of one kind, peer and reason is logged once per interval, that
/// of a link's opening or end a few times, and told of again only in a summary at the end of that interval.
///
/// *Limits*: `causesPerKindMax` causes of each kind at a time; what comes beyond them in that interval counts as one
/// cause. So whatever peers do, the records of an interval are bounded, and no kind takes the places of another. Pure:
/// the time comes in.
struct RepeatLimiter {
  /// How long a cause is silent after its record.
  static let interval = Duration.seconds(10)
  /// How many causes of one kind are told apart in one interval.
  static let causesPerKindMax = 32
  /// How many records of one cause an interval admits where a few tell more than one does: a link that comes, goes and
  /// comes back.
  static let linkRecordsMax = 4

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

  /// Records of one cause: those that may still be logged, and those that were held back.
  private struct Count {
    var left: Int
    var held: UInt64 = 0
  }

  /// Causes with their counts, and in the order of their first record, so that the oldest ends first.
  private var counts: [Cause: Count] = [:]
  private var order: [(cause: Cause, end: Instant)] = []
  /// How many causes of each kind there are, by its id.
  private var causesOfKind: [Int32: Int] = [:]

  /// Whether a record of `cause` is logged now; when not, it is counted.
  mutating func admits(_ cause: Cause, now: Instant) -> Bool {
    if let isLogged = count(cause) { return isLogged }
    if causesOfKind[cause.kind.eventID, default: 0] < RepeatLimiter.causesPerKindMax {
      begin(cause, now: now)
    } else {
      // The one cause that stands for all beyond the limit, which it may pass itself.
      let other = Cause(kind: cause.kind, peer: MetricTable.other, reason: MetricTable.other)
      if let isLogged = count(other) { return isLogged }
      begin(other, now: now)
    }
    return true
  }

  /// Books one more record of a cause that has begun, and says whether it is logged; nil of one that hasn't.
  private mutating func count(_ cause: Cause) -> Bool? {
    guard let place = counts.index(forKey: cause) else { return nil }
    let isLogged = counts.values[place].left > 0
    if isLogged { counts.values[place].left &-= 1 } else { counts.values[place].held &+= 1 }
    return isLogged
  }

  private mutating func begin(_ cause: Cause, now: Instant) {
    let isLink = cause.kind == .linkOpened || cause.kind == .linkClosed
    counts[cause] = Count(left: isLink ? RepeatLimiter.linkRecordsMax &- 1 : 0)
    causesOfKind[cause.kind.eventID, default: 0] &+= 1
    order.append((cause, now + RepeatLimiter.interval))
  }

  /// Whether some interval is over.
  func isDue(now: Instant) -> Bool { order.first.map { $0.end <= now } ?? false }

  /// Ends the intervals that are over: one summary for each cause that came again.
  mutating func summaries(now: Instant) -> [LogRecord] {
    let ended = order.prefix { $0.end <= now }
    order.removeFirst(ended.count)
    return ended.compactMap { entry in
      let cause = entry.cause
      causesOfKind[cause.kind.eventID, default: 0] &-= 1
      guard let held = counts.removeValue(forKey: cause)?.held, held > 0 else { return nil }
      guard cause.hasSummary else { return nil }
      let what = [cause.peer, cause.reason].filter { !$0.isEmpty }.joined(separator: ": ")
      return LogKind.repeated.record(
        "\(cause.kind.eventName) came \(held) more times\(what.isEmpty ? "" : ": \(what)")",
        [cause.kind.eventName, cause.peer, cause.reason, "\(held)"])
    }
  }
}

extension RepeatLimiter.Cause {
  /// What is usual is no reason for a summary: a metric of its own counts each.
  var hasSummary: Bool { kind != .requestAnswered }

  /// The cause of a record that peers can provoke at will; nil for those that they can't. What a peer may choose anew
  /// each time is no part of it: the port that it comes from, and its words.
  init?(_ observation: Observation) {
    switch observation {
    case .messageRejected(let peer, let reason): self.init(.messageRejected, RepeatLimiter.host(of: peer), reason)
    case .schemaRejected: self.init(.schemaRejected, "", "")
    case .requestFailed(let target, _): self.init(.requestFailed, target, "")
    case .limitReached(let limit, let peer, _): self.init(.limitReached, RepeatLimiter.host(of: peer), limit)
    // The port of one that this node dialed is its own choice.
    case .trustRefused(let peer, let reason, let inbound):
      self.init(.trustRefused, inbound ? RepeatLimiter.host(of: peer) : peer, reason)
    // With its port, since many nodes may share a host; they are bounded as a kind.
    case .linkOpened(let peer, _, _): self.init(.linkOpened, peer, "")
    case .linkClosed(let peer, _): self.init(.linkClosed, peer, "")
    case .datagramsDropped(_, let reason): self.init(.datagramsDropped, "", reason)
    case .selfRefuted(let accuser, _): self.init(.refuted, accuser.name, "")
    case .falseSuspicion(let peer): self.init(.falseSuspicion, peer.name, "")
    case .duplicateNode(let node, _): self.init(.duplicateNode, node.name, "")
    case .broadcastDropped(let reason): self.init(.broadcastDropped, "", reason)
    case .linkDoubted(let peer): self.init(.linkDoubted, peer, "")
    case .peerCircuit(let peer, let isOpen, _): self.init(.peerCircuit, peer.name, isOpen ? "open" : "closed")
    // Their host chooses the names, and may attach and detach as it likes.
    case .queueAttached(let queue): self.init(.queueAttached, queue, "")
    case .queueDetached(let queue, _): self.init(.queueDetached, queue, "")
    case .backpressureChanged(let queue, let isActive, _, _, _, _):
      self.init(.backpressure, queue, MetricTable.level(isActive))
    case .deadLettersFull(let queue, _): self.init(.deadLettersFull, queue, "")
    case .watchLagged(let resource, _): self.init(.watchLagged, "", resource)
    // Names and scopes are of the node's own file and table.
    case .callerRefused(let reason, let peer, let principal, let scope):
      let what = [reason, principal, scope].filter { !$0.isEmpty }.joined(separator: " ")
      self.init(.callerRefused, RepeatLimiter.host(of: peer), what)
    case .logLevelChanged(let level): self.init(.logLevelChanged, "", level)
    case .traceSamplingChanged(let probability): self.init(.traceSamplingChanged, "", "\(probability)")
    case .requestAnswered(let version, let encoding, _, _): self.init(.requestAnswered, version, encoding)
    default: return nil
    }
  }

  private init(_ kind: LogKind, _ peer: String, _ reason: String) {
    self.init(
      kind: kind, peer: CleanText.clean(peer, bytesMax: MetricTable.labelBytesMax),
      reason: CleanText.clean(reason, bytesMax: CleanText.fieldBytesMax))
  }
}

extension RepeatLimiter {
  /// The peer without the port at its end, and IPv6 without brackets. Names of nodes hold no colon and stay.
  static func host(of peer: String) -> String {
    guard let colon = peer.utf8.lastIndex(of: UInt8(ascii: ":")) else { return peer }
    let port = peer.utf8[peer.utf8.index(after: colon)...]
    guard !port.isEmpty, port.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return peer }
    let host = peer[..<colon]
    if host.hasSuffix("]") { return String(host.dropLast().filter { $0 != "[" }) }
    // A second colon: an IPv6 address without a port.
    return host.utf8.contains(UInt8(ascii: ":")) ? peer : String(host)
  }
}
