// What hosts tell all members: once per node, along the same links as news but from a budget of its own. Small payloads
// travel with the message; larger ones, and those that a link has no budget for now, are announced, and pulled by those
// that lack them as soon as an announcer has the budget.
import MeshBasics
import MeshWire

/// Names one broadcast.
struct BroadcastID: Comparable, Hashable, Sendable {
  let origin: NodeID
  let epoch: UInt64
  let sequence: UInt64

  static func < (left: BroadcastID, right: BroadcastID) -> Bool {
    (left.origin, left.epoch, left.sequence) < (right.origin, right.epoch, right.sequence)
  }
}

/// The broadcasts that this node keeps for others, and those that it has seen.
struct Broadcasts: Sendable {
  struct Kept: Equatable, Sendable {
    var message: Broadcast
    /// Those that have it, the next to ask first, while the payload is missing.
    var announcers: [NodeID]
  }

  /// Which numbers of an origin's life were seen: the greatest, and a window below it.
  struct Seen: Equatable, Sendable {
    let epoch: UInt64
    private(set) var newest: UInt64 = 0
    private var below = [UInt64](repeating: 0, count: Int(MembershipLimits.broadcastWindow / 64))

    init(epoch: UInt64) { self.epoch = epoch }

    /// Notes a number. Returns whether it is new; numbers below the window count as seen.
    mutating func insert(_ sequence: UInt64) -> Bool {
      let window = MembershipLimits.broadcastWindow
      guard sequence > 0, sequence &+ window > newest else { return false }
      if sequence > newest {
        // What the window leaves behind is wiped, so that its places can be used again.
        let steps = min(sequence &- newest, window)
        for step in 0..<steps { set(sequence &- step, to: false) }
        newest = sequence
      }
      guard !isSet(sequence) else { return false }
      set(sequence, to: true)
      return true
    }

    func hasSeen(_ sequence: UInt64) -> Bool {
      if sequence > newest { return false }
      return sequence &+ MembershipLimits.broadcastWindow <= newest || isSet(sequence)
    }

    private func isSet(_ sequence: UInt64) -> Bool {
      let place = sequence % MembershipLimits.broadcastWindow
      return below[Int(place / 64)] & (1 << (place % 64)) != 0
    }

    private mutating func set(_ sequence: UInt64, to value: Bool) {
      let place = sequence % MembershipLimits.broadcastWindow
      if value {
        below[Int(place / 64)] |= 1 << (place % 64)
      } else {
        below[Int(place / 64)] &= ~(1 << (place % 64))
      }
    }
  }

  private(set) var kept = ChunkedMap<BroadcastID, Kept>()
  private(set) var bytes = 0
  /// When each of the kept is to be dropped.
  private var ends = DeadlineQueue<BroadcastID>()
  private var seen = OrderedMap<NodeID, Seen>()
  var lastSequence: UInt64 = 0

  /// Whether a broadcast has come already.
  func hasSeen(_ id: BroadcastID) -> Bool {
    guard let window = seen[id.origin], window.epoch == id.epoch else { return false }
    return window.hasSeen(id.sequence)
  }

  /// How far a number lies ahead of the greatest that has come of its origin.
  func leap(of id: BroadcastID) -> UInt64 {
    guard let window = seen[id.origin], window.epoch == id.epoch, id.sequence > window.newest else { return 0 }
    return id.sequence &- window.newest
  }

  /// Whether a number lies so far below what has come of its origin that no pull explains it.
  func isFarBelow(_ id: BroadcastID) -> Bool {
    guard let window = seen[id.origin], window.epoch == id.epoch else { return false }
    let (reach, overflow) = id.sequence.addingReportingOverflow(2 &* MembershipLimits.broadcastWindow)
    return !overflow && reach <= window.newest
  }

  /// Notes that a broadcast has come. Returns whether it is the first time.
  mutating func see(_ id: BroadcastID) -> Bool {
    var window = seen[id.origin] ?? Seen(epoch: id.epoch)
    if id.epoch < window.epoch { return false }
    if id.epoch > window.epoch { window = Seen(epoch: id.epoch) }
    let isNew = window.insert(id.sequence)
    seen[id.origin] = window
    return isNew
  }

  /// Keeps a broadcast for those that ask for it; the oldest make room.
  mutating func keep(_ id: BroadcastID, _ message: Broadcast, announcers: [NodeID], now: Instant) {
    drop(id)
    let size = message.payload?.count ?? 0
    while kept.count >= MembershipLimits.broadcastsMax || bytes &+ size > MembershipLimits.broadcastBytesMax {
      guard let oldest = ends.popDue(.distantFuture) else { break }
      drop(oldest)
    }
    kept[id] = Kept(message: message, announcers: announcers)
    ends.set(id, at: now + MembershipLimits.broadcastLife)
    bytes &+= size
  }

