// The reasons why a peer can be refused. They appear in log records and metric labels, so they never change meaning.
import COpenSSL

/// Why a peer is refused: one short stable word. The table of them is in docs/internals/security.md.
public struct TrustRefusal: Error, Equatable, Sendable {
  /// The word.
  public let reason: String

  /// A refusal for `reason`.
  public init(reason: String) { self.reason = reason }

  /// The peer sent no certificate.
  public static let noCertificate = TrustRefusal(reason: "no-certificate")
  /// It sent more certificates than `TrustLimits.chainLengthMax`, or its chain is longer than its issuers allow.
  public static let chainTooLong = TrustRefusal(reason: "chain-too-long")
  /// One of its certificates is larger than `TrustLimits.certificateSizeMax`.
  public static let certificateTooLarge = TrustRefusal(reason: "certificate-too-large")
  /// A certificate, or a name in the leaf, can't be decoded.
  public static let malformed = TrustRefusal(reason: "malformed")
  /// The chain doesn't end in a trusted root.
  public static let untrustedIssuer = TrustRefusal(reason: "untrusted-issuer")
  /// The leaf is its own issuer and isn't trusted itself.
  public static let selfSigned = TrustRefusal(reason: "self-signed")
  /// A signature in the chain doesn't verify.
  public static let badSignature = TrustRefusal(reason: "bad-signature")
  /// A certificate of the chain breaks a rule of RFC 5280 that has no word of its own here.
  public static let invalidChain = TrustRefusal(reason: "invalid-chain")
  /// A certificate of the chain has expired.
  public static let expired = TrustRefusal(reason: "expired")
  /// A certificate of the chain isn't valid yet.
  public static let notYetValid = TrustRefusal(reason: "not-yet-valid")
  /// A certificate of the chain stands on the revocation list.
  public static let revoked = TrustRefusal(reason: "revoked")
  /// Revocation is checked, and no valid list of the leaf's issuer is at hand.
  public static let revocationUnknown = TrustRefusal(reason: "revocation-unknown")
  /// The leaf isn't meant for this side of a TLS connection.
  public static let wrongPurpose = TrustRefusal(reason: "wrong-purpose")
  /// A key of the chain gives less than 112 bits of security (RSA under 2048 bits).
  public static let weakKey = TrustRefusal(reason: "weak-key")
  /// A certificate of the chain is signed with MD5 or SHA-1.
  public static let weakSignature = TrustRefusal(reason: "weak-signature")
  /// Thumbprints are pinned, and the leaf has none of them.
  public static let notPinned = TrustRefusal(reason: "not-pinned")
  /// The leaf has neither a SPIFFE id nor a DNS name that is a node id.
  public static let noNodeIdentity = TrustRefusal(reason: "no-node-identity")
  /// The leaf has several URI names, so it isn't clear who it speaks for.
  public static let ambiguousIdentity = TrustRefusal(reason: "ambiguous-identity")
  /// The leaf's URI name isn't `spiffe://{trustDomain}/mesh/{cluster}/{role}/{nodeId}`.
  public static let wrongIdentityShape = TrustRefusal(reason: "wrong-identity-shape")
  /// The leaf has more names than `TrustLimits.namesMax`.
  public static let tooManyNames = TrustRefusal(reason: "too-many-names")
  /// An issuer's name constraints exclude the leaf's names.
  public static let nameNotPermitted = TrustRefusal(reason: "name-not-permitted")
  /// OpenSSL couldn't work, for want of memory.
  public static let internalError = TrustRefusal(reason: "internal-error")
}

extension TrustRefusal {
  /// The refusal that OpenSSL's verification result stands for.
  init(verification code: Int32) {
    switch code {
    case X509_V_ERR_CERT_HAS_EXPIRED: self = .expired
    case X509_V_ERR_CERT_NOT_YET_VALID: self = .notYetValid
    case X509_V_ERR_CERT_REVOKED: self = .revoked
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: self = .selfSigned
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_CERT_UNTRUSTED,
      X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      self = .untrustedIssuer
    case X509_V_ERR_CERT_SIGNATURE_FAILURE, X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE: self = .badSignature
    case X509_V_ERR_CERT_CHAIN_TOO_LONG, X509_V_ERR_PATH_LENGTH_EXCEEDED: self = .chainTooLong
    case X509_V_ERR_INVALID_PURPOSE: self = .wrongPurpose
    case X509_V_ERR_EE_KEY_TOO_SMALL, X509_V_ERR_CA_KEY_TOO_SMALL: self = .weakKey
    case X509_V_ERR_CA_MD_TOO_WEAK: self = .weakSignature
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD,
      X509_V_ERR_INVALID_EXTENSION:
      self = .malformed
    case X509_V_ERR_PERMITTED_VIOLATION, X509_V_ERR_EXCLUDED_VIOLATION, X509_V_ERR_SUBTREE_MINMAX:
      self = .nameNotPermitted
    case X509_V_ERR_OUT_OF_MEM, X509_V_ERR_UNSPECIFIED: self = .internalError
    default: self = TrustRefusal.isAboutRevocationLists(code) ? .revocationUnknown : .invalidChain
    }
  }

  private static func isAboutRevocationLists(_ code: Int32) -> Bool {
    switch code {
    case X509_V_ERR_UNABLE_TO_GET_CRL, X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE, X509_V_ERR_CRL_SIGNATURE_FAILURE,
      X509_V_ERR_CRL_NOT_YET_VALID, X509_V_ERR_CRL_HAS_EXPIRED, X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD,
      X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD, X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER,
      X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION,
      X509_V_ERR_DIFFERENT_CRL_SCOPE, X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
      return true
    default: return false
    }
  }
}
