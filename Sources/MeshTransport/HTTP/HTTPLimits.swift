/// What one HTTP message may cost, whichever version brings it. Every number is tested at N and N+1.
public struct HTTPLimits: Equatable, Sendable {
  /// The longest request line or status line, without its line end; on HTTP/2 the longest target. Longer is 414.
  public var startLineBytesMax = 8 * 1024
  /// All header lines together, line ends included; on HTTP/2 names, values and 32 bytes for each field (RFC 9113
  /// §6.5.2). More is 431. Trailers have the same limit.
  public var headerBytesMax = 16 * 1024
  /// The number of fields; more is 431.
  public var fieldsMax = 100
  /// The decoded body; more is 413.
  public var bodyBytesMax = 1024 * 1024
  /// Of a body that is made while its reader takes it, what may wait for that; with more, no further part is made.
  public var partBytesMax = 16 * 1024
  /// The text of chunk extensions in one body: they carry nothing for us, and are cheap to abuse; more is 400.
  public var chunkExtensionBytesMax = 16 * 1024

  /// The limits of a server.
  public init() {}

  /// The limits of `HTTPClient`, which reads one answer at a time.
  public static var client: HTTPLimits {
    var limits = HTTPLimits()
    limits.headerBytesMax = 64 * 1024
    limits.bodyBytesMax = 64 * 1024 * 1024
    return limits
  }
}

/// Why a message is refused: the status that a server answers with, and a sentence that never quotes the peer's bytes.
public struct HTTPFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// 400, 408, 413, 414, 417, 431, 501, 503 or 505.
  public let status: Int
  /// For people.
  public let description: String

  /// A refusal with `status`.
  public init(_ status: Int, _ description: String) {
    self.status = status
    self.description = description
  }
}
