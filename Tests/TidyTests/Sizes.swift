import Foundation

/// How large files, functions and lines may grow before they must be divided.
enum Sizes {
  static let fileLinesMax = 800
  static let functionLinesMax = 70
  static let lineLengthMax = 120

  /// Generated files, which nobody reads from top to bottom, and the one header.
  static let exempt = ["include/meshkit.h"]

  static func findings(_ file: SourceTree.File) -> [Finding] {
    if exempt.contains(file.path) || file.path.contains("/Generated/") { return [] }
    return longFile(file) + longLines(file) + (file.path.hasSuffix(".swift") ? longFunctions(file) : [])
  }

  private static func longFile(_ file: SourceTree.File) -> [Finding] {
    let lines = file.code.original
    let count = lines.last == "" ? lines.count - 1 : lines.count
    guard count > fileLinesMax else { return [] }
    return [Finding(path: file.path, line: count, rule: "file-length", text: "\(count) lines, at most \(fileLinesMax)")]
  }

  /// Comments count too. The lines of a long string literal don't: they can't be broken.
  private static func longLines(_ file: SourceTree.File) -> [Finding] {
    file.code.original.enumerated().filter { index, line in
      guard line.utf8.count > lineLengthMax, line.count > lineLengthMax else { return false }
      return !file.code.lines[index].allSatisfy(\.isWhitespace) || line.firstMatch(of: /^\s*(\/\/|\/\*|\*)/) != nil
    }.map {
      Finding(
        path: file.path, line: $0.offset + 1, rule: "line-length",
        text: "\($0.element.count) characters, at most \(lineLengthMax)")
    }
  }

  /// What opens a function, an initializer or a subscript, with its attributes and modifiers before it.
  private static let head =
    #"^ *(@\w+(\([^)\n]*\))? +)*([a-z]+(\([a-z]+\))? +)*(func |init[?(<]|deinit |subscript[(<])"#

  /// Functions, initializers and subscripts whose lines, from signature to closing brace, are too many. The formatter
  /// puts the closing brace at the indentation of the signature, which is all that this relies on.
  private static func longFunctions(_ file: SourceTree.File) -> [Finding] {
    guard let expression = try? NSRegularExpression(pattern: head, options: .anchorsMatchLines) else { return [] }
    let lines = file.code.lines
    return file.code.lines(matching: expression).compactMap { start in
      guard let end = end(ofFunctionAt: start, lines), end - start + 1 > functionLinesMax else { return nil }
      return Finding(
        path: file.path, line: start + 1, rule: "function-length",
        text: "\(end - start + 1) lines, at most \(functionLinesMax)")
    }
  }

  /// The line of the brace that closes the function; nil when it has no body, or one on a single line.
  private static func end(ofFunctionAt start: Int, _ lines: [String]) -> Int? {
    let opening = lines[start].utf8.filter { $0 == UInt8(ascii: "{") }.count
    let closing = lines[start].utf8.filter { $0 == UInt8(ascii: "}") }.count
    guard closing == 0 || opening > closing else { return nil }
    let depth = indentation(lines[start])
    for index in (start + 1)..<max(start + 1, lines.count) where !lines[index].isEmpty {
      let found = indentation(lines[index])
      // A requirement of a protocol has no body: the brace found closes the protocol, which is indented less.
      if found < depth { return nil }
      if found == depth, lines[index].utf8.dropFirst(depth).first == UInt8(ascii: "}") { return index }
    }
    return nil
  }

  private static func indentation(_ line: String) -> Int { line.utf8.prefix { $0 == UInt8(ascii: " ") }.count }
}
