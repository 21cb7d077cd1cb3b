import CGnuTLS
import CLinux
import CNgtcp2
import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

/// A bare HTTP/3 client, for requests that no link would make. One thread drives it by `pump`.
final class HTTP3Client {
  struct Answer {
    var fields: [HTTPField] = []
    var trailers: [HTTPField] = []
    var body: [UInt8] = []
    var hasEnded = false
    var isGone = false
  }

  private let security: NodeSecurity
  private let socket: UDPSocket
  private(set) var quic: QUICConnection!
  private(set) var http: HTTP3Session?
  private(set) var answers: [Int64: Answer] = [:]
  /// Why the connection ended.
  private(set) var failure: QUICFailure?

  /// It shows the certificate of `security` where it `showsCertificate`.
  init(_ security: NodeSecurity, to server: SocketAddress, showsCertificate: Bool = true) throws {
    self.security = security
    socket = try UDPSocket(
      binding: #require(SocketAddress(literal: "127.0.0.1", port: 0)), receiveBufferBytes: 1 << 20)
    quic = QUICConnection(
      isServer: false, local: socket.address, remote: server, host: self, resetSecret: Entropy.bytes(32),
      memory: ConnectionMemory())
    quic.onReady = { [weak self] in
      guard let self else { return false }
      http = HTTP3Session(on: quic, handler: self, limits: HTTP3Limits(streamsMax: 0, sectionBytesMax: 1 << 20))
      quic.streams = http
      return http != nil
    }
    let parameters = QUICParameters(handshakeTimeout: .seconds(20), idleTimeout: .seconds(30), streamsMax: 0)
    let credential = try TLSCredential(security.credential)
    if !showsCertificate { gnutls_certificate_free_keys(credential.certificate) }
    try #require(
      quic.startClient(credential, serverName: "peer", parameters: parameters, now: MonotonicClock.now()))
  }

  deinit { quic.release() }

  static func fields(_ path: String, _ more: [HTTPField] = []) -> [HTTPField] {
    [
      HTTPField(":method", "POST"), HTTPField(":scheme", "https"), HTTPField(":authority", "mesh"),
      HTTPField(":path", "/meshkit.mesh.v1.Mesh/\(path)"), HTTPField("content-type", "application/grpc"),
    ] + more
  }

  /// The fields of a request to a control listener.
  static func fields(_ method: String, of path: String, _ more: [HTTPField] = []) -> [HTTPField] {
    [
      HTTPField(":method", method), HTTPField(":scheme", "https"), HTTPField(":authority", "localhost"),
      HTTPField(":path", path),
    ] + more
  }

  /// Sends a request; `body` nil leaves it open, otherwise it ends after it.
  func request(_ fields: [HTTPField], body: [UInt8]? = nil) throws -> Int64 {
    try pump("connection") { http }
    let stream = try #require(http?.submitRequest(fields))
    if let body {
      _ = http?.send([], body, on: stream)
      http?.finish(stream)
    }
    return stream
  }

  /// Sends raw bytes on a stream that HTTP/3 doesn't know of.
  func say(_ bytes: [UInt8], on stream: Int64) throws {
    let session = try #require(http)
    quic.streams = RawStream(bytes, stream)
    try pump("raw bytes to leave") { true }
    quic.streams = session
  }

  /// Sends a message of TLS after the handshake. False when ngtcp2 takes none.
  func sayInTLS(_ message: [UInt8]) -> Bool {
    ngtcp2_conn_submit_crypto_data(quic.handle, NGTCP2_CRYPTO_LEVEL_APPLICATION, message, message.count) == 0
  }

  /// Runs the connection until `find` finds something, 30 s at most, or the connection has ended.
  @discardableResult func pump<Found>(_ what: String, until find: () throws -> Found?) throws -> Found {
    let end = MonotonicClock.now() + .seconds(30)
    while true {
      flush()
      if let found = try find() { return found }
      let now = MonotonicClock.now()
      guard now < end, failure == nil else { throw TransportError("no \(what); \(String(describing: failure))") }
      var item = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
      _ = poll(&item, 1, 5)
      _ = socket.receive { if failure == nil { failure = quic.read($0, now: MonotonicClock.now()) } }
      if failure == nil, quic.expiry <= MonotonicClock.now() { failure = quic.handleExpiry(now: MonotonicClock.now()) }
    }
  }

