// The rhythm: rounds of pings, their verdicts, suspicions and what ends them.
import MeshBasics
import MeshWire

extension Membership {
  mutating func runDueTimers(now: Instant, into effects: inout MembershipEffects) {
    if case .leaving(let awaited, let deadline) = phase {
      if awaited.isEmpty || now >= deadline { finishLeaving(into: &effects) }
      return
    }
    guard isRunning else { return }
    noteDeadlines()
    guard let next = nextDeadline, now >= next else { return }
    for (node, member) in members {
      if let due = member.nextDeadline, now >= due { runTimers(of: node, now: now, into: &effects) }
    }
    if let due = nextRoundAt, now >= due {
      nextRoundAt = now + random.jittered(configuration.interval, percent: 10)
      runRound(now: now, into: &effects)
    }
    if let due = nextRefreshAt, now >= due {
      nextRefreshAt = now + random.jittered(configuration.metadataRefreshPeriod, percent: 10)
      news.put(localRecord, about: nodeID, fresh: false, firstHand: true, source: nil)
    }
  }

  private mutating func runTimers(of node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    if let probe = members[node]?.probe { run(probe, of: node, now: now, into: &effects) }
    if let deadline = members[node]?.redialDeadline, now >= deadline {
      effects.append(.observe(.probeFailed(peer: node)))
      suspect(node, now: now, into: &effects)
    }
    if let suspicion = members[node]?.suspicion, now >= suspicion.deadline {
      endSuspicion(suspicion, of: node, now: now, into: &effects)
    }
  }

  private mutating func run(_ probe: Probe, of node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    if now >= probe.verdictAt {
      _ = members.modify(node) { $0.probe = nil }
      effects.append(.observe(.probeFailed(peer: node)))
      suspect(node, now: now, into: &effects)
    } else if let retryAt = probe.retryAt, now >= retryAt {
      _ = members.modify(node) { $0.probe?.retryAt = nil }
      sendPing(probe.sequence, to: node, into: &effects)
    }
  }

  /// A probe of our own failed: tag the version we know as suspect, and tell it.
  mutating func suspect(_ node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    guard var member = members[node] else { return }
    member.redialDeadline = nil
    guard member.version.state == .alive else {
      members[node] = member
      return
    }
    let known = member
    member.version.state = .suspect
    if configuration.mutations.contains(.mintsForOthers) { member.version.incarnation &+= 1 }
    accuse(node, member, from: known, now: now, into: &effects)
  }

  private mutating func endSuspicion(
    _ suspicion: Suspicion, of node: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    guard var member = members[node], !configuration.mutations.contains(.forgetsSuspicionTimer) else {
      _ = members.modify(node) { $0.suspicion?.deadline = .distantFuture }
      return
    }
    // Heard since it began: it lives, and its refutation is on the way. The silence counts from what was heard.
    if member.isLinked, let lastHeard = member.lastHeard, lastHeard > suspicion.beganAt {
      let deadline = lastHeard + configuration.suspicionInterval
      if deadline > now {
        member.suspicion?.deadline = deadline
        members[node] = member
        return
      }
    }
    let known = member
    member.version.state = .dead
    accuse(node, member, from: known, now: now, into: &effects)
    if member.isLinked { effects.append(.disconnect(node, reason: "declared dead after silence")) }
  }

  private mutating func accuse(
    _ node: NodeID, _ accused: Member, from known: Member, now: Instant, into effects: inout MembershipEffects
  ) {
    var member = accused
    member.accuser = nodeID
    settle(&member, from: known, now: now)
    store(member, of: node, now: now)
    news.put(
      member.record(of: node, withMetadata: false), about: node, fresh: true, firstHand: true, source: nil)
    announceChange(node, from: known, to: member, isRestart: false, isMetadataNew: false, now: now, into: &effects)
  }

  private mutating func runRound(now: Instant, into effects: inout MembershipEffects) {
    var linked: [NodeID] = []
    for (node, member) in members {
      if let endedAt = member.endedAt, !member.isLinked,
        now.since(endedAt) >= MembershipLimits.tombstoneLifetime
      {
        drop(node, now: now)
      } else if member.isLinked && member.version.state != .left {
        // The dead too, once a link to them is open: two that hold each other dead learn of it from these pings alone.
        linked.append(node)
      }
    }
    for node in overlay.probes(among: linked) where members[node]?.probe == nil {
      probe(node, now: now, into: &effects)
    }
  }

  mutating func probe(_ node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    sequence &+= 1
    let number = sequence
    let probe = detector.probe(number, roundTrip: members[node]?.smoothedRoundTrip, now: now)
    _ = members.modify(node) { $0.probe = probe }
    sendPing(number, to: node, into: &effects)
  }

  mutating func sendPing(_ number: UInt64, to node: NodeID, into effects: inout MembershipEffects) {
    var ping = Ping()
    ping.sequence = number
    ping.digest = digest
    ping.news = pickNews(for: node)
    effects.append(.send([node], .ping(ping)))
  }

  /// News to ride on a message to `node`; a suspect's own suspicion comes first, so that it can refute it at once.
  mutating func pickNews(for node: NodeID) -> [MemberRecord] {
    let limit = News.retransmissions(scale: configuration.retransmitLimit, members: members.count &+ 1)
    let planted = configuration.mutations
    var picked =
      planted.contains(.dropsRetransmissionAndSync)
      ? [] : news.pick(limit: limit, keepsForEver: planted.contains(.keepsNewsForEver))
    if let member = members[node], member.version.state != .alive {
      picked.removeAll { $0.nodeID == node.name }
      picked.insert(buddyClaim(of: node, member), at: 0)
    }
    return picked
  }

  /// What a member that isn't alive must hear about itself.
  func buddyClaim(of node: NodeID, _ member: Member) -> MemberRecord { member.record(of: node, withMetadata: false) }
}
