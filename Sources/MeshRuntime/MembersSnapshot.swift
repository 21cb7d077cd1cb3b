import MeshBasics
import MeshMembership
import MeshThreads

/// An immutable picture of the membership: the local node first, then by node id.
public final class MembersSnapshot: Sendable {
  /// The members.
  public let members: [MemberView]
  /// Grows with every picture that the node publishes.
  public let revision: UInt64
  /// Unix time in nanoseconds when it was published.
  public let unixNanoseconds: Int64
  /// The same moment on the monotonic clock, to turn `lastHeard` into a time of day.
  public let published: Instant

  init(members: [MemberView], revision: UInt64, unixNanoseconds: Int64, published: Instant) {
    self.members = members
    self.revision = revision
    self.unixNanoseconds = unixNanoseconds
    self.published = published
  }

  /// When `member` was last heard, as Unix time in nanoseconds; nil when never. The local node is heard now.
  public func lastSeenUnixNanoseconds(_ member: MemberView) -> Int64? {
    if member.isLocal { return unixNanoseconds }
    return member.lastHeard.map { unixNanoseconds &- published.since($0).nanoseconds }
  }
}

/// Holds the newest snapshot. A reader pays for one lock held for one retain; an atomic swap of the reference would
/// race with the release of the old one.
final class SnapshotCell: @unchecked Sendable {
  private let lock = Lock()
  private var snapshot: MembersSnapshot

  init(_ snapshot: MembersSnapshot) { self.snapshot = snapshot }

  var current: MembersSnapshot { lock.locked { snapshot } }

  func replace(with newer: MembersSnapshot) {
    // The old picture is released after the lock, so that no reader waits for the release of a large table.
    var old: MembersSnapshot?
    lock.locked {
      old = snapshot
      snapshot = newer
    }
    _ = old
  }
}
