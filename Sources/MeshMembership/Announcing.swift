// Turning changes into events for the host and observations for the operator, each pair with one correlation id.
import MeshBasics
import MeshWire

extension Membership {
  /// Announces how a known member changed. Alive after an end is a join; after a suspicion, a recovery.
  mutating func announceChange(
    _ node: NodeID, from old: Member, to new: Member, isRestart: Bool, isMetadataNew: Bool, now: Instant,
    into effects: inout MembershipEffects
  ) {
    switch (old.status, new.status) {
    case (.left, .left): break
    case (_, .left): announceEnd(node, new, into: &effects)
    case (.left, .alive): announce(.joined, node, new, into: &effects)
    case (.left, .suspect):
      announce(.joined, node, new, into: &effects)
      announceSuspicion(node, new, now: now, into: &effects)
    case (.suspect, .alive): announceRecovery(node, new, into: &effects)
    case (.alive, .suspect): announceSuspicion(node, new, now: now, into: &effects)
    case (.alive, .alive), (.suspect, .suspect):
      if isRestart || isMetadataNew { announce(.updated, node, new, into: &effects) }
    }
  }

  /// Announces a join or an update.
  mutating func announce(
    _ kind: MembershipEvent.Kind, _ node: NodeID, _ member: Member, into effects: inout MembershipEffects
  ) {
    let correlation = correlation()
    let facts = member.facts(of: node)
    effects.append(
      .observe(
        kind == .joined
          ? .memberJoined(facts, correlation: correlation) : .memberUpdated(facts, correlation: correlation)))
    notify(kind, node, member, correlation, into: &effects)
  }

  mutating func announceSuspicion(
    _ node: NodeID, _ member: Member, now: Instant, into effects: inout MembershipEffects
  ) {
    let correlation = correlation()
    let silence = now.since(member.lastHeard == .origin ? member.evidence : member.lastHeard)
    effects.append(
      .observe(
        .memberSuspected(
          member.facts(of: node), silence: silence, accuser: suspicions[node]?.spokesman ?? nodeID,
          correlation: correlation)))
    notify(.suspect, node, member, correlation, into: &effects)
  }

  private mutating func announceRecovery(_ node: NodeID, _ member: Member, into effects: inout MembershipEffects) {
    let correlation = correlation()
    effects.append(
      .observe(
        .memberRecovered(
          member.facts(of: node), previousStatus: MemberStatus.suspect.rawValue, correlation: correlation)))
    notify(.recovered, node, member, correlation, into: &effects)
  }

  private mutating func announceEnd(_ node: NodeID, _ member: Member, into effects: inout MembershipEffects) {
    let correlation = correlation()
    let isGraceful = member.version.state == .left
    effects.append(
      .observe(.memberLeft(member.facts(of: node), graceful: isGraceful, correlation: correlation)))
    notify(.left, node, member, correlation, into: &effects)
  }

  private func notify(
    _ kind: MembershipEvent.Kind, _ node: NodeID, _ member: Member, _ correlation: UInt64,
    into effects: inout MembershipEffects
  ) {
    let view = member.view(of: node, roundTrip: peers[node]?.roundTrip, isLocal: false)
    effects.append(.notify(MembershipEvent(kind: kind, member: view, correlation: correlation)))
  }
}
