// The table of members: every change of it goes through `store` and `drop`, which keep the digest, the rings, the
// counts and the revisions true to it.
import MeshBasics
import MeshWire

extension Membership {
  /// Members alive or suspected, this node included.
  var livingCount: Int { 1 &+ count(of: .alive) &+ count(of: .suspect) }

  func count(of state: MemberState) -> Int { counts[Int(state.rawValue)] }

  /// Replaces what is known of `node`.
  mutating func store(_ member: Member, of node: NodeID, now: Instant) {
    let old = members[node]
    members[node] = member
    if let old { counts[Int(old.version.state.rawValue)] &-= 1 }
    counts[Int(member.version.state.rawValue)] &+= 1
    mixIntoDigest((old?.digestTerm(of: node) ?? 0) ^ member.digestTerm(of: node), key: member.key, now: now)
    placeOnRings(node, member, wasThere: old?.isOnRings ?? false, now: now)
    let isMoved = old?.metadata.value.endpoint != member.metadata.value.endpoint
    if isMoved || old?.isOnRings != member.isOnRings { topologyRevision &+= 1 }
    if old?.version != member.version || old?.metadata != member.metadata { noteChange(of: node, now: now) }
  }

  /// Forgets `node` altogether.
  mutating func drop(_ node: NodeID, now: Instant) {
    guard let old = members.removeValue(forKey: node) else { return }
    counts[Int(old.version.state.rawValue)] &-= 1
    mixIntoDigest(old.digestTerm(of: node), key: old.key, now: now)
    if old.isOnRings && rings.isNeighbour(node) {
      rings.rebuild(from: members)
      ringsChanged(now: now)
    }
    suspicions.removeValue(forKey: node)
    ends.removeValue(forKey: node)
    hearsay.removeValue(forKey: node)
    vouchings.removeValue(forKey: node)
    probes.removeValue(forKey: node)
    for timer in [
      Timer.suspicion(node), .check(node), .probe(node), .redial(node), .spared(node), .widen(node),
    ] { timers.set(timer, at: nil) }
    news.forget(node)
    broadcasts.forget(node)
    topologyRevision &+= 1
    noteChange(of: node, now: now)
  }

  private mutating func placeOnRings(_ node: NodeID, _ member: Member, wasThere: Bool, now: Instant) {
    if member.isOnRings && !wasThere {
      if rings.insert(node, key: member.key) { ringsChanged(now: now) }
    } else if !member.isOnRings && wasThere && rings.isNeighbour(node) {
      rings.rebuild(from: members)
      ringsChanged(now: now)
    }
  }

  /// Replaces one member's share of the digest by another.
  mutating func mixIntoDigest(_ difference: UInt64, key: UInt64, now: Instant) {
    guard difference != 0 else { return }
    digest ^= difference
    buckets[Membership.bucket(of: key)] ^= difference
    digestChangedAt = now
    // While nobody is watched there is nobody to agree with, and no time runs.
    if unconvergedSince == nil || rings.watched.isEmpty { unconvergedSince = now }
  }

  /// The part of the digest that a member belongs to: the first six bits of its key.
  static func bucket(of key: UInt64) -> Int { Int(key >> 58) }

  /// The claim to tell others.
  func record(of node: NodeID, _ member: Member, withMetadata: Bool) -> MemberRecord {
    var record = MemberRecord()
    record.nodeID = node.name
    record.epoch = member.version.epoch
    record.incarnation = member.version.incarnation
    record.state = member.version.state
    switch member.version.state {
    case .alive, .left: break
    case .suspect: describe(suspicions[node], in: &record)
    case .dead:
      record.accuser = ends[node]?.accuser?.name ?? nodeID.name
      record.removed = ends[node]?.isRemoved ?? false
    }
    // Metadata of an earlier epoch isn't offered under the newer one: the owner's next claim brings it.
    if withMetadata && member.metadataEpoch == member.version.epoch { record.sharedMetadata = member.metadata }
    return record
  }

  private func describe(_ suspicion: Suspicion?, in record: inout MemberRecord) {
    guard let suspicion else { return record.accuser = nodeID.name }
    // One's own word comes first where there is one: whoever hears it directly counts it as first hand.
    let isOwn = suspicion.confirmedAt != nil
    let first = isOwn ? nodeID : suspicion.spokesman ?? nodeID
    record.accuser = first.name
    record.refused = isOwn ? suspicion.refusedAt != nil : suspicion.refused.contains(first)
    record.accusers = suspicion.accusers.filter { $0 != first }.prefix(WireLimits.accusersMax).map(\.name)
  }

  /// Tells what changed in numbers.
  mutating func observeCounts(into effects: inout MembershipEffects) {
    let now = [
      1 &+ count(of: .alive), count(of: .suspect), count(of: .dead) &+ count(of: .left),
    ]
    if now != lastCounts {
      lastCounts = now
      effects.append(.observe(.membersCounted(alive: now[0], suspect: now[1], left: now[2])))
    }
    if health.score != lastHealth {
      lastHealth = health.score
      effects.append(.observe(.healthChanged(health.score)))
    }
    if peers.count != lastLinkCount {
      lastLinkCount = peers.count
      effects.append(.observe(.linksCounted(peers.count)))
    }
  }
}
