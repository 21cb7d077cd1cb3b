import MeshWire

/// Walks a JSON document along the table of keys. What lies beside `mesh` is other people's, and left alone.
struct DocumentReader {
  private(set) var changes = Changes()

  /// Collects the changes that `document` asks for.
  mutating func read(_ document: JSONValue) {
    guard case .object(let members) = document else {
      changes.refuse("", "the document is \(Text.quoted(Changes.shown(document))); allowed: a JSON object")
      return
    }
    for member in members { visit(member.name, member.value) }
  }

  /// `path` as written, from the root of the document; names may hold colons, as .NET reads them.
  private mutating func visit(_ path: String, _ value: JSONValue) {
    if Text.lowercased(path) == "omnirelay" {
      descend(path, value)
      return
    }
    let bare = KeyPlace.withoutRoot(path)
    let lower = Text.lowercased(bare)
    guard lower == "mesh" || lower.hasPrefix("mesh:") else { return }
    if case .key(let key) = KeyPlace(bare) {
      changes.add(key, json: value)
    } else if ConfigurationTable.isSection(lower) {
      descend(path, value)
    } else {
      changes.refuseUnknown(bare, value: Changes.shown(value), source: nil)
    }
  }

  private mutating func descend(_ path: String, _ value: JSONValue) {
    switch value {
    case .object(let members):
      for member in members { visit("\(path):\(member.name)", member.value) }
    case .null: break
    default:
      changes.refuse(path, "\(Text.quoted(Changes.shown(value))) stands for a section; allowed: a JSON object")
    }
  }
}
