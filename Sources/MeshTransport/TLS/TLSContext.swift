// What the node's own TLS has in common on both sides: its certificate, its versions, and who judges the peer.
import COpenSSL
import MeshBasics
import MeshSecurity

/// Decides about the certificates of peers.
protocol TLSJudge: AnyObject {
  /// Who the peer is by `chain`, DER, leaf first; or why it may not come in.
  func judge(_ chain: [[UInt8]]) -> Result<PeerIdentity, TrustRefusal>
}

/// Makes OpenSSL's contexts with the certificate of a node.
enum TLSContext {
  /// A context of `method` that shows `credential`: TLS 1.3, and 1.2 where that is allowed, with forward secrecy and
  /// authenticated ciphers only; nothing is resumed, nothing renegotiated. *Errors*: what is wrong with the
  /// certificate; never the key.
  static func make(
    _ method: OpaquePointer?, _ credential: NodeCredential, allowsTLS12: Bool
  ) throws(TransportError) -> OpaquePointer {
    guard let made = SSL_CTX_new(method) else { throw TransportError("OpenSSL is out of memory") }
    let oldest = allowsTLS12 ? TLS1_2_VERSION : TLS1_3_VERSION
    _ = SSL_CTX_ctrl(made, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(oldest), nil)
    _ = SSL_CTX_set_cipher_list(made, "ECDHE+AESGCM:ECDHE+CHACHA20")
    // By their bits: SSL_OP_NO_TICKET and SSL_OP_NO_RENEGOTIATION are macros that Swift doesn't see.
    _ = SSL_CTX_set_options(made, UInt64(1 << 14 | 1 << 30))
    _ = SSL_CTX_ctrl(made, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
    // Idle connections give their buffers back.
    _ = SSL_CTX_ctrl(made, SSL_CTRL_MODE, Int(SSL_MODE_RELEASE_BUFFERS), nil)
    guard use(credential, in: made) else {
      ERR_clear_error()
      SSL_CTX_free(made)
      throw TransportError("OpenSSL can't use the certificate \(credential.subject)")
    }
    return made
  }

  /// Has the chains of peers judged by the `TLSJudge` that made the stream.
  static func judgePeers(of context: OpaquePointer, _ mode: Int32) {
    SSL_CTX_set_verify(context, mode, nil)
    SSL_CTX_set_cert_verify_callback(context, judgePeer, nil)
  }

  private static func use(_ credential: NodeCredential, in context: OpaquePointer) -> Bool {
    let chain = certificates(inPEM: credential.chainPEM)
    defer { chain.forEach { X509_free($0) } }
    guard let leaf = chain.first, SSL_CTX_use_certificate(context, leaf) == 1 else { return false }
    for issuer in chain.dropFirst() {
      // CHAIN_CERT with 1 takes a reference of its own.
      guard SSL_CTX_ctrl(context, SSL_CTRL_CHAIN_CERT, 1, UnsafeMutableRawPointer(issuer)) == 1 else { return false }
    }
    let key = credential.withKeyPEM { bytes -> OpaquePointer? in
      guard let source = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return nil }
      defer { BIO_free(source) }
      return PEM_read_bio_PrivateKey(source, nil, nil, nil)
    }
    guard let key else { return false }
    defer { EVP_PKEY_free(key) }
    return SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1
  }

  private static func certificates(inPEM bytes: [UInt8]) -> [OpaquePointer] {
    bytes.withUnsafeBytes { bytes in
      guard let source = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return [] }
      defer {
        BIO_free(source)
        // The end of the file is an error to OpenSSL.
        ERR_clear_error()
      }
      var found: [OpaquePointer] = []
      while let next = PEM_read_bio_X509(source, nil, nil, nil) { found.append(next) }
      return found
    }
  }
}

/// The chain that the peer showed, DER, leaf first.
private func shownChain(_ store: OpaquePointer) -> [[UInt8]] {
  guard let certificates = X509_STORE_CTX_get0_untrusted(store) else { return [] }
  return (0..<max(0, OPENSSL_sk_num(certificates))).map { index in
    guard let certificate = OPENSSL_sk_value(certificates, index).map({ OpaquePointer($0) }) else { return [] }
    let count = Int(i2d_X509(certificate, nil))
    // What can't be encoded is no certificate to the judge.
    guard count > 0 else { return [] }
    var bytes = [UInt8](repeating: 0, count: count)
    bytes.withUnsafeMutableBufferPointer { buffer in
      var place = buffer.baseAddress
      _ = i2d_X509(certificate, &place)
    }
    return bytes
  }
}

private let judgePeer: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { store, _ in
  guard let store, let handle = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
    let owner = SSL_get_ex_data(OpaquePointer(handle), 0)
  else { return 0 }
  let stream = Unmanaged<TLSStream>.fromOpaque(owner).takeUnretainedValue()
  if stream.judge(shownChain(store)) { return 1 }
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED)
  return 0
}
