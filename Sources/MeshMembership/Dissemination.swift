// How news travels: at once along the rings, what this node says of itself, and most ends, to all links; the
// rest of the tellings ride on probes. Each link has a budget; what passes it waits for probes and for anti-entropy.
import MeshBasics
import MeshWire

extension Membership {
  /// Sends claims as news to some linked peers.
  func send(_ records: [MemberRecord], to nodes: [NodeID], into effects: inout MembershipEffects) {
    guard !nodes.isEmpty else { return }
    for page in Membership.pages(records, bytesMax: MembershipLimits.newsBytesMax) {
      var news = MeshWire.News()
      news.records = page
      effects.append(.send(nodes, .news(news)))
    }
  }

  /// How often a claim is told by this node.
  var tellingsMax: Int {
    News.retransmissions(scale: configuration.retransmitLimit, members: members.count &+ 1)
  }

  /// Tells what is fresh: in the turn that brought it when the last telling lies some milliseconds back, else after
  /// those, so that a burst travels as one message.
  mutating func tellNews(now: Instant, into effects: inout MembershipEffects) {
    guard news.hasFresh else { return }
    let dueAt = lastNewsAt + newsSpacing
    // The goodbye doesn't wait.
    guard now >= dueAt || !isRunning || lastNewsAt == .origin else {
      if timers[.news] == nil { timers.set(.news, at: dueAt) }
      return
    }
    timers.set(.news, at: nil)
    lastNewsAt = now
    let fresh = news.takeFresh()
    let along = newsTargets()
    // A young link's peer may have no neighbours on its rings yet; it hears all.
    let young = peers.filter { now.since($0.1.since) < MembershipLimits.youngLink && !along.contains($0.0) }.map(\.0)
    tell(fresh, along: along, young: young, now: now, into: &effects)
    tellAccused(fresh, into: &effects)
    for node in fresh where !isWorthKeeping(node) { news.forget(node) }
    if !configuration.mutations.contains(.keepsNewsForEver) { news.trim(to: MembershipLimits.newsKeptMax) }
  }

  /// Whether a claim that went along the rings can still ride on a probe to someone. What can't is left to
  /// anti-entropy, which doesn't know of suspicions: those wait for new links too.
  private func isWorthKeeping(_ node: NodeID) -> Bool {
    if configuration.mutations.contains(.keepsNewsForEver) { return true }
    return news.read(node) { entry in
      guard entry.size <= MembershipLimits.newsBytesOnProbe else { return false }
      if peers.isEmpty || entry.rank == .suspicion { return true }
      return peers.contains { entry.isFor($0.0, about: node, isModern: $0.1.isModern) }
    } ?? true
  }

  /// Whether an end that its finders, or the peers of one that leaves, tell all their links reaches everybody by that
  /// from several sides. Then what others pass on along the rings is enough, and a hundred nodes needn't tell each
  /// other two thousand times.
  var reachesAllInTwoHops: Bool { peers.count &* peers.count >= 2 &* livingCount }

  /// A node with many new links to serve, such as a seed while a mesh forms, speaks less often to each.
  private var newsSpacing: Duration {
    max(MembershipLimits.newsSpacing, Duration.microseconds(250).multiplied(by: Int64(peers.count)))
  }

  private mutating func tell(
    _ fresh: [NodeID], along: [NodeID], young: [NodeID], now: Instant, into effects: inout MembershipEffects
  ) {
    var groups: [(records: [NodeID], targets: [NodeID])] = []
    for target in peers.keys {
      let isNear = along.contains(target) || young.contains(target)
      let isModern = peers[target]?.isModern == true
      let wanted = fresh.filter { node in
        news.read(node) { (isNear || $0.isWide) && $0.isFor(target, about: node, isModern: isModern) } ?? false
      }
      let records = affordable(wanted, for: target, now: now, into: &effects)
      guard !records.isEmpty else { continue }
      if let index = groups.firstIndex(where: { $0.records == records }) {
        groups[index].targets.append(target)
      } else {
        groups.append((records, [target]))
      }
    }
    // Read before the first group is told: a claim told often enough leaves the queue, and others still wait for it.
    let messages = groups.map { group in
      (group.records, group.records.compactMap { news.read($0, \.record) }, group.targets)
    }
    for (nodes, records, targets) in messages {
      send(records, to: targets, into: &effects)
      count(nodes, toldTo: targets)
    }
  }

