// TLS on TCP by OpenSSL: ALPN, no tickets. Trust is not decided here: a client's chain goes to `NodeSecurity.judge`.
// Without tickets nothing is resumed, so every connection gets a full trust decision.
import COpenSSL
import MeshBasics
import MeshSecurity

/// One generation of the node's certificate in OpenSSL's form, as servers show it. It lives as long as a connection
/// uses it.
final class TLSServer: TLSJudge {
  /// The generation of the `NodeCredential` it was made from.
  let generation: UInt64
  let context: OpaquePointer
  fileprivate let options: EdgeTLS

  /// A server that shows the newest certificate and asks clients for theirs. *Errors*: what is wrong with the
  /// certificate; never the key.
  init(_ options: EdgeTLS) throws(TransportError) {
    self.options = options
    let credential = options.security.credential
    generation = credential.generation
    context = try TLSContext.make(TLS_server_method(), credential, allowsTLS12: options.allowsTLS12)
    _ = SSL_CTX_set_num_tickets(context, 0)
    let whenAbsent = options.requiresClientCertificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0
    TLSContext.judgePeers(of: context, SSL_VERIFY_PEER | whenAbsent)
    SSL_CTX_set_alpn_select_cb(context, selectProtocol, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit { SSL_CTX_free(context) }

  func judge(_ chain: [[UInt8]]) -> Result<PeerIdentity, TrustRefusal> {
    options.security.judge(chain: chain, peerIsClient: true, names: options.names)
  }
}

/// The first of our protocols that the client names. One that names only others is told `no_application_protocol`
/// (RFC 7301 §3.2).
private let selectProtocol:
  @convention(c) (
    OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
    UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
  ) -> Int32 = { _, chosen, chosenCount, offered, count, owner in
    // It made the context, and outlives all streams.
    guard let owner else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    let protocols = Unmanaged<TLSServer>.fromOpaque(owner).takeUnretainedValue().options.protocols
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
