// Pinned leaf certificates. OmniRelay skips its list when the chain is valid; here pins restrict a valid chain further.
import COpenSSL

/// The thumbprints of the only leaf certificates that are allowed; an empty list allows all.
struct Thumbprints {
  private let sha1: [[UInt8]]
  private let sha256: [[UInt8]]

  /// Reads hexadecimal thumbprints: 40 digits for SHA-1, 64 for SHA-256, either case, `:` between them allowed.
  init(reading texts: [String]) throws(SecurityError) {
    var sha1: [[UInt8]] = []
    var sha256: [[UInt8]] = []
    for text in texts {
      let bytes = Thumbprints.bytes(ofHexadecimal: text)
      switch bytes?.count {
      case 20: sha1.append(bytes ?? [])
      case 32: sha256.append(bytes ?? [])
      default:
        throw SecurityError(
          "allowedThumbprints: \"\(text.prefix(80))\" is not a SHA-1 or SHA-256 thumbprint "
            + "(40 or 64 hexadecimal digits)"
        )
      }
    }
    self.sha1 = sha1
    self.sha256 = sha256
  }

  /// Whether the certificate with these DER bytes is allowed. Takes as long for a hit as for a miss.
  func allow(_ der: [UInt8]) -> Bool {
    if sha1.isEmpty && sha256.isEmpty { return true }
    let found1 = Thumbprints.count(of: der.withUnsafeBytes { OpenSSL.digest(EVP_sha1(), of: $0) }, in: sha1)
    let found256 = Thumbprints.count(of: der.withUnsafeBytes { OpenSSL.digest(EVP_sha256(), of: $0) }, in: sha256)
    return found1 + found256 > 0
  }

  private static func count(of digest: [UInt8], in pins: [[UInt8]]) -> Int {
    pins.count { $0.count == digest.count && CRYPTO_memcmp($0, digest, digest.count) == 0 }
  }

  private static func bytes(ofHexadecimal text: String) -> [UInt8]? {
    let digits = text.utf8.filter { $0 != UInt8(ascii: ":") }.map { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = digits[index], let low = digits[index + 1] else { return nil }
      bytes.append(UInt8(truncatingIfNeeded: high << 4 | low))
    }
    return bytes
  }
}
