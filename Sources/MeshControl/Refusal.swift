/// Why a caller may not have what it asks for. It is found before anything is looked up: who may not ask learns
/// nothing.
public struct Refusal: Error, Equatable, Sendable {
  private enum Kind: Equatable {
    /// Nobody says who asks: 401, with what `WWW-Authenticate` says beside the realm.
    case unauthenticated(error: String)
    /// It is known who asks, and that isn't enough.
    case forbidden
    /// A web page asks, or may do so; in the form that OmniRelay has for errors.
    case page
  }

  private let kind: Kind
  /// The cause in a word, as telemetry names it.
  public let reason: String
  private let detail: String
  /// Who is refused, as `Caller.name` has it; empty where that wasn't looked at.
  public private(set) var principal = ""
  /// The scopes that it lacks, by their names; empty where it isn't for one.
  public private(set) var missing = ""

  private init(_ kind: Kind, _ reason: String, _ detail: String) {
    self.kind = kind
    self.reason = reason
    self.detail = detail
  }

  /// The same, told of `caller`.
  func told(of caller: Caller) -> Refusal {
    var told = self
    told.principal = caller.name
    return told
  }

  /// The Host is no name of this host.
  static let foreignHost = Refusal(.page, "foreign-host", "The Host field must be localhost, 127.0.0.0/8 or [::1].")
  /// The Origin is another host's.
  static let foreignOrigin = Refusal(.page, "foreign-origin", "Requests from web pages of other hosts are refused.")
  /// The Origin isn't the Host, where that is asked for.
  static let otherOrigin = Refusal(
    .page, "foreign-origin", "Requests of web pages may change this node only from its own address.")
  /// The same of a caller who is no matter of this host alone.
  static let remoteOrigin = Refusal(
    .page, "foreign-origin", "Web pages are served only where they come from the node's own address.")

  private static let stranger = Refusal(
    .unauthenticated(error: ""), "no-credential",
    "This needs the token or the certificate of a principal."
  )
  private static let unknownToken = Refusal(
    .unauthenticated(error: "invalid_token"), "unknown-token",
    "The Authorization field holds no token of a principal of this node; it must read Bearer and the token.")
  private static let untrustedCertificate = Refusal(
    .unauthenticated(error: ""), "untrusted-certificate",
    "The certificate of this connection is not trusted any more.")

  /// Why `caller` gets nothing at all; nil when it may get something.
  public init?(of caller: Caller) {
    switch caller {
    case .local, .token, .certificate: return nil
    case .stranger: self = Refusal.stranger.told(of: caller)
    case .refused(.token): self = Refusal.unknownToken.told(of: caller)
    case .refused(.certificate): self = Refusal.untrustedCertificate.told(of: caller)
    }
  }

  /// Why a request of `caller` with these fields may not have what needs `scope`; nil when it may. The same for routes
  /// and for calls of gRPC. What changes the node takes no page but the node's own.
  init?(of caller: Caller, needing scope: ControlScopes, host: String?, origin: String?, _ view: NodeView) {
    if scope.contains(.operate),
      let refusal = LoopbackGuard.operateRefusal(host: host, origin: origin, of: caller)
    {
      self = refusal
      return
    }
    self.init(of: caller, needing: scope, loopback: view.scopes, hasPrincipals: view.hasPrincipals)
  }

  /// Why `caller` may not do what needs `scope`; nil when it may. Callers on this host without a credential may do
  /// `loopback`; `hasPrincipals` says whether a credential could help them.
  public init?(of caller: Caller, needing scope: ControlScopes, loopback: ControlScopes, hasPrincipals: Bool) {
    if let refusal = Refusal(of: caller) {
      self = refusal
      return
    }
    let scopes = caller.scopes(loopback: loopback)
    guard !scopes.isSuperset(of: scope) else { return nil }
    let needs = "This needs the scope \(scope.names);"
    if let principal = caller.principal {
      self.init(.forbidden, "scope", "\(needs) the principal \(principal.name) has \(scopes.names).")
    } else if hasPrincipals {
      self.init(
        .unauthenticated(error: ""), "no-credential",
        "\(needs) callers on this host without a credential have \(scopes.names). It takes the token or the "
          + "certificate of a principal, or the configuration key mesh:control:loopbackScopes.")
    } else {
      self.init(
        .forbidden, "scope",
        "\(needs) callers on this host have \(scopes.names). The configuration key mesh:control:loopbackScopes gives "
          + "them more.")
    }
    principal = caller.name
    missing = scope.subtracting(scopes).names
  }

  /// What the caller is told over HTTP.
  var response: ControlResponse {
    var response: ControlResponse
    switch kind {
    case .page:
      response = ControlResponse(
        status: 403, headers: [ControlHeader("Content-Type", "application/json")], body: HealthDocument.error(detail))
    case .forbidden: response = Problem.response(403, detail)
    case .unauthenticated(let error):
      response = Problem.response(401, detail)
      // [RFC 6750 §3] "the resource server MUST include the HTTP "WWW-Authenticate" response header field"
      let challenge = "Bearer realm=\"meshkit\"" + (error.isEmpty ? "" : ", error=\"\(error)\"")
      response.headers.append(ControlHeader("WWW-Authenticate", challenge))
    }
    response.refusal = self
    return response
  }

  /// What it is told over gRPC: UNAUTHENTICATED or PERMISSION_DENIED.
  public var status: RPCStatus {
    switch kind {
    case .unauthenticated: RPCStatus(16, detail, reason: "UNAUTHENTICATED", refusal: self)
    case .forbidden: RPCStatus(7, detail, reason: "SCOPE_MISSING", refusal: self)
    case .page: RPCStatus(7, detail, reason: "WEB_PAGE", refusal: self)
    }
  }
}
