/// How far a caller knows a resource: a revision, and the life of the node that counted it. It is the resource's `ETag`
/// as well. Callers must not look into it.
struct WatchToken: Equatable, Sendable {
  /// Which life of the node it is, since revisions begin anew with each.
  let epoch: UInt64
  let revision: UInt64

  init(epoch: UInt64, revision: UInt64) {
    self.epoch = epoch
    self.revision = revision
  }

  /// Nil when `text` is no token.
  init?(_ text: String) {
    let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    guard parts.count == 2, let epoch = WatchToken.number(parts[0]), let revision = WatchToken.number(parts[1]) else {
      return nil
    }
    self.init(epoch: epoch, revision: revision)
  }

  /// As callers see it.
  var text: String { "\(String(epoch, radix: 36))-\(String(revision, radix: 36))" }

  private static func number(_ digits: Substring.UTF8View) -> UInt64? {
    // A sign would be taken as well.
    guard let first = digits.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-") else { return nil }
    return UInt64(Substring(digits), radix: 36)
  }
}
