// Making keys, certificates and revocation lists, for the development authority.
import COpenSSL

/// A certificate to be signed.
struct CertificateBuilder {
  /// Who signs: a certificate and its key.
  struct Issuer {
    let certificate: Certificate
    let key: PrivateKey
  }

  /// The common name that is the whole subject.
  var commonName: String
  /// Unix seconds.
  var notBefore: Int64
  /// Unix seconds.
  var notAfter: Int64
  /// Extensions in the notation of x509v3_config(5), in their order.
  var extensions: [(nid: Int32, value: String)] = []
  /// What the signature digests with.
  var digest: OpaquePointer? = EVP_sha256()

  /// The certificate for `key`, signed by `issuer`, or by `key` itself when that is nil; nil when OpenSSL refuses.
  func signed(for key: PrivateKey, by issuer: Issuer?) -> Certificate? {
    defer { OpenSSL.clearErrors() }
    guard let pointer = X509_new() else { return nil }
    let certificate = Certificate(owning: pointer)
    let signer = issuer ?? Issuer(certificate: certificate, key: key)
    return withExtendedLifetime((certificate, signer, key)) {
      guard X509_set_version(pointer, Int(X509_VERSION_3)) == 1, setSerial(pointer), setValidity(pointer),
        setName(X509_get_subject_name(pointer)),
        X509_set_issuer_name(pointer, X509_get_subject_name(signer.certificate.pointer)) == 1,
        X509_set_pubkey(pointer, key.pointer) == 1, addExtensions(to: pointer, signer: signer.certificate.pointer),
        X509_sign(pointer, signer.key.pointer, digest) > 0
      else { return nil }
      return certificate
    }
  }

  /// 16 random bytes, the first below 0x80 and not 0, so that the number is positive and has full length.
  private func setSerial(_ pointer: OpaquePointer) -> Bool {
    var bytes = Entropy.bytes(16)
    bytes[0] = bytes[0] & 0x7f | 0x40
    guard let number = BN_bin2bn(bytes, Int32(bytes.count), nil) else { return false }
    defer { BN_free(number) }
    return BN_to_ASN1_INTEGER(number, X509_get_serialNumber(pointer)) != nil
  }

  private func setValidity(_ pointer: OpaquePointer) -> Bool {
    ASN1_TIME_set(X509_getm_notBefore(pointer), time_t(notBefore)) != nil
      && ASN1_TIME_set(X509_getm_notAfter(pointer), time_t(notAfter)) != nil
  }

  private func setName(_ name: OpaquePointer?) -> Bool {
    let text = Array(commonName.utf8)
    let count = Int32(clamping: text.count)
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, text, count, -1, 0) == 1
  }

  private func addExtensions(to pointer: OpaquePointer, signer: OpaquePointer) -> Bool {
    var context = X509V3_CTX()
    X509V3_set_ctx(&context, signer, pointer, nil, nil, 0)
    return extensions.allSatisfy { nid, value in
      guard let made = X509V3_EXT_conf_nid(nil, &context, nid, value) else { return false }
      defer { X509_EXTENSION_free(made) }
      return X509_add_ext(pointer, made, -1) == 1
    }
  }
}

extension PrivateKey {
  /// A new key on the curve P-256.
  static func makeP256() -> PrivateKey? {
    make(EVP_PKEY_EC) { EVP_PKEY_CTX_set_ec_paramgen_curve_nid($0, NID_X9_62_prime256v1) }
  }

  /// A new key of kind `kind`, after `configure` has set its parameters (answering 1 when it could).
  static func make(_ kind: Int32, _ configure: (OpaquePointer) -> Int32) -> PrivateKey? {
    defer { OpenSSL.clearErrors() }
    guard let context = EVP_PKEY_CTX_new_id(kind, nil) else { return nil }
    defer { EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    guard EVP_PKEY_keygen_init(context) == 1, configure(context) == 1, EVP_PKEY_keygen(context, &key) == 1 else {
      return nil
    }
    return key.map { PrivateKey(owning: $0) }
  }
}

/// A revocation list to be signed.
struct RevocationListBuilder {
  /// Unix seconds.
  var thisUpdate: Int64
  /// Unix seconds.
  var nextUpdate: Int64
  /// Revoked certificates of the issuer.
  var revoked: [Certificate] = []

