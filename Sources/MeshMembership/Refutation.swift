// What others say of this node: only it may raise its incarnation and its epoch, and it does so above every claim.
import MeshBasics
import MeshWire

/// What is claimed of this node and still to be outbid.
struct OwedAnswer: Equatable, Sendable {
  var incarnation: UInt32 = 0
  /// Where metadata is claimed that this node never told.
  var metadataVersion: Int64?
  /// Where it is called suspect or dead.
  var accuser: NodeID?
}

extension Membership {
  mutating func answerClaimAboutSelf(
    _ record: MemberRecord, from sender: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    guard isRunning, !configuration.mutations.contains(.skipsRefutation) else { return }
    if PoisonGuard(unixMilliseconds: unixMilliseconds(now)).refusal(of: record, known: local) != nil {
      reject("claim about this node: out of reach", from: sender, into: &effects)
      // Somebody may hold it already, who doesn't know this node otherwise.
      if record.epoch == local.version.epoch { raiseEpoch(above: record.epoch, now: now, into: &effects) }
      return
    }
    lookForDuplicate(record, now: now)
    let own = local.version
    // A goodbye, a greater epoch, a far incarnation or metadata version that we never said comes from an earlier life
    // whose memory was lost, or from a liar. A new epoch leaves it behind.
    let (lead, isBehind) = record.incarnation.subtractingReportingOverflow(own.incarnation)
    let offered = record.offeredMetadataVersion
    let isFar =
      (!isBehind && lead > MembershipLimits.incarnationFollowed)
      || (offered > local.metadataVersion && !PoisonGuard(unixMilliseconds: unixMilliseconds(now)).mayFollow(offered))
    if record.epoch > own.epoch || (record.epoch == own.epoch && (record.state == .left || isFar)) {
      raiseEpoch(above: record.epoch, now: now, into: &effects)
      return
    }
    guard record.epoch == own.epoch else { return }
    refute(record, from: sender, now: now, into: &effects)
  }

  private mutating func refute(
    _ record: MemberRecord, from sender: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    let own = local.version
    let metadata = local.metadata.value
    let isAccusation = record.state != .alive && record.incarnation >= own.incarnation
    let isAhead = record.incarnation > own.incarnation
    let told = record.sharedMetadata?.value
    let offered = record.offeredMetadataVersion
    let isForged = told.map { $0.metadataVersion == metadata.metadataVersion && $0 != metadata } ?? false
    let isMetadataAhead = offered > metadata.metadataVersion || isForged
    guard isAccusation || isAhead || isMetadataAhead else { return }
    // An answer goes to everyone, so that a peer may make this node answer so often only.
    guard mayAccuse(sender, now: now) else { return reject("too many accusations", from: sender, into: &effects) }
    var owed = owedAnswer ?? OwedAnswer()
    owed.incarnation = max(owed.incarnation, record.incarnation)
    if isMetadataAhead { owed.metadataVersion = max(owed.metadataVersion ?? 0, offered) }
    if isAccusation { owed.accuser = NodeID(record.accuser) ?? sender }
    owedAnswer = owed
    // Several peers together mustn't either: what comes too soon is outbid with the next answer.
    let next = lastAnswerAt.map { $0 + MembershipLimits.refutationSpacing } ?? now
    guard now >= next else { return timers.set(.answer, at: next) }
    answerOwed(now: now, into: &effects)
  }

