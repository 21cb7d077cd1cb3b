// Taking in claims: what a peer says of itself, what it says of others, and what it says of us.
import MeshBasics
import MeshWire

/// How a claim came here.
enum ClaimPath: Sendable {
  /// From its subject, on its own link.
  case owner
  /// Told as news.
  case news
  /// Part of a view.
  case view
}

extension Membership {
  /// Merges claims; answers with our own word where the sender has fallen behind an end that we know of.
  mutating func merge(
    _ records: [MemberRecord], from sender: NodeID, path: ClaimPath, now: Instant,
    into effects: inout MembershipEffects
  ) {
    var corrections: [MemberRecord] = []
    for record in records {
      guard let correction = merge(record, from: sender, path: path, now: now, into: &effects),
        corrections.count < MembershipLimits.newsPerMessageMax
      else { continue }
      corrections.append(correction)
    }
    if !corrections.isEmpty, members[sender]?.isLinked == true { send(corrections, to: [sender], into: &effects) }
  }

  /// Merges one claim. Returns what the sender should hear instead, if it has fallen behind.
  @discardableResult
  mutating func merge(
    _ record: MemberRecord, from sender: NodeID, path: ClaimPath, now: Instant,
    into effects: inout MembershipEffects
  ) -> MemberRecord? {
    guard let node = NodeID(record.nodeID), isWellFormed(record, about: node) else {
      reject("claim: bad node or accuser", from: sender, into: &effects)
      return nil
    }
    guard node != nodeID else {
      answerClaimAboutSelf(record, from: sender, now: now, into: &effects)
      return nil
    }
    let isOwner = path == .owner || sender == node
    let poison = PoisonGuard(unixMilliseconds: unixMilliseconds(now))
    if !isOwner, let refusal = poison.refusal(of: record, known: members[node]) {
      reject(refusal, from: sender, into: &effects)
      return nil
    }
    guard let known = members[node] else {
      insert(record, of: node, from: sender, path: path, now: now, into: &effects)
      return nil
    }
    let claimed = Version(record)
    // A goodbye told by others of a peer that we hear ourselves proves nothing: a true one comes over the peer's own
    // link, and closes it. The same claim is believed as soon as we don't hear the peer any more.
    if claimed.state == .left && !isOwner && isHeard(known, now: now) { return nil }
    guard claimed.supersedes(known.version) || isMutatedToAccept(claimed, over: known.version) else {
      takeMetadata(of: record, node: node, from: sender, isOwner: isOwner, now: now, into: &effects)
      let isBehind = known.version.supersedes(claimed) && known.version.state.isTerminal
      return isBehind ? known.record(of: node, withMetadata: false) : nil
    }
    adopt(record, over: known, node: node, from: sender, path: path, now: now, into: &effects)
    return nil
  }

  private func isMutatedToAccept(_ claimed: Version, over known: Version) -> Bool {
    let planted = configuration.mutations
    if planted.contains(.acceptsOlderClaims) { return claimed != known }
    return planted.contains(.acceptsEqualAliveOverDead) && claimed.state == .alive && known.state == .dead
      && claimed.epoch == known.epoch && claimed.incarnation == known.incarnation
  }

  /// Others may accuse, naming themselves; only its subject says that it lives or leaves.
  private func isWellFormed(_ record: MemberRecord, about node: NodeID) -> Bool {
    guard record.epoch > 0 else { return false }
    switch record.state {
    case .alive, .left: return record.accuser.isEmpty
    case .suspect, .dead: return NodeID(record.accuser) != nil && record.accuser != node.name
    }
  }

  /// Counts a claim that is refused.
  mutating func reject(_ reason: String, from sender: NodeID, into effects: inout MembershipEffects) {
    rejectedClaims &+= 1
    // One record a turn: a message of 512 bad claims must not write 512 lines.
    guard !hasReportedRejection else { return }
    hasReportedRejection = true
    effects.append(.observe(.messageRejected(peer: sender.name, reason: reason)))
  }

  private mutating func insert(
    _ record: MemberRecord, of node: NodeID, from sender: NodeID, path: ClaimPath, now: Instant,
    into effects: inout MembershipEffects
  ) {
    // An accusation or a goodbye of someone unknown is remembered only as an end, so that a late claim of the same life
    // isn't taken for a new one; an accusation without metadata says nothing of use.
    if record.metadata == nil && !record.state.isTerminal { return }
    guard makeRoom(for: record, now: now) else {
      if !isOutOfRoom { effects.append(.observe(.limitReached("members: \(MembershipLimits.membersMax)"))) }
      isOutOfRoom = true
      return
    }
    var member = Member(version: Version(record), evidence: now)
    member.accuser = NodeID(record.accuser)
    if let metadata = record.metadata {
      member.metadata = metadata
      member.metadataEpoch = record.epoch
    }
    if record.state == .suspect { member.suspicion = detector.suspicion(now: now) }
    if record.state.isTerminal { member.endedAt = now }
    store(member, of: node, now: now)
    if record.state.isTerminal { return }
    announce(.joined, node, member, into: &effects)
    if record.state == .suspect { announceSuspicion(node, member, now: now, into: &effects) }
    // What a newcomer reads in its first views the others know already.
    let isNewcomer = now.since(startedAt) < configuration.interval.multiplied(by: 2)
    if path != .view || !isNewcomer {
      news.put(record, about: node, fresh: path != .view, firstHand: path == .owner, source: sender)
    }
  }

