import MeshBasics

/// The texts of the latest events of a resource, for those who are told the same: to write each event anew for every
/// caller that watches would be most of the work of telling a thousand of them.
///
/// *Limits*: `textsMax` texts of `textBytesMax` each. A newer one takes the place of one that happens to lie there.
public struct EventTexts: Sendable {
  static let textsMax = 1_024
  static let textBytesMax = 4_096

  /// What the text of an event depends on, in one life of the node.
  struct Key: Equatable, Sendable {
    /// Of the change, in the log.
    let place: UInt64
    /// Stands in the token, and tells those apart who want other items.
    let filter: UInt32
    /// The item is gone, or isn't wanted any more.
    let isRemoval: Bool
    /// Its caller then knows all of a revision.
    let hasID: Bool

    /// Changes that follow each other lie side by side.
    fileprivate var index: Int {
      let spread = UInt64(filter) &* 0x9E37_79B9 &+ (isRemoval ? 389 : 0) &+ (hasID ? 97 : 0)
      return Int(truncatingIfNeeded: (place &+ spread) % UInt64(EventTexts.textsMax))
    }
  }

  private struct Entry: Sendable {
    let key: Key
    let clock: MemberClock
    let text: [UInt8]
  }

  private var entries: [Entry?] = []

  /// No texts.
  public init() {}

  /// The text that is kept under `key`, if it tells the same times as one that is written at `clock`.
  func text(_ key: Key, at clock: MemberClock) -> [UInt8]? {
    guard !entries.isEmpty, let entry = entries[key.index], entry.key == key, entry.clock.agrees(with: clock) else {
      return nil
    }
    return entry.text
  }

  /// Keeps `text`, which was written at `clock`.
  mutating func keep(_ text: [UInt8], _ key: Key, at clock: MemberClock) {
    guard text.count <= EventTexts.textBytesMax else { return }
    if entries.isEmpty { entries = [Entry?](repeating: nil, count: EventTexts.textsMax) }
    // What has grown has room for twice as much.
    let exact = [UInt8](unsafeUninitializedCapacity: text.count) { $1 = $0.initialize(fromContentsOf: text) }
    entries[key.index] = Entry(key: key, clock: clock, text: exact)
  }
}
