// Taking in claims: what a peer says of itself, what it says of others, and what it says of us.
import MeshBasics
import MeshWire

/// How a claim came here.
enum ClaimPath: Sendable {
  /// From its subject, on its own link.
  case owner
  /// Told as news.
  case news
  /// Part of a view or of an exchange.
  case view
  /// Borne out by a look of this node's own.
  case look
}

extension Membership {
  /// Merges claims; answers with our own word where the sender has fallen behind an end that we know of, and asks for
  /// metadata whose changes it told but whose beginning we lack.
  mutating func merge(
    _ records: [MemberRecord], from sender: NodeID, path: ClaimPath, now: Instant,
    into effects: inout MembershipEffects
  ) {
    var corrections: [MemberRecord] = []
    var wanted: [String] = []
    for record in records {
      switch merge(record, from: sender, path: path, now: now, into: &effects) {
      case .done: break
      case .behind(let correction):
        if corrections.count < MembershipLimits.newsPerMessageMax { corrections.append(correction) }
      case .lacksMetadata: wanted.append(record.nodeID)
      case .metadataTooLarge: reject("claim: more labels than allowed", from: sender, into: &effects)
      }
    }
    guard let peer = peers[sender] else { return }
    if !corrections.isEmpty { send(corrections, to: [sender], into: &effects) }
    if !wanted.isEmpty && peer.isModern {
      marks.insert(.deltaGap)
      var delta = SyncDelta()
      delta.wanted = wanted
      effects.append(.send([sender], .syncDelta(delta)))
    }
  }

  /// What came of one claim.
  enum MergeOutcome {
    case done
    /// The sender should hear this instead.
    case behind(MemberRecord)
    /// The claim tells how metadata changed that isn't known here.
    case lacksMetadata
    /// The claim tells of a change that would make metadata too large. The rest of it counts.
    case metadataTooLarge

    /// What the change of metadata leads to where nothing else does.
    init(_ change: MetadataChange) {
      switch change {
      case .gap: self = .lacksMetadata
      case .tooLarge: self = .metadataTooLarge
      case .none, .version, .content: self = .done
      }
    }
  }

  /// Merges one claim.
  @discardableResult
  mutating func merge(
    _ record: MemberRecord, from sender: NodeID, path: ClaimPath, now: Instant,
    into effects: inout MembershipEffects
  ) -> MergeOutcome {
    guard let node = NodeID(record.nodeID), isWellFormed(record, about: node) else {
      reject("claim: bad node, epoch or accuser, or metadata twice", from: sender, into: &effects)
      return .done
    }
    guard node != nodeID else {
      answerClaimAboutSelf(record, from: sender, now: now, into: &effects)
      return .done
    }
    let isOwner = path == .owner || sender == node
    let poison = PoisonGuard(unixMilliseconds: unixMilliseconds(now))
    if !isOwner, let refusal = poison.refusal(of: record, known: members[node]) {
      reject(refusal, from: sender, into: &effects)
      return .done
    }
    guard let known = members[node] else {
      insert(record, of: node, from: sender, path: path, now: now, into: &effects)
      return .done
    }
    let claimed = Version(record)
    if claimed.state == .alive && known.version.state.isTerminal && poison.isBeyondReach(known.version.epoch)
      && !poison.isBeyondReach(claimed.epoch)
    {
      // The clock of its earlier life was days ahead, and nothing that it says now could supersede that.
      var known = known
      (known.version.epoch, known.metadataEpoch) = (0, 0)
      return adopt(record, over: known, node: node, from: sender, path: path, now: now, into: &effects)
    }
    if !isOwner && record.state == .alive && mayBeAsked(node, known, now: now) {
      if isNews(record, to: known) { askOwner(node, about: record, now: now, into: &effects) }
      return .done
    }
    guard claimed.supersedes(known.version) || isMutatedToAccept(claimed, over: known.version) else {
      return mergeOld(record, over: known, node: node, from: sender, isOwner: isOwner, now: now, into: &effects)
    }
    if !isOwner && claimed.state != .alive {
      // A claim in this node's name that it doesn't stand by is a lie, or of an earlier life. Those who believe such a
      // death tell it in that name for ever: this node goes and looks, and one that answers hears of it.
      if record.accuser == nodeID.name && suspicions[node]?.confirmedAt == nil {
        if claimed.state == .dead, hearsay[node] == nil, mayAccuse(sender, now: now) {
          // Not as a word of this node's, but of the one that told it.
          var said = record
          said.accuser = sender.name
          check(node, said: said, now: now, into: &effects)
        }
        return .done
      }
      guard mayAccuse(sender, now: now) else {
        reject("too many accusations", from: sender, into: &effects)
        return .done
      }
    }
    guard isOwner || !claimed.state.isTerminal else {
      takeEnd(record, over: known, node: node, from: sender, path: path, now: now, into: &effects)
      return .done
    }
    if !isOwner && claimed.state == .alive {
      guard let believed = believedLife(record, of: node, known, from: sender, now: now) else { return .done }
      return adopt(believed, over: known, node: node, from: sender, path: path, now: now, into: &effects)
    }
    return adopt(record, over: known, node: node, from: sender, path: path, now: now, into: &effects)
  }

