import MeshBasics
import MeshWire

/// An object of v1's JSON, with the place that errors name.
struct V1Object {
  private let members: [JSONMember]
  /// What stands before the names of its fields: empty, or `members[3].`.
  let path: String

  /// The object that `json` is, called `name` where it is none.
  init(_ json: JSONValue, _ name: String, path: String) throws(WireError) {
    guard case .object(let members) = json else { throw WireError("\(name): not an object") }
    self.members = members
    self.path = path
  }

  func error(_ field: String, _ reason: String) -> WireError { WireError("\(path)\(field): \(reason)") }

  /// The value of a field that is there and isn't null.
  func value(_ name: String) -> JSONValue? {
    let value = members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
    return value == .null ? nil : value
  }

  func object(_ name: String) throws(WireError) -> V1Object {
    guard let value = value(name) else { throw error(name, "is missing") }
    return try V1Object(value, path + name, path: "\(path)\(name).")
  }

  func array(_ name: String, max: Int) throws(WireError) -> [JSONValue] {
    guard let value = value(name) else { throw error(name, "is missing") }
    guard case .array(let items) = value else { throw error(name, "not an array") }
    guard items.count <= max else { throw error(name, "\(items.count) items, allowed are \(max)") }
    return items
  }

  /// The members of an object that may be left out.
  func members(_ name: String) throws(WireError) -> [JSONMember] {
    guard let value = value(name) else { return [] }
    guard case .object(let members) = value else { throw error(name, "not an object") }
    return members
  }

  func optionalText(_ name: String) throws(WireError) -> String? {
    guard let value = value(name) else { return nil }
    guard case .string(let text) = value else { throw error(name, "not a text") }
    return text
  }

  /// A text by `rule`; empty when it is left out and the rule allows that.
  func text(_ name: String, _ rule: TextRule) throws(WireError) -> String {
    let text = try optionalText(name) ?? ""
    // The rule for the name of a node takes an empty one for absent, which says it better here, too.
    if text.isEmpty, case .nodeID = rule { throw error(name, "is missing") }
    try rule.check(text, path + name)
    return text
  }

  func bool(_ name: String) throws(WireError) -> Bool? {
    guard let value = value(name) else { return nil }
    guard case .bool(let flag) = value else { throw error(name, "not true or false") }
    return flag
  }

  func integer(_ name: String) throws(WireError) -> Int64? {
    guard let value = value(name) else { return nil }
    guard case .number(let text) = value, let number = Int64(text) else {
      throw error(name, "not a whole number of 64 bits")
    }
    return number
  }

  func number(_ name: String) throws(WireError) -> Double? {
    guard let value = value(name) else { return nil }
    guard case .number(let text) = value, let number = Double(text), number.isFinite else {
      throw error(name, "not a number")
    }
    return number
  }

  /// A moment in 100 ns since 1970.
  func moment(_ name: String) throws(WireError) -> Int64? {
    guard let text = try optionalText(name) else { return nil }
    guard let ticks = DotNetTime.unixTicks(parsing: text) else { throw error(name, "not a moment in ISO 8601") }
    return ticks
  }
}
