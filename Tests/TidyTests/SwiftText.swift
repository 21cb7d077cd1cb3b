import Foundation

/// Swift source with its comments and the insides of its string literals blanked out, so that rules look at code only.
/// Positions and line numbers stay as they are. Interpolations inside literals are blanked too.
///
/// Rules run over the whole text at once, and find the line afterwards: one pass of a regular expression over a file
/// costs less than one over each of its lines.
struct SwiftText: Sendable {
  /// The code, in ASCII, so that a place in it is the same number in bytes and in UTF-16.
  let code: String
  /// The lines of `code`.
  let lines: [String]
  /// The same lines as written.
  let original: [String]
  /// Where in `code` each line begins.
  private let starts: [Int]

  init(_ text: String) {
    let written = Array(text.utf8)
    var scanner = Scanner(written)
    let blanked = scanner.blanked()
    var starts = [0]
    var lines: [String] = []
    var original: [String] = []
    for index in 0...blanked.count where index == blanked.count || blanked[index] == newline {
      let start = starts[starts.count - 1]
      lines.append(String(decoding: blanked[start..<index], as: UTF8.self))
      original.append(String(decoding: written[start..<index], as: UTF8.self))
      starts.append(index + 1)
    }
    self.code = String(decoding: blanked, as: UTF8.self)
    self.lines = lines
    self.original = original
    self.starts = starts
  }

  /// The indices of the lines on which a match of `expression` ends, each once, in order.
  func lines(matching expression: NSRegularExpression) -> [Int] {
    var result: [Int] = []
    var line = 0
    for match in expression.matches(in: code, range: NSRange(location: 0, length: code.utf8.count)) {
      let place = max(match.range.location, match.range.location + match.range.length - 1)
      while line + 1 < lines.count, starts[line + 1] <= place { line += 1 }
      if result.last != line { result.append(line) }
    }
    return result
  }

  /// Whether `// tidy:allow RULE: reason` stands on the line at `index` or on the one before.
  func allows(_ rule: String, at index: Int) -> Bool {
    let mark = "// tidy:allow \(rule): "
    return [index, index - 1].contains { place in
      guard original.indices.contains(place), let range = original[place].range(of: mark) else { return false }
      return original[place][range.upperBound...].contains { !$0.isWhitespace }
    }
  }
}

private let newline = UInt8(ascii: "\n")
private let space = UInt8(ascii: " ")
private let slash = UInt8(ascii: "/")
private let star = UInt8(ascii: "*")
private let quote = UInt8(ascii: "\"")
private let pound = UInt8(ascii: "#")
private let backslash = UInt8(ascii: "\\")

/// Walks over bytes, not characters: the tests read every source of the project, in debug builds too.
private struct Scanner {
  private var bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func blanked() -> [UInt8] {
    while position < bytes.count {
      let byte = bytes[position]
      if byte == slash, byteAhead(1) == slash {
        while position < bytes.count, bytes[position] != newline { blankOne() }
      } else if byte == slash, byteAhead(1) == star {
        blankBlockComment()
      } else if byte == quote || (byte == pound && isRawStringStart) {
        blankString()
      } else {
        // A letter beyond ASCII is still a letter to the rules.
        if byte >= 0x80 { bytes[position] = UInt8(ascii: "x") }
        position += 1
      }
    }
    return bytes
  }

  private func byteAhead(_ distance: Int) -> UInt8 {
    position + distance < bytes.count ? bytes[position + distance] : 0
  }

  private var isRawStringStart: Bool {
    var distance = 0
    while byteAhead(distance) == pound { distance += 1 }
    return distance > 0 && byteAhead(distance) == quote
  }

  private mutating func blankOne() {
    if bytes[position] != newline { bytes[position] = space }
    position += 1
  }

  private mutating func blank(_ count: Int) {
    for _ in 0..<count where position < bytes.count { blankOne() }
  }

  private mutating func blankBlockComment() {
    var depth = 0
    repeat {
      let opens = bytes[position] == slash && byteAhead(1) == star
      let closes = bytes[position] == star && byteAhead(1) == slash
      if opens { depth += 1 }
      if closes { depth -= 1 }
      blank(opens || closes ? 2 : 1)
    } while depth > 0 && position < bytes.count
  }

  private mutating func blankString() {
    var hashes = 0
    while byteAhead(0) == pound {
      hashes += 1
      position += 1
    }
    let quotes = byteAhead(1) == quote && byteAhead(2) == quote ? 3 : 1
    position += quotes
    while position < bytes.count, !closes(quotes: quotes, hashes: hashes) {
      guard bytes[position] == backslash, hasHashes(hashes, from: 1) else {
        blankOne()
        continue
      }
      let interpolates = byteAhead(1 + hashes) == UInt8(ascii: "(")
      blank(2 + hashes)
      if interpolates { blankInterpolation() }
    }
    position = min(position + quotes + hashes, bytes.count)
  }

  private func closes(quotes: Int, hashes: Int) -> Bool {
    guard bytes[position] == quote else { return false }
    if quotes == 3, byteAhead(1) != quote || byteAhead(2) != quote { return false }
    return hasHashes(hashes, from: quotes)
  }

  private func hasHashes(_ hashes: Int, from start: Int) -> Bool {
    for distance in 0..<hashes where byteAhead(start + distance) != pound { return false }
    return true
  }

  /// From behind `\(` to its closing parenthesis.
  private mutating func blankInterpolation() {
    var depth = 1
    while position < bytes.count, depth > 0 {
      let byte = bytes[position]
      if byte == quote || (byte == pound && isRawStringStart) {
        let start = position
        blankString()
        for index in start..<position where bytes[index] != newline { bytes[index] = space }
        continue
      }
      if byte == UInt8(ascii: "(") { depth += 1 }
      if byte == UInt8(ascii: ")") { depth -= 1 }
      blankOne()
    }
  }
}
