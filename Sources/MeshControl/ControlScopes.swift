/// What a caller may do, by OmniRelay's names.
public struct ControlScopes: OptionSet, Equatable, Sendable {
  /// One bit for each scope.
  public let rawValue: UInt8
  /// The scopes of `rawValue`.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// `mesh.read`: see the members.
  public static let read = ControlScopes(rawValue: 1)
  /// `mesh.observe`: see health, metrics and lease queues.
  public static let observe = ControlScopes(rawValue: 2)
  /// `mesh.operate`: drain and stop the node, remove lost members, redrive dead letters.
  public static let operate = ControlScopes(rawValue: 4)
  /// `mesh.admin`: change whom the mesh trusts. Nothing needs it yet.
  public static let admin = ControlScopes(rawValue: 8)

  /// The scopes with these names; others give none.
  public init(names: [String]) {
    self = []
    for (name, scope) in ControlScopes.table where names.contains(name) { insert(scope) }
  }

  /// What the value of an `x-mesh-scope` field names (contracts: http §9): words between spaces, commas and semicolons,
  /// in any case; words that name no scope give none.
  public init(field: String) {
    self = []
    for word in field.utf8.split(whereSeparator: { " ,;".utf8.contains($0) }) {
      for (name, scope) in ControlScopes.table where ASCII.equalIgnoringCase(word, name.utf8) { insert(scope) }
    }
  }

  /// The names of the scopes, for people.
  var names: String {
    isEmpty ? "none" : ControlScopes.table.filter { contains($0.scope) }.map(\.name).joined(separator: " ")
  }

  /// The name of every scope there is.
  public static let allNames = table.map(\.name)

  private static let table: [(name: String, scope: ControlScopes)] = [
    ("mesh.read", .read), ("mesh.observe", .observe), ("mesh.operate", .operate), ("mesh.admin", .admin),
  ]
}
