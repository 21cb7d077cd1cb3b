import MeshMembership

/// What a route means to its callers. `/control/openapi.json` and docs/reference/http-api.md are made of it.
struct RouteDocument: Sendable {
  /// One status that the route answers with, beside those that all routes have.
  struct Answer: Sendable {
    let status: Int
    let meaning: String
    /// The bodies that it may have, by media type; `schema` is a name of `Schemas`, nil where the body is no JSON of
    /// ours.
    var contents: [(type: String, schema: String?)] = []
    /// Fields that it has beside those of every answer.
    var fields: [(name: String, meaning: String)] = []
  }

  /// One parameter, which may be left out.
  struct Parameter: Sendable {
    /// Where it stands, in OpenAPI's words.
    enum Place: String, Sendable {
      case query, header
    }

    let name: String
    var place = Place.query
    let schema: Schema
  }

  /// OpenAPI's `operationId`.
  let name: String
  let summary: String
  /// The name of a `Schemas` document that it takes; nil: no body.
  var request: String?
  var parameters: [Parameter] = []
  /// What the names in its path mean.
  var names: [String] = []
  let answers: [Answer]
}

extension Route.Answer {
  var document: RouteDocument {
    switch self {
    case .peers: .init(name: "peers", summary: "List the members that this node knows.", answers: [.ok("Peers")])
    case .members:
      .init(
        name: "members", summary: "List the members that match, by id and page by page.",
        parameters: RouteDocument.Parameter.members,
        answers: [
          .init(
            status: 200, meaning: "The page; with `watch=true`, the events.",
            contents: [("application/json", "MembersPage"), ("text/event-stream", nil)],
            fields: [("ETag", "Names the state that the page tells.")]),
          .init(
            status: 304, meaning: "`If-None-Match` names the state that the node is in.",
            fields: [("ETag", "Names that state.")]),
          .problem(400, "A parameter is unknown, is given twice, or has a value that isn't allowed."),
          .tooManyWatches,
        ])
    case .memberHealth:
      .init(
        name: "memberHealth", summary: "Ask a member over the mesh whether it is well.", names: ["The id of a member."],
        answers: [
          .json(200, "What it answered.", "MemberHealth"),
          .problem(404, "The node knows no member of that name."),
          .problem(409, "It is the node itself, has left, or is a node of OmniRelay."),
          .problem(429, "Too many members are being asked.", fields: [("Retry-After", "Seconds until it may work.")]),
          .problem(502, "It could not be reached, or answered with an error."),
          .problem(
            503, "Calls to it failed lately, so that it isn't asked for a while; or the node stops.",
            fields: [("Retry-After", "Seconds until it may be asked.")]),
          .problem(504, "It didn't answer within \(MemberHealth.timeout.milliseconds / 1_000) s."),
        ])
    case .liveness:
      .init(
        name: "liveness", summary: "Tell whether the process answers at all. A draining node does.",
        answers: [.ok("Health")])
    case .readiness:
      .init(
        name: "readiness", summary: "Tell whether callers should rely on this node.",
        answers: [
          .ok("Health"), .json(503, "Not now: `issues` says why.", "Health"),
        ])
    case .metrics:
      .init(
        name: "metrics", summary: "Give the metrics in Prometheus' text format.",
        answers: [.init(status: 200, meaning: "The metrics.", contents: [("text/plain", nil)])])
    case .openAPI:
      .init(
        name: "openAPI", summary: "Give this document, OpenAPI 3.1.",
        answers: [.json(200, "The document.", nil)])
    case .logging:
      .init(
        name: "logLevel", summary: "Tell the least level of log records that hosts get.", answers: [.ok("LogLevel")])
    case .setLogging:
      .init(
        name: "setLogLevel", summary: "Set the least level of log records that hosts get, until the node ends.",
        request: "LogLevelRequest",
        answers: [
          .init(status: 204, meaning: "It is set."), .json(400, "The body can't be read, or names no level.", "Error"),
          .problem(415, "The body is no JSON by its Content-Type."),
        ])
    case .tracing:
      .init(
        name: "traceSampling", summary: "Tell how many of the traces are to be kept. This version makes none.",
        answers: [.ok("TraceSampling")])
    case .setTracing:
      .init(
        name: "setTraceSampling",
        summary: "Set how many of the traces are to be kept, until the node ends. This version makes none.",
        request: "TraceSamplingRequest",
        answers: [
          .init(status: 204, meaning: "It is set."),
          .json(400, "The body can't be read, or the probability is not from 0 to 1.", "Error"),
          .problem(415, "The body is no JSON by its Content-Type."),
        ])
    case .queues, .queue, .deadLetters, .redrive, .backpressure, .backpressureStream: queueDocument
    case .drain:
      .init(name: "drain", summary: "Let the node tell the mesh that it wants no new work.", answers: .asked("Drain"))
    case .resume: .init(name: "resume", summary: "Let a drained node want work again.", answers: .asked("Drain"))
    case .leave:
      .init(
        name: "leave", summary: "Let the node say goodbye to the mesh and stop.",
        answers: [.json(200, "It is leaving already.", "Leave")] + .asked("Leave"))
    case .removeMember:
      .init(
        name: "removeMember", summary: "Declare a dead or lost member gone, in the whole mesh.",
        names: ["The id of a member."],
        answers: [
          .json(200, "It has gone already.", "Removal"), .problem(404, "The node knows no member of that name."),
        ] + .asked("Removal", conflict: "The node is leaving the mesh, or it is the member itself."))
    }
  }
}