  /// Makes room for one more member, if need be by forgetting the oldest that has ended. One that has ended itself
  /// isn't worth that, and where no room was found it isn't sought again in the same turn.
  private mutating func makeRoom(for record: MemberRecord, now: Instant) -> Bool {
    guard members.count &+ 2 > MembershipLimits.membersMax else { return true }
    guard !isOutOfRoom && !record.state.isTerminal else { return false }
    var oldest: (index: Int, endedAt: Instant)?
    for index in members.values.indices {
      guard let endedAt = members.values[index].endedAt, !members.values[index].isLinked else { continue }
      if endedAt < oldest?.endedAt ?? .distantFuture { oldest = (index, endedAt) }
    }
    guard let oldest else { return false }
    drop(members.keys[oldest.index], now: now)
    return true
  }

  private mutating func adopt(
    _ record: MemberRecord, over known: Member, node: NodeID, from sender: NodeID, path: ClaimPath, now: Instant,
    into effects: inout MembershipEffects
  ) {
    var member = known
    member.version = Version(record)
    member.accuser = NodeID(record.accuser)
    if record.state == .dead && isHeard(known, now: now) {
      // We hear it ourselves: it is told of the accusation and may refute it; silence would end in a death anyhow.
      member.version.state = .suspect
      guard member.version.supersedes(known.version) else { return }
    }
    if record.epoch > known.version.epoch {
      member.probe = nil
      member.smoothedRoundTrip = nil
    }
    let change = Membership.takeMetadata(of: record, into: &member, isOwner: path == .owner || sender == node)
    if member.version.state != .suspect { member.evidence = now }
    settle(&member, from: known, now: now)
    store(member, of: node, now: now)
    let told = path == .view ? member.record(of: node, withMetadata: true) : relayed(member, record, node)
    news.put(told, about: node, fresh: true, firstHand: path == .owner, source: sender)
    announceChange(
      node, from: known, to: member, isRestart: record.epoch > known.version.epoch,
      isMetadataNew: change == .content, now: now, into: &effects)
    if member.version.state == .dead && member.isLinked {
      effects.append(.disconnect(node, reason: "declared dead by \(record.accuser)"))
    }
  }

  private func relayed(_ member: Member, _ record: MemberRecord, _ node: NodeID) -> MemberRecord {
    member.record(of: node, withMetadata: record.metadata != nil)
  }

  /// Whether the member talks to us over a link of its own. A pause of ours is no silence of theirs.
  private func isHeard(_ member: Member, now: Instant) -> Bool {
    member.isLinked && !member.version.state.isTerminal
      && now.since(member.evidence) < configuration.suspicionInterval
  }

  /// Sets the timers and marks that go with the member's new state.
  func settle(_ member: inout Member, from known: Member, now: Instant) {
    switch member.version.state {
    case .alive:
      member.suspicion = nil
      member.endedAt = nil
    case .suspect:
      member.endedAt = nil
      let isSameLife =
        known.version.epoch == member.version.epoch && known.version.incarnation == member.version.incarnation
      if known.suspicion == nil || !isSameLife { member.suspicion = detector.suspicion(now: now) }
    case .dead, .left:
      member.suspicion = nil
      member.probe = nil
      member.redialDeadline = nil
      if known.endedAt == nil {
        member.endedAt = now
        member.wasWitnessed = true
      }
    }
  }

  /// Takes newer metadata from a claim that brings no newer version.
  private mutating func takeMetadata(
    of record: MemberRecord, node: NodeID, from sender: NodeID, isOwner: Bool, now: Instant,
    into effects: inout MembershipEffects
  ) {
    guard var member = members[node] else { return }
    let change = Membership.takeMetadata(of: record, into: &member, isOwner: isOwner)
    guard change != .none else { return }
    store(member, of: node, now: now)
    guard !member.version.state.isTerminal else { return }
    if change == .content { announce(.updated, node, member, into: &effects) }
    // Under an accusation it is still the owner's word that spreads the metadata. The owner tells all it is linked to,
    // so that relaying to a few is enough, and a chatty owner isn't multiplied by the size of the mesh.
    if member.version.state == .alive {
      news.put(
        member.record(of: node, withMetadata: true), about: node, fresh: true, firstHand: false, source: sender)
    }
  }

  /// Metadata is a register of its own, ordered by (epoch, metadata version). At equal versions the owner's own word
  /// replaces what others made up.
  private static func takeMetadata(
    of record: MemberRecord, into member: inout Member, isOwner: Bool
  ) -> MetadataChange {
    guard let metadata = record.metadata else { return .none }
    let offered = (record.epoch, metadata.metadataVersion)
    let known = (member.metadataEpoch, member.metadata.metadataVersion)
    guard offered > known || (isOwner && offered == known && metadata != member.metadata) else { return .none }
    let isSame = metadata.says(sameAs: member.metadata)
    member.metadata = metadata
    member.metadataEpoch = record.epoch
    return isSame ? .version : .content
  }
}

/// What a claim's metadata did to what was known.
private enum MetadataChange {
  case none
  /// The same under a newer version, which counts in the digest.
  case version
  case content
}

extension NodeMetadata {
  /// Whether both say the same, whatever their versions.
  fileprivate func says(sameAs other: NodeMetadata) -> Bool {
    var same = other
    same.metadataVersion = metadataVersion
    return same == self
  }
}
