// What makes views equal in the end: digests on every probe, and where they differ an exchange of what differs: the
// digests of 64 buckets, the versions in those that differ, then the claims that one of the two lacks.
import MeshBasics
import MeshWire

extension Membership {
  /// Compares digests. An exchange begins when they differ and nothing is changing here, or have differed for a while.
  mutating func compareDigest(
    _ theirs: UInt64, with node: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    guard isRunning else { return }
    _ = peers.modify(node) { peer in
      peer.digest = theirs
      peer.differingDigests = theirs == digest ? 0 : min(peer.differingDigests &+ 1, 1_000)
    }
    noteConvergence(now: now, into: &effects)
    guard theirs != digest, !configuration.mutations.contains(.dropsRetransmissionAndSync),
      let peer = peers[node]
    else { return }
    let isCalm = now.since(digestChangedAt) >= configuration.interval.divided(by: 4)
    // A newcomer has much to ask; others ask twice an interval, and the same peer less often: one whose digest never
    // agrees can't keep others out.
    let isNewcomer = now.since(startedAt) < configuration.interval.multiplied(by: 10)
    guard isCalm || isNewcomer || peer.differingDigests >= 4 else { return }
    let spacing = configuration.interval.divided(by: isNewcomer ? 10 : 2)
    let wait = spacing.multiplied(by: lastSyncPeer == node && !isNewcomer ? 3 : 1)
    guard lastSyncAt.map({ now.since($0) >= wait }) ?? true else { return }
    lastSyncAt = now
    lastSyncPeer = node
    totals.syncs &+= 1
    _ = peers.modify(node) { $0.differingDigests = 0 }
    guard peer.isModern else { return sendView(to: node, replyWanted: true, now: now, into: &effects) }
    awaitedSummary = node
    var message = SyncDigest()
    message.buckets = buckets
    effects.append(.send([node], .syncDigest(message)))
  }

  /// Measures how long a change takes until all that this node watches report its digest.
  private mutating func noteConvergence(now: Instant, into effects: inout MembershipEffects) {
    guard let since = unconvergedSince else { return }
    let watched = rings.watched.compactMap { peers[$0] }
    guard !watched.isEmpty, watched.allSatisfy({ $0.digest == digest }) else { return }
    unconvergedSince = nil
    effects.append(.observe(.convergenceMeasured(now.since(since))))
  }

  /// Answers with the versions in the buckets that differ, as many as fit a message.
  mutating func answerDigest(
    _ theirs: SyncDigest, from node: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    guard isRunning, theirs.buckets.count == buckets.count, let peer = peers[node] else { return }
    if let next = peer.nextSummaryAt, now < next { return }
    _ = peers.modify(node) { $0.nextSummaryAt = now + MembershipLimits.viewSpacing }
    var mask: UInt64 = 0
    for index in buckets.indices where buckets[index] != theirs.buckets[index] { mask |= 1 << UInt64(index) }
    guard mask != 0 else { return }
    var summary = SyncSummary()
    let first = Int(clamping: random.below(UInt64(buckets.count)))
    summary.entries = entries(in: &mask, from: first, now: now)
    summary.mask = mask
    effects.append(.send([node], .syncSummary(summary)))
  }

  /// The versions of the members in the buckets of `mask`; takes buckets out of it that find no room. It begins at
  /// another bucket each time, so that some which never agree don't keep the others from being compared.
  private func entries(in mask: inout UInt64, from first: Int, now: Instant) -> [SyncEntry] {
    var sizes = [Int](repeating: 0, count: buckets.count)
    sizes[Membership.bucket(of: local.key)] = 1
    for (_, member) in members { sizes[Membership.bucket(of: member.key)] &+= 1 }
    var count = 0
    for index in (Array(sizes.indices.dropFirst(first)) + sizes.indices.prefix(first)) {
      guard mask & (1 << UInt64(index)) != 0 else { continue }
      if count &+ sizes[index] > MembershipLimits.summaryEntriesMax {
        mask &= ~(1 << UInt64(index))
      } else {
        count &+= sizes[index]
      }
    }
    var entries: [SyncEntry] = []
    if mask & (1 << UInt64(Membership.bucket(of: local.key))) != 0 { entries.append(entry(of: nodeID, local)) }
    for (node, member) in members where mask & (1 << UInt64(Membership.bucket(of: member.key))) != 0 {
      if isShared(node, member, now: now) { entries.append(entry(of: node, member)) }
    }
    return entries
  }

  private func entry(of node: NodeID, _ member: Member) -> SyncEntry {
    var entry = SyncEntry()
    entry.nodeID = node.name
    entry.epoch = member.version.epoch
    entry.incarnation = member.version.incarnation
    entry.state = member.version.state
    entry.metadataVersion = member.metadataVersion
    return entry
  }

  /// Whether others may still learn it from us. Ends are told for half of their life: otherwise nodes that forget at
  /// different times would remind each other for ever.
  private func isShared(_ node: NodeID, _ member: Member, now: Instant) -> Bool {
    guard member.version.state.isTerminal else { return true }
    guard let end = ends[node] else { return false }
    return now.since(end.at) < MembershipLimits.tombstoneSharing
  }