  /// Whether a broadcast was announced and its payload isn't there yet.
  func isMissing(_ id: BroadcastID) -> Bool { kept[id].map { $0.message.payload == nil } ?? false }

  /// Drops what nobody will ask for any more.
  mutating func expire(now: Instant) {
    while let id = ends.popDue(now) { drop(id) }
  }

  mutating func drop(_ id: BroadcastID) {
    ends.set(id, at: nil)
    if let old = kept.removeValue(forKey: id) { bytes &-= old.message.payload?.count ?? 0 }
  }

  /// One more peer that has it; it is asked before those that were.
  mutating func addAnnouncer(_ node: NodeID, of id: BroadcastID) {
    _ = kept.modify(id) { kept in
      if !kept.announcers.contains(node) && kept.announcers.count < 4 { kept.announcers.insert(node, at: 0) }
    }
  }

  /// The next peer to ask, of those that are linked still; they take turns.
  mutating func nextAnnouncer(of id: BroadcastID, isLinked: (NodeID) -> Bool) -> NodeID? {
    kept.modify(id) { kept -> NodeID? in
      kept.announcers.removeAll { !isLinked($0) }
      guard let next = kept.announcers.first else { return nil }
      kept.announcers.append(kept.announcers.removeFirst())
      return next
    } ?? nil
  }

  /// Forgets what was seen of a member that is forgotten itself.
  mutating func forget(_ origin: NodeID) { seen.removeValue(forKey: origin) }
}

extension Membership {
  /// The host tells all. The engine has checked the sizes, and taken the bytes from the host's budget.
  mutating func tellAll(
    topic: String, payload: [UInt8], now: Instant, into effects: inout MembershipEffects
  ) {
    guard isRunning else { return }
    broadcasts.lastSequence &+= 1
    var message = Broadcast()
    message.origin = nodeID.name
    message.epoch = local.version.epoch
    message.sequence = broadcasts.lastSequence
    message.topic = topic
    message.payload = payload
    message.size = UInt32(clamping: payload.count)
    let id = BroadcastID(origin: nodeID, epoch: message.epoch, sequence: message.sequence)
    spread(id, message, from: nil, now: now, into: &effects)
  }

  /// Takes the bytes of one broadcast from the host's budget. False: it should try again later.
  public mutating func mayBroadcast(bytes: Int, now: Instant) -> Bool {
    ownBroadcasts.take(bytes &+ 256, now: now)
  }

  mutating func take(
    _ message: Broadcast, from sender: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    guard isRunning, mayBring(message, sender, now: now, into: &effects), let origin = NodeID(message.origin),
      origin != nodeID, members[origin]?.version.epoch == message.epoch
    else { return }
    let id = BroadcastID(origin: origin, epoch: message.epoch, sequence: message.sequence)
    // Its origin's own numbers only grow: greater ones that came before were forged.
    if sender == origin && broadcasts.isFarBelow(id) { broadcasts.forget(origin) }
    guard !broadcasts.hasSeen(id) else { return }
    // Otherwise one forged number would make all true ones look old.
    guard sender == origin || broadcasts.leap(of: id) <= MembershipLimits.broadcastLeapMax else {
      return reject("broadcast: its number leaps", from: sender, into: &effects)
    }
    guard let payload = message.payload else { return announced(id, message, by: sender, now: now, into: &effects) }
    guard payload.count == Int(message.size) else { return reject("broadcast: size", from: sender, into: &effects) }
    timers.set(.pull(id), at: nil)
    broadcasts.drop(id)
    guard broadcasts.see(id) else { return }
    totals.broadcasts &+= 1
    effects.append(.observe(.broadcastDelivered))
    effects.append(
      .deliver(BroadcastMessage(origin: origin, sequence: message.sequence, topic: message.topic, payload: payload)))
    var onward = message
    onward.hops = min(message.hops &+ 1, 255)
    spread(id, onward, from: sender, now: now, into: &effects)
  }

  /// Takes one broadcast from what its sender may bring, before anything is looked at: else one hostile member could
  /// have each of its links pass on, and each host read, all that the link carries. What an honest member relays was
  /// taken from its own budget for this link, which is smaller. What is refused counts as never seen, so that it still
  /// arrives by another link.
  private mutating func mayBring(
    _ message: Broadcast, _ sender: NodeID, now: Instant, into effects: inout MembershipEffects
  ) -> Bool {
    let cost = Membership.cost(of: message)
    if peers.modify(sender, { $0.budget.broadcastsTaken.take(cost, now: now) }) ?? true { return true }
    effects.append(.observe(.limitReached("broadcasts of one link", peer: sender.name)))
    return false
  }

