import MeshBasics
import MeshSecurity

/// A connection of a `QUICEndpoint`, as what it is for: a link of the mesh, a client of a listener. Subclasses say what
/// that is; here is what the endpoint books of each.
class QUICUser: DeadlineOwner {
  let quic: QUICConnection
  /// When `deadlineCame` is to be called, whatever ngtcp2's timers say.
  final var deadline: Instant?
  /// In the endpoint's list of connections to flush.
  final var isDirty = false
  /// Counted among the accepted handshakes in flight.
  final var countsAsHandshake = false
  /// How its place is counted.
  final var standing = Standing.stranger
  final var heapIndex: Int?
  /// Datagrams that were read since the last flush.
  final var readCount = 0

  /// How an accepted connection is counted beside the total.
  enum Standing {
    /// Against its address, and with all strangers: nobody knows yet who it is.
    case stranger
    /// Against nothing: its owner knows it without a certificate.
    case known
    /// Against its peer's identity.
    case trusted
  }

  init(_ quic: QUICConnection) { self.quic = quic }

  /// Its own deadline has come. It is flushed afterwards.
  func deadlineCame(_ now: Instant) {}

  /// The endpoint has no room for it: it is to end, with HTTP/3's `H3_EXCESSIVE_LOAD`, but not before this returns,
  /// which is called inside QUIC calls.
  func sendAway(_ reason: String) {}

  /// Whether it is to end, and nothing is left to wait for. Asked after each flush; then the owner ends it.
  func isToEnd(_ now: Instant) -> Bool { false }

  /// Whether only an acknowledgement can be due after a datagram was read, which may wait for an answer to travel with.
  func awaitsAnswer() -> Bool { false }

  /// A flush is about to send all that is due.
  func willFlush(_ now: Instant) {}

  /// The peer for a log: the first name of its certificate, and its address.
  final var peerName: String { peerText(quic.identity, at: quic.remote) }
}

/// Who opens an endpoint and gives its connections their use. All is called on the endpoint's thread.
protocol QUICEndpointOwner: AnyObject {
  associatedtype User: QUICUser
  /// What a connection that a stranger begins is for.
  func user(of quic: QUICConnection) -> User
  /// The connection can't go on. The owner ends it: `QUICEndpoint.remove`, then `sayGoodbye`.
  func failed(_ user: User, _ failure: QUICFailure, _ now: Instant)
  /// Ends what said that it is to end.
  func end(_ user: User, _ now: Instant)
  /// ICMP said `code` of packets to `remote`. Who sees our packets can forge that.
  func hostRefused(_ remote: SocketAddress, _ code: Int32, _ now: Instant)
  /// All places are taken, or all of those that strangers have, and one more comes. Whether the owner has ended a
  /// connection for it.
  func makeRoom(forStranger: Bool, _ now: Instant) -> Bool
  /// Something to log or count.
  func observe(_ observation: Observation)
}

/// A closed connection, remembered to repeat the goodbye to packets that were on their way (RFC 9000 §10.2.1). Without
/// a goodbye, which is when the peer closed it, they are dropped.
final class ClosingConnection: DeadlineOwner {
  let packet: [UInt8]
  let keys: Set<ConnectionKey>
  var heapIndex: Int?
  private var late: UInt32 = 0

  init(packet: [UInt8], keys: Set<ConnectionKey>) {
    self.packet = packet
    self.keys = keys
  }

  /// Whether the goodbye is due again: after 1, 2, 4, 8… late packets.
  func isDueAgain() -> Bool {
    late &+= 1
    return late & (late &- 1) == 0
  }
}