  private func isMutatedToAccept(_ claimed: Version, over known: Version) -> Bool {
    let planted = configuration.mutations
    if planted.contains(.acceptsOlderClaims) { return claimed != known }
    if planted.contains(.forgetsIncarnation) && claimed.epoch == known.epoch && claimed.state == .alive {
      return known.state == .suspect
    }
    return planted.contains(.acceptsEqualAliveOverDead) && claimed.state == .alive && known.state == .dead
      && claimed.epoch == known.epoch && claimed.incarnation == known.incarnation
  }

  /// Others may accuse, naming themselves; only its subject says that it lives or leaves.
  private func isWellFormed(_ record: MemberRecord, about node: NodeID) -> Bool {
    guard (1...MembershipLimits.epochMax).contains(record.epoch) else { return false }
    // Two metadata versions in one claim: what one check takes for it mustn't be another's.
    guard record.sharedMetadata == nil || record.metadataDelta == nil else { return false }
    switch record.state {
    case .alive, .left: return record.accuser.isEmpty && record.accusers.isEmpty
    case .suspect, .dead: return NodeID(record.accuser) != nil && record.accuser != node.name
    }
  }

  /// Whether the member can be asked itself: then others' words about its life and its metadata are no more than a
  /// hint.
  private func mayBeAsked(_ node: NodeID, _ member: Member, now: Instant) -> Bool {
    peers[node]?.isModern == true && member.version.state != .suspect && isHeard(node, member, now: now)
  }

  private func isNews(_ record: MemberRecord, to known: Member) -> Bool {
    let offered = record.offeredMetadataVersion
    return Version(record).supersedes(known.version)
      || (record.epoch == known.version.epoch && offered > known.metadataVersion)
  }

  /// Asks a linked member for its own claim, if it hasn't come by itself in a moment, and tells it what is said of it:
  /// a lie only it can outbid, and those who believe it may have no link to it.
  private mutating func askOwner(
    _ node: NodeID, about record: MemberRecord, now: Instant, into effects: inout MembershipEffects
  ) {
    guard mayQuestion(node, now: now) else { return }
    marks.insert(.askedOwner)
    var question = SyncDelta()
    question.wanted = [node.name]
    effects.append(.send([node], .syncDelta(question)))
    var claim = record
    if claim.encodedSize > MembershipLimits.newsBytesOnProbe {
      // The version alone is what it outbids.
      var delta = MetadataDelta()
      delta.toVersion = record.offeredMetadataVersion
      (claim.sharedMetadata, claim.metadataDelta) = (nil, delta)
    }
    send([claim], to: [node], into: &effects)
  }

  /// Whether a linked peer may be told or asked about itself again: what others say must not make this node spend what
  /// the peer takes of it.
  mutating func mayQuestion(_ node: NodeID, now: Instant) -> Bool {
    guard let peer = peers[node], peer.nextQuestionAt.map({ now >= $0 }) ?? true else { return false }
    _ = peers.modify(node) { $0.nextQuestionAt = now + MembershipLimits.viewSpacing }
    return true
  }

  /// Takes one accusation, of whomever, from what the peer may bring.
  mutating func mayAccuse(_ sender: NodeID, now: Instant) -> Bool {
    peers.modify(sender) { $0.budget.accusations.take(1, now: now) } ?? true
  }

  /// Counts a claim that is refused.
  mutating func reject(_ reason: String, from sender: NodeID, into effects: inout MembershipEffects) {
    totals.rejectedClaims &+= 1
    // One record a turn: a message of 512 bad claims must not write 512 lines.
    guard !hasReportedRejection else { return }
    hasReportedRejection = true
    effects.append(.observe(.messageRejected(peer: sender.name, reason: reason)))
  }

