// Decoding the two forms in which a node's certificate and key come: PKCS#12, and PEM.
import COpenSSL

/// A leaf, its key, and the certificates that lay beside it.
struct CertificateBundle {
  let leaf: Certificate
  let key: PrivateKey
  let others: [Certificate]

  /// What a peer needs besides its roots: the leaf, then each one's issuer, without the root.
  var chain: [Certificate] {
    var chain = [leaf]
    while let last = chain.last, !last.isSelfIssued, chain.count <= others.count,
      let issuer = others.first(where: { $0.mayHaveIssued(last) }), !issuer.isSelfIssued
    { chain.append(issuer) }
    return chain
  }

  /// The roots among `others`.
  var roots: [Certificate] { others.filter(\.isRoot) }
}

// MARK: PEM

extension CertificateBundle {
  /// Reads a PEM chain, leaf first, and the key from `key` (which may be the same file).
  init(pem: WatchedFile, key: WatchedFile, password: String?) throws(SecurityError) {
    let certificates = try CertificateBundle.certificates(pem: pem.content, path: pem.path, role: "certificate")
    guard let leaf = certificates.first else {
      throw SecurityError("certificate file \(pem.path) holds no certificate")
    }
    self.leaf = leaf
    self.key = try PrivateKey.read(pem: key.content, password: password, path: key.path)
    others = Array(certificates.dropFirst())
  }

  /// Every certificate in a PEM file, in its order; an error when one of them is damaged.
  static func certificates(pem: SecretBytes, path: String, role: String) throws(SecurityError) -> [Certificate] {
    OpenSSL.clearErrors()
    let answer = PasswordAnswer(nil)
    var certificates: [Certificate] = []
    _ = pem.withBIO { bio in
      withExtendedLifetime(answer) {
        while let next = PEM_read_bio_X509(bio, nil, PasswordAnswer.callback, answer.context) {
          certificates.append(Certificate(owning: next))
        }
      }
    }
    guard OpenSSL.takeReasons() == [PEM_R_NO_START_LINE] else {
      throw SecurityError("\(role) file \(path) holds a damaged certificate, number \(certificates.count + 1)")
    }
    return certificates
  }
}

// MARK: PKCS#12

extension CertificateBundle {
  /// Reads a PKCS#12 with its key.
  /// - Parameter name: what errors call it: `certificate file PATH` or `certificateData`.
  init(pkcs12 bytes: SecretBytes, password: String?, name: String) throws(SecurityError) {
    OpenSSL.clearErrors()
    defer { OpenSSL.clearErrors() }
    guard let container = bytes.withBIO({ d2i_PKCS12_bio($0, nil) }) ?? nil else {
      throw SecurityError("\(name) is neither PEM nor a readable PKCS#12")
    }
    defer { PKCS12_free(container) }
    try CertificateBundle.checkIntegrity(of: container, password: password, name: name)
    var key: OpaquePointer?
    var leaf: OpaquePointer?
    var others: OpaquePointer?
    let parsed = PKCS12_parse(container, password ?? "", &key, &leaf, &others)
    let ownedKey = key.map(PrivateKey.init(owning:))
    let ownedLeaf = leaf.map(Certificate.init(owning:))
    self.others = CertificateBundle.take(others)
    guard parsed == 1 else {
      if OpenSSL.takeReasons().contains(Int32(ERR_R_UNSUPPORTED)) {
        throw SecurityError(
          "\(name) is encrypted with an algorithm that OpenSSL 3 no longer offers, such as RC2: export it anew with AES"
        )
      }
      throw SecurityError("\(name) is a damaged PKCS#12")
    }
    guard let ownedKey else { throw SecurityError("\(name) holds no private key") }
    guard let ownedLeaf else { throw SecurityError("\(name) holds no certificate for its private key") }
    self.key = ownedKey
    self.leaf = ownedLeaf
  }

  /// Checks the integrity code, which is also how a wrong password shows.
  private static func checkIntegrity(
    of container: OpaquePointer, password: String?, name: String
  ) throws(SecurityError) {
    guard PKCS12_mac_present(container) == 1 else { throw SecurityError("\(name) has no integrity check") }
    var rounds: UnsafePointer<ASN1_INTEGER>?
    PKCS12_get0_mac(nil, nil, nil, &rounds, container)
    // An absent number means one round.
    let count = rounds.map { ASN1_INTEGER_get($0) } ?? 1
    guard (1...FileLimits.passwordRoundsMax).contains(count) else {
      throw SecurityError("\(name) asks for more than \(FileLimits.passwordRoundsMax) rounds of its integrity check")
    }
    if PKCS12_verify_mac(container, password ?? "", -1) == 1 { return }
    // Two encodings of "no password" exist.
    if (password ?? "").isEmpty && PKCS12_verify_mac(container, nil, 0) == 1 { return }
    throw SecurityError(
      (password ?? "").isEmpty
        ? "\(name) has a password, and no certificatePassword is configured"
        : "\(name) can't be opened with the configured certificatePassword, or is damaged")
  }

  private static func take(_ stack: OpaquePointer?) -> [Certificate] {
    guard let stack else { return [] }
    defer { OPENSSL_sk_free(stack) }
    return (0..<max(OPENSSL_sk_num(stack), 0)).compactMap { index in
      OPENSSL_sk_value(stack, index).map { Certificate(owning: OpaquePointer($0)) }
    }
  }
}
