// The rhythm: rounds of pings to the next member on each ring and to one more, relays when an answer is late, and the
// verdict.
import MeshBasics
import MeshWire

extension Membership {
  mutating func runRound(now: Instant, into effects: inout MembershipEffects) {
    let interval = health.stretched(configuration.interval)
    timers.set(.round, at: now + random.jittered(interval, percent: 10))
    forgetOldEnds(now: now)
    forgetFullBudgets(now: now)
    forgetOldVouchings(now: now)
    forgetToldNews()
    releaseSurplus(now: now, into: &effects)
    fillWarmLinks(now: now)
    reviseQuietly(now: now)
    noteUsualRoundTrip()
    for node in rings.watched where probes[node] == nil && timers[.redial(node)] == nil {
      if peers[node] != nil {
        if spares(node, now: now) { awaitPing(of: node) } else { probe(node, now: now, into: &effects) }
      } else if isUnheard(node, now: now) {
        askRelays(about: node, now: now, into: &effects)
      }
    }
    if let node = nextInTurn(now: now), probes[node] == nil, !spares(node, now: now) {
      probe(node, now: now, into: &effects)
    }
    if news.count > 0 { effects.append(.observe(.newsQueued(news.count))) }
  }

  /// Whether a peer needs no ping in this round: its own, heard in the last half of an interval, says as much. Of
  /// two that watch each other the rounds of one come first, so that it asks and the other hears.
  private mutating func spares(_ node: NodeID, now: Instant) -> Bool {
    guard let peer = peers[node] else { return false }
    let isHeard = peer.pingedAt.map { now.since($0) < configuration.interval.divided(by: 2) } ?? false
    let isSpared =
      isHeard && health.score == 0 && peer.health == 0 && peer.smoothedRoundTrip != nil
      && members[node]?.version.state == .alive
      && peer.roundsSpared < MembershipLimits.roundsSparedMax
    if isSpared { marks.insert(.sparedAPing) }
    _ = peers.modify(node) { $0.roundsSpared = isSpared ? $0.roundsSpared &+ 1 : 0 }
    return isSpared
  }

  /// A spared peer is asked when it is silent for as long as a round may last, so that it has the same time as others.
  private mutating func awaitPing(of node: NodeID) {
    guard let pingedAt = peers[node]?.pingedAt else { return }
    timers.set(.spared(node), at: pingedAt + configuration.interval.multiplied(by: 11).divided(by: 10))
  }

  mutating func notePing(of node: NodeID, now: Instant) {
    _ = peers.modify(node) { $0.pingedAt = now }
    if timers[.spared(node)] != nil { awaitPing(of: node) }
  }

  mutating func endSparing(of node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    guard peers[node] != nil, probes[node] == nil, rings.watched.contains(node) else { return }
    probe(node, now: now, into: &effects)
  }

  /// Whether a watched member without a link has had its time: for a dial to it, and for a word of it to come another
  /// way. No dial need ever fail: its endpoint may be empty, or wait for its turn.
  private func isUnheard(_ node: NodeID, now: Instant) -> Bool {
    guard let member = members[node], settledNeighbours.contains(node), !isLate(now: now) else { return false }
    return now.since(max(member.evidence, settledAt)) >= configuration.interval.multiplied(by: 2)
  }

  /// The next linked peer that the rings don't probe anyhow. The dead too, once a link to them is open: two that hold
  /// each other dead learn of it from these pings alone.
  private mutating func nextInTurn(now: Instant) -> NodeID? {
    let watched = rings.watched
    // A link just given back is about to close: a probe of it would look lost.
    let others = peers.keys.filter { node in
      let isGivenBack = peers[node]?.releasedAt.map { now.since($0) < MembershipLimits.releasePatience } ?? false
      return !watched.contains(node) && !isGivenBack && members[node]?.version.state != .left
    }
    guard !others.isEmpty else { return nil }
    let next = others.first { node in probeTurn.map { $0 < node } ?? false } ?? others.first
    probeTurn = next
    return next
  }

  mutating func probe(_ node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    timers.set(.spared(node), at: nil)
    let probe = newProbe(of: node, now: now)
    probes[node] = probe
    timers.set(.probe(node), at: probe.nextDeadline)
    // An answer that takes longer than a round must be known as slow, so the ping that it belongs to is remembered.
    let isAwaited = peers[node]?.lastAsked.map { now.since($0.at) < configuration.suspicionInterval } ?? false
    if !isAwaited { _ = peers.modify(node) { $0.lastAsked = Asked(sequence: probe.sequence, at: now) } }
    sendPing(probe.sequence, to: node, into: &effects)
  }

