import MeshBasics
import MeshControl
import MeshMembership
import MeshThreads

/// The members as those see them who watch: the newest picture, and the latest changes. Written by the engine's thread,
/// read by the one that answers.
final class MembersFeed: WatchedResource, @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards all of it.
  private let lock = Lock()
  private let snapshots: SnapshotCell
  private var log = ChangeLog<MemberView>(capacity: WatchLimits.changesMax)
  private var watchesOpen = 0
  private var watchesOf: [String: Int] = [:]
  private var wake: (@Sendable () -> Void)?

  init(snapshots: SnapshotCell) { self.snapshots = snapshots }

  /// Adds what the picture of `revision` changes, before that picture is out: nobody then knows a revision that the log
  /// has not.
  func append(_ changes: [MemberChange], revision: UInt64) {
    guard !changes.isEmpty else { return }
    lock.locked { log.append(revision: revision, changes.map { ($0.old, $0.new) }) }
  }

  /// Lets those who watch, the members or another resource, have what is new. After the picture is out.
  func tell() {
    // Called outside of the lock, which the one who is woken takes.
    lock.locked { watchesOpen > 0 ? wake : nil }?()
  }

  /// How those who watch are told.
  func onNews(_ wake: @escaping @Sendable () -> Void) { lock.locked { self.wake = wake } }

  /// How many watch now.
  var watches: Int { lock.locked { watchesOpen } }
  /// Whether one more of `principal` may. Callers on this host without a credential, who have no name, are bounded
  /// together with all.
  func hasRoom(for principal: String?) -> Bool {
    lock.locked {
      let own = principal.map { watchesOf[$0, default: 0] } ?? 0
      return watchesOpen < WatchLimits.watchesMax && own < WatchLimits.watchesPerPrincipalMax
    }
  }

  func opened(by principal: String?) {
    lock.locked {
      watchesOpen += 1
      if let principal { watchesOf[principal, default: 0] += 1 }
    }
  }

  func closed(by principal: String?) {
    lock.locked {
      watchesOpen -= 1
      guard let principal, let count = watchesOf[principal] else { return }
      watchesOf[principal] = count > 1 ? count - 1 : nil
    }
  }

  // MARK: WatchedResource

  func items() -> (items: WatchedItems<MemberView>, revision: UInt64) {
    let snapshot = snapshots.current
    return (WatchedItems(snapshot.members), snapshot.contentRevision)
  }

  func place(after revision: UInt64) -> UInt64? { lock.locked { log.place(after: revision) } }

  func changes(from place: UInt64, limit: Int) -> [ChangeLog<MemberView>.Change]? {
    lock.locked { log.changes(from: place, limit: limit) }
  }
}
