import MeshBasics

/// Whether the peer of a connection still says anything. Pure: the time comes in, and the signs of life, a number that
/// grows with each of them.
struct PeerSilence: Sendable {
  /// The signs when the first request was sent that nothing has come after, and when that was.
  private var unheard: (signs: Int, since: Instant)?
  /// The signs when the peer was taken for silent.
  private var silentAt: Int?

  /// A request was sent.
  mutating func sent(_ signs: Int, _ now: Instant) {
    if unheard?.signs != signs { unheard = (signs, now) }
  }

  /// A caller has waited in vain. Whether nothing has come for `patience` since a request was sent: the peer is silent
  /// then. One request that was sent a moment ago says nothing, as its deadline may be shorter than the way there.
  mutating func waitedInVain(_ signs: Int, _ now: Instant, patience: Duration) -> Bool {
    guard let unheard, unheard.signs == signs, now.since(unheard.since) >= patience else { return false }
    silentAt = signs
    return true
  }

  /// Whether the peer was taken for silent, and nothing has come since.
  func isSilent(_ signs: @autoclosure () -> Int) -> Bool { silentAt.map { $0 == signs() } ?? false }
}