  private mutating func newProbe(of node: NodeID, now: Instant) -> Probe {
    sequence &+= 1
    let roundTrip = peers[node]?.smoothedRoundTrip
    let answerTime = detector.answerTime(roundTrip, health: health)
    // What lies in this node's own queue is read in a usual round, however slow the way: patience isn't multiplied.
    return Probe(
      sequence: sequence, sentAt: now, answerTime: answerTime,
      relayTime: detector.relayTime(roundTrip, answerTime: answerTime),
      patience: patience(max(roundTrip ?? .zero, usualRoundTrip)),
      extensionTime: max(answerTime.multiplied(by: 3), configuration.interval))
  }

  /// The least time until a verdict. Where answers take long lately it is twice as long as that. A death waits for a
  /// longer silence, so that it comes later for it only where this node was late itself, which puts verdicts off by a
  /// round for each lateness, or where most others begin to look after the first has accused.
  private func patience(_ roundTrip: Duration) -> Duration {
    max(configuration.interval, min(roundTrip.multiplied(by: 2), configuration.suspicionInterval.divided(by: 2)))
  }

  /// Takes the round trip to the middle one of the peers. Where that is long, this node is most likely the slow one,
  /// and must not blame those of whom it knows no round trip yet.
  private mutating func noteUsualRoundTrip() {
    let roundTrips = peers.values.compactMap(\.smoothedRoundTrip).sorted()
    usualRoundTrip = roundTrips.dropFirst(max(0, roundTrips.count - 1) / 2).first ?? .zero
  }

  mutating func endProbe(of node: NodeID) {
    probes.removeValue(forKey: node)
    timers.set(.probe(node), at: nil)
  }

  mutating func sendPing(_ number: UInt64, to node: NodeID, into effects: inout MembershipEffects) {
    var ping = Ping()
    ping.sequence = number
    ping.digest = digest
    ping.news = pickNews(for: node)
    effects.append(.send([node], .ping(ping)))
  }

  mutating func continueProbe(of node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    guard let probe = probes[node] else { return }
    // Two signs against the link: a new one decides. A node that isn't well waits for the whole time of a probe.
    if probe.isDoubt && peers[node] != nil && (health.score == 0 || now >= probe.verdictAt) {
      marks.insert(.doubtedLinkReplaced)
      effects.append(.disconnect(node, reason: "no answer on a doubted link"))
    } else if !probe.isRelayed {
      // QUIC repeats what a network loses, but a link that gave way to another took its pings along.
      if peers[node] != nil { sendPing(probe.sequence, to: node, into: &effects) }
      askRelays(about: node, now: now, into: &effects)
    } else if probe.extendedAt.map({ lastLateAt > $0 }) ?? (lastLateAt >= probe.sentAt),
      probe.extensions < MembershipLimits.extensionsMax
    {
      // This node was late itself since it asked: the answer may lie in its own queue. Each lateness counts once.
      marks.insert(.extendedProbe)
      var longer = probe
      longer.extensions &+= 1
      longer.extendedAt = now
      probes[node] = longer
      timers.set(.probe(node), at: max(longer.verdictAt, now + probe.answerTime))
    } else if now >= probe.verdictAt {
      probeFailed(probe, of: node, now: now, into: &effects)
    }
  }

  private mutating func probeFailed(
    _ probe: Probe, of node: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    endProbe(of: node)
    // Relays that said nothing at all point at this node or its network; each of the first two counts.
    if !configuration.mutations.contains(.ignoresNacks) {
      health.note(min(2, max(0, probe.relays.count &- probe.nacks)))
    }
    effects.append(.observe(.probeFailed(peer: node)))
    if hearsay[node]?.isAsked == true { confirmHearsay(about: node, refused: false, now: now, into: &effects) }
    suspect(node, refused: false, askedAt: probe.sentAt, now: now, into: &effects)
  }

