// From a failed probe to a declared death. Only a node whose own probe failed declares; others' words shorten its wait,
// its own bad health and a whole silence around it lengthen it.
import MeshBasics
import MeshWire

extension Membership {
  /// A probe of our own failed: tags the version that we know as suspect, and tells it.
  mutating func suspect(
    _ node: NodeID, refused: Bool, askedAt: Instant? = nil, now: Instant, into effects: inout MembershipEffects
  ) {
    guard let known = members[node], known.isOnRings else { return }
    var suspicion = suspicions[node] ?? Suspicion(beganAt: now)
    let isNew = suspicion.confirmedAt == nil || (refused && suspicion.refusedAt == nil)
    suspicion.confirmedAt = suspicion.confirmedAt ?? now
    // A link that carries a ping every few seconds is silent between them through no fault of the peer: silence counts
    // from one interval before the ping that nothing answered.
    let asked = (askedAt ?? now) + (.zero - configuration.interval)
    suspicion.silentSince = suspicion.silentSince ?? max(known.evidence, asked)
    if refused { suspicion.refusedAt = suspicion.refusedAt ?? now }
    suspicions[node] = suspicion
    var member = known
    member.version.state = .suspect
    if configuration.mutations.contains(.mintsForOthers) { member.version.incarnation &+= 1 }
    store(member, of: node, now: now)
    timeSuspicion(of: node, now: now)
    // Said again, or confirmed: who accuses whom is news of its own.
    if isNew { tellAccusation(of: node, member) }
    if known.version.state == .alive {
      announceChange(node, from: known, to: member, isRestart: false, isMetadataNew: false, now: now, into: &effects)
    }
  }

  private mutating func tellAccusation(of node: NodeID, _ member: Member) {
    let record = record(of: node, member, withMetadata: false)
    news.put(record, about: node, rank: .suspicion, wide: false, source: nil)
  }

  /// Another node accuses a suspect, as `sender` tells. Returns whether that confirms what was known: members that are
  /// well themselves count, and one of them for each peer that tells.
  mutating func confirm(
    _ node: NodeID, by record: MemberRecord, from sender: NodeID, now: Instant, into effects: inout MembershipEffects
  ) -> Bool {
    guard var suspicion = suspicions[node] else { return false }
    var isNew = false
    for (index, name) in ([record.accuser] + record.accusers).enumerated() {
      guard let accuser = NodeID(name), accuser != node, accuser != nodeID else { continue }
      if configuration.mutations.contains(.dropsConfirmations) { continue }
      suspicion.named = suspicion.named ?? accuser
      guard members[accuser]?.version.state == .alive else { continue }
      if suspicion.add(accuser, refused: index == 0 && record.refused, from: sender) { isNew = true }
    }
    suspicions[node] = suspicion
    guard isNew else { return false }
    marks.insert(.confirmed)
    timeSuspicion(of: node, now: now)
    return true
  }

  /// Looks for oneself at a member that others accuse, over a link that is open anyhow.
  mutating func lookAt(_ node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    // One that isn't well itself is no witness, and a machine with too little time doesn't need more probes.
    guard isRunning, peers[node] != nil, probes[node] == nil, health.score < MembershipLimits.poorHealth else { return }
    probe(node, now: now, into: &effects)
  }

  /// Sets the end of a suspicion by what is known now.
  mutating func timeSuspicion(of node: NodeID, now: Instant) {
    guard let suspicion = suspicions[node], let member = members[node] else { return }
    let deadline = deadline(of: suspicion, about: node, member)
    _ = suspicions.modify(node) { $0.deadline = deadline }
    timers.set(.suspicion(node), at: configuration.mutations.contains(.forgetsSuspicionTimer) ? nil : deadline)
  }

