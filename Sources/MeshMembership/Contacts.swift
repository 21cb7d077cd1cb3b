// Links that open and close, and the messages that come over them.
import MeshBasics
import MeshWire

extension Membership {
  mutating func connected(
    _ node: NodeID, _ record: MemberRecord, version: UInt32, now: Instant, into effects: inout MembershipEffects
  ) {
    guard isRunning, node != nodeID else { return }
    let known = members[node]
    merge(record, from: node, path: .owner, now: now, into: &effects)
    guard members[node] != nil else {
      effects.append(.disconnect(node, reason: "no room for another member"))
      return
    }
    if peers[node] != nil {
      // A second link takes the place of the first: what was asked on that may never be answered.
      endProbe(of: node)
      _ = peers.modify(node) { $0.lastAsked = nil }
    } else {
      peers[node] = Peer(version: version, budget: spentBudgets.removeValue(forKey: node), now: now)
    }
    // Others may have told the same endpoint before; from now on it is the owner's own word.
    _ = members.modify(node) { member in
      if member.metadata.value.endpoint == record.metadata?.endpoint { member.endpointSince = .origin }
    }
    timers.set(.redial(node), at: nil)
    dismissCheck(of: node, now: now, into: &effects)
    heard(from: node, now: now, into: &effects)
    finishRelayJobs(for: node, into: &effects)
    guard let member = members[node] else { return }
    // Whoever is held suspect or dead hears it first, and refutes it with a greater incarnation.
    if member.version.state != .alive { send([buddyClaim(of: node, member)], to: [node], into: &effects) }
    let isNew = known.map { $0.version.state.isTerminal || $0.version.epoch < record.epoch } ?? true
    if isNew { welcome(node, now: now, into: &effects) }
    if member.version.state != .left { probe(node, now: now, into: &effects) }
  }

  mutating func disconnected(_ node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    guard let peer = peers.removeValue(forKey: node) else { return }
    keepBudget(peer.budget, of: node, now: now)
    if let roundTrip = peer.smoothedRoundTrip { _ = members.modify(node) { $0.lastRoundTrip = roundTrip } }
    noteQuietly(node)
    let hadProbe = probes[node] != nil
    endProbe(of: node)
    forgetWarmLink(node)
    // A closed link is a hint, not a verdict: it asks for a probe, which is here a new link. One that was given back
    // hints at nothing.
    let isExpected = peer.releasedAt != nil && !hadProbe
    if isRunning, !isExpected, members[node]?.isOnRings == true, !linkEnded(to: node, now: now, into: &effects) {
      redial(node, peer, now: now)
    }
    if case .leaving(var awaited) = phase {
      awaited.removeValue(forKey: node)
      phase = .leaving(awaited: awaited)
      if awaited.isEmpty { timers.set(.leave, at: now) }
    }
  }

  private mutating func redial(_ node: NodeID, _ peer: Peer, now: Instant) {
    wantTemporarily(node, now: now)
    timers.set(.redial(node), at: now + detector.redialTime(peer.smoothedRoundTrip, health: health))
  }

  /// The tether closed, or the host said that nobody listens: asks at once, and makes a new link if nothing answers.
  mutating func doubted(_ node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    guard isRunning, peers[node] != nil, members[node]?.version.state != .left else { return }
    effects.append(.observe(.linkDoubted(peer: node.name)))
    if probes[node] == nil { probe(node, now: now, into: &effects) }
    _ = probes.modify(node) { $0.isDoubt = true }
  }

  mutating func dialFailed(
    _ node: NodeID, refused isRefused: Bool, now: Instant, into effects: inout MembershipEffects
  ) {
    guard isRunning, let member = members[node], peers[node] == nil else { return }
    if hearsay[node]?.isChecking == true {
      // A dial that this node had too little time for itself says nothing of the member: the next one tells.
      guard isRefused || !isLate(now: now) else { return }
      return confirmHearsay(about: node, refused: isRefused, now: now, into: &effects)
    }
    guard member.isOnRings else { return }
    let wasLinked =
      timers[.redial(node)] != nil || suspicions[node]?.confirmedAt != nil || probes[node] != nil
    if isRefused && wasLinked && provesSomething(member, now: now) {
      // Nobody listens where the member lived a moment ago. Its host lives and says so: that is more than silence.
      marks.insert(.refusal)
      timers.set(.redial(node), at: nil)
      effects.append(.observe(.probeFailed(peer: node)))
      suspect(node, refused: true, now: now, into: &effects)
    } else if timers[.redial(node)] != nil || (rings.watched.contains(node) && !isLate(now: now)) {
      // One that this node is to watch, and can't link: others may reach it.
      timers.set(.redial(node), at: nil)
      if probes[node] == nil { askRelays(about: node, now: now, into: &effects) }
    }
  }