  /// The list as PEM, with the entries of `earlier` (PEM) kept and its number counted up; nil when OpenSSL refuses.
  func signed(by issuer: CertificateBuilder.Issuer, continuing earlier: SecretBytes? = nil) -> SecretBytes? {
    defer { OpenSSL.clearErrors() }
    guard let list = base(earlier) else { return nil }
    defer { X509_CRL_free(list) }
    let start = ASN1_TIME_set(nil, time_t(thisUpdate))
    let end = ASN1_TIME_set(nil, time_t(nextUpdate))
    defer {
      ASN1_STRING_free(start)
      ASN1_STRING_free(end)
    }
    return withExtendedLifetime(issuer) {
      guard X509_CRL_set_version(list, Int(X509_CRL_VERSION_2)) == 1,
        X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer.certificate.pointer)) == 1,
        X509_CRL_set1_lastUpdate(list, start) == 1, X509_CRL_set1_nextUpdate(list, end) == 1,
        revoked.allSatisfy({ add($0, to: list, at: start) }),
        addExtensions(to: list, issuer: issuer.certificate.pointer),
        X509_CRL_sort(list) == 1, X509_CRL_sign(list, issuer.key.pointer, EVP_sha256()) > 0
      else { return nil }
      return OpenSSL.written { PEM_write_bio_X509_CRL($0, list) == 1 }
    }
  }

  private func base(_ earlier: SecretBytes?) -> OpaquePointer? {
    guard let earlier else { return X509_CRL_new() }
    return earlier.withBIO { PEM_read_bio_X509_CRL($0, nil, PasswordAnswer.callback, nil) } ?? nil
  }

  private func add(_ certificate: Certificate, to list: OpaquePointer, at time: UnsafeMutablePointer<ASN1_TIME>?)
    -> Bool
  {
    var known: OpaquePointer?
    if X509_CRL_get0_by_cert(list, &known, certificate.pointer) == 1 { return true }
    guard let entry = X509_REVOKED_new() else { return false }
    guard X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate.pointer)) == 1,
      X509_REVOKED_set_revocationDate(entry, time) == 1, X509_CRL_add0_revoked(list, entry) == 1
    else {
      X509_REVOKED_free(entry)
      return false
    }
    return true
  }

  private func addExtensions(to list: OpaquePointer, issuer: OpaquePointer) -> Bool {
    var number = 1
    if let known = X509_CRL_get_ext_d2i(list, NID_crl_number, nil, nil) {
      let integer = known.assumingMemoryBound(to: ASN1_INTEGER.self)
      number = ASN1_INTEGER_get(integer) &+ 1
      ASN1_INTEGER_free(integer)
    }
    let encoded = ASN1_INTEGER_new()
    defer { ASN1_INTEGER_free(encoded) }
    guard ASN1_INTEGER_set(encoded, number) == 1,
      X509_CRL_add1_ext_i2d(list, NID_crl_number, encoded, 0, UInt(X509V3_ADD_REPLACE)) == 1
    else { return false }
    if X509_CRL_get_ext_by_NID(list, NID_authority_key_identifier, -1) >= 0 { return true }
    var context = X509V3_CTX()
    X509V3_set_ctx(&context, issuer, nil, nil, list, 0)
    guard let made = X509V3_EXT_conf_nid(nil, &context, NID_authority_key_identifier, "keyid") else { return false }
    defer { X509_EXTENSION_free(made) }
    return X509_CRL_add_ext(list, made, -1) == 1
  }
}

extension CertificateBundle {
  /// The PKCS#12 of `leaf`, `key` and `authority`, encrypted with AES-256; nil when OpenSSL refuses.
  static func pkcs12(leaf: Certificate, key: PrivateKey, authority: Certificate, name: String, password: String)
    -> SecretBytes?
  {
    defer { OpenSSL.clearErrors() }
    guard let others = OPENSSL_sk_new_null() else { return nil }
    defer { OPENSSL_sk_free(others) }
    return withExtendedLifetime((leaf, key, authority)) {
      guard OPENSSL_sk_push(others, UnsafeRawPointer(authority.pointer)) > 0,
        let container = PKCS12_create(password, name, key.pointer, leaf.pointer, others, 0, 0, 0, 0, 0)
      else { return nil }
      defer { PKCS12_free(container) }
      return OpenSSL.written { i2d_PKCS12_bio($0, container) == 1 }
    }
  }
}
