import COpenSSL
import MeshBasics
import MeshSecurity

/// One generation of the node's certificate in OpenSSL's form, as this node shows it to nodes that it calls over TCP.
/// It lives as long as a connection uses it.
final class TLSNodeClient: TLSJudge {
  /// The generation of the `NodeCredential` it was made from.
  let generation: UInt64
  let context: OpaquePointer
  private let security: NodeSecurity
  private let names: NamesRule

  /// A client that shows the newest certificate of `security`, which judges the server's too. The name that was dialed
  /// doesn't count: a node is known by its certificate. `protocols` are offered by ALPN. *Errors*: what is wrong with
  /// the certificate; never the key.
  init(
    _ security: NodeSecurity, allowsTLS12: Bool = false, names: NamesRule = .nodes, protocols: [String] = []
  ) throws(TransportError) {
    self.security = security
    self.names = names
    let credential = security.credential
    generation = credential.generation
    context = try TLSContext.make(TLS_client_method(), credential, allowsTLS12: allowsTLS12)
    TLSContext.judgePeers(of: context, SSL_VERIFY_PEER)
    let offered = protocols.flatMap { [UInt8(clamping: $0.utf8.count)] + Array($0.utf8) }
    if !offered.isEmpty { _ = SSL_CTX_set_alpn_protos(context, offered, UInt32(offered.count)) }
  }

  deinit { SSL_CTX_free(context) }

  func judge(_ chain: [[UInt8]]) -> Result<PeerIdentity, TrustRefusal> {
    security.judge(chain: chain, peerIsClient: false, names: names)
  }
}
