import Foundation

/// Rules of a standard are cited where the code follows them: `// [RFC 9114 §4.1] "a short quote"`, or a
/// sentence that says the same in other words.
enum Citations {
  private static let form = #"^\s*(//|///|/\*|\*)\s.*\[RFC \d{3,5} §[\dA-Z]+(\.\d+)*\] ("[^"]{8,}|[A-Z].{8,})"#

  /// Citations in `file`, by number of the RFC.
  static func cited(in file: SourceTree.File) -> [String] {
    lines(file).filter { isWellFormed($0.text) }.compactMap { line in
      line.text.components(separatedBy: "[RFC ").last?.split(separator: " ").first.map { String($0) }
    }
  }

  /// Comments that open a citation and don't follow the form.
  static func findings(_ file: SourceTree.File) -> [Finding] {
    lines(file).filter { !isWellFormed($0.text) }.map {
      Finding(path: file.path, line: $0.number, rule: "citation", text: $0.text.trimmingCharacters(in: .whitespaces))
    }
  }

  private static func isWellFormed(_ text: String) -> Bool { text.range(of: form, options: .regularExpression) != nil }

  private static func lines(_ file: SourceTree.File) -> [(number: Int, text: String)] {
    file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
      .map { ($0.offset + 1, String($0.element)) }.filter { $0.1.contains("[RFC ") }
  }
}
