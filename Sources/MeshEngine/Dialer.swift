// Whom to dial, and when again: seeds and members are tried for ever, each at its own growing distance.
import MeshBasics

/// One thing to dial: a seed by its place in the configuration, or a peer by its name.
enum DialKey: Comparable, Hashable, Sendable {
  case seed(Int)
  case peer(NodeID)
}

/// What is known of one dial target.
struct DialTarget: Equatable, Sendable {
  var endpoint: Endpoint
  /// The node that answered there, or that is expected there.
  var node: NodeID?
  /// Dials in a row that came to nothing.
  var failures = 0
  var nextAt: Instant
  /// The dial on its way.
  var dialing: LinkID?
  /// A link to `node` is open, so that there is nothing to dial.
  var isLinked = false
  /// It answered as this node itself.
  var isSelf = false
  /// Remembered from an earlier run and not seen in this one; forgotten then.
  var rememberedUntil: Instant?

  /// When it shall be dialed next, if it shall.
  var dueAt: Instant? { dialing != nil || isLinked || isSelf ? nil : nextAt }
}

/// Keeps the dial targets and their backoff.
struct Dialer: Sendable {
  private let local: NodeID
  private let interval: Duration
  private(set) var targets = OrderedMap<DialKey, DialTarget>()
  private(set) var dialsInFlight = 0

  init(local: NodeID, seeds: [Endpoint], interval: Duration) {
    self.local = local
    self.interval = interval
    for (index, endpoint) in seeds.prefix(EngineLimits.seedsMax).enumerated() {
      targets[.seed(index)] = DialTarget(endpoint: endpoint, nextAt: .origin)
    }
  }

  /// Adds a peer that an earlier run knew.
  mutating func remember(_ node: NodeID, at endpoint: Endpoint, now: Instant) {
    guard node != local, targets[.peer(node)] == nil else { return }
    targets[.peer(node)] = DialTarget(
      endpoint: endpoint, node: node, nextAt: now, rememberedUntil: now + EngineLimits.rememberedPeerLifetime)
  }

  /// Takes over the members that the membership wants linked. Of two that want each other the smaller id dials at once,
  /// the greater only if nothing has come after one interval.
  mutating func want(_ wanted: [(node: NodeID, endpoint: String)], linked: (NodeID) -> Bool, now: Instant) {
    for (node, text) in wanted {
      guard let endpoint = Endpoint(parsing: text) else { continue }
      let key = DialKey.peer(node)
      let head = now + (local < node ? .zero : interval)
      guard var target = targets[key] else {
        targets[key] = DialTarget(endpoint: endpoint, node: node, nextAt: head, isLinked: linked(node))
        continue
      }
      target.rememberedUntil = nil
      if target.endpoint != endpoint {
        target.endpoint = endpoint
        // At most one dial an interval, however often it says that it has moved: we aren't to be sent at strangers.
        target.nextAt = min(target.nextAt, target.failures == 0 ? head : max(head, now + interval))
      }
      targets[key] = target
    }
    var isWanted = OrderedMap<NodeID, Bool>()
    for (node, _) in wanted { isWanted[node] = true }
    for (key, target) in targets {
      guard case .peer(let node) = key, target.rememberedUntil == nil, target.dialing == nil else { continue }
      if isWanted[node] == nil { targets.removeValue(forKey: key) }
    }
  }

