import MeshBasics

/// The connections over QUIC that this node gave up lately, by the addresses of their peers. A peer that did not hear
/// of the end counts such a connection until its idle timeout, and sends away what is more than its limit, be it a
/// link. Pure: the time comes in.
struct GivenUpConnections: Sendable {
  /// How long a peer may count one, and how many of them it may have to.
  private let span: Duration
  private let most: Int
  /// The last of them, `most` at most for each address.
  private var times: [SocketAddress: [Instant]] = [:]

  init(span: Duration, most: Int) {
    self.span = span
    self.most = most
  }

  /// Addresses that are remembered.
  var count: Int { times.count }

  /// One to `remote` was given up.
  mutating func add(_ remote: SocketAddress, _ now: Instant) {
    // What is too old to count goes here: between two additions nothing grows.
    times = times.filter { _, given in given.contains { now < $0 + span } }
    times[remote] = Array(((times[remote] ?? []) + [now]).suffix(most))
  }

  /// Whether the peer at `remote` may have to count no more of them.
  func areTooMany(_ remote: SocketAddress, _ now: Instant) -> Bool {
    (times[remote] ?? []).count { now < $0 + span } >= most
  }
}
