/// Small work on text that the standard library leaves to Foundation. ASCII only: keys and numbers are ASCII.
enum Text {
  /// `text` with A-Z as a-z; other characters stay.
  static func lowercased(_ text: String) -> String {
    String(decoding: text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  }

  /// `text` with a-z as A-Z; other characters stay.
  static func uppercased(_ text: String) -> String {
    String(decoding: text.utf8.map { (0x61...0x7A).contains($0) ? $0 & 0xDF : $0 }, as: UTF8.self)
  }

  /// `text` without spaces and tabs at its ends.
  static func stripped(_ text: some StringProtocol) -> String {
    let blank: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
    let bytes = Array(text.utf8)
    guard let first = bytes.firstIndex(where: { !blank($0) }), let last = bytes.lastIndex(where: { !blank($0) })
    else { return "" }
    return String(decoding: bytes[first...last], as: UTF8.self)
  }

  /// The number that plain digits spell; nil for anything else, and past 2^63.
  static func digits(_ text: some StringProtocol) -> Int64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int64(text)
  }

  /// A floating-point number without a needless `.0`.
  static func trimmed(_ number: Double) -> String {
    let text = "\(number)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// `value` in quotes for a message: at most 80 characters, control characters shown as `?`.
  static func quoted(_ value: String) -> String {
    let shown = value.unicodeScalars.prefix(80).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : String($0) }
    let dots = value.unicodeScalars.count > 80 ? "…" : ""
    return "'\(shown.joined())\(dots)'"
  }

  /// How many insertions, removals, replacements and swaps of neighbours turn `left` into `right`.
  ///
  /// The optimal string alignment distance (Boytsov, 2011, §2.2). Texts over 64 bytes count as wholly different,
  /// so that a hostile key can't cost much.
  static func distance(_ left: String, _ right: String) -> Int {
    let a = Array(left.utf8)
    let b = Array(right.utf8)
    guard a.count <= 64, b.count <= 64 else { return .max }
    var older: [Int] = []
    var previous = Array(0...b.count)
    for row in a.indices {
      var current = [row &+ 1]
      for column in b.indices {
        let replaced = previous[column] &+ (a[row] == b[column] ? 0 : 1)
        var best = min(replaced, previous[column &+ 1] &+ 1, current[column] &+ 1)
        if row > 0, column > 0, a[row] == b[column &- 1], a[row &- 1] == b[column] {
          best = min(best, older[column &- 1] &+ 1)
        }
        current.append(best)
      }
      older = previous
      previous = current
    }
    return previous.last ?? .max
  }
}
