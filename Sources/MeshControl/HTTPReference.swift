/// The page docs/reference/http-api.md, out of the same tables as the OpenAPI document.
enum HTTPReference {
  static var page: String {
    """
    # HTTP API
    <!-- Written from the tables in Sources/MeshControl; `MESHKIT_UPDATE_DOCS=1 swift test --filter MeshControlTests`
    rewrites it. -->
    The routes of the control listener, over HTTP/3, HTTP/2 and HTTP/1.1. A running node gives the same as OpenAPI 3.1
    at `/control/openapi.json`. Paths have no trailing slash; an unknown path, and a wrong method, is 404 without a body.
    Each answer tells in `Rpc-Transport`, `Rpc-Protocol` and `Rpc-Encoding` what was negotiated. A caller may name itself
    in `Rpc-Caller`, for the log. A scope is what the principal of a caller must have
    ([who may ask](../operations/access.md)), or `mesh:control:loopbackScopes` where one on the node's host shows no
    credential; that may `mesh.read` and `mesh.observe`, unless `mesh:control:loopbackScopes` is `none`.

    ## Routes
    | request | scope | what it does |
    |---|---|---|
    \(Route.all.map(row).joined(separator: "\n"))

    Every route answers 401 with `WWW-Authenticate: Bearer` to a credential that is none of a principal, and to callers
    without one who need it: all of other hosts, and those of the node's host whose scopes are too few while the node
    knows principals. It answers 403 to a principal without the scope (both `Problem`), to a Host that is no loopback
    name, and to a foreign Origin (both `Error`). Where `mesh.operate` is needed, for callers with a token, and for
    those of other hosts every Origin but the Host is foreign; for the last two the Host may be any. What the
    listener itself refuses is text: 400, 408, 413, 414, 417, 431, 501, 503 and 505. A path that may be written in any
    case is marked with *.

    ## Parameters
    Each may be left out.

    | request | parameter | in | meaning |
    |---|---|---|---|
    \(documents.flatMap(parameters).joined(separator: "\n"))

    ## Answers
    | request | status | body | when |
    |---|---|---|---|
    \(documents.flatMap(answers).joined(separator: "\n"))

    ## Documents
    \(Schemas.all.map(section).joined(separator: "\n\n"))

    """
  }

  private static func row(_ route: Route) -> String {
    let mark = route.caseRule == .ignored ? "*" : ""
    let document = route.answer.document
    let request = document.request.map { " Takes [\($0)](#\($0.lowercased()))." } ?? ""
    return
      "| `\(route.method) \(route.path)`\(mark) | `\(route.answer.scope.names)` | \(document.summary)\(request) |"
  }

  /// Each answer once, with its first route.
  private static var documents: [Route] {
    Route.all.reduce(into: []) { list, route in
      if !list.contains(where: { $0.answer == route.answer }) { list.append(route) }
    }
  }

  private static func parameters(_ route: Route) -> [String] {
    route.answer.document.parameters.map {
      "| `\(route.method) \(route.path)` | `\($0.name)` | \($0.place.rawValue) | \(meaning(of: $0.schema)) |"
    }
  }

  private static func answers(_ route: Route) -> [String] {
    route.answer.document.answers.map { answer in
      let body = answer.contents.map { content in
        content.schema.map { "[\($0)](#\($0.lowercased()))" } ?? content.type
      }.joined(separator: ", ")
      return "| `\(route.method) \(route.path)` | \(answer.status) | \(body) | \(answer.meaning) |"
    }
  }

  private static func section(_ name: String, _ schema: Schema) -> String {
    guard case .object(let members, let purpose) = schema else { return "" }
    let rows = members.map { member in
      let absence = member.isOptional ? ", may be absent" : ""
      return "| `\(member.name)` | \(type(of: member.schema))\(absence) | \(meaning(of: member.schema)) |"
    }
    return """
      ### \(name)
      \(purpose)

      | member | type | meaning |
      |---|---|---|
      \(rows.joined(separator: "\n"))
      """
  }

  private static func type(of schema: Schema) -> String {
    switch schema {
    case .named(let name): "[\(name)](#\(name.lowercased()))"
    case .array(let element, _): "array of \(type(of: element))"
    case .map(let element, _): "object of \(type(of: element))"
    case .moment: "string, ISO 8601"
    case .optionalString: "string or null"
    case .string, .integer, .number, .boolean, .object: schema.type
    }
  }

  private static func meaning(of schema: Schema) -> String {
    guard case .string(let text, let allowed) = schema, allowed.count > 1 else { return schema.meaning }
    return "\(text) One of \(allowed.map { "`\($0)`" }.joined(separator: ", "))."
  }
}
