// Tokens that callers of a control listener show. A node keeps their SHA-256 only: with 256 random bits in each nothing
// can be guessed, so that a plain hash does what slow ones do for passwords.
import COpenSSL
import Glibc
import MeshBasics

/// A secret that proves who asks. Its description and its mirror leave it out.
public struct BearerToken: Equatable, Sendable {
  /// What every token begins with that is made here, so that a search for secrets that leaked finds it.
  static let prefix = "mkt_"
  private static let randomBytes = 32

  private let text: String

  /// A new token: 256 bits of the kernel's generator.
  public static func make() -> BearerToken {
    BearerToken(text: prefix + OpenSSL.hexadecimal(Entropy.bytes(randomBytes)))
  }

  private init(text: String) { self.text = text }

  /// What a principal is known by: the SHA-256 of the token, 64 lower-case hexadecimal digits.
  public var sha256: String { OpenSSL.hexadecimal(BearerToken.digest(of: text)) }

  /// The SHA-256 of a token that somebody shows.
  public static func digest(of token: String) -> [UInt8] {
    OpenSSL.start()
    var token = token
    return token.withUTF8 { OpenSSL.digest(EVP_sha256(), of: UnsafeRawBufferPointer($0)) }
  }

  /// Puts the token into a new file that only its owner may read. *Errors*: name the file; one that exists stays.
  public func save(to path: String) throws(SecurityError) {
    guard access(path, F_OK) != 0 else {
      throw SecurityError("file \(path) exists already; allowed: a path where nothing is")
    }
    var line = text + "\n"
    let content = line.withUTF8 { SecretBytes(copying: UnsafeRawBufferPointer($0)) }
    try ReplacingFile.write(content, to: path, mode: 0o600, isNew: true)
  }
}

extension BearerToken: CustomStringConvertible, CustomReflectable {
  /// That it is one; never the token.
  public var description: String { "BearerToken" }
  /// A mirror without children, so that `dump` prints no secret.
  public var customMirror: Mirror { Mirror(self, children: [(label: String?, value: Any)]()) }
}
