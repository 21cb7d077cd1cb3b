/// Reads one message body out of the input (RFC 9112 §6 and §7).
struct HTTP1Body {
  /// How the end of the body is found.
  enum Framing: Equatable {
    case length(Int)
    case chunked
    /// The connection's end is the body's end; only for responses.
    case untilClose
  }

  private enum State {
    case counted(left: Int)
    case chunkSize
    case chunkData(left: Int)
    case chunkEnd
    case trailers
    case untilClose
    case complete
  }

  private var state: State
  private var trailers: HTTP1Fields
  private var extensionBytes = 0
  private let limits: HTTPLimits
  /// What was read so far, decoded.
  private(set) var bytes: [UInt8] = []

  init(_ framing: Framing, limits: HTTPLimits) {
    self.limits = limits
    trailers = HTTP1Fields(limits: limits)
    switch framing {
    case .length(let length): state = length == 0 ? .complete : .counted(left: length)
    case .chunked: state = .chunkSize
    case .untilClose: state = .untilClose
    }
  }

  /// What was read since this was called last; it counts no longer.
  mutating func takeBytes() -> [UInt8] {
    defer { bytes = [] }
    return bytes
  }

  /// Whether the end of the connection is the proper end of this body.
  var endsWithConnection: Bool { if case .untilClose = state { true } else { false } }

  /// Takes what is there; answers true when the body is complete.
  mutating func read(from input: inout HTTP1Input) throws(HTTPFailure) -> Bool {
    while true {
      switch state {
      case .complete: return true
      case .counted(let left):
        guard let rest = try take(left, from: &input) else { return false }
        state = rest == 0 ? .complete : .counted(left: rest)
      case .untilClose:
        guard try take(.max, from: &input) != nil else { return false }
      case .chunkSize:
        guard let size = try takeChunkSize(from: &input) else { return false }
        state = size == 0 ? .trailers : .chunkData(left: size)
      case .chunkData(let left):
        guard let rest = try take(left, from: &input) else { return false }
        state = rest == 0 ? .chunkEnd : .chunkData(left: rest)
      case .chunkEnd:
        switch input.takeLine(max: 0) {
        case .incomplete: return false
        case .line: state = .chunkSize
        case .tooLong, .malformed: throw HTTPFailure(400, "A chunk is longer than its size says.")
        }
      case .trailers:
        // Trailers are read, so that the next request starts where it should, and dropped: nothing here uses them.
        guard try trailers.read(from: &input) else { return false }
        state = .complete
      }
    }
  }

  /// Takes up to `wanted` bytes into the body. Nil: nothing was there; else how many are still wanted.
  private mutating func take(_ wanted: Int, from input: inout HTTP1Input) throws(HTTPFailure) -> Int? {
    let piece = input.take(upTo: wanted)
    guard !piece.isEmpty else { return nil }
    guard piece.count <= limits.bodyBytesMax &- bytes.count else { throw tooLarge }
    bytes.append(contentsOf: piece)
    return wanted &- piece.count
  }

  private mutating func takeChunkSize(from input: inout HTTP1Input) throws(HTTPFailure) -> Int? {
    let line: [UInt8]
    switch input.takeLine(max: 1024) {
    case .incomplete: return nil
    case .tooLong, .malformed: throw HTTPFailure(400, "A chunk size line is malformed or longer than 1024 bytes.")
    case .line(let taken): line = taken
    }
    let digits = line.prefix { HTTP1Syntax.hexValue($0) != nil }
    // Up to seven digits is 256 MiB, above every limit here, and can't overflow.
    guard !digits.isEmpty else { throw HTTPFailure(400, "A chunk size is not a hexadecimal number.") }
    let significant = digits.drop { $0 == UInt8(ascii: "0") }
    guard digits.count <= 16 else { throw HTTPFailure(400, "A chunk size has more than 16 digits.") }
    guard significant.count <= 7 else { throw tooLarge }
    let rest = line[digits.endIndex...]
    let afterBlanks = rest.drop(while: HTTP1Syntax.isBlank)
    guard rest.isEmpty || afterBlanks.first == UInt8(ascii: ";"), rest.allSatisfy(HTTP1Syntax.isValueByte) else {
      throw HTTPFailure(400, "A chunk size is followed by something that is no extension.")
    }
    extensionBytes &+= rest.count
    guard extensionBytes <= limits.chunkExtensionBytesMax else {
      throw HTTPFailure(400, "The chunk extensions are longer than \(limits.chunkExtensionBytesMax) bytes.")
    }
    let size = significant.reduce(0) { $0 &* 16 &+ (HTTP1Syntax.hexValue($1) ?? 0) }
    guard size <= limits.bodyBytesMax &- bytes.count else { throw tooLarge }
    return size
  }

  private var tooLarge: HTTPFailure { HTTPFailure(413, "The body is longer than \(limits.bodyBytesMax) bytes.") }
}
