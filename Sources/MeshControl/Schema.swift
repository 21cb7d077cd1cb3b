import MeshWire

/// What a JSON document looks like, as far as the documents of the control plane need JSON Schema 2020-12.
indirect enum Schema: Sendable {
  /// A text; with `allowed`, one of these.
  case string(String, allowed: [String] = [])
  /// A text or null.
  case optionalString(String)
  /// A moment in ISO 8601.
  case moment(String)
  case integer(String)
  case number(String)
  case boolean(String)
  case array(of: Schema, String)
  /// An object whose names are free.
  case map(of: Schema, String)
  case object([Member], String)
  /// One of `Schemas.all`.
  case named(String)

  /// A member of an object.
  struct Member: Sendable {
    let name: String
    let schema: Schema
    var isOptional = false
  }

  /// Writes the schema as an object.
  func write(to json: inout JSONWriter) {
    json.beginObject()
    if case .named(let name) = self {
      json.member("$ref", "#/components/schemas/\(name)")
    } else {
      writeType(to: &json)
      if !meaning.isEmpty { json.member("description", meaning) }
    }
    switch self {
    case .string(_, let allowed) where !allowed.isEmpty:
      json.name("enum")
      json.beginArray()
      for value in allowed { json.string(value) }
      json.endArray()
    case .moment: json.member("format", "date-time")
    case .array(let element, _):
      json.name("items")
      element.write(to: &json)
    case .map(let element, _):
      json.name("additionalProperties")
      element.write(to: &json)
    case .object(let members, _): Schema.write(members, to: &json)
    case .string, .optionalString, .integer, .number, .boolean, .named: break
    }
    json.endObject()
  }

  private func writeType(to json: inout JSONWriter) {
    guard case .optionalString = self else { return json.member("type", type) }
    json.name("type")
    json.beginArray()
    for name in [type, "null"] { json.string(name) }
    json.endArray()
  }

  private static func write(_ members: [Member], to json: inout JSONWriter) {
    json.name("properties")
    json.beginObject()
    for member in members {
      json.name(member.name)
      member.schema.write(to: &json)
    }
    json.endObject()
    let required = members.filter { !$0.isOptional }
    guard !required.isEmpty else { return }
    json.name("required")
    json.beginArray()
    for member in required { json.string(member.name) }
    json.endArray()
  }

  /// The type as JSON Schema names it; of a named schema its name.
  var type: String {
    switch self {
    case .string, .optionalString, .moment: "string"
    case .integer: "integer"
    case .number: "number"
    case .boolean: "boolean"
    case .array: "array"
    case .map, .object: "object"
    case .named(let name): name
    }
  }

  /// For people.
  var meaning: String {
    switch self {
    case .string(let text, _), .optionalString(let text), .moment(let text), .integer(let text), .number(let text),
      .boolean(let text):
      text
    case .array(_, let text), .map(_, let text), .object(_, let text): text
    case .named: ""
    }
  }
}

extension JSONWriter {
  /// A member whose value is a text.
  mutating func member(_ name: String, _ value: String) {
    self.name(name)
    string(value)
  }

  /// A member whose value is a whole number.
  mutating func member(_ name: String, _ value: Int64) {
    self.name(name)
    integer(value)
  }
}
