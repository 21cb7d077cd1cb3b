/// What a route means to its callers. `/control/openapi.json` and docs/reference/http-api.md are made of it.
struct RouteDocument: Sendable {
  /// One status that the route answers with, beside those that all routes have.
  struct Answer: Sendable {
    let status: Int
    let meaning: String
    /// A name of `Schemas`; nil: no body, or text.
    var schema: String?
    /// The media type of the body; empty without one.
    var type = "application/json"
  }

  /// One parameter of the query, which may be left out.
  struct Parameter: Sendable {
    let name: String
    let schema: Schema
  }

  /// OpenAPI's `operationId`.
  let name: String
  let summary: String
  /// The name of a `Schemas` document that it takes; nil: no body.
  var request: String?
  var parameters: [Parameter] = []
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
            status: 200, meaning: "The page; `ETag` names the state that it tells.", schema: "MembersPage"),
          .init(status: 304, meaning: "`If-None-Match` names the state that the node is in.", type: ""),
          .problem(400, "A parameter is unknown, is given twice, or has a value that isn't allowed."),
        ])
    case .liveness:
      .init(
        name: "liveness", summary: "Tell whether the process answers at all. A draining node does.",
        answers: [.ok("Health")])
    case .readiness:
      .init(
        name: "readiness", summary: "Tell whether callers should rely on this node.",
        answers: [
          .ok("Health"), .init(status: 503, meaning: "Not now: `issues` says why.", schema: "Health"),
        ])
    case .metrics:
      .init(
        name: "metrics", summary: "Give the metrics in Prometheus' text format.",
        answers: [.init(status: 200, meaning: "The metrics.", type: "text/plain")])
    case .openAPI:
      .init(
        name: "openAPI", summary: "Give this document, OpenAPI 3.1.",
        answers: [.init(status: 200, meaning: "The document.")])
    case .logging:
      .init(
        name: "logLevel", summary: "Tell the least level of log records that hosts get.", answers: [.ok("LogLevel")])
    case .setLogging:
      .init(
        name: "setLogLevel", summary: "Set the least level of log records that hosts get, until the node ends.",
        request: "LogLevelRequest",
        answers: [
          .init(status: 204, meaning: "It is set.", type: ""),
          .init(status: 400, meaning: "The body can't be read, or names no level.", schema: "Error"),
          .problem(415, "The body is no JSON by its Content-Type."),
        ])
    case .drain:
      .init(name: "drain", summary: "Let the node tell the mesh that it wants no new work.", answers: .asked("Drain"))
    case .resume: .init(name: "resume", summary: "Let a drained node want work again.", answers: .asked("Drain"))
    case .leave:
      .init(
        name: "leave", summary: "Let the node say goodbye to the mesh and stop.",
        answers: [.init(status: 200, meaning: "It is leaving already.", schema: "Leave")] + .asked("Leave"))
    case .removeMember:
      .init(
        name: "removeMember", summary: "Declare a dead or lost member gone, in the whole mesh.",
        answers: [.init(status: 200, meaning: "It has gone already.", schema: "Removal")] + .asked("Removal") + [
          .problem(404, "The node knows no member of that name.")
        ])
    }
  }
}

extension RouteDocument.Parameter {
  fileprivate static let members: [Self] = [
    .init(
      name: "limit", schema: .integer("The most members of a page, 1 to \(MembersQuery.limitMax); 100 by default.")),
    .init(name: "cursor", schema: .string("The `nextCursor` of the page before.")),
    .init(name: "role", schema: .string("The role, exactly.")),
    .init(name: "cluster", schema: .string("The cluster, exactly.")),
    .init(name: "region", schema: .string("The region, exactly.")),
    .init(name: "version", schema: .string("The `meshVersion`, exactly.")),
    .init(name: "status", schema: .string("`Alive`, `Suspect` or `Left`, in any case.")),
    .init(
      name: "label",
      schema: .array(
        of: .string(""), "`KEY` or `KEY=VALUE`, \(MembersQuery.labelsMax) times at most; all of them must be there.")),
  ]
}

extension RouteDocument.Answer {
  fileprivate static func ok(_ schema: String) -> Self { .init(status: 200, meaning: "The document.", schema: schema) }

  fileprivate static func problem(_ status: Int, _ meaning: String) -> Self {
    .init(status: status, meaning: meaning, schema: "Problem", type: "application/problem+json")
  }

  /// What every route may answer before its own turn comes.
  static let forbidden = RouteDocument.Answer(
    status: 403,
    meaning:
      "The Host is no loopback name, the Origin is foreign (`Error`), or the caller lacks the scope (`Problem`).",
    type: "")
}

extension [RouteDocument.Answer] {
  /// What routes answer that hand something over to the engine.
  fileprivate static func asked(_ schema: String) -> Self {
    [
      .init(status: 202, meaning: "It is asked for, and not done yet.", schema: schema),
      .problem(409, "The node is leaving the mesh, or it is what the request is about."),
      .problem(429, "The node has no room for more commands now; `Retry-After` says when to ask again."),
    ]
  }
}
