import MeshBasics

/// What the Authorization fields of a request say (RFC 6750 §2.1).
public enum BearerField: Equatable, Sendable {
  /// There is none.
  case absent
  /// One, with this token.
  case token(String)
  /// Several, another scheme, or a token that none can be.
  case unreadable

  /// Reads the values of all fields of that name.
  public init(_ values: [String]) {
    guard let value = values.first else {
      self = .absent
      return
    }
    let scheme = value.utf8.prefix { $0 != 0x20 }
    let token = value.utf8.dropFirst(scheme.count).drop { $0 == 0x20 }
    // [RFC 9110 §11.1] "It uses a case-insensitive token to identify the authentication scheme"
    guard values.count == 1, ASCII.equalIgnoringCase(scheme, "bearer".utf8), BearerSyntax.isToken(token) else {
      self = .unreadable
      return
    }
    self = .token(String(Substring(token)))
  }
}
