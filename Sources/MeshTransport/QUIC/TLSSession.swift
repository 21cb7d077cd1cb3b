import CGnuTLS
import Glibc

/// One TLS session of a QUIC connection. It holds its credential, so that replaced certificates live until the last
/// session that showed them is gone.
final class TLSSession {
  let handle: gnutls_session_t
  private let credential: TLSCredential

  /// A session with ALPN `h3`, for which both show a certificate; as a server without `requiresCertificate` it only
  /// asks for one. `serverName` is sent as SNI when it is a name, not an address. `judge` is the C function that GnuTLS
  /// calls with the peer's chain. Nil when GnuTLS refuses (out of memory).
  init?(
    isServer: Bool, credential: TLSCredential, serverName: String?, requiresCertificate: Bool,
    judge: @convention(c) (gnutls_session_t?) -> Int32
  ) {
    var made: gnutls_session_t?
    let side = isServer ? GNUTLS_SERVER.rawValue : GNUTLS_CLIENT.rawValue
    guard gnutls_init(&made, side | GNUTLS_NO_TICKETS.rawValue) == 0, let made else { return nil }
    handle = made
    self.credential = credential
    guard gnutls_priority_set(made, credential.priority) == 0,
      gnutls_credentials_set(made, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(credential.certificate)) == 0,
      requireH3() == 0
    else { return nil }
    if isServer {
      gnutls_certificate_server_set_request(made, requiresCertificate ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_REQUEST)
    }
    if let serverName, SocketAddress(literal: serverName, port: 0) == nil {
      _ = gnutls_server_name_set(made, GNUTLS_NAME_DNS, serverName, serverName.utf8.count)
    }
    gnutls_session_set_verify_function(made, judge)
  }

  deinit { gnutls_deinit(handle) }

  private func requireH3() -> Int32 {
    var name: [UInt8] = Array("h3".utf8)
    return name.withUnsafeMutableBufferPointer { bytes in
      var datum = gnutls_datum_t(data: bytes.baseAddress, size: UInt32(bytes.count))
      return gnutls_alpn_set_protocols(handle, &datum, 1, GNUTLS_ALPN_MANDATORY.rawValue)
    }
  }

  /// `count` bytes that only the two ends of this session can compute, other ones for each `label` (RFC 8446 §7.5). Nil
  /// before the handshake is over.
  func exported(_ label: String, count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    let status = bytes.withUnsafeMutableBytes { buffer in
      gnutls_prf_rfc5705(
        handle, label.utf8.count, label, 0, nil, buffer.count, buffer.baseAddress?.assumingMemoryBound(to: CChar.self))
    }
    return status == 0 ? bytes : nil
  }

  /// The chain that the peer of `session` showed, DER, leaf first; empty when it showed none.
  static func peerChain(of session: gnutls_session_t) -> [[UInt8]] {
    var count: UInt32 = 0
    guard let list = gnutls_certificate_get_peers(session, &count) else { return [] }
    return (0..<Int(count)).map { index in
      Array(UnsafeBufferPointer(start: list[index].data, count: Int(list[index].size)))
    }
  }
}
