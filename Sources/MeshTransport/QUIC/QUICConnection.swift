// One QUIC connection, seen from Swift. The calls into ngtcp2 are all in QUICConnection+ngtcp2.swift; here are its
// state, what it asks of its owner, and what its owner learns.
import CNgtcp2
import MeshBasics
import MeshSecurity

/// What a connection needs of its endpoint.
protocol QUICHost: AnyObject {
  /// Datagrams with this id belong to `connection`, from now on or no longer.
  func route(_ key: ConnectionKey, to connection: QUICConnection)
  func unroute(_ key: ConnectionKey, of connection: QUICConnection)
  /// Sends one datagram now.
  func transmit(
    _ bytes: UnsafeRawBufferPointer, from local: SocketAddress, to remote: SocketAddress, ecn: UInt8
  ) -> SendOutcome
  /// The trust decision on the peer's chain, DER, leaf first.
  func judge(_ chain: [[UInt8]], peerIsClient: Bool) -> Result<PeerIdentity, TrustRefusal>
}

/// The layer above: HTTP/3, whose streams a connection carries. Called inside QUIC calls, so it must not close or
/// flush the connection from here.
protocol QUICStreamLayer: AnyObject {
  /// Takes in stream data; returns how many bytes of flow control to give back at once, or nil to fail the connection.
  func received(_ bytes: UnsafeBufferPointer<UInt8>, finished: Bool, on stream: Int64) -> Int?
  func acknowledged(_ count: UInt64, on stream: Int64) -> Bool
  /// False fails the connection.
  func streamClosed(_ stream: Int64, errorCode: UInt64) -> Bool
  /// The peer broke off what it was sending. False fails the connection.
  func streamReset(_ stream: Int64, errorCode: UInt64) -> Bool
  /// We told the peer to stop sending.
  func streamStopped(_ stream: Int64)
  func mayWriteMore(on stream: Int64)
  func peerMayOpen(_ streams: UInt64)
  /// Fills `vectors` with what to send next; `stream` is -1 and the count 0 when nothing waits. Nil on failure.
  func nextWrite(
    _ vectors: UnsafeMutablePointer<ngtcp2_vec>, capacity: Int
  ) -> (stream: Int64, count: Int, finished: Bool)?
  func wrote(_ count: Int, on stream: Int64)
  func blocked(on stream: Int64)
  /// The peer takes no more of this stream.
  func shutForWriting(_ stream: Int64)
  /// Why this layer failed the connection.
  var failure: StreamLayerFailure? { get }
}

/// What a stream layer has against the connection: the application error code to close with, and words for people.
struct StreamLayerFailure: Error, Equatable {
  var code: UInt64
  var text: String
}

/// What a dialer or an accepted handshake is made with.
struct QUICParameters {
  var handshakeTimeout: Duration
  var idleTimeout: Duration
  var streamsMax: UInt64
  /// Whether a server sends clients without a certificate away; otherwise it only asks for one.
  var requiresClientCertificate = true
  var connectionWindow: UInt64 = 256 * 1024
  var streamWindow: UInt64 = 64 * 1024
}

/// Why a connection can't go on.
enum QUICFailure: Equatable {
  /// The peer closed it.
  case closedByPeer(QUICPeerClose)
  /// The handshake or the idle timeout ran out.
  case handshakeTimedOut, idleTimedOut
  /// The peer answered that it knows nothing of the connection (a stateless reset): most likely it was restarted.
  case forgottenByPeer
  /// To be dropped without a word.
  case dropped
  /// The system could not send its first packets: the `errno`.
  case unreachable(Int32)
  /// GnuTLS or memory failed before the first packet.
  case notStarted
  /// A protocol error of the peer or ours, as an ngtcp2 code; to be closed with it.
  case broken(Int32)

  /// Whether packets that are still on their way are to be passed over in silence (RFC 9000 §10.2.2).
  var drains: Bool { if case .closedByPeer = self { true } else { false } }
}

/// What the peer's CONNECTION_CLOSE said.
struct QUICPeerClose: Equatable {
  var isApplication: Bool
  var code: UInt64
  var reason: String

  /// The TLS alert that a CRYPTO_ERROR carries (RFC 9001 §4.8).
  var tlsAlert: UInt8? {
    !isApplication && (0x100...0x1ff).contains(code) ? UInt8(truncatingIfNeeded: code) : nil
  }
}

