import MeshBasics
import MeshMembership
import MeshWire

/// Keeps the JSON of members for those who ask next: many callers are told of the same members. The local one, which is
/// heard at every moment anew, isn't kept.
///
/// *Threads*: whatever its owner guards it for; the rooms call it inside a call of their own.
public protocol MemberTexts: AnyObject {
  /// What is kept under `key`.
  subscript(key: MemberTextKey) -> MemberText? { get set }
  /// Whole pages of members.
  var pages: MembersPages { get set }
  /// Lends the events of those who watch for the call.
  func withEvents<R>(_ body: (inout EventTexts) -> R) -> R
}

/// One state of a member: callers who watch are told of older ones too, each at its own pace.
public struct MemberTextKey: Hashable, Sendable {
  let node: NodeID
  let epoch: UInt64
  let incarnation: UInt32
  let metadataVersion: Int64

  /// The state in which `member` is.
  public init(_ member: MemberView) {
    node = member.nodeID
    (epoch, incarnation, metadataVersion) = (member.epoch, member.incarnation, member.metadata.metadataVersion)
  }
}

/// A member in JSON, as it was written for one look at it.
public struct MemberText: Sendable {
  let member: MemberView
  let clock: MemberClock
  let json: [UInt8]
}

extension MemberDocument {
  /// Writes `member`, from `texts` where it is there.
  static func write(
    _ member: MemberView, at clock: MemberClock, _ texts: (any MemberTexts)?, to json: inout JSONWriter
  ) {
    guard let texts, !member.isLocal else { return write(member, at: clock, to: &json) }
    let key = MemberTextKey(member)
    if let kept = texts[key], kept.clock.agrees(with: clock), kept.member == member {
      return json.written(kept.json)
    }
    var own = JSONWriter()
    write(member, at: clock, to: &own)
    texts[key] = MemberText(member: member, clock: clock, json: own.bytes)
    json.written(own.bytes)
  }
}
