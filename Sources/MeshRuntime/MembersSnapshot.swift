import MeshBasics
import MeshMembership
import MeshThreads

/// An immutable picture of the membership: the local node first, then by node id.
public final class MembersSnapshot: Sendable {
  /// The members.
  public let members: Members
  /// Grows with every picture that the node publishes.
  public let revision: UInt64
  /// The revision of the last picture in which something else changed than when members were heard and how far they
  /// are.
  public let contentRevision: UInt64
  /// Unix time in nanoseconds when it was published.
  public let unixNanoseconds: Int64
  /// The same moment on the monotonic clock, to turn `lastHeard` into a time of day.
  public let published: Instant

  /// A picture of these members, in any order; of two with one name, the later.
  convenience init(members: [MemberView], revision: UInt64, unixNanoseconds: Int64, published: Instant) {
    var list = Members()
    for member in members { list.set(member.nodeID, to: member) }
    self.init(
      list, revision: revision, contentRevision: revision, unixNanoseconds: unixNanoseconds, published: published)
  }

  private init(
    _ members: Members, revision: UInt64, contentRevision: UInt64, unixNanoseconds: Int64, published: Instant
  ) {
    self.members = members
    self.revision = revision
    self.contentRevision = contentRevision
    self.unixNanoseconds = unixNanoseconds
    self.published = published
  }

  /// The picture after `changes`: each names a member and what is seen of it now, nil when it was forgotten. It shares
  /// with this one what didn't change, and so costs what did. Gives as well what is told of them that wasn't before.
  func updated(
    with changes: [(NodeID, MemberView?)], revision: UInt64, unixNanoseconds: Int64, published: Instant
  ) -> (snapshot: MembersSnapshot, content: [MemberChange]) {
    var list = members
    var content: [MemberChange] = []
    for (node, member) in changes {
      let old = list[node]
      let isSame = member.map { old?.tellsSame(as: $0) ?? false } ?? (old == nil)
      if !isSame { content.append(MemberChange(old: old, new: member)) }
      list.set(node, to: member)
    }
    let snapshot = MembersSnapshot(
      list, revision: revision, contentRevision: content.isEmpty ? contentRevision : revision,
      unixNanoseconds: unixNanoseconds, published: published)
    return (snapshot, content)
  }

  /// When `member` was last heard, as Unix time in nanoseconds; nil when never. The local node is heard now.
  public func lastSeenUnixNanoseconds(_ member: MemberView) -> Int64? {
    if member.isLocal { return unixNanoseconds }
    return member.lastHeard.map { unixNanoseconds &- published.since($0).nanoseconds }
  }
}

/// What became of one member from one picture to the next; nil before it was known, and after it was forgotten.
struct MemberChange: Sendable {
  let old, new: MemberView?
}

extension MembersSnapshot {
  /// Members in the order in which they are listed: the local one first, then by node id.
  public struct Members: RandomAccessCollection, Sendable {
    private var local: MemberView?
    /// All but the local one.
    private var others = ChunkedMap<NodeID, MemberView>()

    init() {}

    /// The place of the first member.
    public var startIndex: Int { 0 }
    /// One more than the place of the last member.
    public var endIndex: Int { others.count &+ (local == nil ? 0 : 1) }

    /// The member at that place. As with an array, there must be one.
    public subscript(place: Int) -> MemberView {
      guard let local else { return others.values[place] }
      return place == 0 ? local : others.values[place &- 1]
    }

    /// The member of that name.
    public subscript(node: NodeID) -> MemberView? { local?.nodeID == node ? local : others[node] }

    /// The place of the member of that name.
    public func firstIndex(of node: NodeID) -> Int? {
      guard let local else { return others[node].map { _ in others.rank(of: node) } }
      if local.nodeID == node { return 0 }
      return others[node].map { _ in others.rank(of: node) &+ 1 }
    }

    /// Steps through the members.
    public func makeIterator() -> Iterator { Iterator(local: local, others: others.values.makeIterator()) }

    fileprivate mutating func set(_ node: NodeID, to member: MemberView?) {
      if let member, member.isLocal {
        local = member
        others[node] = nil
      } else {
        if local?.nodeID == node { local = nil }
        others[node] = member
      }
    }

    /// Steps through the members.
    public struct Iterator: IteratorProtocol {
      fileprivate var local: MemberView?
      fileprivate var others: ChunkedMap<NodeID, MemberView>.Values.Iterator

      /// The next member.
      public mutating func next() -> MemberView? {
        guard let first = local else { return others.next() }
        local = nil
        return first
      }
    }
  }
}

/// The members of the newest snapshot as a list, which those share who ask before the next one is out.
final class MembersList: @unchecked Sendable {
  private let lock = Lock()
  private var list: [MemberView] = []
  private var snapshot: MembersSnapshot?

  func of(_ newest: MembersSnapshot) -> [MemberView] {
    lock.locked {
      if snapshot !== newest { (snapshot, list) = (newest, Array(newest.members)) }
      return list
    }
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
