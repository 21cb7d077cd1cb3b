import MeshBasics
import MeshWire

@testable import MeshMembership

/// What must hold of a membership after each turn, whatever was said to it; nil when all of it does. What the room
/// keeps up to date step by step is computed anew.
func brokenInvariant(of room: Membership, now: Instant) -> String? {
  brokenTable(of: room) ?? brokenLimit(of: room) ?? brokenTime(of: room, now: now)
}

private func brokenTable(of room: Membership) -> String? {
  var buckets = [UInt64](repeating: 0, count: WireLimits.syncBuckets)
  var counts = [Int](repeating: 0, count: MemberState.allCases.count + 1)
  if room.phase != .waiting {
    buckets[Membership.bucket(of: room.local.key)] ^= room.local.digestTerm(of: room.nodeID)
  }
  for (node, member) in room.members {
    if node == room.nodeID { return "the local node is in its own table" }
    buckets[Membership.bucket(of: member.key)] ^= member.digestTerm(of: node)
    counts[Int(member.version.state.rawValue)] += 1
    let isSuspect = member.version.state == .suspect
    if isSuspect != (room.suspicions[node] != nil) { return "\(node): \(member.version.state) and its suspicion" }
    if member.version.state.isTerminal != (room.ends[node] != nil) {
      return "\(node): \(member.version.state) and its end"
    }
  }
  if buckets != room.buckets { return "buckets differ from recomputed ones" }
  if buckets.reduce(0, ^) != room.digest { return "digest differs from a recomputed one" }
  if counts != room.counts { return "counts \(room.counts) instead of \(counts)" }
  var rings = room.rings
  rings.rebuild(from: room.members)
  if rings != room.rings { return "rings differ from rebuilt ones" }
  if room.suspicions.count != room.count(of: .suspect) { return "a suspicion of nobody" }
  if room.ends.count != room.count(of: .dead) + room.count(of: .left) { return "an end of nobody" }
  for node in room.probes.keys + room.hearsay.keys + room.vouchings.keys + room.peers.keys
  where room.members[node] == nil {
    return "\(node) is linked, probed or accused and no member"
  }
  for (node, _) in room.members where room.news[node].map({ $0.record.nodeID != node.name }) ?? false {
    return "news about another than \(node)"
  }
  return room.local.version.state == .suspect || room.local.version.state == .dead ? "suspects itself" : nil
}

private func brokenLimit(of room: Membership) -> String? {
  let bytes = room.broadcasts.kept.reduce(0) { $0 + ($1.1.message.payload?.count ?? 0) }
  let limits: [(String, Int, Int)] = [
    ("members", room.members.count + 1, MembershipLimits.membersMax),
    ("news", room.news.count, room.members.count + 1),
    ("changes", room.changes.count, 2 * (room.members.count + MembershipLimits.forgottenChangesMax) + 1),
    ("probes", room.probes.count, room.members.count),
    ("relayed probes", room.relayJobs.count, MembershipLimits.relayJobsMax),
    ("open cases", room.hearsay.count, room.members.count),
    ("vouched for", room.vouchings.count, room.members.count),
    ("budgets of closed links", room.spentBudgets.count, MembershipLimits.spentBudgetsMax),
    ("warm links", room.links.warm.count, MembershipLimits.warmLinks + 1),
    ("passing links", room.links.temporary.count, MembershipLimits.temporaryLinksMax),
    ("broadcasts", room.broadcasts.kept.count, MembershipLimits.broadcastsMax),
    ("bytes of broadcasts", bytes, MembershipLimits.broadcastBytesMax),
    ("health", room.health.score, MembershipLimits.healthMax),
    ("links wanted", room.linkTargets.count, 2 * MembershipLimits.ringsMax + 13 + MembershipLimits.temporaryLinksMax),
  ]
  for (name, count, limit) in limits where count > limit { return "\(name): \(count), allowed are \(limit)" }
  if bytes != room.broadcasts.bytes { return "broadcasts reckoned at \(room.broadcasts.bytes) bytes, are \(bytes)" }
  return nil
}

private func brokenTime(of room: Membership, now: Instant) -> String? {
  if let next = room.nextDeadline, next <= now { return "the next deadline isn't after now" }
  for (node, member) in room.members where member.evidence > now || member.lastHeard > now {
    return "\(node) was heard in the future"
  }
  return nil
}

/// What must hold of what a membership says: nobody is sent what it can't read, and no frame is too large.
func brokenMessage(_ message: MeshMessage, to nodes: [NodeID], of room: Membership) -> String? {
  if nodes.isEmpty { return "a message to nobody" }
  for node in nodes {
    if let peer = room.peers[node], !peer.isModern, ![.ping, .ack, .news, .view].contains(message.kind) {
      return "\(message.kind) to a peer of the first version"
    }
  }
  let bytes = message.encoded()
  if bytes.count > WireLimits.frameBytes { return "\(message.kind) of \(bytes.count) bytes" }
  if (try? MeshMessage.decode(bytes)) == nil { return "\(message.kind) that nobody can read: \(message)" }
  return nil
}
