// The one table of what the control plane serves. Which paths mind their case is OmniRelay's contract (http §0): those
// of its data-plane listener don't, those below /omnirelay/control do.

/// One path that is served.
struct Route: Sendable {
  /// What a route answers with.
  enum Answer: Sendable {
    case peers
    case members
    case openAPI
    case liveness
    case readiness
    case metrics
    case logging
    case setLogging
    case tracing
    case setTracing
    case drain
    case resume
    case leave
    /// The path ends in the name of a member.
    case removeMember
    /// The path holds the name of a member.
    case memberHealth

    /// What a caller must be allowed to do.
    var scope: ControlScopes {
      switch self {
      case .peers, .members: .read
      case .memberHealth, .liveness, .readiness, .metrics, .logging, .tracing, .openAPI: .observe
      case .setLogging, .setTracing, .drain, .resume, .leave, .removeMember: .operate
      }
    }

    /// Whether it asks something of the node.
    var changesNode: Bool { scope == .operate }
  }

  /// How a path is compared. There are no trailing slashes and no percent decoding.
  enum CaseRule: Sendable {
    case exact
    case ignored
    /// The path is a prefix, in this case, of one more segment: a name, which needs no percent encoding. What follows
    /// that is `Route.suffix`.
    case prefix
  }

  let method: String
  let path: String
  let caseRule: CaseRule
  /// What follows the name of a `prefix` route.
  let suffix: String
  let answer: Answer
  /// The path as it is compared.
  private let bytes: [UInt8]

  init(method: String, path: String, caseRule: CaseRule, suffix: String = "", answer: Answer) {
    (self.method, self.path, self.caseRule) = (method, path, caseRule)
    (self.suffix, self.answer) = (suffix, answer)
    bytes = Array(path.utf8)
  }

  /// The path as documents write it: `/v1/members/{id}`.
  var template: String { caseRule == .prefix ? path + "{id}" + suffix : path }

  /// Every route there is.
  static let all: [Route] = [
    Route(method: "GET", path: "/control/peers", caseRule: .ignored, answer: .peers),
    Route(method: "GET", path: "/omnirelay/control/peers", caseRule: .exact, answer: .peers),
    Route(method: "GET", path: "/control/openapi.json", caseRule: .ignored, answer: .openAPI),
    Route(method: "GET", path: "/openapi/omnirelay.json", caseRule: .ignored, answer: .openAPI),
    Route(method: "GET", path: "/healthz", caseRule: .ignored, answer: .liveness),
    Route(method: "GET", path: "/readyz", caseRule: .ignored, answer: .readiness),
    Route(method: "GET", path: "/metrics", caseRule: .ignored, answer: .metrics),
    Route(method: "GET", path: "/omnirelay/metrics", caseRule: .ignored, answer: .metrics),
    Route(method: "GET", path: "/omnirelay/control/logging", caseRule: .exact, answer: .logging),
    Route(method: "POST", path: "/omnirelay/control/logging", caseRule: .exact, answer: .setLogging),
    Route(method: "GET", path: "/omnirelay/control/tracing", caseRule: .exact, answer: .tracing),
    Route(method: "POST", path: "/omnirelay/control/tracing", caseRule: .exact, answer: .setTracing),
    Route(method: "POST", path: "/v1/node/drain", caseRule: .exact, answer: .drain),
    Route(method: "POST", path: "/v1/node/resume", caseRule: .exact, answer: .resume),
    Route(method: "POST", path: "/v1/node/leave", caseRule: .exact, answer: .leave),
    Route(method: "GET", path: "/v1/members", caseRule: .exact, answer: .members),
    Route(method: "GET", path: "/v1/members/", caseRule: .prefix, suffix: "/health", answer: .memberHealth),
    Route(method: "DELETE", path: "/v1/members/", caseRule: .prefix, answer: .removeMember),
  ]

  /// The route of `method` and `target`, whose query is ignored; nil when there is none.
  static func find(method: String, target: String) -> Route? {
    let path = Array(Route.path(of: target))
    return all.first { $0.method == method && $0.matches(path) }
  }

  /// The name in `target`, which a `prefix` route matches.
  func name(in target: String) -> String {
    String(Substring(Route.path(of: target).dropFirst(path.utf8.count).dropLast(suffix.utf8.count)))
  }

  private static func path(of target: String) -> Substring.UTF8View { target.utf8.prefix { $0 != UInt8(ascii: "?") } }

  private func matches(_ path: [UInt8]) -> Bool {
    switch caseRule {
    case .exact: return path == bytes
    case .prefix:
      guard path.starts(with: bytes) else { return false }
      let rest = path.dropFirst(bytes.count)
      let name = rest.prefix { $0 != UInt8(ascii: "/") }
      return !name.isEmpty && rest.dropFirst(name.count).elementsEqual(suffix.utf8)
    case .ignored: return ASCII.equalIgnoringCase(path, bytes)
    }
  }
}

/// Comparison without case, of ASCII letters only.
enum ASCII {
  static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  static func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }

  static func equalIgnoringCase(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Bool {
    left.count == right.count && zip(left, right).allSatisfy { lowercased($0) == lowercased($1) }
  }
}