/// What to say when closing.
enum QUICClose {
  case application(code: UInt64)
  case transport(code: UInt64)
  /// The error that ngtcp2 found; with its TLS alert when the handshake failed.
  case failure(Int32)
}

/// One QUIC connection, client or server.
final class QUICConnection {
  let isServer: Bool
  /// Our end as the path names it: unspecified on a dialed connection, so that the kernel chooses.
  let local: SocketAddress
  /// The peer's end when the connection began.
  let remote: SocketAddress
  /// Nil once `release()` was called. Not weak: an object with weak references pays for each retain, and its
  /// thread touches it with each packet.
  var host: (any QUICHost)?
  /// Called once when application keys are there and streams may be opened. False fails the connection.
  var onReady: () -> Bool = { false }
  /// Called once when the handshake is complete: the peer has proven that it holds its certificate's key.
  var onTrusted: () -> Void = {}
  var streams: (any QUICStreamLayer)?

  // Owned C objects; nil once `release()` was called.
  var handle: OpaquePointer?
  var tls: TLSSession?
  let reference: UnsafeMutablePointer<ngtcp2_crypto_conn_ref>
  let pathStorage: UnsafeMutablePointer<ngtcp2_path_storage>
  let resetSecret: [UInt8]
  /// Where ngtcp2 and nghttp3 keep what they know of it.
  let memory: ConnectionMemory

  var keys: Set<ConnectionKey> = []
  /// Who the peer is, once its certificate was trusted.
  var identity: PeerIdentity?
  /// Whether the peer's certificates are kept.
  var keepsPeerChain = false
  /// Those that were trusted, DER, leaf first, where they are kept.
  private(set) var peerChain: [[UInt8]] = []
  /// Why we refused the peer's certificate.
  var refusal: String?
  /// A peer may come without a certificate.
  var admitsStrangers = false
  var isHandshakeComplete = false
  /// A stateless reset came.
  var isForgottenByPeer = false
  /// Where the last datagram went from and to: the path in use, which a migrating peer may change.
  var lastPath: (local: SocketAddress, remote: SocketAddress)
  /// Grows when the peer sends data of a stream, breaks its direction of one off, or acknowledges data of a stream, in
  /// a packet that only it can have made. Other frames don't count. Whoever lives acknowledges a request at once,
  /// however long the answer takes.
  var signs = 0
  /// The `errno` when the system could not send the last datagram at all.
  var unreachable: Int32?

  init(
    isServer: Bool, local: SocketAddress, remote: SocketAddress, host: any QUICHost, resetSecret: [UInt8],
    memory: ConnectionMemory
  ) {
    self.isServer = isServer
    self.local = local
    self.remote = remote
    self.host = host
    self.resetSecret = resetSecret
    self.memory = memory
    lastPath = (local, remote)
    reference = .allocate(capacity: 1)
    pathStorage = .allocate(capacity: 1)
    pathStorage.initialize(to: ngtcp2_path_storage())
  }

  deinit {
    release()
    reference.deallocate()
    pathStorage.deallocate()
  }

  func add(_ key: ConnectionKey) {
    keys.insert(key)
    host?.route(key, to: self)
  }

  func drop(_ key: ConnectionKey) {
    keys.remove(key)
    host?.unroute(key, of: self)
  }

  /// What to close with after `failure`; nil when nothing is to be sent.
  func close(after failure: QUICFailure) -> QUICClose? {
    guard case .broken(let status) = failure else { return nil }
    return streams?.failure.map { .application(code: $0.code) } ?? .failure(status)
  }

  /// Why the peer's certificate was refused, or that it showed none where one is required; nil when neither is so.
  var trustRefusal: String? { refusal ?? (tlsAlert == TLSAlert.certificateRequired ? "no-certificate" : nil) }

  /// Decides on the chain that the peer showed; remembers who it is, or why it was refused.
  func judge(_ chain: [[UInt8]]) -> Bool {
    if chain.isEmpty {
      if admitsStrangers { return true }
      refusal = "no-certificate"
      return false
    }
    switch host?.judge(chain, peerIsClient: isServer) {
    case nil: return false
    case .success(let identity):
      self.identity = identity
      if keepsPeerChain { peerChain = chain }
      return true
    case .failure(let refusal):
      self.refusal = refusal.reason
      return false
    }
  }
}
