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
    case queues
    /// The path ends in the name of a queue.
    case queue
    /// The path holds the name of a queue.
    case deadLetters
    /// The path holds the name of a queue and the id of a dead letter.
    case redrive
    case backpressure
    case backpressureStream

    /// What a caller must be allowed to do.
    var scope: ControlScopes {
      switch self {
      case .peers, .members: .read
      case .memberHealth, .liveness, .readiness, .metrics, .logging, .tracing, .openAPI, .queues, .queue, .deadLetters,
        .backpressure, .backpressureStream:
        .observe
      case .setLogging, .setTracing, .drain, .resume, .leave, .removeMember, .redrive: .operate
      }
    }

    /// Whether it asks something of the node.
    var changesNode: Bool { scope == .operate }
  }

  /// How a path is compared. There are no trailing slashes.
  enum CaseRule: Sendable {
    case exact
    case ignored
    /// The path is a template, in this case: `{name}` stands for a name within one segment.
    case template
  }

  let method: String
  let path: String
  let caseRule: CaseRule
  let answer: Answer
  /// The path as it is compared, of a template up to its first name.
  private let bytes: [UInt8]
  /// What follows each name of a template.
  private let tails: [[UInt8]]

  init(method: String, path: String, caseRule: CaseRule, answer: Answer) {
    (self.method, self.path, self.caseRule, self.answer) = (method, path, caseRule, answer)
    let parts = path.utf8.split(separator: UInt8(ascii: "{"), omittingEmptySubsequences: false)
    bytes = Array(parts[0])
    tails = parts.dropFirst().map { Array($0.drop { $0 != UInt8(ascii: "}") }.dropFirst()) }
  }

  /// What the names of a template are called: `id`.
  var parameters: [String] {
    path.split(separator: "{").dropFirst().map { String($0.prefix { $0 != "}" }) }
  }

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
    Route(method: "GET", path: "/v1/members/{id}/health", caseRule: .template, answer: .memberHealth),
    Route(method: "DELETE", path: "/v1/members/{id}", caseRule: .template, answer: .removeMember),
    Route(method: "GET", path: "/v1/queues", caseRule: .exact, answer: .queues),
    Route(method: "GET", path: "/v1/queues/{name}", caseRule: .template, answer: .queue),
    Route(method: "GET", path: "/v1/queues/{name}/dead-letters", caseRule: .template, answer: .deadLetters),
    Route(
      method: "POST", path: "/v1/queues/{name}/dead-letters/{id}:redrive", caseRule: .template, answer: .redrive),
    Route(method: "GET", path: "/omnirelay/control/backpressure", caseRule: .exact, answer: .backpressure),
    Route(
      method: "GET", path: "/omnirelay/control/backpressure/stream", caseRule: .exact, answer: .backpressureStream),
  ]

  /// The route of `method` and `target`, whose query is ignored; nil when there is none.
  static func find(method: String, target: String) -> Route? {
    let path = Array(Route.path(of: target))
    return all.first { $0.method == method && $0.matches(path) }
  }

  /// The names in `target`, which a template matches, as they stand there.
  func names(in target: String) -> [String] {
    names(Array(Route.path(of: target))[...])?.map { String(decoding: $0, as: UTF8.self) } ?? []
  }

  private static func path(of target: String) -> Substring.UTF8View { target.utf8.prefix { $0 != UInt8(ascii: "?") } }

  private func matches(_ path: [UInt8]) -> Bool {
    switch caseRule {
    case .exact: path == bytes
    case .template: names(path[...]) != nil
    case .ignored: ASCII.equalIgnoringCase(path, bytes)
    }
  }

  /// The names in a path; nil when the template doesn't match it.
  private func names(_ path: ArraySlice<UInt8>) -> [ArraySlice<UInt8>]? {
    guard path.starts(with: bytes) else { return nil }
    var rest = path.dropFirst(bytes.count)
    var names: [ArraySlice<UInt8>] = []
    for tail in tails {
      // A name ends with its segment, or where what follows it in its segment begins.
      let segment = rest.prefix { $0 != UInt8(ascii: "/") }
      let name = segment.dropLast(tail.prefix { $0 != UInt8(ascii: "/") }.count)
      rest = rest.dropFirst(name.count)
      guard !name.isEmpty, rest.starts(with: tail) else { return nil }
      rest = rest.dropFirst(tail.count)
      names.append(name)
    }
    return rest.isEmpty ? names : nil
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