  private func deadline(of suspicion: Suspicion, about node: NodeID, _ member: Member) -> Instant {
    guard suspicion.confirmedAt != nil else {
      // Others' words alone: after a long while this node looks for itself.
      return suspicion.beganAt + configuration.suspicionInterval.multiplied(by: 3)
    }
    // Neither this node nor other suspects are among those that could confirm.
    let others = count(of: .alive)
    let confirmations = suspicion.accusers.count
    let silence = detector.silence(members: livingCount, confirmations: confirmations, others: others)
    let patience = configuration.interval.multiplied(by: Int64(health.score))
    let silentUntil = min(silentSince(suspicion, member) + silence, vouchedUntil(node)) + patience
    let bySilence = max(silentUntil, suspicion.lookEndsAt ?? .origin)
    guard let refusedAt = suspicion.refusedAt else { return bySilence }
    // Two that were refused by the host itself needn't wait for silence; a restart has this long to come up.
    let isSecond = others == 0 || !suspicion.refused.isEmpty
    guard isSecond else { return bySilence }
    // Whom a host refuses there is seldom a link to; the last one knew the way.
    let roundTrip = peers[node]?.smoothedRoundTrip ?? member.lastRoundTrip
    let answerTime = detector.answerTime(roundTrip, health: LocalHealth())
    let byRefusal = refusedAt + max(answerTime.multiplied(by: 2), MembershipLimits.refusalPatience)
    return min(bySilence, byRefusal)
  }

  /// Since when the suspect is known to be silent.
  func silentSince(_ suspicion: Suspicion, _ member: Member) -> Instant {
    max(member.evidence, suspicion.silentSince ?? .origin)
  }

  mutating func endSuspicion(of node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    guard let suspicion = suspicions[node], let member = members[node] else { return }
    guard suspicion.confirmedAt != nil else {
      // Nobody has declared it dead and it hasn't refuted: a look of our own decides.
      marks.insert(.staleHearsay)
      check(node, now: now, into: &effects)
      timers.set(.suspicion(node), at: now + configuration.suspicionInterval)
      return
    }
    // Heard since: it lives, and its refutation is on the way.
    let deadline = deadline(of: suspicion, about: node, member)
    if deadline > now {
      if let end = suspicion.lookEndsAt, end <= now { _ = suspicions.modify(node) { $0.lookEndsAt = nil } }
      timers.set(.suspicion(node), at: deadline)
      return
    }
    if suspicion.refusedAt == nil, isCutOff(now: now, into: &effects) {
      // What this node looked for meanwhile it couldn't see.
      _ = suspicions.modify(node) { $0.lookEndsAt = nil }
      timers.set(.suspicion(node), at: now + configuration.interval)
      return
    }
    if suspicion.refusedAt == nil && suspicion.accusers.isEmpty && suspicion.lookEndsAt == nil && peers[node] == nil
      && count(of: .alive) > 0
    {
      // Nobody else has accused it in all that time: the accusation may have gone where it couldn't be answered. A look
      // tells the member, or bears it out.
      marks.insert(.lookedBeforeTheEnd)
      let end = now + configuration.pingTimeout + configuration.interval.multiplied(by: 2)
      _ = suspicions.modify(node) { $0.lookEndsAt = end }
      check(node, now: now, into: &effects)
      return timers.set(.suspicion(node), at: suspicions[node] == nil ? nil : end)
    }
    let reason = suspicion.refusedAt == nil ? "declared dead after silence" : "declared dead after a refusal"
    declareDead(node, reason, now: now, into: &effects)
  }

  /// Whether nobody at all was heard for so long that it must be this node's own network. It then blames nobody, for
  /// six times the longest silence.
  mutating func isCutOff(now: Instant, into effects: inout MembershipEffects) -> Bool {
    let silence = now.since(lastHeardAny)
    let isSilent =
      livingCount > 2 && silence > configuration.interval.multiplied(by: 2)
      && silence < configuration.suspicionInterval.multiplied(by: 6)
    if isSilent != isIsolated {
      isIsolated = isSilent
      marks.insert(.isolated)
      effects.append(.observe(.isolated(isSilent)))
    }
    return isSilent
  }

