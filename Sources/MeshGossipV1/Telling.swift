// What v1 nodes are told: this node, whoever is asked or answered, and the others in turn.
import MeshBasics
import MeshWire

extension GossipV1 {
  /// An envelope for `peer`, which hears of itself in it: only that keeps what it tells of itself fresh.
  mutating func envelope(to peer: NodeID?, now: Instant) -> V1Envelope {
    sequence &+= 1
    var envelope = V1Envelope(sender: own)
    envelope.unixTicks = unixTicks
    envelope.sequence = sequence
    envelope.isMeshKit = true
    envelope.members = [V1Member(profile: own, status: ownStatus, lastSeenUnixTicks: unixTicks)]
    if let peer, let echo = echo(of: peer, now: now) { envelope.members.append(echo) }
    appendOthers(to: &envelope, except: peer, now: now)
    return envelope
  }

  private var ownStatus: V1Status {
    switch phase {
    case .waiting, .running: .alive
    case .leaving, .left: .left
    }
  }

  /// What `peer` hears of itself. If it hears it, it lives.
  private func echo(of peer: NodeID, now: Instant) -> V1Member? {
    guests[peer].map { guest in
      V1Member(profile: profile(of: peer, guest), status: .alive, lastSeenUnixTicks: ticks(at: guest.heardAt, now))
    }
  }

  /// The next ones in turn: so many that the envelopes of all bridges together tell a guest of everybody within two
  /// call periods.
  private mutating func appendOthers(to envelope: inout V1Envelope, except peer: NodeID?, now: Instant) {
    let share = announced.count &* 2 / max(1, bridges)
    let size = min(max(share, GossipV1Limits.windowMin), GossipV1Limits.windowMax)
    var bytes = 0
    for _ in 0..<min(size, announced.count) {
      guard bytes < GossipV1Limits.windowBytesMax, let next = announced.element(after: lastAnnounced)?.key else {
        return
      }
      lastAnnounced = next
      guard next != peer, let member = member(next, now: now) else { continue }
      bytes &+= member.profile.estimatedBytes
      envelope.members.append(member)
    }
  }

  /// What others are told of `node`: that it lives, or that it has gone, and nothing while it is suspect. v1 makes a
  /// member that has left alive again by a word of suspicion, and finds suspects by itself as their `lastSeen` ages.
  private func member(_ node: NodeID, now: Instant) -> V1Member? {
    if let guest = guests[node], guest.status == .alive {
      // Whoever tells of a guest tells when it heard it: told fresher, the dead would live on.
      return V1Member(
        profile: profile(of: node, guest), status: .alive, lastSeenUnixTicks: ticks(at: guest.heardAt, now))
    }
    if let end = ends[node], let profile = residents[node]?.profile ?? guests[node].map({ profile(of: node, $0) }) {
      return V1Member(profile: profile, status: .left, lastSeenUnixTicks: ticks(at: end, now))
    }
    // MeshKit's own detector says that it lives now.
    guard let resident = residents[node], resident.state == .alive else { return nil }
    return V1Member(profile: resident.profile, status: .alive, lastSeenUnixTicks: unixTicks)
  }

  private func profile(of node: NodeID, _ guest: Guest) -> V1Profile {
    V1Profile(nodeID: node, metadata: guest.metadata, endpoint: guest.endpoint)
  }

  /// A past moment on the wall clock.
  private func ticks(at instant: Instant, _ now: Instant) -> Int64 {
    unixTicks.subtractingReportingOverflow(now.since(instant).nanoseconds / 100).partialValue
  }

  // MARK: Whose turn it may be

  /// Notes an end, which v1 nodes are told for a while.
  mutating func end(_ node: NodeID, at instant: Instant) {
    ends[node] = instant
    timers.set(.hush(node), at: instant + GossipV1Limits.endTold)
  }

  /// Puts `node` among those that are told, or takes it out.
  mutating func refreshAnnouncement(of node: NodeID) {
    let isTold = guests[node]?.status == .alive || ends[node] != nil || residents[node]?.state == .alive
    announced[node] = isTold ? true : nil
  }
}
