/// Rare turns of the protocol, each set once it was taken. The simulator proves with them that its runs came by there.
public struct Marks: OptionSet, Sendable, Hashable {
  /// One bit for each turn.
  public let rawValue: UInt64
  /// The turns behind `rawValue`.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// All turns by name, in the order of their bits.
  public static let names = [
    "released links", "kept a released link", "asked relays", "relayed by a new link", "nack", "reached by relay",
    "refusal", "confirmed", "doubted link replaced", "stale hearsay", "isolated", "pause", "second voice",
    "checked hearsay", "disproved", "death taken as suspicion", "gap in metadata", "news over budget",
    "broadcast over budget", "pulled broadcast", "tried to heal", "asked the owner", "looked for a duplicate", "late",
    "extended a probe", "spared a ping", "looked before the end",
  ]

  static let releasedLinks = Marks(rawValue: 1 << 0)
  static let keptReleasedLink = Marks(rawValue: 1 << 1)
  static let askedRelays = Marks(rawValue: 1 << 2)
  static let relayedByNewLink = Marks(rawValue: 1 << 3)
  static let nack = Marks(rawValue: 1 << 4)
  static let reachedByRelay = Marks(rawValue: 1 << 5)
  static let refusal = Marks(rawValue: 1 << 6)
  static let confirmed = Marks(rawValue: 1 << 7)
  static let doubtedLinkReplaced = Marks(rawValue: 1 << 8)
  static let staleHearsay = Marks(rawValue: 1 << 9)
  static let isolated = Marks(rawValue: 1 << 10)
  static let pause = Marks(rawValue: 1 << 11)
  static let secondVoice = Marks(rawValue: 1 << 12)
  static let checkedHearsay = Marks(rawValue: 1 << 13)
  static let disproved = Marks(rawValue: 1 << 14)
  static let deathTakenAsSuspicion = Marks(rawValue: 1 << 15)
  static let deltaGap = Marks(rawValue: 1 << 16)
  static let newsOverBudget = Marks(rawValue: 1 << 17)
  static let broadcastOverBudget = Marks(rawValue: 1 << 18)
  static let pulledBroadcast = Marks(rawValue: 1 << 19)
  static let triedToHeal = Marks(rawValue: 1 << 20)
  static let askedOwner = Marks(rawValue: 1 << 21)
  static let lookedForDuplicate = Marks(rawValue: 1 << 22)
  static let late = Marks(rawValue: 1 << 23)
  static let extendedProbe = Marks(rawValue: 1 << 24)
  static let sparedAPing = Marks(rawValue: 1 << 25)
  static let lookedBeforeTheEnd = Marks(rawValue: 1 << 26)
}
