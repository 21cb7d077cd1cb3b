import COpenSSL
import MeshBasics
import MeshSecurity

/// One client's TLS: bytes of the wire in and out, plain bytes in and out. No IO.
final class TLSStream {
  /// Encrypted bytes made ahead of the socket; with more, `write` takes nothing.
  static let outputBytesMax = 64 * 1024
  private static let recordBytesMax = 16 * 1024

  private let server: TLSServer
  private let handle: OpaquePointer
  private let incoming: OpaquePointer
  private let outgoing: OpaquePointer
  private var outputBytes: [UInt8] = []
  private var outputStart = 0
  private var plain = [UInt8](repeating: 0, count: recordBytesMax)
  private var saidGoodbye = false
  /// The client sends no more, or broke TLS: nothing more can be read.
  private(set) var hasEnded = false
  /// The client broke TLS: nothing more can be said to it but what waits for the wire.
  private(set) var isBroken = false
  /// Who the client has proven to be; nil without a certificate.
  private(set) var peer: PeerIdentity?
  /// Why the client's certificate was refused; nil if it wasn't.
  private(set) var refusal: TrustRefusal?

  /// A stream that has received nothing. Nil when memory fails.
  init?(_ server: TLSServer) {
    guard let handle = SSL_new(server.context) else { return nil }
    // Owned by the handle as soon as it has them.
    guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
      SSL_free(handle)
      return nil
    }
    SSL_set_bio(handle, incoming, outgoing)
    SSL_set_accept_state(handle)
    (self.server, self.handle, self.incoming, self.outgoing) = (server, handle, incoming, outgoing)
    SSL_set_ex_data(handle, 0, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit { SSL_free(handle) }

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
      isBroken = hasEnded && cause != SSL_ERROR_ZERO_RETURN
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
      isBroken = true
      ERR_clear_error()
    }
    return max(0, Int(count))
  }

  /// Tells the client that nothing follows, so that it knows an end from a break. Does it once.
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

  /// Whether the client may come in with the certificates that it showed; called inside `read`.
  func judge(_ chain: [[UInt8]]) -> Bool {
    switch server.security.judge(chain: chain, peerIsClient: true) {
    case .success(let identity):
      peer = identity
      return true
    case .failure(let refusal):
      self.refusal = refusal
      return false
    }
  }

  private func collect() {
    let count = BIO_ctrl_pending(outgoing)
    guard count > 0 else { return }
    let start = outputBytes.count
    outputBytes.append(contentsOf: repeatElement(0, count: count))
    outputBytes.withUnsafeMutableBytes { buffer in
      _ = BIO_read(outgoing, buffer.baseAddress.map { $0 + start }, Int32(clamping: count))
    }
  }
}
