import MeshWire

/// The document of `/control/openapi.json`: what is served, out of the table of routes (OpenAPI 3.1.0).
enum OpenAPIDocument {
  /// Made once: it depends on nothing but the tables.
  static let bytes: [UInt8] = Problem.document { json in
    json.member("openapi", "3.1.0")
    json.name("info")
    json.beginObject()
    json.member("title", "MeshKit control plane")
    json.member("version", "v1")
    json.member(
      "description",
      "Paths have no trailing slash; only the names of queues in them are percent-decoded. An unknown path, and a "
        + "wrong method, is 404 without a body; what the listener itself refuses is text, with a status of its own. "
        + "`x-mesh-scope` is what a caller must be allowed to do, by a credential or, on the node's host, without one; "
        + "`x-ignores-case` whether the path may be written in any case.")
    json.endObject()
    json.name("paths")
    json.beginObject()
    for path in paths { write(path, to: &json) }
    json.endObject()
    writeComponents(to: &json)
  }

  /// The paths in the order of the table, each once.
  static var paths: [String] {
    Route.all.reduce(into: []) { if !$0.contains($1.path) { $0.append($1.path) } }
  }

  private static func write(_ path: String, to json: inout JSONWriter) {
    json.name(path)
    json.beginObject()
    for route in Route.all where route.path == path {
      json.name(route.method.lowercased())
      write(route, to: &json)
    }
    json.endObject()
  }

  private static func write(_ route: Route, to json: inout JSONWriter) {
    let document = route.answer.document
    json.beginObject()
    // Two paths may have one answer, and ids are unique.
    let isFirst = Route.all.first { $0.answer == route.answer }?.path == route.path
    json.member("operationId", isFirst ? document.name : document.name + "ForOmniRelay")
    json.member("summary", document.summary)
    json.member("x-mesh-scope", route.answer.scope.names)
    writeSecurity(of: route, to: &json)
    json.name("x-ignores-case")
    json.bool(route.caseRule == .ignored)
    writeParameters(of: route, to: &json)
    if let request = document.request {
      json.name("requestBody")
      json.beginObject()
      json.name("required")
      json.bool(true)
      writeContents([("application/json", request)], to: &json)
      json.endObject()
    }
    json.name("responses")
    json.beginObject()
    for answer in document.answers + [.unauthorized, .forbidden(route)] { write(answer, to: &json) }
    json.endObject()
    json.endObject()
  }

  /// The ways to be let in: with neither on the node's host, as far as its callers may do this without.
  private static func writeSecurity(of route: Route, to json: inout JSONWriter) {
    json.name("security")
    json.beginArray()
    for (scheme, _) in securitySchemes {
      json.beginObject()
      json.name(scheme)
      json.beginArray()
      json.string(route.answer.scope.names)
      json.endArray()
      json.endObject()
    }
    json.beginObject()
    json.endObject()
    json.endArray()
  }

  /// How a principal is known, by name, with the members that say so.
  private static let securitySchemes: [(name: String, members: [(String, String)])] = [
    (
      "token",
      [
        ("type", "http"), ("scheme", "bearer"),
        ("description", "The token of a principal that has the scope."),
      ]
    ),
    (
      "certificate",
      [
        ("type", "mutualTLS"),
        ("description", "A client certificate that the node trusts, of a principal that has the scope."),
      ]
    ),
  ]

  private static func writeSecuritySchemes(to json: inout JSONWriter) {
    json.name("securitySchemes")
    json.beginObject()
    for (name, members) in securitySchemes {
      json.name(name)
      json.beginObject()
      for (member, value) in members { json.member(member, value) }
      json.endObject()
    }
    json.endObject()
  }

  private static func writeParameters(of route: Route, to json: inout JSONWriter) {
    let document = route.answer.document
    guard !(route.parameters + document.parameters.map(\.name)).isEmpty else { return }
    json.name("parameters")
    json.beginArray()
    for (name, meaning) in zip(route.parameters, document.names) {
      write(name, in: "path", .string(meaning), to: &json)
    }
    for parameter in document.parameters {
      write(parameter.name, in: parameter.place.rawValue, parameter.schema, to: &json)
    }
    json.endArray()
  }

  private static func write(_ name: String, in place: String, _ schema: Schema, to json: inout JSONWriter) {
    json.beginObject()
    json.member("name", name)
    json.member("in", place)
    json.name("required")
    json.bool(place == "path")
    json.name("schema")
    schema.write(to: &json)
    json.endObject()
  }

  private static func write(_ answer: RouteDocument.Answer, to json: inout JSONWriter) {
    json.name("\(answer.status)")
    json.beginObject()
    json.member("description", answer.meaning)
    if !answer.fields.isEmpty {
      json.name("headers")
      json.beginObject()
      for (name, meaning) in answer.fields {
        json.name(name)
        json.beginObject()
        json.name("schema")
        Schema.string(meaning).write(to: &json)
        json.endObject()
      }
      json.endObject()
    }
    if !answer.contents.isEmpty { writeContents(answer.contents, to: &json) }
    json.endObject()
  }

  private static func writeContents(_ contents: [(type: String, schema: String?)], to json: inout JSONWriter) {
    json.name("content")
    json.beginObject()
    for (type, schema) in contents {
      json.name(type)
      json.beginObject()
      if let schema {
        json.name("schema")
        Schema.named(schema).write(to: &json)
      }
      json.endObject()
    }
    json.endObject()
  }

  private static func writeComponents(to json: inout JSONWriter) {
    json.name("components")
    json.beginObject()
    writeSecuritySchemes(to: &json)
    json.name("schemas")
    json.beginObject()
    for (name, schema) in Schemas.all {
      json.name(name)
      schema.write(to: &json)
    }
    json.endObject()
    json.endObject()
  }
}