extension RouteDocument.Parameter {
  fileprivate static let members: [Self] =
    [
      .init(
        name: "pageSize",
        schema: .integer(
          "The most members of a page: \(MembersQuery.pageSizeDefault) by default and for 0 or less, "
            + "\(MembersQuery.pageSizeMax) at most.")),
      .init(name: "cursor", schema: .string("The `nextCursor` of the page before.")),
      .init(
        name: "role", schema: .string("The role, in any case. This filter and the next three are none when empty.")),
      .init(name: "cluster", schema: .string("The cluster, in any case.")),
      .init(name: "region", schema: .string("The region, in any case.")),
      .init(name: "version", schema: .string("The `meshVersion`, in any case.")),
      .init(
        name: "status",
        schema: .string("\(MemberStatus.allCases.map(\.rawValue).joined(separator: ", ")), in any case.")),
      .init(
        name: "label",
        schema: .array(
          of: .string(""),
          "`KEY` or `KEY=VALUE`, exactly, \(MembersQuery.labelsMax) times at most; all of them must be there.")),
    ] + watching

  /// What every resource takes that can be watched.
  static let watching: [Self] = [
    .init(
      name: "watch",
      schema: .string("`true`: in place of a page, a stream of events goes on until the caller or the node ends it.")),
    .init(
      name: "after",
      schema: .string(
        "With `watch`: the `id` of the last event that the caller has, or the `ETag` of the first page; the stream "
          + "goes on from there, for the same filters.")),
    lastEventID,
    .init(
      name: "If-None-Match", place: .header, schema: .string("The `ETag`s of pages that the caller has already.")),
  ]

  static let lastEventID = Self(
    name: "Last-Event-ID", place: .header,
    schema: .string("The `id` of the last event that the caller has, as browsers say it; it comes before `after`."))
}

extension RouteDocument.Answer {
  static func json(
    _ status: Int, _ meaning: String, _ schema: String?, fields: [(name: String, meaning: String)] = []
  ) -> Self {
    .init(status: status, meaning: meaning, contents: [("application/json", schema)], fields: fields)
  }

  static func ok(_ schema: String) -> Self { .json(200, "The document.", schema) }

  static func problem(
    _ status: Int, _ meaning: String, fields: [(name: String, meaning: String)] = []
  ) -> Self {
    .init(status: status, meaning: meaning, contents: [("application/problem+json", "Problem")], fields: fields)
  }

  static let tooManyWatches = problem(
    503, "Too many callers watch.", fields: [("Retry-After", "Seconds until there may be room.")])

  /// What every route answers where it isn't known who asks.
  static let unauthorized = RouteDocument.Answer(
    status: 401, meaning: "A credential is needed, or the one that is shown is none of a principal.",
    contents: [("application/problem+json", "Problem")],
    fields: [("WWW-Authenticate", "`Bearer`, and `error=\"invalid_token\"` for a token of nobody.")])

  /// What every route may answer before its own turn comes.
  static func forbidden(_ route: Route) -> RouteDocument.Answer {
    let foreign = route.answer.changesNode ? "there is an Origin other than the Host" : "the Origin is foreign"
    return .init(
      status: 403, meaning: "The Host is no loopback name, \(foreign), or the caller lacks the scope.",
      contents: [("application/json", "Error"), ("application/problem+json", "Problem")])
  }
}

extension [RouteDocument.Answer] {
  /// What routes answer that hand something over to the engine.
  fileprivate static func asked(_ schema: String, conflict: String = "The node is leaving the mesh.") -> Self {
    [
      .json(202, "It is asked for, and not done yet.", schema), .problem(409, conflict),
      .problem(
        429, "The node has no room for more commands now.", fields: [("Retry-After", "Seconds until it may have.")]),
    ]
  }
}
