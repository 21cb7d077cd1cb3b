/// How far a caller knows a resource: a revision, and the life of the node that counted it, since revisions begin anew
/// with each. The `ETag` of a page is one as well. Callers must not look into it.
struct WatchToken: Equatable, Sendable {
  /// Which life of the node it is.
  let life: UInt64
  let revision: UInt64
  /// Tells which items the caller knows; nil in an `ETag`, with which a caller says so itself.
  let filter: UInt32?

  init(life: UInt64, revision: UInt64, filter: UInt32? = nil) {
    self.life = life
    self.revision = revision
    self.filter = filter
  }

  /// Nil when `text` is no token, nor an `ETag` with all that stands around it.
  init?(_ text: String) {
    var bytes = text.utf8[...]
    if bytes.starts(with: "W/".utf8) { bytes = bytes.dropFirst(2) }
    if bytes.count > 1, bytes.first == UInt8(ascii: "\""), bytes.last == UInt8(ascii: "\"") {
      bytes = bytes.dropFirst().dropLast()
    }
    let parts = bytes.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    guard (2...3).contains(parts.count) else { return nil }
    let numbers = parts.compactMap(WatchToken.number)
    guard numbers.count == parts.count else { return nil }
    let filter = numbers.dropFirst(2).first.map { UInt32(exactly: $0) }
    if case .some(.none) = filter { return nil }
    self.init(life: numbers[0], revision: numbers[1], filter: filter ?? nil)
  }

  /// The token that `text` is; one that can't be read is like one that is too old.
  static func orUnknown(_ text: String) -> WatchToken { WatchToken(text) ?? WatchToken(life: 0, revision: .max) }

  /// As callers see it.
  var text: String {
    [life, revision].map { String($0, radix: 36) }.joined(separator: "-")
      + (filter.map { "-" + String($0, radix: 36) } ?? "")
  }

  private static func number(_ digits: Substring.UTF8View) -> UInt64? {
    // A sign would be taken as well.
    guard let first = digits.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-") else { return nil }
    return UInt64(Substring(digits), radix: 36)
  }
}
