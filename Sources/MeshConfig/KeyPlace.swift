/// Where a path leads: to a key, into a list or map, or nowhere.
enum KeyPlace {
  case key(ConfigurationKey)
  /// An item of a list, by its position.
  case element(ConfigurationKey, Int64)
  /// An entry of a map, by its name as written.
  case entry(ConfigurationKey, String)
  /// No key; the path without its root.
  case unknown(String)

  /// Looks `path` up, in any case, with or without `omnirelay:`.
  init(_ path: String) {
    let bare = KeyPlace.withoutRoot(path)
    let lower = Text.lowercased(bare)
    if let key = ConfigurationTable.key(lower) {
      self = .key(key)
    } else {
      self = KeyPlace.inside(bare, lower: lower) ?? .unknown(bare)
    }
  }

  /// `path` without a leading `omnirelay:`.
  static func withoutRoot(_ path: String) -> String {
    let root = "omnirelay:"
    guard Text.lowercased(String(path.prefix(root.count))) == root else { return path }
    return String(path.dropFirst(root.count))
  }

  private static func inside(_ path: String, lower: String) -> KeyPlace? {
    for key in ConfigurationTable.keys where key.type.isList || key.type.isMap {
      guard lower.hasPrefix(key.lookup + ":") else { continue }
      // Keys are ASCII, so their lower case has as many bytes.
      let rest = String(decoding: path.utf8.dropFirst(key.lookup.utf8.count &+ 1), as: UTF8.self)
      if key.type.isMap { return .entry(key, rest) }
      return Text.digits(rest).map { .element(key, $0) }
    }
    return nil
  }
}
