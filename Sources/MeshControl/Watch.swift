/// What can be watched: the items of now, and the latest changes.
public protocol WatchedResource<Item> {
  /// One thing of it.
  associatedtype Item: Sendable
  /// All items, and the revision that they are of.
  func items() -> (items: WatchedItems<Item>, revision: UInt64)
  /// See `ChangeLog.place(after:)`.
  func place(after revision: UInt64) -> UInt64?
  /// See `ChangeLog.changes(from:limit:)`.
  func changes(from place: UInt64, limit: Int) -> [ChangeLog<Item>.Change]?
}

/// The items of one moment, which whoever holds them shares with everybody else: a caller that reads a snapshot slowly
/// keeps no list of its own.
public struct WatchedItems<Item> {
  let count: Int
  private let item: (Int) -> Item

  /// `items` as they are now.
  public init(_ items: some RandomAccessCollection<Item>) {
    count = items.count
    item = { items[items.index(items.startIndex, offsetBy: $0)] }
  }

  /// The item at a place below `count`.
  func at(_ place: Int) -> Item { item(place) }
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
    fileprivate let change: ChangeLog<Item>.Change
    /// Of the change, in the log.
    let place: UInt64
    /// The item is gone, or isn't wanted any more.
    let isRemoval: Bool
    /// After this one the caller knows all of the revision that it wants.
    fileprivate(set) var completesRevision = false

    /// The item that changed, as it is now or was last.
    var item: Item { change.item }
    var revision: UInt64 { change.revision }
  }

  /// Why a caller must begin anew.
  enum Reason: String {
    /// Its token is of another life of the node, of other filters, or of changes that are gone.
    case tokenUnknown = "token-unknown"
    /// It read so slowly that changes are gone.
    case lagged
  }

  private enum Place {
    case resuming(WatchToken)
    case beginning
    case listing(WatchedItems<Item>, from: Int, revision: UInt64)
    case following(UInt64)
  }

  private let life: UInt64
  let filter: UInt32
  private let isWanted: (Item) -> Bool
  private var place: Place
  /// The last revision of which the caller knows all; nil before its first snapshot is complete.
  private(set) var revision: UInt64?

  /// A watch of the items that `isWanted`, which `filter` tells from others, in the life of the node that `life` names,
  /// from `token` on.
  init(life: UInt64, filter: UInt32, from token: WatchToken?, isWanted: @escaping (Item) -> Bool) {
    self.life = life
    self.filter = filter
    self.isWanted = isWanted
    place = token.map { .resuming($0) } ?? .beginning
  }

  /// What the caller comes back with when it knows all up to `revision`.
  func token(at revision: UInt64) -> WatchToken { WatchToken(life: life, revision: revision, filter: filter) }

  /// The token of all that the caller knows.
  var token: WatchToken? { revision.map(token(at:)) }

  /// What comes next; nil when there is nothing now.
  mutating func next(in resource: any WatchedResource<Item>) -> Step? {
    switch place {
    case .resuming(let token):
      guard token.life == life, token.filter ?? filter == filter,
        let next = resource.place(after: token.revision)
      else { return resync(.tokenUnknown) }
      (place, revision) = (.following(next), token.revision)
      return follow(next, in: resource)
    case .beginning:
      let (items, revision) = resource.items()
      return list(items, from: 0, revision, of: resource)
    case .listing(let items, let start, let revision): return list(items, from: start, revision, of: resource)
    case .following(let next): return follow(next, in: resource)
    }
  }

  private mutating func resync(_ reason: Reason) -> Step {
    (place, revision) = (.beginning, nil)
    return .resync(reason)
  }

  private mutating func list(
    _ items: WatchedItems<Item>, from start: Int, _ revision: UInt64, of resource: any WatchedResource<Item>
  ) -> Step {
    var (part, next) = ([Item](), start)
    while next < items.count, part.count < WatchLimits.itemsPerPart {
      let item = items.at(next)
      if isWanted(item) { part.append(item) }
      next += 1
    }
    let isComplete = next == items.count
    if isComplete {
      self.revision = revision
      // Where so much has changed meanwhile that it is gone, the next step finds that out: no log has that place.
      place = .following(resource.place(after: revision) ?? .max)
    } else {
      place = .listing(items, from: next, revision: revision)
    }
    return .items(part, revision: revision, isFirst: start == 0, isComplete: isComplete)
  }

  private mutating func follow(_ next: UInt64, in resource: any WatchedResource<Item>) -> Step? {
    var next = next
    while true {
      guard let changes = resource.changes(from: next, limit: WatchLimits.changesPerPart) else {
        return resync(.lagged)
      }
      guard let last = changes.last else { return nil }
      let happenings = happenings(changes, from: next)
      next &+= UInt64(changes.count)
      place = .following(next)
      if last.completesRevision { revision = last.revision }
      if !happenings.isEmpty { return .changes(happenings) }
    }
  }

  private func happenings(_ changes: [ChangeLog<Item>.Change], from place: UInt64) -> [Happening] {
    var (happenings, place) = ([Happening](), place)
    for change in changes {
      if let isRemoval = isRemoval(change) {
        happenings.append(Happening(change: change, place: place, isRemoval: isRemoval))
      }
      place &+= 1
      // What else belongs to the revision isn't wanted, and not waited for.
      if change.completesRevision, happenings.last?.revision == change.revision {
        happenings[happenings.count - 1].completesRevision = true
      }
    }
    return happenings
  }

  /// Whether `change` takes its item away; nil where the caller neither wants it nor wanted it.
  private func isRemoval(_ change: ChangeLog<Item>.Change) -> Bool? {
    if !change.isGone, isWanted(change.item) { return false }
    return change.old.map(isWanted) == true ? true : nil
  }
}