  /// Sends what the peer lacks in these buckets, and asks for what we lack.
  mutating func answerSummary(
    _ summary: SyncSummary, from node: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    guard isRunning, awaitedSummary == node else { return }
    awaitedSummary = nil
    var theirs = OrderedMap<String, SyncEntry>()
    for entry in summary.entries { theirs[entry.nodeID] = entry }
    var lacking: [MemberRecord] = []
    var wanted: [String] = []
    func compare(_ other: NodeID, _ member: Member) {
      guard summary.mask & (1 << UInt64(Membership.bucket(of: member.key))) != 0 else { return }
      guard let entry = theirs.removeValue(forKey: other.name) else {
        if !member.version.state.isTerminal { lacking.append(record(of: other, member, withMetadata: true)) }
        return
      }
      switch Membership.compare(member, entry) {
      case .ours: lacking.append(record(of: other, member, withMetadata: true))
      case .theirs: wanted.append(other.name)
      case .neither: break
      }
    }
    compare(nodeID, local)
    for (other, member) in members { compare(other, member) }
    wanted += theirs.filter { !$0.1.state.isTerminal }.map(\.0)
    sendDelta(lacking, wanted: wanted, to: node, now: now, into: &effects)
  }

  private enum Newer { case ours, theirs, neither }

  /// Which side knows more. Suspicion is left out, as in the digest: it spreads, and ends, by itself.
  private static func compare(_ member: Member, _ entry: SyncEntry) -> Newer {
    var ours = member.version
    var theirs = Version(epoch: entry.epoch, incarnation: entry.incarnation, state: entry.state)
    if ours.state == .suspect { ours.state = .alive }
    if theirs.state == .suspect { theirs.state = .alive }
    if ours != theirs { return ours.supersedes(theirs) ? .ours : .theirs }
    if member.metadataVersion == entry.metadataVersion || ours.state.isTerminal { return .neither }
    return member.metadataVersion > entry.metadataVersion ? .ours : .theirs
  }

  /// Sends claims in pages, as many as the peer's budget allows; the next exchange brings the rest.
  private mutating func sendDelta(
    _ records: [MemberRecord], wanted: [String], to node: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    var asked = wanted[...]
    var pages = Membership.pages(records, bytesMax: MembershipLimits.pageBytesMax)
    if pages.isEmpty && !asked.isEmpty { pages = [[]] }
    for page in pages {
      guard takeSyncBudget(page, node, now: now) else { return }
      var delta = SyncDelta()
      delta.records = page
      delta.wanted = Array(asked.prefix(WireLimits.recordsPerFrame))
      asked = asked.dropFirst(WireLimits.recordsPerFrame)
      effects.append(.send([node], .syncDelta(delta)))
    }
  }

  private mutating func takeSyncBudget(_ records: [MemberRecord], _ node: NodeID, now: Instant) -> Bool {
    let bytes = records.reduce(64) { $0 &+ $1.encodedSize }
    return peers.modify(node) { $0.budget.sync.take(bytes, now: now) } ?? false
  }

  mutating func takeDelta(
    _ delta: SyncDelta, from node: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    merge(delta.records, from: node, path: .view, now: now, into: &effects)
    if !delta.records.isEmpty { effects.append(.observe(.syncFinished(records: delta.records.count))) }
    guard isRunning, !delta.wanted.isEmpty else { return }
    let records = delta.wanted.prefix(WireLimits.recordsPerFrame).compactMap { name -> MemberRecord? in
      guard let other = NodeID(name) else { return nil }
      if other == nodeID { return localRecord }
      return members[other].flatMap { isShared(other, $0, now: now) ? record(of: other, $0, withMetadata: true) : nil }
    }
    sendDelta(records, wanted: [], to: node, now: now, into: &effects)
  }

  // MARK: Whole views

  /// Gives a newcomer what this node knows, up to a number of claims; in a large mesh the rest comes by exchange with
  /// others, so that one seed doesn't have to tell everything to everyone.
  mutating func welcome(_ node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    guard peers[node]?.isModern == true, members.count > MembershipLimits.welcomeMax else {
      return sendView(to: node, now: now, into: &effects)
    }
    var records = [localRecord]
    var position = Int(clamping: random.below(UInt64(members.count)))
    for _ in 0..<MembershipLimits.welcomeMax {
      if let (other, member) = members.element(at: position).map({ ($0.key, $0.value) }), member.isOnRings {
        records.append(record(of: other, member, withMetadata: true))
      }
      position = (position &+ 1) % members.count
    }
    send(view: records, to: node, replyWanted: false, now: now, into: &effects)
  }

  /// Sends the whole view in pages. Whatever a peer asks for, each page buys 200 ms in which it gets no other view.
  mutating func sendView(
    to node: NodeID, replyWanted: Bool = false, now: Instant, into effects: inout MembershipEffects
  ) {
    guard isRunning, let peer = peers[node] else { return }
    if let next = peer.nextViewAt, now < next { return }
    var records = [localRecord]
    for (other, member) in members where isShared(other, member, now: now) {
      records.append(record(of: other, member, withMetadata: true))
    }
    send(view: records, to: node, replyWanted: replyWanted, now: now, into: &effects)
  }

  private mutating func send(
    view records: [MemberRecord], to node: NodeID, replyWanted: Bool, now: Instant,
    into effects: inout MembershipEffects
  ) {
    let pages = Membership.pages(records, bytesMax: MembershipLimits.pageBytesMax)
    let spacing = MembershipLimits.viewSpacing.multiplied(by: Int64(pages.count))
    _ = peers.modify(node) { $0.nextViewAt = now + spacing }
    for (index, records) in pages.enumerated() {
      guard takeSyncBudget(records, node, now: now) else { return }
      var page = View()
      page.records = records
      page.more = index &+ 1 < pages.count
      page.replyWanted = replyWanted && !page.more
      effects.append(.send([node], .view(page)))
    }
  }
}