  /// Takes a version above all that was claimed, and tells it.
  mutating func answerOwed(now: Instant, into effects: inout MembershipEffects) {
    timers.set(.answer, at: nil)
    guard isRunning, let owed = owedAnswer else { return }
    owedAnswer = nil
    let own = local.version
    let (incarnation, overflow) = max(own.incarnation, owed.incarnation).addingReportingOverflow(1)
    // Newcomers refuse what leaps too far, and so would never learn of a node whose incarnation has grown without end.
    guard !overflow && incarnation <= MembershipLimits.incarnationsPerEpoch else {
      raiseEpoch(above: own.epoch, now: now, into: &effects)
      return
    }
    lastAnswerAt = now
    updateLocal(now: now, rank: .suspicion) { local in
      local.version.incarnation = incarnation
      guard let offered = owed.metadataVersion else { return }
      var newer = local.metadata.value
      newer.metadataVersion = max(offered, newer.metadataVersion).next
      local.metadata = Shared(newer)
    }
    totals.refutations &+= 1
    guard let accuser = owed.accuser else { return }
    // Once an interval: a peer that accuses in a loop must not make this node doubt itself.
    if lastRefutationAt.map({ now.since($0) >= configuration.interval }) ?? true { health.note(1) }
    lastRefutationAt = now
    effects.append(.observe(.selfRefuted(accuser: accuser, incarnation: incarnation)))
  }

  /// A claim in this node's name from another place may be another process with this name: a link to it tells, and
  /// only a link, which of the two is to stop.
  private mutating func lookForDuplicate(_ record: MemberRecord, now: Instant) {
    guard record.state == .alive, let told = record.sharedMetadata?.value.endpoint, !told.isEmpty,
      told != local.metadata.value.endpoint, record.epoch >= local.version.epoch,
      links.duplicateSoughtAt.map({ now.since($0) >= MembershipLimits.duplicateSpacing }) ?? true
    else { return }
    marks.insert(.lookedForDuplicate)
    links.duplicate = told
    links.duplicateSoughtAt = now
    timers.set(.duplicate, at: now + MembershipLimits.temporaryLink)
    topologyRevision &+= 1
  }

  private mutating func raiseEpoch(above epoch: UInt64, now: Instant, into effects: inout MembershipEffects) {
    // Two processes that outbid each other do it less and less often, until they meet.
    let quiet = now.since(lastEpochRaiseAt ?? .origin)
    if quiet >= MembershipLimits.epochRaiseMax.multiplied(by: 4) { epochRaises = 0 }
    let spacing = configuration.interval.multiplied(by: Int64(1) << Int64(min(epochRaises, 8)))
    let wait = min(spacing, MembershipLimits.epochRaiseMax)
    guard raisingEpoch == nil, lastEpochRaiseAt == nil || quiet >= wait else {
      // Who holds that claim may never tell it again: it believes nothing lower.
      owedEpoch = max(owedEpoch ?? 0, epoch)
      timers.set(.epoch, at: max(now + MembershipLimits.refutationSpacing, (lastEpochRaiseAt ?? now) + wait))
      return
    }
    epochRaises = min(epochRaises &+ 1, 8)
    let (greater, overflow) = epoch.addingReportingOverflow(1)
    guard !overflow else { return }
    raisingEpoch = greater
    lastEpochRaiseAt = now
    effects.append(.raiseEpoch(greater))
  }

  /// Outbids what came too soon after the epoch before.
  mutating func raiseOwedEpoch(now: Instant, into effects: inout MembershipEffects) {
    guard isRunning, let owed = owedEpoch else { return }
    owedEpoch = nil
    if owed >= local.version.epoch { raiseEpoch(above: owed, now: now, into: &effects) }
  }

  mutating func epochRaised(_ epoch: UInt64, now: Instant) {
    raisingEpoch = nil
    guard isRunning, epoch > local.version.epoch else { return }
    // A greater epoch outbids all that was said of this one.
    owedAnswer = nil
    let unix = max(Int64(clamping: unixMilliseconds(now)), 1)
    updateLocal(now: now, rank: .join) { local in
      local.version = Version(epoch: epoch, incarnation: 0, state: .alive)
      local.metadataEpoch = epoch
      // Whatever number a liar has driven it to, those who count from now take it.
      var metadata = local.metadata.value
      metadata.metadataVersion = min(metadata.metadataVersion, unix)
      local.metadata = Shared(metadata)
    }
  }
}
