/// What a bearer token looks like, on both sides of a connection.
public enum BearerSyntax {
  /// The longest token, in bytes.
  public static let tokenBytesMax = 512

  /// Whether `bytes` can be a token: 1 to `tokenBytesMax` letters, digits and `-._~+/=`.
  ///
  /// [RFC 6750 §2.1] "b64token    = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=""
  public static func isToken(_ bytes: some Collection<UInt8>) -> Bool {
    (1...tokenBytesMax).contains(bytes.count) && bytes.allSatisfy(allows)
  }

  private static func allows(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "-._~+/=".utf8.contains(byte)
    }
  }
}
