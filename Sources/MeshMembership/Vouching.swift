// What others say for a member: that it lives, though it was accused or had ended. A refutation is believed on one
// neighbour's word, since it must travel as fast as the accusation. So that a liar can't keep a dead member listed by
// it, the word of others puts off a death for a while only, and once it has proved wrong one voice isn't enough.
import MeshBasics
import MeshWire

/// A member that others say lives, and that this node hasn't heard itself since.
struct Vouching: Equatable, Sendable {
  /// When it last proved its life, or was first vouched for after an end: what others say counts for so long from here.
  var provedAt: Instant
  /// When others last said so.
  var saidAt: Instant
  /// How often it may be said.
  var claims: TokenBucket
  /// It ended in spite of it: from then on one voice isn't enough.
  var isDoubted = false
  /// The first voice since, where it counts as one.
  var first: MemberRecord?
  var voice: NodeID?
  /// When this node last went to look.
  var lookedAt: Instant?

  init(provedAt: Instant, now: Instant) {
    self.provedAt = provedAt
    saidAt = now
    claims = TokenBucket(
      perSecond: Int64(MembershipLimits.vouchingsPerSecond), burst: Int64(MembershipLimits.vouchingsBurst), now: now)
  }
}

extension Membership {
  /// The claim to adopt when others say that a member lives that was accused or had ended; nil when it isn't believed.
  mutating func believedLife(
    _ record: MemberRecord, of node: NodeID, _ known: Member, from sender: NodeID, now: Instant
  ) -> MemberRecord? {
    guard known.version.state != .alive || vouchings[node] != nil else { return record }
    // One that had ended is given all the time anew, but once.
    let provedAt = known.version.state.isTerminal ? now : known.evidence
    var vouching = vouchings[node] ?? Vouching(provedAt: provedAt, now: now)
    vouching.saidAt = now
    let believed: MemberRecord? =
      if vouching.isDoubted {
        secondVoice(record, for: node, known, from: sender, &vouching, now: now)
      } else {
        vouching.claims.take(1, now: now) ? record : nil
      }
    if believed == nil && vouching.isDoubted { lookForDoubted(node, &vouching, now: now) }
    vouchings[node] = vouching
    return believed
  }

  /// Of two neighbours that say so the lesser claim: the greater may be an exaggeration.
  private func secondVoice(
    _ record: MemberRecord, for node: NodeID, _ known: Member, from sender: NodeID, _ vouching: inout Vouching,
    now: Instant
  ) -> MemberRecord? {
    // Where there is nobody else to ask, one has to do.
    if !peers.contains(where: { $0.0 != sender && $0.0 != node }) { return record }
    guard isVoice(sender, now: now) else { return nil }
    guard let first = vouching.first, let voice = vouching.voice, voice != sender,
      Version(first).supersedes(known.version)
    else {
      (vouching.first, vouching.voice) = (record, sender)
      return nil
    }
    (vouching.first, vouching.voice) = (nil, nil)
    return Version(first) < Version(record) ? first : record
  }

  /// Goes and looks: a link to the member is better than any number of voices.
  private mutating func lookForDoubted(_ node: NodeID, _ vouching: inout Vouching, now: Instant) {
    let isRecent = vouching.lookedAt.map { now.since($0) < configuration.suspicionInterval } ?? false
    guard !isRecent, peers[node] == nil, checks.take(1, now: now), wantTemporarily(node, now: now) else { return }
    vouching.lookedAt = now
  }

  /// The member has died though others vouched for it.
  mutating func doubtVouching(for node: NodeID) { _ = vouchings.modify(node) { $0.isDoubted = true } }

  /// Until when others' word puts off the death of a suspect.
  func vouchedUntil(_ node: NodeID) -> Instant {
    vouchings[node].map { $0.provedAt + configuration.suspicionInterval.multiplied(by: 6) } ?? .distantFuture
  }

  /// A relay has reached the member.
  mutating func noteProof(of node: NodeID, now: Instant) { _ = vouchings.modify(node) { $0.provedAt = now } }

  /// Forgets those whom nobody has accused for long.
  mutating func forgetOldVouchings(now: Instant) {
    let span = configuration.suspicionInterval.multiplied(by: 6)
    for (node, vouching) in vouchings where now.since(vouching.saidAt) >= span && isAlive(node) {
      vouchings.removeValue(forKey: node)
    }
  }
}