  /// Acknowledges what has come: before, its answers wait for it, and the server doesn't take it for idle.
  func acknowledge() throws {
    let end = MonotonicClock.now() + .milliseconds(200)
    var turns = 0
    // Also on a machine that stands still meanwhile: turns send what is due, time alone doesn't.
    try pump("the acknowledgement") {
      turns += 1
      return turns > 20 && MonotonicClock.now() > end ? true : nil
    }
  }

  func waitGone(_ stream: Int64) throws -> Answer {
    try pump("end of stream \(stream)") { answers[stream].flatMap { $0.isGone ? $0 : nil } }
  }

  func waitEnded(_ stream: Int64) throws -> Answer {
    try pump("answer on stream \(stream)") { answers[stream].flatMap { $0.hasEnded ? $0 : nil } }
  }

  /// How the server closed the connection.
  func waitClosedByPeer() throws -> QUICPeerClose {
    _ = try? pump("close") { failure }
    guard case .closedByPeer(let close) = failure else { throw TransportError("\(String(describing: failure))") }
    return close
  }

  private func flush() { if failure == nil { failure = quic.flush(now: MonotonicClock.now()) } }
}

/// One stream's bytes, written once.
private final class RawStream: QUICStreamLayer {
  private let bytes: UnsafeMutableBufferPointer<UInt8>
  private let stream: Int64
  private var isWritten = false
  let failure: StreamLayerFailure? = nil

  init(_ bytes: [UInt8], _ stream: Int64) {
    self.bytes = .allocate(capacity: bytes.count)
    _ = self.bytes.initialize(fromContentsOf: bytes)
    self.stream = stream
  }

  deinit { bytes.deallocate() }

  func nextWrite(
    _ vectors: UnsafeMutablePointer<ngtcp2_vec>, capacity: Int
  ) -> (stream: Int64, count: Int, finished: Bool)? {
    if isWritten { return (-1, 0, false) }
    vectors[0] = ngtcp2_vec(base: bytes.baseAddress, len: bytes.count)
    return (stream, 1, false)
  }

  func wrote(_ count: Int, on stream: Int64) { isWritten = true }
  func blocked(on stream: Int64) {}
  func shutForWriting(_ stream: Int64) {}
  func received(_ bytes: UnsafeBufferPointer<UInt8>, finished: Bool, on stream: Int64) -> Int? { bytes.count }
  func acknowledged(_ count: UInt64, on stream: Int64) -> Bool { true }
  func streamClosed(_ stream: Int64, errorCode: UInt64) -> Bool { true }
  func streamReset(_ stream: Int64, errorCode: UInt64) -> Bool { true }
  func streamStopped(_ stream: Int64) {}
  func mayWriteMore(on stream: Int64) {}
  func peerMayOpen(_ streams: UInt64) {}
}

extension HTTP3Client: HTTP3Handler {
  func received(fields: [HTTPField], on stream: Int64, areTrailers: Bool, refusal: HTTPFailure?) {
    if areTrailers {
      answers[stream, default: Answer()].trailers = fields
    } else {
      answers[stream, default: Answer()].fields = fields
    }
  }
  func received(body bytes: UnsafeBufferPointer<UInt8>, on stream: Int64) -> Int {
    answers[stream, default: Answer()].body += bytes
    return bytes.count
  }
  func ended(_ stream: Int64) { answers[stream, default: Answer()].hasEnded = true }
  func malformed(_ stream: Int64) {}
  func refusedByReader(_ stream: Int64) {}
  func closed(_ stream: Int64, isWasted: Bool) { answers[stream, default: Answer()].isGone = true }
}

extension HTTP3Client: QUICHost {
  func route(_ key: ConnectionKey, to connection: QUICConnection) {}
  func unroute(_ key: ConnectionKey, of connection: QUICConnection) {}
  func transmit(
    _ bytes: UnsafeRawBufferPointer, from local: SocketAddress, to remote: SocketAddress, ecn: UInt8
  ) -> SendOutcome { socket.send(bytes, from: local, to: remote, ecn: ecn) }
  func judge(_ chain: [[UInt8]], peerIsClient: Bool) -> Result<PeerIdentity, TrustRefusal> {
    security.judge(chain: chain, peerIsClient: peerIsClient)
  }
}
