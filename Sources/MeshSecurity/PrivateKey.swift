// A node's private key, owned.
import COpenSSL

/// A private key. Immutable, so safe from any thread; it has no description that could tell anything.
final class PrivateKey: @unchecked Sendable {
  /// OpenSSL's object; valid while this one lives.
  let pointer: OpaquePointer

  /// Takes over `pointer`.
  init(owning pointer: OpaquePointer) { self.pointer = pointer }

  deinit { EVP_PKEY_free(pointer) }

  /// Reads the first private key in a PEM file, of any kind OpenSSL knows, encrypted or not.
  static func read(pem: SecretBytes, password: String?, path: String) throws(SecurityError) -> PrivateKey {
    OpenSSL.clearErrors()
    defer { OpenSSL.clearErrors() }
    let answer = PasswordAnswer(password)
    let key = pem.withBIO { bio in
      withExtendedLifetime(answer) { PEM_read_bio_PrivateKey(bio, nil, PasswordAnswer.callback, answer.context) }
    }
    if let key = key ?? nil { return PrivateKey(owning: key) }
    guard answer.wasAsked else { throw SecurityError("key file \(path) holds no readable private key") }
    throw SecurityError(
      password == nil
        ? "the private key in \(path) is encrypted, and no certificatePassword is configured"
        : "the private key in \(path) can't be decrypted with the configured certificatePassword")
  }

  /// The key as unencrypted PKCS#8 in PEM.
  var pem: SecretBytes? {
    OpenSSL.written { PEM_write_bio_PKCS8PrivateKey($0, pointer, nil, nil, 0, nil, nil) == 1 }
  }

  /// Whether this is the key that `certificate` certifies.
  func matches(_ certificate: Certificate) -> Bool {
    defer { OpenSSL.clearErrors() }
    return X509_check_private_key(certificate.pointer, pointer) == 1
  }
}
