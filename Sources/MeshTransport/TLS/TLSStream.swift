import COpenSSL
import MeshBasics
import MeshSecurity

/// One connection's TLS, on either side: bytes of the wire in and out, plain bytes in and out. No IO.
final class TLSStream {
  /// Encrypted bytes made ahead of the socket; with more, `write` takes nothing.
  static let outputBytesMax = 64 * 1024
  private static let recordBytesMax = 16 * 1024

  /// The `TLSServer`, `TLSClient` or `TLSNodeClient` that it was made by.
  private let maker: AnyObject
  private let handle: OpaquePointer
  private let incoming: OpaquePointer
  private let outgoing: OpaquePointer
  private var outputBytes: [UInt8] = []
  private var outputStart = 0
  private var plain = [UInt8](repeating: 0, count: recordBytesMax)
  private var saidGoodbye = false
  /// The peer sends no more, or broke TLS: nothing more can be read.
  private(set) var hasEnded = false
  /// TLS is broken: nothing more can be said to the peer but what waits for the wire.
  var isBroken: Bool { failure != nil }
  /// What broke it, in OpenSSL's words.
  private(set) var failure: String?
  /// The alert by which the peer broke it (RFC 8446 §6); nil when it didn't.
  private(set) var alert: UInt8?
  /// Who the peer has proven to be, where a node judges it; nil without a certificate.
  private(set) var peer: PeerIdentity?
  /// The certificates that it showed for that, DER, leaf first.
  private(set) var peerChain: [[UInt8]] = []
  /// Why the peer's certificate was refused; nil if it wasn't.
  private(set) var refusal: TrustRefusal?

  /// A server's stream that has received nothing. Nil when memory fails.
  convenience init?(_ server: TLSServer) {
    self.init(server.context, madeBy: server)
    SSL_set_accept_state(handle)
    SSL_set_ex_data(handle, 0, Unmanaged.passUnretained(self).toOpaque())
  }

  /// A client's stream to another node, dialed by `host`. Nil when memory fails. `read` begins the handshake.
  convenience init?(_ client: TLSNodeClient, to host: String) {
    self.init(client.context, madeBy: client)
    SSL_set_connect_state(handle)
    SSL_set_ex_data(handle, 0, Unmanaged.passUnretained(self).toOpaque())
    if SocketAddress(literal: host, port: 0) == nil { tellServerName(host) }
  }

