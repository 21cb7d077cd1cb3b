// What a measurement found, for people and for programs.

/// Figures by name, each with the values of all its trials.
final class Figures {
  private var rows: [(name: String, unit: String, values: [Double], missed: Int)] = []

  /// Adds the value of one trial; nil for one that didn't end in time.
  func add(_ name: String, _ unit: String, _ value: Double?) {
    let index = rows.firstIndex { $0.name == name } ?? rows.count
    if index == rows.count { rows.append((name, unit, [], 0)) }
    if let value { rows[index].values.append(value) } else { rows[index].missed &+= 1 }
  }

  /// Name, unit and values with tabs between them; "missed" stands for a trial that didn't end in time.
  var separated: [String] {
    rows.map { row in
      let values = row.values.map(Figures.thousandths) + Array(repeating: "missed", count: row.missed)
      return ([row.name, row.unit] + values).joined(separator: "\t")
    }
  }

  /// Name, median, unit, least and greatest.
  var table: [String] {
    rows.map { row in
      let sorted = row.values.sorted()
      let name = row.name + String(repeating: " ", count: max(1, 50 &- row.name.utf8.count))
      let missed = row.missed > 0 ? "   \(row.missed) not seen by all in time" : ""
      guard let least = sorted.first, let most = sorted.last else { return name + missed }
      let spread =
        sorted.count > 1 ? "   \(Figures.thousandths(least)) to \(Figures.thousandths(most)), n=\(sorted.count)" : ""
      return "\(name)\(Figures.thousandths(sorted[sorted.count / 2])) \(row.unit)\(spread)\(missed)"
    }
  }

  private static func thousandths(_ number: Double) -> String {
    let rounded = Int64(number * 1_000 + 0.5)
    let digits = String(1_000 &+ rounded % 1_000).dropFirst()
    return "\(rounded / 1_000).\(digits)"
  }
}
