/// Who a credential stands for: a name for records, and what the caller may do.
public struct Principal: Equatable, Sendable {
  /// The name; it holds nothing that could steer a terminal or forge a record.
  public let name: String
  /// What it may do. No scope includes another.
  public let scopes: ControlScopes
  /// Whether it asks for others: then what it says in `x-mesh-scope` counts.
  public let delegates: Bool

  /// A principal of these parts.
  public init(name: String, scopes: ControlScopes, delegates: Bool = false) {
    self.name = name
    self.scopes = scopes
    self.delegates = delegates
  }

  /// The same with what it says in `x-mesh-scope`, nil where it says nothing. That can only narrow, and counts only
  /// where the principal delegates.
  public func narrowed(to wish: ControlScopes?) -> Principal {
    guard delegates, let wish else { return self }
    return Principal(name: name, scopes: scopes.intersection(wish), delegates: delegates)
  }
}

/// Who asks, as far as its connection and its credential tell.
public enum Caller: Equatable, Sendable {
  /// Somebody on this host, without the credential of a principal.
  case local
  /// Somebody elsewhere, without one.
  case stranger
  /// Somebody who shows what is no credential, or no longer one. On this host as well: who says who he is must not be
  /// taken for somebody else.
  case refused(CredentialFault)
  /// A principal, by a token.
  case token(Principal)
  /// A principal, by the certificate of its connection.
  case certificate(Principal, isLocal: Bool)

  /// The principal; nil for everybody else.
  public var principal: Principal? {
    switch self {
    case .token(let principal), .certificate(let principal, _): principal
    case .local, .stranger, .refused: nil
    }
  }

  /// Who it is, for records. No principal can have a name with parentheses.
  public var name: String {
    switch self {
    case .token(let principal), .certificate(let principal, _): principal.name
    case .local: "(loopback)"
    case .stranger, .refused: "(unknown)"
    }
  }

  /// What it may do, where callers on this host without a credential may do `loopback`.
  func scopes(loopback: ControlScopes) -> ControlScopes {
    switch self {
    case .token(let principal), .certificate(let principal, _): principal.scopes
    case .local: loopback
    case .stranger, .refused: []
    }
  }
}

/// What is wrong with a credential.
public enum CredentialFault: Equatable, Sendable {
  /// The Authorization field holds no token, or one that nobody has.
  case token
  /// The certificate of the connection was trusted when it was opened, and isn't any more.
  case certificate
}
