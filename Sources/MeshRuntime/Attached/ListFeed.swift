import MeshBasics
import MeshControl
import MeshThreads

/// A short list of things as those see them who watch: the newest one, and the latest changes. Written by whoever looks
/// at the things, read by the thread that answers.
final class ListFeed<Item: Sendable>: WatchedResource, @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards all of it.
  private let lock = Lock()
  private var list: [Item] = []
  private var revision: UInt64 = 0
  private var log = ChangeLog<Item>(capacity: WatchLimits.changesMax)

  /// The newest list, and its revision.
  var current: (items: [Item], revision: UInt64) { lock.locked { (list, revision) } }

  /// Takes the list after `changes`; without any it is told to nobody who watches.
  func replace(with newer: [Item], changes: [(old: Item?, new: Item?)]) {
    lock.locked {
      list = newer
      guard !changes.isEmpty else { return }
      revision &+= 1
      log.append(revision: revision, changes)
    }
  }

  // MARK: WatchedResource

  func items() -> (items: WatchedItems<Item>, revision: UInt64) {
    let (items, revision) = current
    return (WatchedItems(items), revision)
  }

  func place(after revision: UInt64) -> UInt64? { lock.locked { log.place(after: revision) } }

  func changes(from place: UInt64, limit: Int) -> [ChangeLog<Item>.Change]? {
    lock.locked { log.changes(from: place, limit: limit) }
  }
}
