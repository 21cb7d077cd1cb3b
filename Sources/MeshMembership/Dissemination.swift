// How news travels: at once along the rings, what ends and what this node says of itself to all links; the rest of the
// tellings ride on probes. Each link has a budget; what passes it waits for probes and for anti-entropy.
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
    guard !peers.isEmpty else { return }
    let along = newsTargets()
    // A young link's peer may have no neighbours on its rings yet; it hears all.
    let young = peers.filter { now.since($0.1.since) < MembershipLimits.youngLink && !along.contains($0.0) }.map(\.0)
    tell(fresh, along: along, young: young, now: now, into: &effects)
    tellAccused(fresh, into: &effects)
  }

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
      let records = fresh.filter { node in
        guard let entry = news[node] else { return false }
        return node != target && (isNear || entry.isWide) && !entry.sources.contains(target)
          && (isModern || entry.record.metadataDelta == nil)
      }
      guard !records.isEmpty else { continue }
      if let index = groups.firstIndex(where: { $0.records == records }) {
        groups[index].targets.append(target)
      } else {
        groups.append((records, [target]))
      }
    }
    // Read before the first group is told: a claim told often enough leaves the queue, and others still wait for it.
    let messages = groups.map { group in (group.records, group.records.compactMap { news[$0]?.record }, group.targets) }
    for (nodes, records, targets) in messages { tell(records, about: nodes, to: targets, now: now, into: &effects) }
  }

  private mutating func tell(
    _ records: [MemberRecord], about nodes: [NodeID], to targets: [NodeID], now: Instant,
    into effects: inout MembershipEffects
  ) {
    let bytes = records.reduce(0) { $0 &+ $1.encodedSize }
    var able: [NodeID] = []
    for target in targets {
      if peers.modify(target, { $0.budget.news.take(bytes, now: now) }) == true { able.append(target) }
    }
    if able.count < targets.count {
      marks.insert(.newsOverBudget)
      effects.append(.observe(.limitReached("news of one link")))
    }
    guard !able.isEmpty else { return }
    send(records, to: able, into: &effects)
    count(nodes, times: able.count)
  }

  private mutating func count(_ nodes: [NodeID], times: Int) {
    let planted = configuration.mutations
    let limit = planted.contains(.dropsRetransmissionAndSync) ? 1 : tellingsMax
    for node in nodes {
      news.told(node, times: min(times, limit), limit: limit, keepsForEver: planted.contains(.keepsNewsForEver))
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
    var picked = news.next(
      bytesMax: MembershipLimits.newsBytesOnProbe, countMax: MembershipLimits.newsPerMessageMax, for: node)
    let isModern = peers[node]?.isModern == true
    picked.removeAll { $0 == node || (!isModern && news[$0]?.record.metadataDelta != nil) }
    var records = picked.compactMap { news[$0]?.record }
    count(picked, times: 1)
    if let member = members[node], member.version.state != .alive {
      records.insert(buddyClaim(of: node, member), at: 0)
    }
    return records
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