  /// Asks some peers to probe `node`: first those that watch it, then any that are well.
  mutating func askRelays(about node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    guard let member = members[node], member.isOnRings else { return endProbe(of: node) }
    // Asked again by the same probe, those that answer would be counted twice and hide one that says nothing.
    guard probes[node]?.isRelayed != true else { return }
    var probe = probes[node] ?? newProbe(of: node, now: now)
    probe.isRelayed = true
    if configuration.mutations.contains(.asksNoRelays) {
      probe.relays = []
    } else {
      probe.relays = relays(for: node, member)
    }
    probes[node] = probe
    // Far relays need a round trip as well: what they say after the verdict would count as silence.
    let roundTrip = probe.relays.compactMap { peers[$0]?.smoothedRoundTrip }.max() ?? .zero
    let patience = min(roundTrip + roundTrip.divided(by: 4), configuration.interval) + MembershipLimits.nackTime
    timers.set(.probe(node), at: max(probe.verdictAt, now + max(probe.answerTime, patience)))
    guard !probe.relays.isEmpty else { return }
    marks.insert(.askedRelays)
    totals.relayedProbes &+= 1
    effects.append(.observe(.probeRelayed(peer: node)))
    var request = ProbeRequest()
    request.sequence = probe.sequence
    request.target = node.name
    effects.append(.send(probe.relays, .probeRequest(request)))
  }

  private mutating func relays(for node: NodeID, _ member: Member) -> [NodeID] {
    let able = peers.filter { other, peer in
      other != node && peer.isModern && Int(peer.health) < MembershipLimits.poorHealth
        && members[other]?.version.state == .alive
    }.map(\.0)
    guard able.count > MembershipLimits.relaysMax else { return able }
    let observers = rings.observers(of: node, key: member.key, among: members).filter { able.contains($0) }
    let others = able.filter { !observers.contains($0) }.shuffled(using: &random)
    return Array((observers + others).prefix(MembershipLimits.relaysMax))
  }

  mutating func acknowledged(
    _ sequence: UInt64, by node: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    if case .leaving(var awaited) = phase, awaited[node] == sequence {
      awaited.removeValue(forKey: node)
      phase = .leaving(awaited: awaited)
      if awaited.isEmpty { timers.set(.leave, at: now) }
    }
    finishRelayJobs(for: node, into: &effects)
    measure(sequence, node, now: now, into: &effects)
    guard let probe = probes[node], probe.sequence == sequence else { return }
    endProbe(of: node)
    // A machine that has had too little time a moment ago isn't well yet, whatever got through.
    if now.since(lastLateAt) >= configuration.interval || lastLateAt == .origin { health.note(-1) }
    effects.append(.observe(.probeReached(peer: node, path: "direct")))
  }

  /// Takes the round trip of the last ping to a peer, also when its answer comes after the verdict: otherwise a slow
  /// path would never be known as one.
  private mutating func measure(
    _ sequence: UInt64, _ node: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    guard let asked = peers[node]?.lastAsked, asked.sequence <= sequence else { return }
    let roundTrip = now.since(asked.at)
    // A later ping is answered first only where the earlier one was lost.
    guard asked.sequence == sequence, roundTrip <= configuration.suspicionInterval else {
      _ = peers.modify(node) { $0.lastAsked = nil }
      return
    }
    _ = peers.modify(node) { peer in
      peer.lastAsked = nil
      peer.roundTrip = roundTrip
      let old = peer.smoothedRoundTrip ?? roundTrip
      // Up at once, down slowly: a path that has become slow must not cost a false alarm first.
      let smooth = (old.multiplied(by: 7) + roundTrip).divided(by: 8)
      peer.smoothedRoundTrip = roundTrip > old ? (old + roundTrip).divided(by: 2) : smooth
    }
    effects.append(.observe(.roundTripMeasured(peer: node, roundTrip)))
  }

  mutating func relayAnswered(
    _ reply: ProbeReply, by relay: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    guard let target = NodeID(reply.target), let probe = probes[target], probe.sequence == reply.sequence,
      probe.relays.contains(relay)
    else { return }
    guard reply.reached else {
      marks.insert(.nack)
      _ = probes.modify(target) { $0.nacks &+= 1 }
      return
    }
    marks.insert(.reachedByRelay)
    endProbe(of: target)
    health.note(-1)
    _ = members.modify(target) { $0.evidence = now }
    _ = hearsay.modify(target) { $0.isAsked = false }
    noteProof(of: target, now: now)
    effects.append(.observe(.probeReached(peer: target, path: "relay")))
  }
}
