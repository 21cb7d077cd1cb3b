import MeshBasics
import MeshWire

/// What one source wants to change, and all that is wrong with it. Nothing is applied while there is a problem.
struct Changes {
  /// The new values by path in lower case; nil unsets.
  private(set) var values: [(path: String, value: ConfigurationValue?)] = []
  private(set) var problems: [ConfigurationProblem] = []
  /// Which source set a path, to refuse the second one.
  private var sources = OrderedMap<String, String>()

  /// Sets `key` from text. `source` names the environment variable, where it is one.
  mutating func add(_ key: ConfigurationKey, text: String, source: String?) {
    add(key, shown: text, source: source) { () throws(ValueFault) in try key.type.parse(text: text) }
  }

  /// Sets `key` from JSON; null unsets it.
  mutating func add(_ key: ConfigurationKey, json: JSONValue) {
    guard json != .null else {
      if claim(key, source: "") { values.append((key.lookup, nil)) }
      return
    }
    add(key, shown: Changes.shown(json)) { () throws(ValueFault) in try key.type.parse(json: json) }
  }

  /// Sets `key` to what `parse` makes; `shown` is the value as given, for the message.
  mutating func add(
    _ key: ConfigurationKey, shown: String, source: String? = nil,
    parse: () throws(ValueFault) -> ConfigurationValue
  ) {
    guard claim(key, source: source ?? "") else { return }
    do throws(ValueFault) {
      values.append((key.lookup, try parse()))
    } catch {
      let value = key.isSecret ? "'***'" : Text.quoted(shown)
      let allowed = if case .unsupported = key.type { "" } else { "; allowed: \(key.allowed)" }
      refuse(key.path, "\(value) \(error.reason)\(allowed)", source: source)
    }
  }

  /// Notes that there is no key at `path`, and which one may have been meant.
  mutating func refuseUnknown(_ path: String, value: String, source: String?) {
    let lower = Text.lowercased(path)
    // What a key is called hints at secrets even when we don't know the key.
    let hidden = ["pass", "pwd", "secret", "data", "key", "token", "cert"].contains { lower.contains($0) }
    let shown = hidden ? "'***'" : Text.quoted(value)
    // Problems past the limit are only counted, and looking for advice about a million keys would take minutes.
    let advice = problems.count < ConfigurationError.problemsMax ? ConfigurationTable.advice(about: lower) : ""
    let place = String(path.unicodeScalars.prefix(160).map(Character.init))
    refuse(place, "\(shown) is given, but there is no such key; \(advice)", source: source)
  }

  /// Notes a problem.
  mutating func refuse(_ path: String, _ message: String, source: String? = nil) {
    let origin = source.map { " (from the variable \($0))" } ?? ""
    problems.append(ConfigurationProblem(path: path, message: message + origin))
  }

  private mutating func claim(_ key: ConfigurationKey, source: String) -> Bool {
    if let first = sources[key.lookup] {
      let both = first.isEmpty ? "" : " (by \(first) and \(source))"
      problems.append(ConfigurationProblem(path: key.path, message: "given twice\(both); allowed: once per source"))
      return false
    }
    sources[key.lookup] = source
    return true
  }

  /// A JSON value in short, for messages.
  static func shown(_ json: JSONValue) -> String {
    switch json {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .number(let text), .string(let text): text
    case .array: "[…]"
    case .object: "{…}"
    }
  }
}

extension ConfigurationTable {
  /// What to write in place of the unknown `path`.
  static func advice(about path: String) -> String {
    if let near = nearest(to: path) { return "did you mean \(near)?" }
    return "allowed here: \(children(near: path).joined(separator: ", "))"
  }

  /// The key whose path looks most like `path`; nil when none is near.
  static func nearest(to path: String) -> String? {
    var best: (path: String, distance: Int)?
    for key in keys where abs(key.lookup.utf8.count &- path.utf8.count) <= 3 {
      let distance = Text.distance(path, key.lookup)
      if distance <= 3, distance < best?.distance ?? .max { best = (key.path, distance) }
    }
    if let best { return best.path }
    // Right name in the wrong section: `mesh:gossip:certificatePath`.
    let name = path.split(separator: ":").last.map(String.init) ?? ""
    return keys.first { $0.lookup.hasSuffix(":\(name)") && !name.isEmpty }?.path
  }

  /// What may stand in the deepest section that exists on the way to `path`.
  static func children(near path: String) -> [String] {
    var segments = path.split(separator: ":").map(String.init)
    while !segments.isEmpty {
      segments.removeLast()
      let section = segments.joined(separator: ":")
      if isSection(section) { return children(of: section).map { section.isEmpty ? $0 : "\(section):\($0)" } }
    }
    return children(of: "")
  }
}
