// The order of claims (design: SWIM §4.2, with epochs in front). It is total, so that every node which has seen the
// same claims, in whatever order, holds the same one.
import MeshBasics
import MeshWire

/// Which life of a member a claim is about, and what it says: ordered by epoch, incarnation, state.
public struct Version: Comparable, Hashable, Sendable {
  /// The life of the process; a restart has a greater one.
  public var epoch: UInt64
  /// Raised by the owner alone, to refute a suspicion or to leave.
  public var incarnation: UInt32
  /// What is claimed of it.
  public var state: MemberState

  /// A version of a member.
  public init(epoch: UInt64, incarnation: UInt32, state: MemberState) {
    self.epoch = epoch
    self.incarnation = incarnation
    self.state = state
  }

  /// The version that a record claims.
  public init(_ record: MemberRecord) {
    self.init(epoch: record.epoch, incarnation: record.incarnation, state: record.state)
  }

  /// Orders by epoch, incarnation, state.
  public static func < (left: Version, right: Version) -> Bool {
    if left.epoch != right.epoch { return left.epoch < right.epoch }
    if left.incarnation != right.incarnation { return left.incarnation < right.incarnation }
    return left.state < right.state
  }

  /// Whether this claim replaces `known`. The greater version wins, except that a goodbye ends its epoch: nothing else
  /// of the same epoch replaces it. A true one is greater than all that its owner said before; a lesser one is a
  /// forgery.
  public func supersedes(_ known: Version) -> Bool {
    if epoch == known.epoch && known.state == .left && state != .left { return false }
    return self > known
  }
}

extension MemberState {
  /// Whether only a greater version brings the member back.
  public var isTerminal: Bool { self == .dead || self == .left }
}

/// Refuses versions that would put a member out of reach of its owner: an epoch far in the future, a leap of the
/// incarnation or of the metadata version. The owner's own link is trusted with its own numbers.
struct PoisonGuard: Sendable {
  /// Unix time in milliseconds, as this node reckons it.
  var unixMilliseconds: UInt64

  /// Whether an epoch lies further ahead than hearsay may claim.
  func isBeyondReach(_ epoch: UInt64) -> Bool {
    let (limit, overflow) = unixMilliseconds.addingReportingOverflow(MembershipLimits.epochAheadMaxMilliseconds)
    return !overflow && epoch > limit
  }

  /// Why `record` is refused against what is known, or nil when it may pass.
  func refusal(of record: MemberRecord, known: Member?) -> String? {
    let (limit, overflow) = unixMilliseconds.addingReportingOverflow(MembershipLimits.epochAheadMaxMilliseconds)
    // An epoch that the owner itself has told is believed, also by a node whose own clock went back for years.
    let isKnown = record.epoch <= known?.version.epoch ?? 0
    if !isKnown && isBeyondReach(record.epoch) { return "epoch more than 48 h ahead" }
    let jumpMax = MembershipLimits.incarnationJumpMax
    let isSameLife = known?.version.epoch == record.epoch
    let incarnation = isSameLife ? known?.version.incarnation ?? 0 : 0
    if record.incarnation > incarnation && record.incarnation &- incarnation > jumpMax {
      return "incarnation more than \(jumpMax) ahead"
    }
    // Metadata versions begin at the Unix time in milliseconds, as epochs do. What lies nearer the owner outbids, and
    // what is known may be told again, but is no ground to leap from.
    let told = isSameLife ? UInt64(clamping: known?.metadataVersion ?? 0) : 0
    let most = max(max(limit, record.epoch) &+ UInt64(jumpMax), told)
    let isFar = !overflow && UInt64(clamping: record.offeredMetadataVersion) > most
    return isFar ? "metadata version more than 48 h ahead" : nil
  }

  /// Whether the owner follows such a metadata version: others, whose clocks may be a day behind, take one more still.
  func mayFollow(_ metadataVersion: Int64) -> Bool {
    let (limit, overflow) = unixMilliseconds.addingReportingOverflow(MembershipLimits.metadataFollowedMilliseconds)
    return overflow || UInt64(clamping: metadataVersion) <= limit
  }
}

extension MemberRecord {
  /// The metadata version that a claim tells, whole or as a difference; 0 when it tells of no metadata.
  var offeredMetadataVersion: Int64 { sharedMetadata?.value.metadataVersion ?? metadataDelta?.toVersion ?? 0 }
}