  /// Tells all that the origin is linked to; the others pass it on along the rings. Where a link has no budget for the
  /// payload it is announced, to be pulled when there is one.
  private mutating func spread(
    _ id: BroadcastID, _ message: Broadcast, from sender: NodeID?, now: Instant, into effects: inout MembershipEffects
  ) {
    let targets = (sender == nil ? peers.keys : newsTargets()).filter { node in
      node != sender && node != id.origin && peers[node]?.isModern == true
    }
    let isLarge = Int(message.size) > WireLimits.broadcastInlineBytes
    // Most that is passed on comes to those that have it: what they lack goes first.
    let reserve = sender == nil ? 0 : MembershipLimits.broadcastBytesReserved
    let debt = 0 &- MembershipLimits.broadcastDebtMax
    let whole = Membership.cost(of: message)
    var announcement = message
    announcement.payload = nil
    let short = Membership.cost(of: announcement)
    var (given, told): ([NodeID], [NodeID]) = ([], [])
    for node in targets {
      if !isLarge, peers.modify(node, { $0.budget.broadcasts.take(whole, keeping: reserve, now: now) }) == true {
        given.append(node)
      } else if peers.modify(node, { $0.budget.broadcasts.take(short, keeping: debt, now: now) }) == true {
        told.append(node)
      }
    }
    if isLarge || !told.isEmpty { broadcasts.keep(id, message, announcers: [], now: now) }
    if !given.isEmpty { effects.append(.send(given, .broadcast(message))) }
    if !told.isEmpty { effects.append(.send(told, .broadcast(announcement))) }
    if !isLarge && given.count < targets.count { marks.insert(.broadcastOverBudget) }
    guard given.count &+ told.count < targets.count else { return }
    effects.append(.observe(.broadcastDropped(reason: "the budget of a link")))
  }

  /// What a broadcast takes of a link's budget.
  private static func cost(of message: Broadcast) -> Int {
    64 &+ message.topic.utf8.count &+ (message.payload?.count ?? 0)
  }

  /// A broadcast is there to be pulled.
  private mutating func announced(
    _ id: BroadcastID, _ message: Broadcast, by sender: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    if let kept = broadcasts.kept[id] {
      if kept.message.payload == nil { broadcasts.addAnnouncer(sender, of: id) }
      return
    }
    guard Int(message.size) <= WireLimits.broadcastBytes else {
      return reject("broadcast: size", from: sender, into: &effects)
    }
    broadcasts.keep(id, message, announcers: [sender], now: now)
    pullAgain(id, now: now, into: &effects)
  }

  /// Asks those that announced it in turn, until its payload is there, none is left, or it made room or grew too old.
  /// One that isn't answered has no budget at present.
  mutating func pullAgain(_ id: BroadcastID, now: Instant, into effects: inout MembershipEffects) {
    let linked = peers
    let announcer = broadcasts.nextAnnouncer(of: id) { linked[$0] != nil }
    // What an earlier life of its origin told isn't taken any more.
    let isOfItsLife = members[id.origin]?.version.epoch == id.epoch
    guard let announcer, broadcasts.isMissing(id), isOfItsLife else {
      broadcasts.drop(id)
      let reason = isOfItsLife ? "nobody that announced it gave it" : "its origin began another life"
      effects.append(.observe(.broadcastDropped(reason: reason)))
      return
    }
    marks.insert(.pulledBroadcast)
    timers.set(.pull(id), at: now + configuration.interval)
    var pull = BroadcastPull()
    pull.origin = id.origin.name
    pull.epoch = id.epoch
    pull.sequence = id.sequence
    effects.append(.send([announcer], .broadcastPull(pull)))
  }

  mutating func answer(
    _ pull: BroadcastPull, from node: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    guard let origin = NodeID(pull.origin) else { return }
    let id = BroadcastID(origin: origin, epoch: pull.epoch, sequence: pull.sequence)
    guard let kept = broadcasts.kept[id], kept.message.payload != nil else { return }
    let cost = Membership.cost(of: kept.message)
    guard peers.modify(node, { $0.budget.broadcasts.take(cost, now: now) }) == true else {
      // It asks again, or another.
      marks.insert(.broadcastOverBudget)
      return
    }
    effects.append(.send([node], .broadcast(kept.message)))
  }
}
