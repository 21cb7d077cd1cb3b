// TLS on TCP by OpenSSL: TLS 1.3 only, ALPN, no tickets. Trust is not decided here: a client's chain goes to
// `NodeSecurity.judge`. Without tickets nothing is resumed, so every connection gets a full trust decision.
import COpenSSL
import MeshBasics
import MeshSecurity

/// One generation of the node's certificate in OpenSSL's form. It lives as long as a connection uses it.
final class TLSServer {
  /// The generation of the `NodeCredential` it was made from.
  let generation: UInt64
  let context: OpaquePointer
  let security: NodeSecurity

  /// A server that shows the newest certificate of `security` and asks clients for theirs. *Errors*: what is wrong with
  /// the certificate; never the key.
  init(_ security: NodeSecurity, requiresClientCertificate: Bool) throws(TransportError) {
    self.security = security
    let credential = security.credential
    generation = credential.generation
    guard let made = SSL_CTX_new(TLS_server_method()) else { throw TransportError("OpenSSL is out of memory") }
    context = made
    // No renegotiation exists in TLS 1.3, and with no tickets and no cache no resumption.
    _ = SSL_CTX_ctrl(made, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_3_VERSION), nil)
    _ = SSL_CTX_set_num_tickets(made, 0)
    _ = SSL_CTX_ctrl(made, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
    // Idle connections give their buffers back.
    _ = SSL_CTX_ctrl(made, SSL_CTRL_MODE, Int(SSL_MODE_RELEASE_BUFFERS), nil)
    let whenAbsent = requiresClientCertificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0
    SSL_CTX_set_verify(made, SSL_VERIFY_PEER | whenAbsent, nil)
    SSL_CTX_set_cert_verify_callback(made, judgeClient, nil)
    SSL_CTX_set_alpn_select_cb(made, selectProtocol, nil)
    guard TLSServer.use(credential, in: made) else {
      ERR_clear_error()
      throw TransportError("OpenSSL can't use the certificate \(credential.subject)")
    }
  }

  deinit { SSL_CTX_free(context) }

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

/// The chain that the client showed, DER, leaf first.
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

private let judgeClient: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { store, _ in
  guard let store, let handle = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
    let owner = SSL_get_ex_data(OpaquePointer(handle), 0)
  else { return 0 }
  let stream = Unmanaged<TLSStream>.fromOpaque(owner).takeUnretainedValue()
  if stream.judge(shownChain(store)) { return 1 }
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED)
  return 0
}

/// Our protocols in the order of our choice. A client that names only others is told `no_application_protocol`
/// (RFC 7301 §3.2).
private let protocols = ["h2", "http/1.1"]

private let selectProtocol:
  @convention(c) (
    OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
    UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
  ) -> Int32 = { _, chosen, chosenCount, offered, count, _ in
    let list = UnsafeBufferPointer(start: offered, count: Int(count))
    for name in protocols {
      var start = 0
      while start < list.count {
        let end = min(start + 1 + Int(list[start]), list.count)
        if list[(start + 1)..<end].elementsEqual(name.utf8) {
          // It must outlive the call: their list does.
          chosen?.pointee = list.baseAddress.map { $0 + start + 1 }
          chosenCount?.pointee = list[start]
          return SSL_TLSEXT_ERR_OK
        }
        start = end
      }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
  }
