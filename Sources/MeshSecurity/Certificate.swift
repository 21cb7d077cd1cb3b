// One X.509 certificate, owned, with the few things that this module asks of it.
import COpenSSL

/// A certificate. Immutable once decoded; OpenSSL guards the caches inside it, so it is safe from any thread.
final class Certificate: @unchecked Sendable {
  /// OpenSSL's object; valid while this one lives.
  let pointer: OpaquePointer

  /// Takes over `pointer`.
  init(owning pointer: OpaquePointer) { self.pointer = pointer }

  /// Decodes one certificate that fills `der` to its last byte; nil for anything else.
  convenience init?(der: [UInt8]) {
    let decoded = der.withUnsafeBufferPointer { bytes -> OpaquePointer? in
      var cursor = bytes.baseAddress
      guard let decoded = d2i_X509(nil, &cursor, bytes.count) else { return nil }
      guard cursor == bytes.baseAddress.map({ $0 + bytes.count }) else {
        X509_free(decoded)
        return nil
      }
      return decoded
    }
    OpenSSL.clearErrors()
    guard let decoded else { return nil }
    self.init(owning: decoded)
  }

  deinit { X509_free(pointer) }

  /// Its subject in the form of RFC 2253, for display.
  var subject: String {
    let text = OpenSSL.written { X509_NAME_print_ex($0, X509_get_subject_name(pointer), 0, COPENSSL_NAME_FORMAT) >= 0 }
    let name = text?.withBytes { String(decoding: $0, as: UTF8.self) } ?? ""
    return name.isEmpty ? "(no subject)" : name
  }

  /// The last second of its validity.
  var notAfter: CertificateTime { CertificateTime(X509_get0_notAfter(pointer)) }
  /// The first second of its validity.
  var notBefore: CertificateTime { CertificateTime(X509_get0_notBefore(pointer)) }

  /// Whether its subject is its issuer and it may issue others: a root.
  var isRoot: Bool { X509_check_ca(pointer) != 0 && isSelfIssued }
  /// Whether subject and issuer are one name.
  var isSelfIssued: Bool {
    X509_NAME_cmp(X509_get_subject_name(pointer), X509_get_issuer_name(pointer)) == 0
  }

  /// Whether this certificate's name and key identifiers fit the issuer that `other` names.
  func mayHaveIssued(_ other: Certificate) -> Bool { X509_check_issued(pointer, other.pointer) == X509_V_OK }

  /// Whether OpenSSL could decode every extension that it knows, and found none of them twice.
  var extensionsAreSound: Bool { X509_get_extension_flags(pointer) & UInt32(EXFLAG_INVALID) == 0 }

  /// Whether it carries no extended key usage, or both that of a TLS client and that of a TLS server.
  var servesBothSides: Bool {
    let usage = X509_get_extended_key_usage(pointer)
    let both = UInt32(XKU_SSL_CLIENT | XKU_SSL_SERVER)
    return usage & both == both
  }

  /// SHA-256 of its SubjectPublicKeyInfo, as lower-case hexadecimal digits.
  var keyFingerprint: String {
    var encoded: UnsafeMutablePointer<UInt8>?
    let count = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(pointer), &encoded)
    defer { CRYPTO_free(encoded, #file, #line) }
    let bytes = UnsafeRawBufferPointer(start: encoded, count: encoded == nil ? 0 : max(Int(count), 0))
    return OpenSSL.hexadecimal(OpenSSL.digest(EVP_sha256(), of: bytes))
  }

  /// `certificates`, one after the other, as PEM.
  static func pem(_ certificates: [Certificate]) -> [UInt8]? {
    OpenSSL.written { sink in certificates.allSatisfy { PEM_write_bio_X509(sink, $0.pointer) == 1 } }?
      .withBytes { Array($0) }
  }
}

/// A time in a certificate.
struct CertificateTime {
  /// Unix seconds; nil when the certificate's field can't be read.
  let seconds: Int64?
  /// As `2026-11-21T02:45:00Z`, for error messages.
  let text: String

  init(_ time: UnsafePointer<ASN1_TIME>?) {
    var days: Int32 = 0
    var rest: Int32 = 0
    let epoch = ASN1_TIME_set(nil, 0)
    defer { ASN1_STRING_free(epoch) }
    var parts = tm()
    guard let time, ASN1_TIME_diff(&days, &rest, epoch, time) == 1, ASN1_TIME_to_tm(time, &parts) == 1 else {
      seconds = nil
      text = "(unreadable time)"
      return
    }
    seconds = Int64(days) &* 86_400 &+ Int64(rest)
    func padded(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    text =
      "\(parts.tm_year &+ 1900)-\(padded(parts.tm_mon &+ 1))-\(padded(parts.tm_mday))"
      + "T\(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec))Z"
  }
}
