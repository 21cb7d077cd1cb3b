// How a link ends while calls are on its connection: its stream ends in both directions, and the connection goes on
// until the last of them has.
import MeshBasics

extension LinkConversation {
  /// Whether the link, or a connection for calls, is open and stays so.
  var isOpen: Bool { state == .open && pendingEnd == nil && !isParting }

  /// Whether something else than its stream may say that the link's peer is gone. Where the stream's end waits to be
  /// read, the peer has said it.
  var mayBeDoubted: Bool { isOpen && !hasUnreadEnd && link?.isForCalls != true }

  /// Begins to end the link alone, until `deadline` at the latest. False where no call is on the connection.
  func part(by deadline: Instant) -> Bool {
    guard isOpen, let linkStream, carrier.isServer ? hasCallsToAnswer : hasCalls else { return false }
    isParting = true
    silence.sent(carrier.signs, MonotonicClock.now())
    carrier.finish(linkStream, trailers: carrier.isServer ? GRPCStatus.ok.fields : [])
    carrier.deadline = deadline
    carrier.touch()
    return true
  }

  /// The peer of a connection that this node has dialed has ended the link, on its own or after this node.
  func peerEndedLink() {
    if state == .ended { return }
    guard isParting || state == .open && pendingEnd == nil && hasCalls else { return fail(.closed) }
    // Nothing, where this node was first.
    if let linkStream { carrier.finish(linkStream, trailers: []) }
    parted()
  }

  /// The link is over. An accepted connection stays as it does after every link, a dialed one until its last call has
  /// ended, which the deadlines of the calls bound.
  func parted() {
    isParting = false
    isKeptForCalls = !carrier.isServer
    carrier.deadline = isKeptForCalls ? MonotonicClock.now() + limits.calls.patience : nil
    loop.linkEnded(self, .closed)
    if isKeptForCalls { loop.keptForCalls(self) }
    carrier.touch()
  }

  /// The connection was kept for a moment. A peer that has not even acknowledged the link's end, such as one that
  /// membership has found dead, will not answer either.
  func wasKept() {
    carrier.deadline = nil
    let now = MonotonicClock.now()
    guard silence.waitedInVain(carrier.signs, now, patience: limits.calls.patience) else { return }
    loop.gaveUp(self, now)
    fail(.timedOut)
  }
}
