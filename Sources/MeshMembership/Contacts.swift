// Links that open and close, and the messages that come over them.
import MeshBasics
import MeshWire

extension Membership {
  mutating func connected(
    _ node: NodeID, _ record: MemberRecord, now: Instant, into effects: inout MembershipEffects
  ) {
    guard isRunning, node != nodeID else { return }
    let known = members[node]
    merge(record, from: node, path: .owner, now: now, into: &effects)
    guard members[node] != nil else {
      effects.append(.disconnect(node, reason: "no room for another member"))
      return
    }
    _ = members.modify(node) { member in
      member.isLinked = true
      member.redialDeadline = nil
      member.differingDigests = 0
    }
    heard(from: node, now: now)
    guard let member = members[node] else { return }
    // Whoever is held suspect or dead hears it first, and refutes it with a greater incarnation.
    if member.version.state != .alive { send([buddyClaim(of: node, member)], to: [node], into: &effects) }
    let isNew = known.map { $0.version.state.isTerminal || $0.version.epoch < record.epoch } ?? true
    if isNew { sendView(to: node, replyWanted: false, now: now, into: &effects) }
    if member.version.state != .left { probe(node, now: now, into: &effects) }
  }

  mutating func disconnected(_ node: NodeID, now: Instant) {
    if var member = members[node] {
      member.isLinked = false
      member.probe = nil
      // A closed link is a hint, not a verdict: it asks for a probe, which is here a new link.
      if member.version.state == .alive && isRunning {
        member.redialDeadline = now + detector.redialTime(member.smoothedRoundTrip)
      }
      members[node] = member
    }
    if case .leaving(var awaited, let deadline) = phase {
      awaited.removeValue(forKey: node)
      phase = .leaving(awaited: awaited, deadline: deadline)
    }
  }

  mutating func dialFailed(_ node: NodeID, now: Instant, into effects: inout MembershipEffects) {
    guard let member = members[node], !member.isLinked, member.version.state == .alive else { return }
    let silence = now.since(member.evidence)
    guard member.redialDeadline != nil || silence >= configuration.suspicionInterval else { return }
    suspect(node, now: now, into: &effects)
  }

  mutating func received(
    _ message: MeshMessage, from node: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    guard members[node]?.isLinked == true else { return }
    heard(from: node, now: now)
    switch message {
    case .hello: break
    case .ping(let ping):
      merge(ping.news, from: node, path: .news, now: now, into: &effects)
      answer(ping, from: node, into: &effects)
      compareDigest(ping.digest, with: node, now: now, into: &effects)
    case .ack(let ack):
      merge(ack.news, from: node, path: .news, now: now, into: &effects)
      acknowledged(ack.sequence, by: node, now: now, into: &effects)
      compareDigest(ack.digest, with: node, now: now, into: &effects)
    case .news(let news): merge(news.records, from: node, path: .news, now: now, into: &effects)
    case .view(let view):
      merge(view.records, from: node, path: .view, now: now, into: &effects)
      if view.replyWanted { sendView(to: node, replyWanted: false, now: now, into: &effects) }
    }
  }

  private mutating func heard(from node: NodeID, now: Instant) {
    _ = members.modify(node) { member in
      member.lastHeard = now
      member.evidence = now
    }
    hasQuietChanges = true
  }

  private mutating func answer(_ ping: Ping, from node: NodeID, into effects: inout MembershipEffects) {
    var ack = Ack()
    ack.sequence = ping.sequence
    ack.digest = digest
    ack.news = pickNews(for: node)
    effects.append(.send([node], .ack(ack)))
  }

  private mutating func acknowledged(
    _ sequence: UInt64, by node: NodeID, now: Instant, into effects: inout MembershipEffects
  ) {
    if case .leaving(var awaited, let deadline) = phase, awaited[node] == sequence {
      awaited.removeValue(forKey: node)
      phase = .leaving(awaited: awaited, deadline: deadline)
    }
    guard let probe = members[node]?.probe, probe.sequence == sequence else { return }
    let roundTrip = now.since(probe.sentAt)
    _ = members.modify(node) { member in
      member.probe = nil
      // A repeated ping has the number of the first: which of the two was answered isn't known, so it measures nothing.
      guard probe.retryAt != nil else { return }
      member.roundTrip = roundTrip
      let old = member.smoothedRoundTrip ?? roundTrip
      member.smoothedRoundTrip = (old.multiplied(by: 7) + roundTrip).divided(by: 8)
    }
    if probe.retryAt != nil { effects.append(.observe(.roundTripMeasured(peer: node, roundTrip))) }
  }
}
