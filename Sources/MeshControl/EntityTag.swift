/// Which state of a resource an answer tells. It is weak (RFC 9110 §8.8.1): what changes all the time changes no tag.
struct EntityTag {
  private let text: String

  init(life: UInt64, revision: UInt64) { text = "W/\"\(WatchToken(life: life, revision: revision).text)\"" }

  /// The field that tells it.
  var header: ControlHeader { ControlHeader("ETag", text) }

  /// Whether `If-None-Match` names it, by weak comparison (RFC 9110 §13.1.2).
  func isKnown(to request: ControlRequest) -> Bool {
    guard let known = request.ifNoneMatch else { return false }
    let opaque = text.utf8.dropFirst(2)
    return known.utf8.split(separator: UInt8(ascii: ",")).contains { part in
      var part = part.drop(while: ASCII.isBlank)
      while let last = part.last, ASCII.isBlank(last) { part = part.dropLast() }
      let weak = part.starts(with: "W/".utf8) ? part.dropFirst(2) : part
      return weak.elementsEqual(opaque) || part.elementsEqual("*".utf8)
    }
  }
}
