/// What can be watched: the items of now, and the latest changes.
public protocol WatchedResource<Item> {
  /// One thing of it.
  associatedtype Item: Sendable
  /// All items, and the revision that they are of.
  func items() -> (items: [Item], revision: UInt64)
  /// See `ChangeLog.place(after:)`.
  func place(after revision: UInt64) -> UInt64?
  /// See `ChangeLog.changes(from:limit:)`.
  func changes(from place: UInt64, limit: Int) -> [ChangeLog<Item>.Change]?
}

/// One caller's way through a resource: a snapshot, then every change after it, and where some of them are gone the
/// word that this is so and a new snapshot. It keeps no queue: what its caller has not taken is in the resource's log.
struct Watch<Item: Sendable> {
  /// What comes next.
  enum Step {
    /// Some of the items of `revision`. The first of them replaces all that the caller knows; with `isComplete` these
    /// are the last.
    case items([Item], revision: UInt64, isFirst: Bool, isComplete: Bool)
    case changes([Happening])
    /// What the caller knows is of no use: items follow.
    case resync(Reason)
  }

  /// What became of an item, as far as its caller wants it.
  struct Happening {
    enum Kind {
      case changed(Item)
      /// It is gone, or isn't wanted any more.
      case removed(Item)
    }

    let kind: Kind
    let revision: UInt64
    let completesRevision: Bool
  }

  /// Why a caller must begin anew.
  enum Reason: String {
    /// Its token is of another life of the node, or of changes that are gone.
    case tokenUnknown = "token-unknown"
    /// It read so slowly that changes are gone.
    case lagged
  }

  private enum Place {
    case resuming(WatchToken)
    case beginning
    case listing(ArraySlice<Item>, revision: UInt64, isFirst: Bool)
    case following(UInt64)
  }

  private let epoch: UInt64
  private let isWanted: (Item) -> Bool
  private var place: Place
  /// The last revision of which the caller knows all; nil before its first snapshot is complete.
  private(set) var revision: UInt64?

  /// A watch of the items that `isWanted`, in the life of the node that `epoch` names, from `token` on.
  init(epoch: UInt64, from token: WatchToken?, isWanted: @escaping (Item) -> Bool) {
    self.epoch = epoch
    self.isWanted = isWanted
    place = token.map { .resuming($0) } ?? .beginning
  }

  /// What comes next; nil when there is nothing now.
  mutating func next(in resource: some WatchedResource<Item>) -> Step? {
    switch place {
    case .resuming(let token):
      guard token.epoch == epoch, let next = resource.place(after: token.revision) else {
        return resync(.tokenUnknown)
      }
      (place, revision) = (.following(next), token.revision)
      return follow(next, in: resource)
    case .beginning:
      let (items, revision) = resource.items()
      return list(items.filter(isWanted)[...], revision, isFirst: true, of: resource)
    case .listing(let rest, let revision, let isFirst): return list(rest, revision, isFirst: isFirst, of: resource)
    case .following(let next): return follow(next, in: resource)
    }
  }

  private mutating func resync(_ reason: Reason) -> Step {
    (place, revision) = (.beginning, nil)
    return .resync(reason)
  }

  private mutating func list(
    _ items: ArraySlice<Item>, _ revision: UInt64, isFirst: Bool, of resource: some WatchedResource<Item>
  ) -> Step {
    let (part, rest) = (items.prefix(WatchLimits.itemsPerPart), items.dropFirst(WatchLimits.itemsPerPart))
    guard rest.isEmpty else {
      place = .listing(rest, revision: revision, isFirst: false)
      return .items(Array(part), revision: revision, isFirst: isFirst, isComplete: false)
    }
    self.revision = revision
    // Where so much has changed meanwhile that it is gone, the next step finds that out: no log has that place.
    place = .following(resource.place(after: revision) ?? .max)
    return .items(Array(part), revision: revision, isFirst: isFirst, isComplete: true)
  }

  private mutating func follow(_ next: UInt64, in resource: some WatchedResource<Item>) -> Step? {
    var next = next
    while true {
      guard let changes = resource.changes(from: next, limit: WatchLimits.changesPerPart) else {
        return resync(.lagged)
      }
      guard let last = changes.last else { return nil }
      next &+= UInt64(changes.count)
      place = .following(next)
      if last.completesRevision { revision = last.revision }
      let happenings = changes.compactMap(happening)
      if !happenings.isEmpty { return .changes(happenings) }
    }
  }

  private func happening(_ change: ChangeLog<Item>.Change) -> Happening? {
    let kind: Happening.Kind
    if let item = change.new, isWanted(item) {
      kind = .changed(item)
    } else if let item = change.old, isWanted(item) {
      kind = .removed(item)
    } else {
      return nil
    }
    return Happening(kind: kind, revision: change.revision, completesRevision: change.completesRevision)
  }
}

/// What a watch costs at most, and how it keeps in touch.
public enum WatchLimits {
  /// Changes that are kept for those who watch; who is further behind begins anew.
  public static let changesMax = 1_024
  /// Watches of one node at once; one more is answered 503.
  public static let watchesMax = 1_024
  /// Items of a snapshot that are written at once.
  static let itemsPerPart = 32
  /// Changes that are written at once.
  static let changesPerPart = 16
}
