// Whom this node holds links to: its neighbours on the rings, some random members so that the graph stays well mixed,
// and for a while those it has a question for. Their number doesn't grow with the mesh.
import MeshBasics
import MeshWire

/// The links wanted beside those of the rings.
struct WantedLinks: Equatable, Sendable {
  /// Members chosen at random, and when.
  var warm = OrderedMap<NodeID, Instant>()
  /// Members with a passing purpose; a timer ends each.
  var temporary = OrderedMap<NodeID, Instant>()
  /// Where another process may run under this node's own name, and when that was looked into.
  var duplicate: String?
  var duplicateSoughtAt: Instant?
  /// When a random member was last chosen.
  var chosenAt = Instant.origin
}

extension Membership {
  /// Whether this node's own overlay asks for a link to `node`.
  func wantsLink(to node: NodeID) -> Bool {
    rings.isNeighbour(node) || links.warm[node] != nil || links.temporary[node] != nil
  }

  /// The rings have other neighbours. One change in a quiet mesh is followed in a moment, in which the news of it goes
  /// round without handshakes in its way. In a mesh that forms each neighbour is soon replaced by a nearer one, and
  /// every link costs a handshake, so that links follow when the view has come to rest, or has not for a while.
  mutating func ringsChanged(now: Instant) {
    guard unsettledSince == nil else { return }
    unsettledSince = now
    let isForming = now.since(startedAt) < configuration.interval.multiplied(by: 2)
    let isQuiet = now.since(settledAt) >= configuration.interval && !isForming
    isQuietChange = isQuiet
    let moment = MembershipLimits.ringYield.multiplied(by: Int64(min(livingCount, MembershipLimits.ringYieldMembers)))
    timers.set(.rings, at: now + random.jittered(isQuiet ? moment : MembershipLimits.ringRest, percent: 50))
  }

  mutating func settleRings(now: Instant) {
    guard let since = unsettledSince else { return }
    let restedAt = digestChangedAt + MembershipLimits.ringRest
    if restedAt > now && !isQuietChange && now.since(since) < MembershipLimits.ringPatience {
      // All come to rest at once, and often share a machine: the more they are, the longer their handshakes are spread.
      let spread = min(MembershipLimits.ringSpread.multiplied(by: Int64(livingCount)), configuration.interval)
      timers.set(.rings, at: restedAt + random.jittered(spread.divided(by: 2), percent: 100))
      return
    }
    unsettledSince = nil
    settledAt = now
    settledNeighbours = rings.neighbours
    topologyRevision &+= 1
  }

  /// Open links that neither the rings nor a passing purpose ask for.
  private var randomLinks: [NodeID] {
    peers.keys.filter { !rings.isNeighbour($0) && links.temporary[$0] == nil }
  }

  /// Chooses one more random member to link in each round, while there are too few.
  mutating func fillWarmLinks(now: Instant) {
    // A mesh that forms, or a node that isn't well, has better things to do than handshakes. But where something always
    // changes nodes mustn't stay on their rings alone.
    let isAtRest =
      unsettledSince == nil && now.since(digestChangedAt) >= MembershipLimits.ringRest
      && now.since(startedAt) >= configuration.interval.multiplied(by: 3)
    let isPatient = now.since(max(links.chosenAt, startedAt)) < MembershipLimits.warmPatience
    guard health.score == 0, isAtRest || !isPatient else { return }
    let underWay = links.warm.keys.count { peers[$0] == nil }
    let missing = MembershipLimits.warmLinks &- randomLinks.count &- underWay
    guard missing > 0 else { return }
    // One by one where all need them; a newcomer alone may have all of its own soon, and be quiet then.
    let count = isNewcomerAlone(now: now) ? MembershipLimits.warmLinksOfNewcomer : 1
    for _ in 0..<min(count, missing) { chooseWarmLink(now: now) }
  }

  /// Whether this node is new, and nearly all others began their lives well before it, so that they have their links
  /// already.
  private func isNewcomerAlone(now: Instant) -> Bool {
    guard now.since(startedAt) < MembershipLimits.warmRedraw else { return false }
    let span = UInt64(clamping: MembershipLimits.warmRedraw.milliseconds)
    let young = members.count { $0.1.version.epoch &+ span > local.version.epoch }
    return young &* 8 <= members.count
  }