  /// A client's stream to `host`, a name or an address, which the server's certificate must hold for. Nil when memory
  /// fails. `read` begins the handshake.
  convenience init?(_ client: TLSClient, to host: String) {
    self.init(client.context, madeBy: client)
    SSL_set_connect_state(handle)
    if SocketAddress(literal: host, port: 0) != nil {
      guard X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(handle), host) == 1 else { return nil }
    } else {
      tellServerName(host)
      guard SSL_set1_host(handle, host) == 1 else { return nil }
    }
  }

  private init?(_ context: OpaquePointer, madeBy maker: AnyObject) {
    guard let handle = SSL_new(context) else { return nil }
    // Owned by the handle as soon as it has them.
    guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
      SSL_free(handle)
      return nil
    }
    SSL_set_bio(handle, incoming, outgoing)
    (self.maker, self.handle, self.incoming, self.outgoing) = (maker, handle, incoming, outgoing)
  }

  deinit { SSL_free(handle) }

  /// [RFC 6066 §3] The name by which the server was dialed.
  private func tellServerName(_ host: String) {
    var name = Array(host.utf8CString)
    _ = SSL_ctrl(handle, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name), &name)
  }

  /// Whether the handshake is over.
  var isOpen: Bool { SSL_is_init_finished(handle) != 0 }

  /// What both sides agreed to speak; nil when the client offered nothing.
  var applicationProtocol: String? {
    var name: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(handle, &name, &count)
    return name.map { String(decoding: UnsafeBufferPointer(start: $0, count: Int(count)), as: UTF8.self) }
  }

  /// Adds what came from the wire; `read` gives what it says.
  func receive(_ bytes: ArraySlice<UInt8>) {
    guard !hasEnded else { return }
    bytes.withUnsafeBytes { _ = BIO_write(incoming, $0.baseAddress, Int32(clamping: $0.count)) }
  }

  /// The next plain bytes; nil when there are none yet.
  func read() -> ArraySlice<UInt8>? {
    guard !hasEnded else { return nil }
    ERR_clear_error()
    let count = SSL_read(handle, &plain, Int32(plain.count))
    if count <= 0 {
      let cause = SSL_get_error(handle, count)
      hasEnded = cause != SSL_ERROR_WANT_READ
      if hasEnded, cause != SSL_ERROR_ZERO_RETURN { noteFailure() }
      ERR_clear_error()
    }
    collect()
    return count > 0 ? plain.prefix(Int(count)) : nil
  }

  /// Encrypts some of `bytes` and gives their number: 0 before the handshake is over, and while too much waits for the
  /// wire.
  func write(_ bytes: ArraySlice<UInt8>) -> Int {
    guard isOpen, !saidGoodbye, output.count < TLSStream.outputBytesMax, !bytes.isEmpty else { return 0 }
    ERR_clear_error()
    let count = bytes.prefix(TLSStream.recordBytesMax).withUnsafeBytes {
      SSL_write(handle, $0.baseAddress, Int32($0.count))
    }
    collect()
    // Memory takes all that is given, so that nothing written is an error.
    if count <= 0 {
      noteFailure()
      ERR_clear_error()
    }
    return max(0, Int(count))
  }

  private func noteFailure() {
    // OpenSSL's numbers for alerts that it was sent lie a thousand above them.
    let cause = ERR_peek_error() & 0x7f_ffff
    if (1_000...1_255).contains(cause) { alert = UInt8(cause - 1_000) }
    let verdict = SSL_get_verify_result(handle)
    let words =
      verdict == Int(X509_V_OK) ? ERR_reason_error_string(ERR_peek_error()) : X509_verify_cert_error_string(verdict)
    failure = words.map { String(cString: $0) } ?? "broken off"
  }

  /// Tells the peer that nothing follows, so that it knows an end from a break. Does it once.
  func sayGoodbye() {
    guard !saidGoodbye else { return }
    saidGoodbye = true
    if isOpen {
      ERR_clear_error()
      _ = SSL_shutdown(handle)
      ERR_clear_error()
    }
    collect()
  }

  /// What waits for the wire.
  var output: ArraySlice<UInt8> { outputBytes[outputStart...] }

  /// `count` bytes of `output` are on the wire.
  func wrote(_ count: Int) {
    outputStart = min(outputBytes.count, outputStart &+ max(0, count))
    if outputStart == outputBytes.count {
      outputBytes.removeAll(keepingCapacity: true)
      outputStart = 0
    } else if outputStart > TLSStream.outputBytesMax {
      // A reader that always leaves something must not make us keep all that it ever took.
      outputBytes.removeFirst(outputStart)
      outputStart = 0
    }
  }

  /// Whether the peer is welcome with the certificates that it showed; called inside `read`.
  func judge(_ chain: [[UInt8]]) -> Bool {
    guard let judge = maker as? any TLSJudge else { return false }
    switch judge.judge(chain) {
    case .success(let identity):
      (peer, peerChain) = (identity, chain)
      return true
    case .failure(let refusal):
      self.refusal = refusal
      return false
    }
  }

  private func collect() {
    let count = BIO_ctrl_pending(outgoing)
    guard count > 0 else { return }
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count) { buffer in
      let read = BIO_read(outgoing, buffer.baseAddress, Int32(clamping: count))
      outputBytes.append(contentsOf: UnsafeBufferPointer(rebasing: buffer.prefix(max(0, Int(read)))))
    }
  }
}
