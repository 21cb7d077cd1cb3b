// What a host configures about certificates and trust, and the error that setting them up can end in.

/// Where a node's certificate, key and trust come from (`mesh:gossip:tls:*`).
///
/// Its description and its mirror leave out the secrets, so that a logged configuration can't leak them.
public struct SecurityOptions: Equatable, Sendable {
  /// A PKCS#12 file (`.pfx`, `.p12`: key, leaf, chain) or a PEM file (leaf first, then intermediates; the key in it or
  /// in `keyPath`). Which of the two it is follows from its content, not from its name.
  public var certificatePath = ""
  /// A PKCS#12 in base64, in place of a file; when set, `certificatePath` isn't read. It is never reloaded.
  public var certificateData: String?
  /// A PEM file with the private key, for a PEM certificate that comes without it.
  public var keyPath: String?
  /// The password of the PKCS#12 or of the encrypted PEM key. Secret. Nil: none.
  public var certificatePassword: String?
  /// PEM bundle of the roots that peers must chain to. Nil or empty: the self-signed CA certificates that lie beside
  /// the leaf in the PKCS#12 or PEM file.
  public var trustBundlePath: String?
  /// PEM (one or several lists) or DER revocation list; checked in every verdict when set.
  public var revocationListPath: String?
  /// SHA-1 or SHA-256 of the DER of allowed leaf certificates: 40 or 64 hexadecimal digits of either case, `:` between
  /// them allowed. They restrict further what the chain already allows. Empty: every certificate that chains.
  public var allowedThumbprints: [String] = []

  /// Options that name nothing yet.
  public init() {}
}

extension SecurityOptions: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The paths, without the password and the inline data.
  public var description: String {
    let source = certificateData == nil ? certificatePath : "(inline)"
    return "SecurityOptions(certificate: \(source), key: \(keyPath ?? "-"), trust: \(trustBundlePath ?? "-"), "
      + "revocation: \(revocationListPath ?? "-"), pins: \(allowedThumbprints.count))"
  }
  /// The same as `description`.
  public var debugDescription: String { description }
  /// A mirror without children: `dump` and test failures print it, and must not print secrets.
  public var customMirror: Mirror { Mirror(self, children: [(label: String?, value: Any)]()) }
}

/// An error of setting up, naming the file or field; never holds secrets.
public struct SecurityError: Error, Equatable, Sendable, CustomStringConvertible {
  /// One sentence for people, without a full stop.
  public let description: String

  /// The error that `description` tells.
  public init(_ description: String) { self.description = description }
}
