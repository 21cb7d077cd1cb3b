// GnuTLS as QUIC needs it: TLS 1.3 only, ALPN h3, a certificate on both sides, no tickets. Trust is not decided here:
// the peer's chain goes to `NodeSecurity.judge`. Without tickets there is no resumption and no 0-RTT, so every
// connection gets a full trust decision (GnuTLS does not call the verify function on resumed sessions).
import CGnuTLS
import Glibc
import MeshSecurity

/// GnuTLS for this process. The extra initialisation is never undone on purpose: the library's exit destructor would
/// otherwise tear it down while link threads still run.
enum GnuTLS {
  private static let initialized: Int32 = gnutls_global_init()

  /// Starts GnuTLS once. *Errors*: what GnuTLS says.
  static func start() throws(TransportError) {
    guard initialized == 0 else { throw TransportError("can't start GnuTLS: \(message(initialized))") }
  }

  /// What GnuTLS says of `code`.
  static func message(_ code: Int32) -> String {
    gnutls_strerror(code).map { String(cString: $0) } ?? "error \(code)"
  }

  /// The name of a TLS alert, as `bad_certificate`-like words of GnuTLS.
  static func alertName(_ alert: UInt8) -> String {
    gnutls_alert_get_name(gnutls_alert_description_t(rawValue: UInt32(alert))).map { String(cString: $0) }
      ?? "unknown alert"
  }
}

/// One generation of the node's certificate and key in GnuTLS's form. It lives as long as a session uses it.
final class TLSCredential {
  private static let priorities =
    "%DISABLE_TLS13_COMPAT_MODE:NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM"
    + ":+CHACHA20-POLY1305:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1"

  /// The generation of the `NodeCredential` it was made from.
  let generation: UInt64
  let certificate: gnutls_certificate_credentials_t
  let priority: gnutls_priority_t

  /// Hands the chain and the key to GnuTLS. *Errors*: what GnuTLS says of them; never the key.
  init(_ credential: NodeCredential) throws(TransportError) {
    try GnuTLS.start()
    var allocated: gnutls_certificate_credentials_t?
    guard gnutls_certificate_allocate_credentials(&allocated) == 0, let allocated else {
      throw TransportError("GnuTLS is out of memory")
    }
    let status = credential.chainPEM.withUnsafeBufferPointer { chain in
      credential.withKeyPEM { key in
        var chainDatum = gnutls_datum_t(
          data: UnsafeMutablePointer(mutating: chain.baseAddress), size: UInt32(clamping: chain.count))
        var keyDatum = gnutls_datum_t(
          data: UnsafeMutablePointer(mutating: key.baseAddress?.assumingMemoryBound(to: UInt8.self)),
          size: UInt32(clamping: key.count))
        return gnutls_certificate_set_x509_key_mem(allocated, &chainDatum, &keyDatum, GNUTLS_X509_FMT_PEM)
      }
    }
    guard status >= 0 else {
      gnutls_certificate_free_credentials(allocated)
      throw TransportError("GnuTLS can't use the certificate \(credential.subject): \(GnuTLS.message(status))")
    }
    var made: gnutls_priority_t?
    let prioritized = gnutls_priority_init(&made, TLSCredential.priorities, nil)
    guard prioritized == 0, let made else {
      gnutls_certificate_free_credentials(allocated)
      throw TransportError("GnuTLS can't offer TLS 1.3: \(GnuTLS.message(prioritized))")
    }
    generation = credential.generation
    certificate = allocated
    priority = made
  }

  /// 32 bytes that only the holder of the private key can compute, other ones for each `purpose`: HMAC-SHA-256.
  static func secret(for purpose: String, of credential: NodeCredential) -> [UInt8] {
    var secret = Entropy.bytes(32)
    let purpose = Array(purpose.utf8)
    // On failure (out of memory) the random bytes stay, which serve this process as well.
    _ = credential.withKeyPEM { key in
      gnutls_hmac_fast(GNUTLS_MAC_SHA256, key.baseAddress, key.count, purpose, purpose.count, &secret)
    }
    return secret
  }

  deinit {
    gnutls_certificate_free_credentials(certificate)
    gnutls_priority_deinit(priority)
  }
}