  mutating func declareDead(
    _ node: NodeID, _ reason: String, isRemoved: Bool = false, now: Instant, into effects: inout MembershipEffects
  ) {
    guard let known = members[node] else { return }
    var member = known
    member.version.state = .dead
    ends[node] = End(at: now, accuser: nodeID, isRemoved: isRemoved)
    settleEnd(node)
    doubtVouching(for: node)
    store(member, of: node, now: now)
    let record = record(of: node, member, withMetadata: false)
    news.put(record, about: node, rank: .end, wide: true, source: nil)
    announceChange(node, from: known, to: member, isRestart: false, isMetadataNew: false, now: now, into: &effects)
    if peers[node] != nil { effects.append(.disconnect(node, reason: reason)) }
  }

  /// Drops what only the living have.
  mutating func settleEnd(_ node: NodeID) {
    suspicions.removeValue(forKey: node)
    hearsay.removeValue(forKey: node)
    endProbe(of: node)
    forgetWarmLink(node)
    for timer in [Timer.suspicion(node), .check(node), .redial(node), .spared(node)] { timers.set(timer, at: nil) }
  }

  /// A suspicion that turned out wrong is counted, so that operators see how often the detector errs. Of a process that
  /// started again it was right.
  mutating func endFalseSuspicion(of node: NodeID, isRestart: Bool, into effects: inout MembershipEffects) {
    timers.set(.suspicion(node), at: nil)
    guard let suspicion = suspicions.removeValue(forKey: node) else { return }
    guard suspicion.confirmedAt != nil, !isRestart else { return }
    totals.falseSuspicions &+= 1
    effects.append(.observe(.falseSuspicion(peer: node)))
  }

  /// A timer that fires late says that this process gets too little of its processor, and then so may its peers: what
  /// comes late is no sign against them.
  mutating func noteLateness(now: Instant) {
    guard now.since(lastLateAt) >= MembershipLimits.lateness.multiplied(by: 2) || lastLateAt == .origin else { return }
    marks.insert(.late)
    lastLateAt = now
    health.note(1)
  }

  /// Whether this process got too little time a moment ago, so that what it failed to reach proves little.
  func isLate(now: Instant) -> Bool {
    let span = max(configuration.interval.multiplied(by: 2), configuration.pingTimeout)
    return lastLateAt != .origin && now.since(lastLateAt) < span
  }

  /// A node that was stopped for a while has heard nobody, through its own fault: it drops its probes and gives all the
  /// lost time back, instead of declaring them dead.
  mutating func forgivePause(now: Instant, into effects: inout MembershipEffects) {
    guard isRunning, let due = timers.next else { return }
    let gap = now.since(due)
    if gap >= MembershipLimits.lateness { noteLateness(now: now) }
    guard gap > configuration.interval.multiplied(by: 2) else { return }
    marks.insert(.pause)
    totals.pauses &+= 1
    effects.append(.observe(.pauseDetected(gap)))
    health.note(2)
    lastHeardAny = lastHeardAny + gap
    for node in probes.keys { endProbe(of: node) }
    // What this node was late to read says nothing of the way.
    for node in peers.keys { _ = peers.modify(node) { $0.lastAsked = nil } }
    for node in members.map(\.0) where members[node]?.isOnRings == true {
      _ = members.modify(node) { $0.evidence = $0.evidence + gap }
    }
    for node in vouchings.keys { _ = vouchings.modify(node) { $0.provedAt = $0.provedAt + gap } }
    for (node, suspicion) in suspicions {
      var later = suspicion
      // What was one's own evidence may have been one's own fault.
      later.confirmedAt = nil
      later.refusedAt = nil
      later.silentSince = nil
      later.lookEndsAt = nil
      // What the suspect said in that time for itself is still to be read.
      later.beganAt = suspicion.beganAt + gap
      later.deadline = max(now + configuration.interval, suspicion.deadline + gap)
      suspicions[node] = later
      timers.set(.suspicion(node), at: later.deadline)
      lookAt(node, now: now, into: &effects)
    }
    for node in members.map(\.0) where timers[.redial(node)] != nil {
      timers.set(.redial(node), at: now + detector.redialTime(nil, health: health))
    }
    // A look whose dial fails now has failed through this node's own fault.
    for node in hearsay.keys { _ = hearsay.modify(node) { ($0.isChecking, $0.isAsked) = (false, false) } }
  }
}
