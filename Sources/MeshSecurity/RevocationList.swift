// Certificate revocation lists from a configured file. Nothing here goes to the network.
//
// Revocation is looked up by issuer and serial, never by fingerprint: an ECDSA signature can be rewritten into another
// valid one, and the same certificate would then come under a new fingerprint.
import COpenSSL

/// The lists in one file. Immutable; OpenSSL guards the caches inside them, so it is safe from any thread.
public final class RevocationList: @unchecked Sendable {
  private let lists: [OpaquePointer]

  /// Decodes `bytes`: one list as DER, or one or several as PEM. Signatures are checked with each verdict, not here.
  /// - Parameter name: what errors call the source: its path.
  public convenience init(reading bytes: [UInt8], name: String) throws(SecurityError) {
    try self.init(reading: bytes.withUnsafeBytes { SecretBytes(copying: $0) }, name: name)
  }

  init(reading bytes: SecretBytes, name: String) throws(SecurityError) {
    OpenSSL.start()
    let lists = RevocationList.decode(bytes)
    guard !lists.isEmpty else { throw SecurityError("revocation list \(name) holds no readable list, PEM or DER") }
    self.lists = lists
  }

  deinit { lists.forEach { X509_CRL_free($0) } }

  /// The number of lists.
  public var count: Int { lists.count }

  /// Hands the lists to a store, which keeps references of its own.
  func add(to store: OpaquePointer) -> Bool { lists.allSatisfy { X509_STORE_add_crl(store, $0) == 1 } }

  /// Whether a list of its issuer names `certificate`.
  func names(_ certificate: OpaquePointer) -> Bool {
    lists.contains { list in
      var entry: OpaquePointer?
      // The answer 2 means that a delta list takes the certificate off again.
      return X509_CRL_get0_by_cert(list, &entry, certificate) == 1
    }
  }

  private static func decode(_ bytes: SecretBytes) -> [OpaquePointer] {
    defer { OpenSSL.clearErrors() }
    let first = bytes.withBytes { $0.first }
    if first == 0x30 {
      return bytes.withBIO { d2i_X509_CRL_bio($0, nil) }?.map { [$0] } ?? []
    }
    let answer = PasswordAnswer(nil)
    let lists = bytes.withBIO { bio -> [OpaquePointer]? in
      var lists: [OpaquePointer] = []
      withExtendedLifetime(answer) {
        while let list = PEM_read_bio_X509_CRL(bio, nil, PasswordAnswer.callback, answer.context) { lists.append(list) }
      }
      // Anything but "no further block" means that part of the file is damaged, and half the lists would let the
      // other half's certificates in.
      if OpenSSL.takeReasons() == [PEM_R_NO_START_LINE] { return lists }
      lists.forEach { X509_CRL_free($0) }
      return nil
    }
    return (lists ?? nil) ?? []
  }
}