  /// Exchanges one random link for another, so that in time everyone meets everyone.
  mutating func redrawWarmLink(now: Instant) {
    timers.set(.warmRedraw, at: now + random.jittered(MembershipLimits.warmRedraw, percent: 20))
    for (node, chosenAt) in links.warm where peers[node] == nil {
      if now.since(chosenAt) >= MembershipLimits.warmRedraw { forgetWarmLink(node) }
    }
    guard livingCount > MembershipLimits.warmLinksMax &+ rings.neighbours.count &+ 1 else { return }
    if randomLinks.count >= MembershipLimits.warmLinks { chooseWarmLink(now: now) }
  }

  private mutating func chooseWarmLink(now: Instant) {
    // A few draws find a member that isn't linked yet, unless nearly all are, and then it can wait.
    for _ in 0..<8 {
      guard let (node, member) = randomMember() else { return }
      if member.isOnRings && peers[node] == nil && !wantsLink(to: node) {
        links.warm[node] = now
        links.chosenAt = now
        topologyRevision &+= 1
        return
      }
    }
  }

  mutating func forgetWarmLink(_ node: NodeID) {
    if links.warm.removeValue(forKey: node) != nil { topologyRevision &+= 1 }
  }

  /// Any member.
  mutating func randomMember() -> (NodeID, Member)? {
    members.element(at: Int(clamping: random.below(UInt64(members.count)))).map { ($0.key, $0.value) }
  }

  /// Asks for a link to `node` for a few seconds. Returns whether there was room.
  @discardableResult
  mutating func wantTemporarily(_ node: NodeID, now: Instant) -> Bool {
    guard links.temporary[node] != nil || links.temporary.count < MembershipLimits.temporaryLinksMax else {
      return false
    }
    links.temporary[node] = now
    timers.set(.temporaryLink(node), at: now + MembershipLimits.temporaryLink)
    topologyRevision &+= 1
    return true
  }

  mutating func endTemporaryLink(_ node: NodeID) {
    timers.set(.temporaryLink(node), at: nil)
    if links.temporary.removeValue(forKey: node) != nil { topologyRevision &+= 1 }
  }

  /// Gives links back that nobody here asks for, the oldest first: the peer closes them, unless it wants them itself.
  mutating func releaseSurplus(now: Instant, into effects: inout MembershipEffects) {
    for (node, peer) in peers {
      // It wants the link itself: from now on its end means something again.
      guard let at = peer.releasedAt, now.since(at) >= MembershipLimits.releasePatience else { continue }
      _ = peers.modify(node) { $0.releasedAt = nil }
    }
    // Neither those that are about to close nor those that can't be given back.
    let kept = randomLinks.filter { node in peers[node].map { $0.isModern && $0.releasedAt == nil } ?? false }
    let surplus = kept.count &- MembershipLimits.warmLinksMax
    guard surplus > 0 else { return }
    // Of a crowd of newcomers more wait for room, and those that are in know others by now.
    let isCrowded = surplus > MembershipLimits.crowdLinks
    let age = isCrowded ? MembershipLimits.crowdReleaseAge : MembershipLimits.releaseAge
    let idle = kept.compactMap { node -> (since: Instant, node: NodeID)? in
      guard let peer = peers[node], now.since(peer.since) >= age else { return nil }
      return (peer.since, node)
    }
    let count = isCrowded ? surplus / 2 : min(surplus, MembershipLimits.releasesPerRound)
    let released = idle.sorted { $0 < $1 }.prefix(count).map(\.node)
    for node in released {
      _ = peers.modify(node) { $0.releasedAt = now }
      forgetWarmLink(node)
    }
    if !released.isEmpty {
      marks.insert(.releasedLinks)
      effects.append(.send(released, .release(Release())))
    }
  }

  /// A peer doesn't need this link any more.
  mutating func released(by node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    guard !rings.isNeighbour(node), links.temporary[node] == nil else {
      marks.insert(.keptReleasedLink)
      return
    }
    forgetWarmLink(node)
    _ = peers.modify(node) { $0.releasedAt = now }
    effects.append(.disconnect(node, reason: "given back by the peer"))
  }

  /// The linked peers that news travels to: the successors on the rings, and others in place of those not linked yet.
  mutating func newsTargets() -> [NodeID] {
    var targets = rings.watched.filter { peers[$0] != nil }
    let wanted = max(configuration.fanout, 1)
    if targets.count < wanted && peers.count > targets.count {
      let others = peers.keys.filter { !targets.contains($0) }
      targets += others.shuffled(using: &random).prefix(wanted &- targets.count)
    }
    return targets
  }
}
