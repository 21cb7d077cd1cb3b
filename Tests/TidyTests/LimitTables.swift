import Foundation

/// The tables of limits in the documents: each limit of the code with its value, and no others.
enum LimitTables {
  /// The pages that promise to list all limits of one file.
  static let pages = [
    (page: "docs/internals/membership.md", code: "Sources/MeshMembership/Limits.swift"),
    (page: "docs/internals/engine.md", code: "Sources/MeshEngine/Limits.swift"),
    (page: "docs/internals/gossip-v1.md", code: "Sources/MeshGossipV1/Limits.swift"),
    (page: "docs/internals/tasks.md", code: "Sources/MeshTasks/Limits.swift"),
  ]

  /// Where the rows of `page` and the constants of `code` differ, as sentences.
  static func differences(page: String, code: String) -> [String] {
    let (told, actual) = (rows(of: page), constants(of: code))
    let wrong = actual.compactMap { name, value -> String? in
      guard let said = told[name] else { return "\(name) isn't listed" }
      return said == value ? nil : "\(name) is \(value), not \(said)"
    }
    return (wrong + told.keys.filter { actual[$0] == nil }.map { "\($0) is no limit" }).sorted()
  }

  /// Rows such as "| `name` | value | what |", by name.
  static func rows(of page: String) -> [String: String] {
    var rows: [String: String] = [:]
    for line in page.split(separator: "\n") where line.hasPrefix("| `") {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      if cells.count == 3 { rows[cells[0].trimmingCharacters(in: ["`"])] = cells[1] }
    }
    return rows
  }

  /// The constants of an enum of limits, written as the pages write them.
  static func constants(of code: String) -> [String: String] {
    let start = "  public static let "
    var constants: [String: String] = [:]
    for line in code.split(separator: "\n") where line.hasPrefix(start) {
      let parts = line.dropFirst(start.count).components(separatedBy: " = ")
      guard parts.count == 2 else { continue }
      constants[String(parts[0].prefix { $0 != ":" })] = text(of: parts[1])
    }
    return constants
  }

  /// A number with commas, or a length of time in the greatest unit that fits.
  static func text(of expression: String) -> String {
    for (unit, milliseconds) in [("Duration.seconds(", 1_000), ("Duration.milliseconds(", 1)] {
      guard expression.hasPrefix(unit), let count = number(String(expression.dropFirst(unit.count).dropLast())) else {
        continue
      }
      let length = count * milliseconds
      if length % 3_600_000 == 0 { return "\(length / 3_600_000) h" }
      return length % 1_000 == 0 ? "\(length / 1_000) s" : "\(length) ms"
    }
    return number(expression).map(withCommas) ?? expression
  }

  /// The value of a number, a product or a shift.
  private static func number(_ expression: String) -> Int? {
    let plain = expression.replacingOccurrences(of: "_", with: "")
    let shifted = plain.components(separatedBy: " << ").map { Int($0) }
    if shifted.count == 2, let base = shifted[0], let places = shifted[1] { return base << places }
    return plain.components(separatedBy: " * ").reduce(1) { product, factor in
      product.flatMap { product in Int(factor).map { product * $0 } }
    }
  }

  private static func withCommas(_ number: Int) -> String {
    var groups: [String] = []
    var rest = Array("\(number)")
    while rest.count > 3 {
      groups.insert(String(rest.suffix(3)), at: 0)
      rest.removeLast(3)
    }
    return ([String(rest)] + groups).joined(separator: ",")
  }
}