  private mutating func insert(
    _ record: MemberRecord, of node: NodeID, from sender: NodeID, path: ClaimPath, now: Instant,
    into effects: inout MembershipEffects
  ) {
    // An accusation or an end of someone unknown says nothing of use: if it lives, it will be told of with metadata.
    guard let metadata = record.sharedMetadata, !record.state.isTerminal else { return }
    if path != .owner && sender != node, peers.modify(sender, { $0.budget.joins.take(1, now: now) }) == false {
      reject("too many members that nobody else tells of", from: sender, into: &effects)
      return
    }
    guard makeRoom(now: now) else {
      if !isOutOfRoom { effects.append(.observe(.limitReached("members: \(MembershipLimits.membersMax)"))) }
      isOutOfRoom = true
      return
    }
    var member = Member(node, version: Version(record), metadata: metadata, evidence: now)
    member.metadataEpoch = record.epoch
    if path != .owner && sender != node { member.endpointSince = now }
    if record.state == .suspect { suspicions[node] = Suspicion(beganAt: now) }
    store(member, of: node, now: now)
    announce(.joined, node, member, into: &effects)
    if record.state == .suspect {
      _ = confirm(node, by: record, from: sender, now: now, into: &effects)
      timeSuspicion(of: node, now: now)
      announceSuspicion(node, member, now: now, into: &effects)
    }
    // What a newcomer reads in its first views the others know already.
    let isNewcomer = now.since(startedAt) < configuration.interval.multiplied(by: 2)
    if path != .view || !isNewcomer {
      news.put(record, about: node, rank: NewsClass(record, isJoin: true), wide: path == .owner, source: sender)
    }
  }

  /// Makes room for one more member, if need be by forgetting the one that ended first. Where no room was found it
  /// isn't sought again in the same turn.
  private mutating func makeRoom(now: Instant) -> Bool {
    guard members.count &+ 2 > MembershipLimits.membersMax else { return true }
    guard !isOutOfRoom else { return false }
    var oldest: (node: NodeID, at: Instant)?
    for (node, end) in ends where peers[node] == nil && end.at < oldest?.at ?? .distantFuture {
      oldest = (node, end.at)
    }
    guard let oldest else { return false }
    drop(oldest.node, now: now)
    return true
  }

  /// An end told by others. Of a peer that this node is linked to, and has not failed to reach, a death is an
  /// accusation at most, and a goodbye proves nothing: a true one comes over the peer's own link, and closes it.
  private mutating func takeEnd(
    _ record: MemberRecord, over known: Member, node: NodeID, from sender: NodeID, path: ClaimPath, now: Instant,
    into effects: inout MembershipEffects
  ) {
    // A newer end of one that has ended is only another word for it.
    if known.version.state.isTerminal {
      adopt(record, over: known, node: node, from: sender, path: path, now: now, into: &effects)
      return
    }
    if record.removed && isLost(node, known, now: now) {
      adopt(record, over: known, node: node, from: sender, path: path, now: now, into: &effects)
      return
    }
    if peers[node] != nil && suspicions[node]?.confirmedAt == nil || isHeard(node, known, now: now) {
      if record.state == .dead { accuse(record, known, node, sender, path, now: now, into: &effects) }
      if !isHeard(node, known, now: now) { lookAt(node, now: now, into: &effects) }
      if record.state == .left { noteVoice(record, of: node, from: sender, now: now) }
      return
    }
    guard !believesEnd(record, of: node, from: sender, now: now) else {
      adopt(record, over: known, node: node, from: sender, path: path, now: now, into: &effects)
      return
    }
    if record.state == .dead { accuse(record, known, node, sender, path, now: now, into: &effects) }
  }

  /// Takes a claimed death as a suspicion, which goes on to its subject.
  private mutating func accuse(
    _ record: MemberRecord, _ known: Member, _ node: NodeID, _ sender: NodeID, _ path: ClaimPath, now: Instant,
    into effects: inout MembershipEffects
  ) {
    var accusation = record
    accusation.state = .suspect
    if Version(accusation).supersedes(known.version) {
      marks.insert(.deathTakenAsSuspicion)
      adopt(accusation, over: known, node: node, from: sender, path: path, now: now, into: &effects)
    } else if confirm(node, by: accusation, from: sender, now: now, into: &effects) {
      lookAt(node, now: now, into: &effects)
    }
  }

  /// Whether the member talks to us over a link of its own. A pause of ours is no silence of theirs.
  private func isHeard(_ node: NodeID, _ member: Member, now: Instant) -> Bool {
    peers[node] != nil && !member.version.state.isTerminal
      && now.since(member.evidence) < configuration.suspicionInterval
  }

