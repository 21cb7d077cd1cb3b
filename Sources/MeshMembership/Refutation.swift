// What others say of this node: only it may raise its incarnation and its epoch, and it does so above every claim.
import MeshBasics
import MeshWire

extension Membership {
  mutating func answerClaimAboutSelf(
    _ record: MemberRecord, from sender: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    guard isRunning, !configuration.mutations.contains(.skipsRefutation) else { return }
    if PoisonGuard(unixMilliseconds: unixMilliseconds(now)).refusal(of: record, known: local) != nil {
      reject("claim about this node: out of reach", from: sender, into: &effects)
      return
    }
    let own = local.version
    // A goodbye or a greater epoch that we never said comes from an earlier life whose memory was lost.
    if record.epoch > own.epoch || (record.epoch == own.epoch && record.state == .left) {
      raiseEpoch(above: record.epoch, now: now, into: &effects)
      return
    }
    guard record.epoch == own.epoch else { return }
    let isAccusation = record.state != .alive && record.incarnation >= own.incarnation
    let isAhead = record.incarnation > own.incarnation
    let offered = record.metadata?.metadataVersion ?? 0
    guard isAccusation || isAhead || offered > local.metadata.metadataVersion else { return }
    let (incarnation, overflow) = max(own.incarnation, record.incarnation).addingReportingOverflow(1)
    guard !overflow else {
      raiseEpoch(above: own.epoch, now: now, into: &effects)
      return
    }
    updateLocal(now: now) { local in
      local.version.incarnation = incarnation
      if offered > local.metadata.metadataVersion { local.metadata.metadataVersion = offered.next }
    }
    refutations &+= 1
    let accuser = NodeID(record.accuser) ?? sender
    if isAccusation { effects.append(.observe(.selfRefuted(accuser: accuser, incarnation: incarnation))) }
  }

  private mutating func raiseEpoch(above epoch: UInt64, now: Instant, into effects: inout MembershipEffects) {
    guard raisingEpoch == nil,
      now.since(lastEpochRaiseAt ?? .origin) >= configuration.interval || lastEpochRaiseAt == nil
    else { return }
    let (greater, overflow) = epoch.addingReportingOverflow(1)
    guard !overflow else { return }
    raisingEpoch = greater
    lastEpochRaiseAt = now
    effects.append(.raiseEpoch(greater))
  }

  mutating func epochRaised(_ epoch: UInt64, now: Instant) {
    raisingEpoch = nil
    guard isRunning, epoch > local.version.epoch else { return }
    updateLocal(now: now) { local in
      local.version = Version(epoch: epoch, incarnation: 0, state: .alive)
      local.metadataEpoch = epoch
    }
  }

  /// The owner's change of its own metadata: a greater version, told at once.
  mutating func changeMetadata(now: Instant, _ change: (inout NodeMetadata) -> Void) {
    guard isRunning else { return }
    updateLocal(now: now) { local in
      change(&local.metadata)
      local.metadata.metadataVersion = local.metadata.metadataVersion.next
    }
  }

  /// Changes the local claim and makes it news of first hand.
  mutating func updateLocal(now: Instant, _ change: (inout Member) -> Void) {
    let before = local.digestTerm(of: nodeID)
    change(&local)
    mixIntoDigest(before ^ local.digestTerm(of: nodeID), now: now)
    news.put(localRecord, about: nodeID, fresh: true, firstHand: true, source: nil)
    revise(now: now)
  }
}

extension Int64 {
  /// One more, or the same at the end.
  fileprivate var next: Int64 {
    let (sum, overflow) = addingReportingOverflow(1)
    return overflow ? self : sum
  }
}
