// What makes views equal in the end: news told at once, digests compared on every ping, and whole views when they
// differ.
import MeshBasics
import MeshWire

extension Membership {
  /// Sends claims as news to some connected peers.
  func send(_ records: [MemberRecord], to nodes: [NodeID], into effects: inout MembershipEffects) {
    guard !nodes.isEmpty else { return }
    for page in Membership.pages(records, bytesMax: MembershipLimits.newsBytesMax) {
      var news = MeshWire.News()
      news.records = page
      effects.append(.send(nodes, .news(news)))
    }
  }

  /// Tells at once what this turn brought: what we saw ourselves to all that are linked, hearsay to `fanout` of them at
  /// random, and an accusation always to the one it accuses.
  mutating func tellFreshNews(into effects: inout MembershipEffects) {
    let fresh = news.takeFresh()
    guard !fresh.isEmpty else { return }
    let linked = members.filter { $0.1.isLinked }.map(\.0)
    guard !linked.isEmpty else { return }
    let sources = fresh.map(\.entry.source)
    let onlySource = sources.allSatisfy { $0 == sources.first } ? sources.first ?? nil : nil
    let targets = linked.filter { $0 != onlySource }
    send(fresh.filter(\.entry.isFirstHand).map(\.entry.record), to: targets, into: &effects)
    let hearsay = fresh.filter { !$0.entry.isFirstHand }
    guard !hearsay.isEmpty else { return }
    let few = Array(targets.shuffled(using: &random).prefix(max(1, configuration.fanout))).sorted()
    send(hearsay.map(\.entry.record), to: few, into: &effects)
    for (node, entry) in hearsay where entry.record.state != .alive && targets.contains(node) && !few.contains(node) {
      send([entry.record], to: [node], into: &effects)
    }
  }

  /// Compares digests. Views are exchanged when they differed twice in a row while nothing was changing here, or often.
  mutating func compareDigest(
    _ theirs: UInt64, with node: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    guard isRunning, !configuration.mutations.contains(.dropsRetransmissionAndSync) else { return }
    guard theirs != digest else {
      _ = members.modify(node) { $0.differingDigests = 0 }
      return
    }
    let differing = members.modify(node) { member in
      member.differingDigests = min(member.differingDigests &+ 1, 1_000)
      return member.differingDigests
    }
    let isCalm = now.since(digestChangedAt) >= configuration.interval
    guard let differing, differing >= (isCalm ? 2 : 8) else { return }
    // One exchange an interval, and the same peer waits longer: one whose digest never agrees can't keep others out.
    let spacing = configuration.interval.multiplied(by: lastSyncPeer == node ? 3 : 1)
    guard lastSyncAt.map({ now.since($0) >= spacing }) ?? true else { return }
    lastSyncAt = now
    lastSyncPeer = node
    syncs &+= 1
    _ = members.modify(node) { $0.differingDigests = 0 }
    sendView(to: node, replyWanted: true, now: now, into: &effects)
  }

  /// Sends the whole view in pages. Whatever a peer asks for, each page buys 200 ms in which it gets no other view.
  mutating func sendView(
    to node: NodeID, replyWanted: Bool, now: Instant, into effects: inout MembershipEffects
  ) {
    guard isRunning, let member = members[node] else { return }
    if let next = member.nextViewAt, now < next { return }
    let pages = Membership.pages(sharedRecords(now: now), bytesMax: MembershipLimits.pageBytesMax)
    let spacing = MembershipLimits.viewSpacing.multiplied(by: Int64(pages.count))
    _ = members.modify(node) { $0.nextViewAt = now + spacing }
    for (index, records) in pages.enumerated() {
      var page = View()
      page.records = records
      page.more = index &+ 1 < pages.count
      page.replyWanted = replyWanted && !page.more
      effects.append(.send([node], .view(page)))
    }
  }

  /// All claims that others may still learn from us. Ends that we only know from others are not passed on, and our own
  /// for half of their life: otherwise nodes that forget at different times would remind each other for ever.
  private func sharedRecords(now: Instant) -> [MemberRecord] {
    var records = [localRecord]
    for (node, member) in members {
      if let endedAt = member.endedAt {
        guard member.wasWitnessed, now.since(endedAt) < MembershipLimits.tombstoneSharing else { continue }
      }
      records.append(member.record(of: node, withMetadata: true))
    }
    return records
  }

  /// Cuts claims into pages that fit a frame.
  static func pages(_ records: [MemberRecord], bytesMax: Int) -> [[MemberRecord]] {
    var pages: [[MemberRecord]] = []
    var page: [MemberRecord] = []
    var bytes = 0
    for record in records {
      let size = record.estimatedSize
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
