// What must be on disk before it is said, and what is worth remembering for the next start.
import MeshBasics
import MeshMembership
import MeshWire

/// The writes on their way.
struct Persistence: Sendable {
  /// What a write on its way was for.
  enum Purpose: Equatable, Sendable {
    /// The epoch of the start.
    case firstEpoch(UInt64)
    /// A greater epoch, above a claim about this node.
    case raisedEpoch(UInt64)
    case knownPeers
  }

  private(set) var pending = OrderedMap<SyncToken, Purpose>()
  private var lastToken: UInt64 = 0
  /// Known peers are written at most once a second, not while a write of them is on its way, and a moment after a
  /// change, which has more urgent consequences.
  private var lastKnownPeers: [MemberRecord]
  private var lastKnownPeersAt: Instant?
  private var lastRevision: UInt64?
  private var changedAt: Instant?
  private var hasGivenUpKnownPeers = false

  init(stored: StoredState) { lastKnownPeers = stored.knownPeers }

  mutating func begin(_ purpose: Purpose) -> SyncToken {
    lastToken &+= 1
    let token = SyncToken(rawValue: lastToken)
    pending[token] = purpose
    return token
  }

  mutating func end(_ token: SyncToken) -> Purpose? { pending.removeValue(forKey: token) }

  /// A failed write of them is final, as the store has it.
  mutating func giveUpKnownPeers() { hasGivenUpKnownPeers = true }

  /// Notes whether the membership changed since the last look.
  mutating func look(at membership: Membership, now: Instant) {
    guard lastRevision != membership.topologyRevision else { return }
    lastRevision = membership.topologyRevision
    changedAt = changedAt ?? now
  }

  /// When known peers may be written, if they must.
  var nextDeadline: Instant? {
    guard let changedAt, !hasGivenUpKnownPeers, !pending.values.contains(.knownPeers) else { return nil }
    let earliest = changedAt + EngineLimits.knownPeersDelay
    return lastKnownPeersAt.map { max(earliest, $0 + EngineLimits.knownPeersSpacing) } ?? earliest
  }

  /// The known peers to write now, if they changed and enough time has passed: those of the mesh, then as many as there
  /// is room for of those that an earlier run knew and that this one still looks for. Otherwise a node that meets one
  /// of many would remember that one alone, and look for nobody else after its next start.
  mutating func due(_ membership: Membership, unmet: () -> [MemberRecord], now: Instant) -> [MemberRecord]? {
    guard let deadline = nextDeadline, now >= deadline else { return nil }
    changedAt = nil
    var peers = membership.knownPeers(atMost: EngineLimits.knownPeersMax)
    peers += unmet().prefix(max(0, EngineLimits.knownPeersMax &- peers.count))
    // An empty mesh is no reason to forget the one of the last run: its members are what a restart looks for.
    guard peers != lastKnownPeers, !peers.isEmpty else { return nil }
    lastKnownPeers = peers
    lastKnownPeersAt = now
    return peers
  }
}
