/// Bytes that came in and are not understood yet. Each byte is looked at once for its line end, however small the
/// pieces are in which a slow peer sends them.
struct HTTP1Input {
  /// What `takeLine` found.
  enum Line: Equatable {
    /// One line without its CRLF.
    case line([UInt8])
    /// No line end yet.
    case incomplete
    /// Longer than allowed, ended or not.
    case tooLong
    /// A bare CR or LF. RFC 9112 §2.2 lets a server accept a bare LF; we refuse both, because two readers that differ
    /// here see different requests.
    case malformed
  }

  private var bytes: [UInt8] = []
  private var start = 0
  private var scanned = 0

  /// The number of bytes not taken yet.
  var count: Int { bytes.count &- start }

  mutating func append(_ more: some Collection<UInt8>) { bytes.append(contentsOf: more) }

  /// Takes the next line of at most `max` bytes, its CRLF not counted.
  mutating func takeLine(max: Int) -> Line {
    while scanned < bytes.count, bytes[scanned] != HTTP1Syntax.lineFeed {
      scanned &+= 1
      if scanned &- start > max &+ 1 { return .tooLong }
    }
    guard scanned < bytes.count else { return .incomplete }
    let line = bytes[start..<scanned]
    guard line.last == HTTP1Syntax.carriageReturn else { return .malformed }
    let content = line.dropLast()
    guard content.count <= max else { return .tooLong }
    guard !content.contains(HTTP1Syntax.carriageReturn) else { return .malformed }
    let taken = Array(content)
    advance(to: scanned &+ 1)
    return .line(taken)
  }

  /// Takes up to `limit` bytes.
  mutating func take(upTo limit: Int) -> [UInt8] {
    let end = start &+ Swift.max(0, Swift.min(limit, count))
    let taken = Array(bytes[start..<end])
    advance(to: end)
    return taken
  }

  private mutating func advance(to position: Int) {
    start = position
    scanned = position
    if start == bytes.count {
      bytes.removeAll(keepingCapacity: bytes.capacity <= 64 * 1024)
      start = 0
      scanned = 0
    } else if start > 32 * 1024, start > bytes.count / 2 {
      bytes.removeFirst(start)
      start = 0
      scanned = 0
    }
  }
}
