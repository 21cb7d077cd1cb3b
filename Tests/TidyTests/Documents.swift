import Foundation

/// The rules of the documents: links lead somewhere, nothing names a machine, modules are explained.
enum Documents {
  /// Every Markdown page of the project.
  static let pages = SourceTree.files(in: ["."], suffixes: [".md"])

  /// Relative links of `page` that lead nowhere, judged by `exists`, which takes a path from the top.
  static func brokenLinks(_ page: SourceTree.File, exists: (String) -> Bool = SourceTree.exists) -> [Finding] {
    links(of: page).compactMap { link in
      let target = String(link.target.prefix { $0 != "#" })
      if target.isEmpty || target.contains("://") || target.hasPrefix("mailto:") { return nil }
      let folder = page.path.split(separator: "/").dropLast().map { String($0) }
      guard let path = resolve(target, in: folder), exists(path) else {
        return Finding(path: page.path, line: link.line, rule: "link", text: "\(link.target) leads nowhere")
      }
      return nil
    }
  }

  /// Paths that exist only on somebody's machine.
  static func machinePaths(_ file: SourceTree.File) -> [Finding] {
    let pattern = #"(?<![\w.$}\])/-])/(work|tmp|root|home|Users)/[\w.-]"#
    guard let expression = try? NSRegularExpression(pattern: pattern) else { return [] }
    return lines(file.text).compactMap { line, text in
      let found = expression.firstMatch(in: text, range: NSRange(text.startIndex..., in: text))
      return found.map { _ in Finding(path: file.path, line: line, rule: "machine-path", text: text) }
    }
  }

  private static func links(of page: SourceTree.File) -> [(target: String, line: Int)] {
    guard let expression = try? NSRegularExpression(pattern: #"\]\(([^)\s]+)[^)]*\)"#) else { return [] }
    var inCode = false
    var result: [(String, Int)] = []
    for (number, text) in lines(page.text) {
      if text.trimmingCharacters(in: .whitespaces).hasPrefix("```") { inCode.toggle() }
      if inCode { continue }
      for match in expression.matches(in: text, range: NSRange(text.startIndex..., in: text)) {
        if let range = Range(match.range(at: 1), in: text) { result.append((String(text[range]), number)) }
      }
    }
    return result
  }

  private static func lines(_ text: String) -> [(Int, String)] {
    text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map {
      ($0.offset + 1, String($0.element))
    }
  }

  /// `target` seen from `folder`, as a path from the top; nil when it leaves the project.
  private static func resolve(_ target: String, in folder: [String]) -> String? {
    var parts = target.hasPrefix("/") ? [] : folder
    for part in target.split(separator: "/") {
      switch part {
      case ".": continue
      case "..":
        if parts.popLast() == nil { return nil }
      default: parts.append(String(part))
      }
    }
    return parts.joined(separator: "/")
  }
}
