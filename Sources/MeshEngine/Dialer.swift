// Whom to dial, and when again: seeds and members are tried for ever, each at its own growing distance.
import MeshBasics
import MeshMembership
import MeshWire

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
  /// The dial on its way, and where to.
  var dialing: LinkID?
  var dialedEndpoint: Endpoint?
  /// That dial waits for the addresses of a name, and has no place among the others yet.
  var isLookingUp = false
  /// A link to `node` is open, so that there is nothing to dial.
  var isLinked = false
  /// What the link is for; nil for seeds and remembered peers.
  var purpose: LinkTarget.Purpose?
  /// After links that hardly lived: not before that, whoever asks.
  var heldUntil: Instant?
  /// When its endpoint last changed.
  var movedAt: Instant?
  /// When a dial that failed at an old address last gave one at the new address for free.
  var freeDialAt: Instant?
  /// When the link was last asked for.
  var chosenAt: Instant?
  /// A seed whose node takes part already: the overlay decides about links to it.
  var isDormant = false
  /// Remembered from an earlier run and not seen in this one; forgotten then.
  var rememberedUntil: Instant?

  /// Whether a member of the overlay is to be reached; seeds, remembered peers and random links can wait.
  var isUrgent: Bool { purpose == .passing || purpose == .ring }
  /// The smaller is dialed first.
  var urgency: UInt8 { purpose?.rawValue ?? LinkTarget.Purpose.ring.rawValue }

  /// When it shall be dialed next, if it shall.
  var dueAt: Instant? { dialing != nil || isLinked || isDormant ? nil : nextAt }
}

/// Keeps the dial targets and their backoff.
struct Dialer: Sendable {
  private let local: NodeID
  private let interval: Duration
  private(set) var targets = OrderedMap<DialKey, DialTarget>()
  private(set) var dialsInFlight = 0
  private(set) var lookupsInFlight = 0

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

  /// Those of an earlier run's peers that the mesh doesn't know yet and that are still looked for.
  func unmet(of remembered: [MemberRecord], isKnown: (NodeID) -> Bool) -> [MemberRecord] {
    remembered.filter { record in
      guard let node = NodeID(record.nodeID) else { return false }
      return targets[.peer(node)]?.rememberedUntil != nil && !isKnown(node)
    }
  }

  /// Takes over the members that the membership wants linked. Of two that want each other the smaller id dials at once,
  /// the greater only if nothing has come after a while. Seeds that take part already, and peers remembered from an
  /// earlier run that the mesh knows by now, need no dial of their own.
  mutating func want(
    _ wanted: [LinkTarget], isLinked: (NodeID) -> Bool, isAlive: (NodeID) -> Bool, isKnown: (NodeID) -> Bool,
    now: Instant
  ) {
    var isWanted = OrderedMap<NodeID, Bool>()
    for target in wanted {
      guard let endpoint = Endpoint(parsing: target.endpoint) else { continue }
      isWanted[target.node] = true
      want(target, at: endpoint, isLinked: isLinked(target.node), now: now)
    }
    for (key, target) in targets {
      switch key {
      case .seed:
        guard let node = target.node else { continue }
        let isDormant = isAlive(node)
        if target.isDormant != isDormant { _ = targets.modify(key) { $0.isDormant = isDormant } }
      case .peer(let node):
        guard target.dialing == nil, isWanted[node] == nil else { continue }
        if target.rememberedUntil == nil || isKnown(node) { targets.removeValue(forKey: key) }
      }
    }
  }

  /// Neighbours on the rings know of each other: the greater of two ids waits a moment for the other's dial.
  private func headStart(_ wanted: LinkTarget) -> Duration {
    guard wanted.purpose == .ring, wanted.node < local else { return .zero }
    return min(interval, EngineLimits.dialHeadStart)
  }

  private mutating func want(_ wanted: LinkTarget, at endpoint: Endpoint, isLinked: Bool, now: Instant) {
    let key = DialKey.peer(wanted.node)
    let head = now + headStart(wanted)
    guard var target = targets[key] else {
      targets[key] = DialTarget(
        endpoint: endpoint, node: wanted.node, nextAt: head, isLinked: isLinked, purpose: wanted.purpose,
        chosenAt: wanted.chosenAt)
      return
    }
    target.rememberedUntil = nil
    target.purpose = wanted.purpose
    if let chosenAt = wanted.chosenAt, target.chosenAt != chosenAt {
      target.chosenAt = chosenAt
      target.nextAt = max(min(target.nextAt, now), target.heldUntil ?? .origin)
    }
    if target.endpoint != endpoint {
      target.endpoint = endpoint
      // At most one dial an interval, however often it says that it has moved: we aren't to be sent at strangers. Dials
      // that failed where it was before say nothing against the first one there: it may have started again elsewhere.
      let isMoving = target.movedAt.map { now.since($0) < interval } ?? false
      target.nextAt = min(target.nextAt, isMoving ? max(head, now + interval) : head)
      target.movedAt = now
    }
    targets[key] = target
  }

