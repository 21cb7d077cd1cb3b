import COpenSSL
import MeshBasics

/// What a client trusts and shows when it speaks TLS. All files are PEM.
public struct TLSClientOptions: Equatable, Sendable {
  /// The authorities that servers' certificates must come from; nil: those of the system.
  public var authorityPath: String?
  /// The client's certificate with its chain; nil: none is shown.
  public var certificatePath: String?
  /// The key of that certificate, not encrypted; nil: it is in the file of the certificate.
  public var keyPath: String?

  /// The system's authorities, and no certificate.
  public init() {}
}

/// A client's side of TLS, by OpenSSL: TLS 1.2 or 1.3, the server's chain and its name are checked, HTTP/1.1 is asked
/// for. It lives as long as a connection uses it.
final class TLSClient {
  let context: OpaquePointer

  /// *Errors*: name the file that can't be used; never the key.
  init(_ options: TLSClientOptions) throws(TransportError) {
    guard let made = SSL_CTX_new(TLS_client_method()) else { throw TransportError("OpenSSL is out of memory") }
    context = made
    defer { ERR_clear_error() }
    _ = SSL_CTX_ctrl(made, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
    SSL_CTX_set_verify(made, SSL_VERIFY_PEER, nil)
    // An encrypted key is an error here, and no question on the terminal.
    SSL_CTX_set_default_passwd_cb(made) { _, _, _, _ in 0 }
    let wanted: [UInt8] = [8] + Array("http/1.1".utf8)
    _ = SSL_CTX_set_alpn_protos(made, wanted, UInt32(wanted.count))
    if let path = options.authorityPath {
      guard SSL_CTX_load_verify_locations(made, path, nil) == 1 else {
        throw TransportError("'\(path)' holds no certificates of authorities in PEM that can be read")
      }
    } else {
      _ = SSL_CTX_set_default_verify_paths(made)
    }
    guard let path = options.certificatePath else { return }
    guard SSL_CTX_use_certificate_chain_file(made, path) == 1 else {
      throw TransportError("'\(path)' holds no certificate in PEM that can be read")
    }
    let keyPath = options.keyPath ?? path
    guard SSL_CTX_use_PrivateKey_file(made, keyPath, SSL_FILETYPE_PEM) == 1 else {
      throw TransportError("'\(keyPath)' holds no unencrypted key in PEM for the certificate in '\(path)'")
    }
  }

  deinit { SSL_CTX_free(context) }
}