  /// What of these claims, the urgent first, the link's budget has room for. Ends, which are small and few, always
  /// find it.
  private mutating func affordable(
    _ nodes: [NodeID], for target: NodeID, now: Instant, into effects: inout MembershipEffects
  ) -> [NodeID] {
    var isFull = false
    let picked = nodes.filter { node in
      guard let (size, rank) = news.read(node, { ($0.size, $0.rank) }) else { return false }
      let fits = !isFull && peers.modify(target) { $0.budget.news.take(size, now: now) } == true
      if fits || rank == .end { return true }
      isFull = true
      return false
    }
    if isFull {
      marks.insert(.newsOverBudget)
      effects.append(.observe(.limitReached("news of one link")))
    }
    return picked
  }

  private mutating func count(_ nodes: [NodeID], toldTo targets: [NodeID]) {
    let planted = configuration.mutations
    let limit = planted.contains(.dropsRetransmissionAndSync) ? 1 : tellingsMax
    for node in nodes {
      news.told(node, to: targets, limit: limit, keepsForEver: planted.contains(.keepsNewsForEver))
    }
  }

  /// An accusation always goes to the one it accuses, so that it can refute it.
  private func tellAccused(_ fresh: [NodeID], into effects: inout MembershipEffects) {
    for node in fresh {
      guard peers[node] != nil, let member = members[node], member.version.state != .alive else { continue }
      send([buddyClaim(of: node, member)], to: [node], into: &effects)
    }
  }

  /// News to ride on a probe or its answer; a suspect's own suspicion comes first, so that it can refute it at once
  /// (Lifeguard's buddy system).
  mutating func pickNews(for node: NodeID) -> [MemberRecord] {
    let peer = peers[node]
    let pick = news.next(
      bytesMax: MembershipLimits.newsBytesOnProbe, countMax: MembershipLimits.newsPerMessageMax, for: node,
      isModern: peer?.isModern == true, agrees: peer.map(agrees) ?? false, above: peer?.newsKnown ?? 0)
    if pick.isAll && !configuration.mutations.contains(.keepsNewsForEver) {
      let known = news.lastNumber
      _ = peers.modify(node) { $0.newsKnown = known }
    }
    var records = pick.nodes.compactMap { news.read($0, \.record) }
    count(pick.nodes, toldTo: [node])
    if let member = members[node], member.version.state != .alive {
      records.insert(buddyClaim(of: node, member), at: 0)
    }
    return records
  }

  /// Whether the peer knows all that lives as this node does: that need not be told to it.
  private func agrees(_ peer: Peer) -> Bool {
    peer.digest == digest && !configuration.mutations.contains(.keepsNewsForEver)
  }

  /// Drops the news that nobody is left to be told: after a mesh has formed each node's queue holds all of it.
  mutating func forgetToldNews() {
    if news.count > 0, !peers.isEmpty, peers.values.allSatisfy(agrees) { news.forgetCovered() }
  }

  /// What a member that isn't alive must hear about itself.
  func buddyClaim(of node: NodeID, _ member: Member) -> MemberRecord {
    record(of: node, member, withMetadata: false)
  }

  /// Cuts claims into pages that fit a frame.
  static func pages(_ records: [MemberRecord], bytesMax: Int) -> [[MemberRecord]] {
    var pages: [[MemberRecord]] = []
    var page: [MemberRecord] = []
    var bytes = 0
    for record in records {
      let size = record.encodedSize &+ 4
      if !page.isEmpty && (bytes &+ size > bytesMax || page.count >= MembershipLimits.recordsPerPageMax) {
        pages.append(page)
        page = []
        bytes = 0
      }
      page.append(record)
      bytes &+= size
    }
    if !page.isEmpty { pages.append(page) }
    return pages
  }
}