  /// The targets to dial now, the urgent first, at most `room` of them, each with the endpoint; not two at one
  /// endpoint. What is due and finds no room waits a little, so that no deadline stays in the past.
  mutating func due(room: Int, now: Instant) -> [(key: DialKey, endpoint: Endpoint)] {
    guard let next = nextDeadline, next <= now else { return [] }
    var waiting: [(key: DialKey, target: DialTarget)] = []
    var busy = OrderedMap<Endpoint, Bool>()
    var patient = 0
    for (key, target) in targets {
      if let until = target.rememberedUntil, now >= until, target.dialing == nil {
        targets.removeValue(forKey: key)
      } else if target.dialing != nil {
        busy[target.endpoint] = true
        if !target.isUrgent && !target.isLookingUp { patient &+= 1 }
      } else if let at = target.dueAt, at <= now {
        waiting.append((key, target))
      }
    }
    waiting.sort { ($0.target.urgency, $0.target.nextAt, $0.key) < ($1.target.urgency, $1.target.nextAt, $1.key) }
    var due: [(key: DialKey, endpoint: Endpoint)] = []
    for (key, target) in waiting {
      // Seeds that don't answer, and random links, must not stand in the way of a member that was just lost.
      let isPatient = !target.isUrgent
      let hasRoom = due.count < min(room, EngineLimits.dialsMax &- dialsInFlight)
      if !hasRoom || busy[target.endpoint] != nil || (isPatient && patient >= EngineLimits.patientDialsMax) {
        _ = targets.modify(key) { $0.nextAt = now + EngineLimits.dialSpacing }
      } else {
        busy[target.endpoint] = true
        if isPatient { patient &+= 1 }
        due.append((key, target.endpoint))
      }
    }
    return due
  }

  /// A dial is on its way.
  mutating func dialing(_ key: DialKey, _ link: LinkID) {
    _ = targets.modify(key) { target in
      target.dialing = link
      target.dialedEndpoint = target.endpoint
    }
    dialsInFlight &+= 1
  }

  /// A dial waits for the addresses of a name. A resolver may take long, so others are dialed meanwhile.
  mutating func lookingUp(_ key: DialKey) {
    guard lookupsInFlight < EngineLimits.lookupsMax, let target = targets[key], target.dialing != nil,
      !target.isLookingUp
    else { return }
    _ = targets.modify(key) { $0.isLookingUp = true }
    dialsInFlight &-= 1
    lookupsInFlight &+= 1
  }

  /// It has them, and takes its place: beyond the limit if need be, since others wait for places meanwhile.
  mutating func lookedUp(_ key: DialKey) {
    guard targets[key]?.isLookingUp == true else { return }
    _ = targets.modify(key) { $0.isLookingUp = false }
    dialsInFlight &+= 1
    lookupsInFlight &-= 1
  }

  /// A dial is over, and `node` answered it.
  mutating func answered(_ key: DialKey, by node: NodeID) {
    finish(key)
    if case .seed = key { _ = targets.modify(key) { $0.node = node } }
  }

  /// A seed's name led to this node itself. It may lead elsewhere later, so it is tried again, but seldom.
  mutating func answeredBySelf(_ key: DialKey, now: Instant) {
    finish(key)
    _ = targets.modify(key) { $0.nextAt = now + EngineLimits.selfSpacing }
  }

  /// A dial came to nothing. Returns how long to wait for the next.
  mutating func failed(
    _ key: DialKey, refused: Bool, now: Instant, random: inout SeededRandom
  ) -> Duration {
    finish(key)
    guard let target = targets[key] else { return .zero }
    // It has moved meanwhile, and that it isn't where it was before is no news. Once an interval: else whoever tells
    // another address during each dial could send this node at strangers without a pause.
    if !refused && target.dialedEndpoint != target.endpoint {
      let next = max(target.nextAt, target.freeDialAt.map { $0 + interval } ?? now)
      _ = targets.modify(key) { ($0.nextAt, $0.freeDialAt) = (next, next) }
      return max(.zero, next.since(now))
    }
    let failures = min(target.failures &+ 1, 64)
    // A seed that isn't up yet is all that a lonely node has.
    var first = interval
    if case .seed = key { first = min(interval, EngineLimits.seedSpacing) }
    let wait = Dialer.backoff(failures: failures, first: first, refused: refused)
    let jittered = max(random.jittered(wait, percent: 20), refused ? EngineLimits.refusedBackoffMin : .zero)
    _ = targets.modify(key) { target in
      target.failures = failures
      target.nextAt = now + jittered
    }
    return jittered
  }

  private mutating func finish(_ key: DialKey) {
    lookedUp(key)
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

  /// The last link to `node` ended: dial again at once, unless it was the second in a row that had hardly lived.
  mutating func unlinked(_ node: NodeID, shortLived: Bool, now: Instant, random: inout SeededRandom) {
    let headStart = local < node ? Duration.zero : min(interval, .milliseconds(100))
    let wait = random.jittered(interval, percent: 20)
    markLinks(of: node) { target in
      target.isLinked = false
      target.failures = shortLived ? min(target.failures &+ 1, 64) : 0
      let isRepeated = target.failures > 1
      let penalty = Dialer.backoff(failures: target.failures &- 1, first: wait, refused: false)
      target.nextAt = now + (isRepeated ? penalty : headStart)
      target.heldUntil = isRepeated ? target.nextAt : nil
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
