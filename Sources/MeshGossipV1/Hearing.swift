// What a v1 node says: of itself it is believed; of others it gives reasons to look.
import MeshBasics
import MeshWire

extension GossipV1 {
  mutating func hear(_ envelope: V1Envelope, now: Instant, into effects: inout GossipV1Effects) {
    let sender = envelope.sender.nodeID
    if let refusal = envelope.refusals.first {
      effects.append(.observe(.messageRejected(peer: sender.name, reason: refusal.description)))
    }
    // A MeshKit node tells what it knows on MeshKit's side.
    guard !envelope.isMeshKit else { return }
    guard sender != nodeID, !isResident(sender) else {
      let detail = "a v1 node speaks under the name of a MeshKit node; what it says is ignored until one of them stops"
      effects.append(.observe(.duplicateNode(node: sender, detail: detail)))
      return
    }
    hear(envelope.sender, isGoodbye: envelope.isGoodbye, now: now, into: &effects)
    for member in envelope.members where member.profile.nodeID != sender {
      consider(member, from: sender, now: now, into: &effects)
    }
  }

  /// A v1 node has spoken.
  private mutating func hear(
    _ profile: V1Profile, isGoodbye: Bool, now: Instant, into effects: inout GossipV1Effects
  ) {
    let node = profile.nodeID
    lastHeardAny = now
    if isGoodbye {
      leave(node, graceful: true, now: now, into: &effects)
      return
    }
    var metadata = profile.metadata
    metadata.labels.removeAll { V1Mark.isMark($0.key) }
    // One that tells no endpoint can't be called; where it was reached before it still is.
    guard let endpoint = profile.endpoint ?? guests[node]?.endpoint, endpoint != configuration.endpoint,
      !(owners[endpoint].map { $0 != node && isResident($0) } ?? false)
    else {
      effects.append(.observe(.messageRejected(peer: node.name, reason: "sender.endpoint: missing, or another's")))
      return
    }
    metadata.endpoint = endpoint.description
    guard var guest = guests[node] else {
      if makeRoom(into: &effects) { join(node, Guest(metadata: metadata, endpoint: endpoint, now: now), now, &effects) }
      return
    }
    let old = guest
    guest.hear(now: now)
    (guest.metadata, guest.endpoint) = (metadata, endpoint)
    if old.status == .left {
      // Who says goodbye and comes back again and again makes changes at the pace of our interval, not at its own. What
      // was on its way before a goodbye is nothing new either.
      if let end = ends[node], now < end + configuration.interval { return }
      join(node, guest, now, &effects)
      return
    }
    guest.status = .alive
    guests[node] = guest
    if old.endpoint != endpoint {
      disown(old.endpoint, node)
      own(endpoint, node)
    }
    if !guest.isCalled { planCall(of: node, at: now + callPeriod) }
    announceChange(of: node, from: old, now: now, into: &effects)
  }

  private mutating func join(_ node: NodeID, _ guest: Guest, _ now: Instant, _ effects: inout GossipV1Effects) {
    var guest = guest
    guest.status = .alive
    (guest.told, guest.toldAt) = (guest.metadata, now)
    guests[node] = guest
    own(guest.endpoint, node)
    ends.removeValue(forKey: node)
    timers.set(.forget(node), at: nil)
    timers.set(.verdict(node), at: now + configuration.suspicionInterval)
    planCall(of: node, at: now + callPeriod)
    refreshAnnouncement(of: node)
    notify(.joined, node, guest, into: &effects)
  }

  /// What a guest tells of itself anew is told once in an interval; it speaks often enough to be told then.
  private mutating func announceChange(
    of node: NodeID, from old: Guest, now: Instant, into effects: inout GossipV1Effects
  ) {
    guard var guest = guests[node] else { return }
    if old.status == .suspect {
      refreshAnnouncement(of: node)
      notify(.recovered, node, guest, into: &effects)
    }
    var told = guest.told
    told.metadataVersion = guest.metadata.metadataVersion
    guard told != guest.metadata, now >= guest.toldAt + configuration.interval else { return }
    (guest.told, guest.toldAt) = (guest.metadata, now)
    guests[node] = guest
    notify(.updated, node, guest, into: &effects)
  }

  /// What `sender` says of another. It proves nothing: versions that are equal may differ in content, `lastSeen` is
  /// by some clock, and suspicions are often false.
  private mutating func consider(
    _ member: V1Member, from sender: NodeID, now: Instant, into effects: inout GossipV1Effects
  ) {
    let node = member.profile.nodeID
    if node == nodeID {
      defendOwn(against: member, from: sender, into: &effects)
      return
    }
    guard !isResident(node), member.profile.metadata.clusterID == own.metadata.clusterID else { return }
    let endpoint = member.profile.endpoint
    if let guest = guests[node], guest.status != .left {
      if let endpoint, endpoint != guest.endpoint, endpoint != configuration.endpoint {
        _ = guests.modify(node) { $0.rumouredEndpoint = endpoint }
      }
      if member.status != .alive { callSoon(node, now: now) }
    } else if member.status != .left, !member.profile.isMarked, let endpoint {
      learn(endpoint, keep: GossipV1Limits.contactLife, now: now, into: &effects)
    }
  }
}