  /// The targets to dial now, at most `room` of them, each with the endpoint; not two at one endpoint. What is due and
  /// finds no room waits a little, so that no deadline stays in the past.
  mutating func due(room: Int, now: Instant) -> [(key: DialKey, endpoint: Endpoint)] {
    guard let next = nextDeadline, next <= now else { return [] }
    let room = min(room, EngineLimits.dialsMax &- dialsInFlight)
    var busy = OrderedMap<Endpoint, Bool>()
    for target in targets.values where target.dialing != nil { busy[target.endpoint] = true }
    var due: [(key: DialKey, endpoint: Endpoint)] = []
    for (key, target) in targets {
      if let until = target.rememberedUntil, now >= until, target.dialing == nil {
        targets.removeValue(forKey: key)
        continue
      }
      guard let at = target.dueAt, at <= now else { continue }
      if due.count >= room || busy[target.endpoint] != nil {
        _ = targets.modify(key) { $0.nextAt = now + EngineLimits.dialSpacing }
      } else {
        busy[target.endpoint] = true
        due.append((key, target.endpoint))
      }
    }
    return due
  }

  /// A dial is on its way.
  mutating func dialing(_ key: DialKey, _ link: LinkID) {
    _ = targets.modify(key) { $0.dialing = link }
    dialsInFlight &+= 1
  }

  /// A dial is over, and `node` answered it; nil when it was this node itself.
  mutating func answered(_ key: DialKey, by node: NodeID?) {
    finish(key)
    _ = targets.modify(key) { target in
      switch key {
      case .seed:
        target.node = node
        target.isSelf = node == nil
      case .peer: break
      }
    }
  }

  /// A dial came to nothing. Returns how long to wait for the next.
  mutating func failed(
    _ key: DialKey, refused: Bool, now: Instant, random: inout SeededRandom
  ) -> Duration {
    finish(key)
    guard let target = targets[key] else { return .zero }
    let failures = min(target.failures &+ 1, 64)
    let wait = Dialer.backoff(failures: failures, first: interval, refused: refused)
    let jittered = max(random.jittered(wait, percent: 20), refused ? EngineLimits.refusedBackoffMin : .zero)
    _ = targets.modify(key) { target in
      target.failures = failures
      target.nextAt = now + jittered
    }
    return jittered
  }

  private mutating func finish(_ key: DialKey) {
    let wasDialing = targets.modify(key) { target in
      defer { target.dialing = nil }
      return target.dialing != nil
    }
    if wasDialing == true { dialsInFlight &-= 1 }
  }

  /// Doubles from `first` up to 30 s; after a refusal of trust, from 5 s up to 60 s.
  static func backoff(failures: Int, first: Duration, refused: Bool) -> Duration {
    let doublings = Int64(1) << Int64(max(0, min(failures &- 1, 16)))
    let start = refused ? EngineLimits.refusedBackoffMin : max(first, .milliseconds(10))
    return min(start.multiplied(by: doublings), refused ? EngineLimits.refusedBackoffMax : EngineLimits.backoffMax)
  }

  /// A link to `node` is open.
  mutating func linked(_ node: NodeID) { markLinks(of: node) { $0.isLinked = true } }

  /// The last link to `node` ended: dial again at once, unless the link had hardly lived.
  mutating func unlinked(_ node: NodeID, shortLived: Bool, now: Instant, random: inout SeededRandom) {
    let headStart = local < node ? Duration.zero : min(interval, .milliseconds(100))
    let wait = shortLived ? random.jittered(interval, percent: 20) : headStart
    markLinks(of: node) { target in
      target.isLinked = false
      target.failures = shortLived ? min(target.failures &+ 1, 64) : 0
      let penalty = shortLived ? Dialer.backoff(failures: target.failures, first: wait, refused: false) : wait
      target.nextAt = now + penalty
    }
  }

  /// Makes the next dial of `node` wait as after a refusal.
  mutating func postpone(_ node: NodeID, now: Instant) {
    markLinks(of: node) { target in
      target.nextAt = max(target.nextAt, now + EngineLimits.refusedBackoffMin)
    }
  }

  private mutating func markLinks(of node: NodeID, _ change: (inout DialTarget) -> Void) {
    for (key, target) in targets where target.node == node {
      _ = targets.modify(key, change)
    }
  }

  /// When the next target is due.
  var nextDeadline: Instant? { targets.values.compactMap(\.dueAt).min() }
}