  /// Whether a dial to the member's endpoint says anything of the member: only if it named it itself, or nobody has
  /// contradicted it for as long as a suspicion lasts. Otherwise whoever tells a false endpoint could have it refused.
  func provesSomething(_ member: Member, now: Instant) -> Bool {
    member.endpointSince == .origin || now.since(member.endpointSince) >= configuration.suspicionInterval
  }

  /// No new link came in time: others are asked whether they reach it.
  mutating func redialIsOverdue(_ node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    guard peers[node] == nil else { return }
    askRelays(about: node, now: now, into: &effects)
  }

  mutating func received(
    _ message: MeshMessage, from node: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    guard let peer = peers[node] else { return }
    heard(from: node, now: now, into: &effects)
    // An answer would be one that the peer can't read by its own word.
    guard message.kind.sinceVersion <= peer.version else {
      return reject("\(message.kind.rawValue): not in version \(peer.version)", from: node, into: &effects)
    }
    switch message {
    case .hello: break
    case .ping(let ping):
      notePing(of: node, now: now)
      merge(ping.news, from: node, path: .news, now: now, into: &effects)
      answer(ping, from: node, into: &effects)
      compareDigest(ping.digest, with: node, now: now, into: &effects)
    case .ack(let ack):
      merge(ack.news, from: node, path: .news, now: now, into: &effects)
      _ = peers.modify(node) { $0.health = min(ack.health, UInt32(MembershipLimits.healthMax)) }
      acknowledged(ack.sequence, by: node, now: now, into: &effects)
      compareDigest(ack.digest, with: node, now: now, into: &effects)
    case .news(let news): merge(news.records, from: node, path: .news, now: now, into: &effects)
    case .view(let view):
      merge(view.records, from: node, path: .view, now: now, into: &effects)
      if view.replyWanted { sendView(to: node, now: now, into: &effects) }
    case .probeRequest(let request): relay(request, for: node, now: now, into: &effects)
    case .probeReply(let reply): relayAnswered(reply, by: node, now: now, into: &effects)
    case .syncDigest(let digest): answerDigest(digest, from: node, now: now, into: &effects)
    case .syncSummary(let summary): answerSummary(summary, from: node, now: now, into: &effects)
    case .syncDelta(let delta): takeDelta(delta, from: node, now: now, into: &effects)
    case .broadcast(let broadcast): take(broadcast, from: node, now: now, into: &effects)
    case .broadcastPull(let pull): answer(pull, from: node, now: now, into: &effects)
    case .release: released(by: node, now: now, into: &effects)
    }
  }

  private mutating func heard(from node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    lastHeardAny = now
    if isIsolated {
      isIsolated = false
      effects.append(.observe(.isolated(false)))
    }
    _ = members.modify(node) { member in
      member.lastHeard = now
      member.evidence = now
    }
    vouchings.removeValue(forKey: node)
    noteQuietly(node)
  }

  /// Readers see round trips and times of hearing once a round; each alone is no new view.
  private mutating func noteQuietly(_ node: NodeID) { quietChanges[node] = true }

  mutating func reviseQuietly(now: Instant) {
    for node in quietChanges.keys where members[node] != nil { noteChange(of: node, now: now) }
    quietChanges.removeAll()
  }

  private mutating func answer(_ ping: Ping, from node: NodeID, into effects: inout MembershipEffects) {
    var ack = Ack()
    ack.sequence = ping.sequence
    ack.digest = digest
    ack.health = UInt32(health.score)
    ack.news = pickNews(for: node)
    effects.append(.send([node], .ack(ack)))
  }
}
