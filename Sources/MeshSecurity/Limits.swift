// The limits of this module, each tested at N and N+1.

/// How much a peer may send for one trust decision.
public enum TrustLimits {
  /// The most certificates in a peer's chain, its leaf included.
  public static let chainLengthMax = 10
  /// The largest certificate, in bytes of DER.
  public static let certificateSizeMax = 16 * 1024
  /// The most names (subject alternative names of any kind) in a leaf.
  public static let namesMax = 64
}

/// How much a configured file may hold. Larger ones are a mistake, and would only take memory.
enum FileLimits {
  /// The largest certificate, key or trust file, in bytes.
  static let certificateFileMax = 1024 * 1024
  /// The largest revocation list file, in bytes.
  static let revocationFileMax = 32 * 1024 * 1024
  /// The most rounds of a PKCS#12's integrity check; a file that asks for more would hang its reader.
  static let passwordRoundsMax = 5_000_000
}
