import MeshBasics
import MeshMembership

/// The latest changes of a resource, oldest first, for those who watch it: they are kept once, however many watch, and
/// who is too slow finds that they are gone.
///
/// A change has a **revision**, which several of one step share, and a **place**, which is its own. Revisions are what
/// callers name; they need not follow each other.
public struct ChangeLog<Item: Sendable>: Sendable {
  /// One change of one item. An object, since all who watch are handed the same ones, and items are large.
  public final class Change: Sendable {
    /// The revision of the resource that it belongs to.
    public let revision: UInt64
    /// The item before; nil when it is new.
    public let old: Item?
    /// The item now, or as it was last.
    public let item: Item
    /// It is not there any more.
    public let isGone: Bool
    /// It is the last of its revision.
    public let completesRevision: Bool

    fileprivate init(revision: UInt64, old: Item?, item: Item, isGone: Bool, completesRevision: Bool) {
      (self.revision, self.old, self.item) = (revision, old, item)
      (self.isGone, self.completesRevision) = (isGone, completesRevision)
    }
  }

  private var changes: BoundedRing<Change>
  /// The place of the oldest change that is kept.
  private var firstPlace: UInt64 = 0
  /// The revision of the newest change that is gone.
  private var forgottenRevision: UInt64
  private var latestRevision: UInt64

  /// A log that keeps `capacity` changes after `revision`.
  public init(capacity: Int, revision: UInt64 = 0) {
    changes = BoundedRing(capacity: capacity)
    forgottenRevision = revision
    latestRevision = revision
  }

  /// Adds the changes of one step, each an item before and after. `revision` must be greater than all before.
  public mutating func append(revision: UInt64, _ step: [(old: Item?, new: Item?)]) {
    guard revision > latestRevision else { return }
    latestRevision = revision
    let items = step.compactMap { old, new in (new ?? old).map { (old: old, item: $0, isGone: new == nil) } }
    for (index, (old, item, isGone)) in items.enumerated() {
      if changes.isFull, let forgotten = changes.popFirst() {
        firstPlace &+= 1
        forgottenRevision = forgotten.revision
      }
      _ = changes.append(
        Change(
          revision: revision, old: old, item: item, isGone: isGone, completesRevision: index == items.count - 1))
    }
  }

  /// The place of the first change after `revision`; nil when some of them are gone, or `revision` was never reached.
  public func place(after revision: UInt64) -> UInt64? {
    guard revision >= forgottenRevision, revision <= latestRevision else { return nil }
    var (low, high) = (0, changes.count)
    while low < high {
      let middle = (low + high) / 2
      if changes[middle].map({ $0.revision > revision }) ?? true { high = middle } else { low = middle + 1 }
    }
    return firstPlace &+ UInt64(low)
  }

  /// At most `limit` changes from `place` on; nil when some of them are gone.
  @specialized(where Item == MemberView)
  public func changes(from place: UInt64, limit: Int) -> [Change]? {
    guard place >= firstPlace, place &- firstPlace <= UInt64(changes.count) else { return nil }
    let start = Int(place &- firstPlace)
    var found: [Change] = []
    for index in start..<min(changes.count, start + max(0, limit)) {
      if let change = changes[index] { found.append(change) }
    }
    return found
  }
}
