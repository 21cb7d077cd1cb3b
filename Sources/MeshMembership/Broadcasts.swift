// What hosts tell all members: once per node, along the same links as news but from a budget of its own. Small payloads
// travel with the message; larger ones are announced, and pulled by those that lack them.
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
    let at: Instant
    /// The announcers that were not asked yet, while the payload is missing.
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

  private(set) var kept = OrderedMap<BroadcastID, Kept>()
  private(set) var bytes = 0
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
      guard let oldest = kept.min(by: { $0.1.at < $1.1.at })?.0 else { break }
      drop(oldest)
    }
    kept[id] = Kept(message: message, at: now, announcers: announcers)
    bytes &+= size
  }

  /// Drops what nobody will ask for any more.
  mutating func expire(now: Instant) {
    for (id, old) in kept where now.since(old.at) >= MembershipLimits.broadcastLife { drop(id) }
  }

  mutating func drop(_ id: BroadcastID) {
    if let old = kept.removeValue(forKey: id) { bytes &-= old.message.payload?.count ?? 0 }
  }

  /// One more peer that has it; false when none of them is to be asked later.
  mutating func addAnnouncer(_ node: NodeID, of id: BroadcastID) {
    _ = kept.modify(id) { kept in
      if !kept.announcers.contains(node) && kept.announcers.count < 4 { kept.announcers.append(node) }
    }
  }

  /// The next peer to ask.
  mutating func nextAnnouncer(of id: BroadcastID) -> NodeID? {
    kept.modify(id) { $0.announcers.isEmpty ? nil : $0.announcers.removeFirst() } ?? nil
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
    guard isRunning, let origin = NodeID(message.origin), origin != nodeID,
      members[origin]?.version.epoch == message.epoch
    else { return }
    let id = BroadcastID(origin: origin, epoch: message.epoch, sequence: message.sequence)
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

  private mutating func spread(
    _ id: BroadcastID, _ message: Broadcast, from sender: NodeID?, now: Instant, into effects: inout MembershipEffects
  ) {
    var shown = message
    if Int(message.size) > WireLimits.broadcastInlineBytes {
      broadcasts.keep(id, message, announcers: [], now: now)
      shown.payload = nil
    }
    let cost = 64 &+ message.topic.utf8.count &+ (shown.payload?.count ?? 0)
    // The origin tells all it is linked to; the others pass it on along the rings.
    let targets = sender == nil ? peers.keys : newsTargets()
    let able = targets.filter { node in
      guard node != sender, peers[node]?.isModern == true, node != id.origin else { return false }
      return peers.modify(node) { $0.budget.broadcasts.take(cost, now: now) } == true
    }
    if able.count < targets.count(where: { $0 != sender && $0 != id.origin }) { marks.insert(.broadcastOverBudget) }
    if !able.isEmpty { effects.append(.send(able, .broadcast(shown))) }
  }

  /// A large broadcast is there to be pulled.
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

  /// Asks the next of those that announced it, until its payload is there or none is left.
  mutating func pullAgain(_ id: BroadcastID, now: Instant, into effects: inout MembershipEffects) {
    guard broadcasts.kept[id]?.message.payload == nil, broadcasts.kept[id] != nil else { return }
    guard let announcer = broadcasts.nextAnnouncer(of: id) else {
      broadcasts.drop(id)
      effects.append(.observe(.broadcastDropped(reason: "nobody that announced it gave it")))
      return
    }
    marks.insert(.pulledBroadcast)
    timers.set(.pull(id), at: now + configuration.interval)
    guard peers[announcer] != nil else { return }
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
    guard let kept = broadcasts.kept[id], let payload = kept.message.payload,
      peers.modify(node, { $0.budget.broadcasts.take(payload.count, now: now) }) == true
    else { return }
    effects.append(.send([node], .broadcast(kept.message)))
  }
}
