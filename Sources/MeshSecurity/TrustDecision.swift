// The one place where a peer is trusted or refused (docs/architecture.md, transport). Both TLS stacks hand over the
// peer's certificates as they came; nothing that those stacks checked themselves counts here.
import COpenSSL
import MeshBasics

/// What a peer's certificate must name.
public enum NamesRule: Equatable, Sendable {
  /// One node or more, for which the peer may then speak.
  case nodes
  /// Hosts will do, as OmniRelay's certificates name them: the identity then holds no names. A SPIFFE id binds as ever.
  case hosts
}

/// The roots, revocation lists and pins of one generation. Immutable once built; OpenSSL's store is made for
/// verification from several threads at once.
final class TrustDecision: @unchecked Sendable {
  private let store: OpaquePointer
  private let revocation: RevocationList?
  private let thumbprints: Thumbprints

  init(roots: [Certificate], revocation: RevocationList?, thumbprints: Thumbprints) throws(SecurityError) {
    guard let store = X509_STORE_new() else { throw SecurityError("out of memory") }
    self.store = store
    self.revocation = revocation
    self.thumbprints = thumbprints
    let added = roots.allSatisfy { X509_STORE_add_cert(store, $0.pointer) == 1 }
    guard added, revocation?.add(to: store) ?? true, let parameters = X509_STORE_get0_param(store) else {
      throw SecurityError("out of memory")
    }
    // Level 2 asks for 112 bits of security: no RSA below 2048 bits, no MD5, no SHA-1.
    X509_VERIFY_PARAM_set_auth_level(parameters, 2)
    X509_VERIFY_PARAM_set_depth(parameters, Int32(TrustLimits.chainLengthMax))
    if revocation != nil { X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_CRL_CHECK)) }
  }

  deinit { X509_STORE_free(store) }

  /// Whether a revocation list is checked.
  var checksRevocation: Bool { revocation != nil }

  /// Decides about `chain`, DER, leaf first.
  func judge(chain: [[UInt8]], peerIsClient: Bool, names: NamesRule = .nodes) -> Result<PeerIdentity, TrustRefusal> {
    guard let first = chain.first else { return .failure(.noCertificate) }
    guard chain.count <= TrustLimits.chainLengthMax else { return .failure(.chainTooLong) }
    guard chain.allSatisfy({ $0.count <= TrustLimits.certificateSizeMax }) else {
      return .failure(.certificateTooLarge)
    }
    let certificates = chain.compactMap { Certificate(der: $0) }
    guard certificates.count == chain.count, let leaf = certificates.first, leaf.extensionsAreSound
    else { return .failure(.malformed) }
    if let refusal = verify(leaf, others: Array(certificates.dropFirst()), peerIsClient: peerIsClient) {
      return .failure(refusal)
    }
    guard thumbprints.allow(first) else { return .failure(.notPinned) }
    let fingerprint = leaf.keyFingerprint
    let nobody = PeerIdentity(nodeNames: [], clusterID: nil, keyFingerprint: fingerprint)
    switch SubjectNames.read(from: leaf) {
    case .success(let found) where names == .hosts && found.clusterID == nil: return .success(nobody)
    case .success(let found):
      return .success(
        PeerIdentity(nodeNames: found.nodeNames, clusterID: found.clusterID, keyFingerprint: fingerprint))
    case .failure(.noNodeIdentity) where names == .hosts: return .success(nobody)
    case .failure(let refusal): return .failure(refusal)
    }
  }

  /// Builds and checks the chain from `leaf` to a root; nil when all is well.
  private func verify(_ leaf: Certificate, others: [Certificate], peerIsClient: Bool) -> TrustRefusal? {
    OpenSSL.clearErrors()
    defer { OpenSSL.clearErrors() }
    guard let untrusted = OPENSSL_sk_new_null(), let context = X509_STORE_CTX_new() else { return .internalError }
    defer {
      X509_STORE_CTX_free(context)
      OPENSSL_sk_free(untrusted)
    }
    let purpose = peerIsClient ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER
    return withExtendedLifetime((leaf, others)) {
      for other in others where OPENSSL_sk_push(untrusted, UnsafeRawPointer(other.pointer)) <= 0 {
        return .internalError
      }
      guard X509_STORE_CTX_init(context, store, leaf.pointer, untrusted) == 1,
        X509_STORE_CTX_set_purpose(context, purpose) == 1
      else { return .internalError }
      guard X509_verify_cert(context) == 1 else {
        return TrustRefusal(verification: X509_STORE_CTX_get_error(context))
      }
      return chainNamesRevoked(context) ? .revoked : nil
    }
  }

  /// OpenSSL was asked to check the leaf against the lists, for which one of its issuer must exist. Intermediates are
  /// checked against whatever lists there are.
  private func chainNamesRevoked(_ context: OpaquePointer) -> Bool {
    guard let revocation, let chain = X509_STORE_CTX_get0_chain(context) else { return false }
    return (0..<max(OPENSSL_sk_num(chain), 0)).contains { index in
      OPENSSL_sk_value(chain, index).map { revocation.names(OpaquePointer($0)) } ?? false
    }
  }
}