  @discardableResult
  mutating func adopt(
    _ record: MemberRecord, over known: Member, node: NodeID, from sender: NodeID, path: ClaimPath, now: Instant,
    into effects: inout MembershipEffects
  ) -> MergeOutcome {
    let isOwner = path == .owner || sender == node
    var member = known
    member.version = Version(record)
    let isRestart = record.epoch > known.version.epoch
    if isRestart { endProbe(of: node) }
    let change = takeMetadata(of: record, into: &member, isOwner: isOwner, now: now)
    if member.version.state != .suspect { member.evidence = now }
    settle(node, member, over: known, record, from: sender, now: now, into: &effects)
    store(member, of: node, now: now)
    // An end needs no metadata, and small as it is finds room on any probe.
    let isEnd = member.version.state.isTerminal
    let isWhole = !isEnd && (record.sharedMetadata != nil || path == .view)
    var told = self.record(of: node, member, withMetadata: isWhole)
    if !isEnd && !isWhole && change != .none && change != .tooLarge { told.metadataDelta = record.metadataDelta }
    let isJoin = known.version.state.isTerminal
    let isFound = isOwner || path == .look
    let isWide = path == .owner || (isEnd && (isFound || !reachesAllInTwoHops))
    news.put(told, about: node, rank: NewsClass(told, isJoin: isJoin), wide: isWide, source: sender)
    if isEnd && !isWide {
      timers.set(.widen(node), at: now + random.jittered(MembershipLimits.endPatience, percent: 50))
    }
    announceChange(
      node, from: known, to: member, isRestart: isRestart, isMetadataNew: change == .content, now: now,
      into: &effects)
    if member.version.state == .suspect { lookAt(node, now: now, into: &effects) }
    if member.version.state == .dead && peers[node] != nil {
      effects.append(.disconnect(node, reason: "declared dead by \(record.accuser)"))
    }
    return MergeOutcome(change)
  }

  /// Sets the timers and marks that go with the member's new state.
  private mutating func settle(
    _ node: NodeID, _ member: Member, over known: Member, _ record: MemberRecord, from sender: NodeID, now: Instant,
    into effects: inout MembershipEffects
  ) {
    timers.set(.widen(node), at: nil)
    let isSameLife =
      (known.version.epoch, known.version.incarnation) == (member.version.epoch, member.version.incarnation)
    switch member.version.state {
    case .alive:
      ends.removeValue(forKey: node)
      if let claim = hearsay[node], !Version(claim.said ?? claim.record).supersedes(member.version) {
        hearsay.removeValue(forKey: node)
        timers.set(.check(node), at: nil)
      }
      endFalseSuspicion(of: node, isRestart: member.version.epoch > known.version.epoch, into: &effects)
    case .suspect:
      ends.removeValue(forKey: node)
      if suspicions[node] == nil || !isSameLife { suspicions[node] = Suspicion(beganAt: now) }
      _ = confirm(node, by: record, from: sender, now: now, into: &effects)
      timeSuspicion(of: node, now: now)
    case .dead, .left:
      if ends[node] == nil {
        ends[node] = End(at: now, accuser: NodeID(record.accuser), isRemoved: record.removed)
      }
      settleEnd(node)
      if member.version.state == .dead { doubtVouching(for: node) }
    }
  }

  /// A claim that brings no newer version may still bring newer metadata, one more accuser, or a sender that is behind.
  private mutating func mergeOld(
    _ record: MemberRecord, over known: Member, node: NodeID, from sender: NodeID, isOwner: Bool, now: Instant,
    into effects: inout MembershipEffects
  ) -> MergeOutcome {
    let claimed = Version(record)
    if claimed == known.version {
      news.heardAgain(record, about: node, from: sender, limit: tellingsMax)
      if configuration.mutations.contains(.tellsAgain) {
        news.put(record, about: node, rank: NewsClass(record, isJoin: false), wide: false, source: sender)
      }
      if claimed.state == .suspect, confirm(node, by: record, from: sender, now: now, into: &effects) {
        lookAt(node, now: now, into: &effects)
        let told = self.record(of: node, known, withMetadata: false)
        // Every accuser tells its own word at once; what others confirm rides on probes.
        news.amend(told, about: node, rank: .suspicion)
      }
    }
    var member = known
    let change = takeMetadata(of: record, into: &member, isOwner: isOwner, now: now)
    if change == .gap || change == .tooLarge { return MergeOutcome(change) }
    if change != .none {
      store(member, of: node, now: now)
      guard !member.version.state.isTerminal else { return .done }
      if change == .content { announce(.updated, node, member, into: &effects) }
      var told = self.record(of: node, member, withMetadata: record.metadataDelta == nil)
      told.metadataDelta = record.metadataDelta
      // Under an accusation it is still the owner's word that spreads the metadata.
      if member.version.state == .alive {
        news.put(told, about: node, rank: .metadata, wide: false, source: sender)
      }
    }
    let isBehind = known.version.supersedes(claimed) && known.version.state.isTerminal
    return isBehind ? .behind(self.record(of: node, known, withMetadata: false)) : .done
  }
}
