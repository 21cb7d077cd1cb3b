import Testing

/// A place that breaks a rule of the house.
struct Finding: CustomStringConvertible, Equatable {
  let path: String
  let line: Int
  let rule: String
  let text: String

  var description: String { "\(path):\(line): \(rule): \(text)" }
}

/// All findings as one text, for the message of a failed test.
func listed(_ findings: [Finding]) -> Comment { Comment(rawValue: findings.map(\.description).joined(separator: "\n")) }
