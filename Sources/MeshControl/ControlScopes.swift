/// What a caller may do, by OmniRelay's names.
public struct ControlScopes: OptionSet, Equatable, Sendable {
  /// One bit for each scope.
  public let rawValue: UInt8
  /// The scopes of `rawValue`.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// `mesh.read`: see the members.
  public static let read = ControlScopes(rawValue: 1)
  /// `mesh.observe`: see health and metrics.
  public static let observe = ControlScopes(rawValue: 2)
  /// `mesh.operate`: drain and stop the node, remove lost members.
  public static let operate = ControlScopes(rawValue: 4)

  /// The scopes with these names; others give none.
  public init(names: [String]) {
    self = []
    for (name, scope) in ControlScopes.table where names.contains(name) { insert(scope) }
  }

  /// The names of the scopes, for people.
  var names: String { ControlScopes.table.filter { contains($0.scope) }.map(\.name).joined(separator: " ") }

  private static let table: [(name: String, scope: ControlScopes)] = [
    ("mesh.read", .read), ("mesh.observe", .observe), ("mesh.operate", .operate),
  ]
}
