/// What one connection that carries several requests at once may cost, HTTP/2 or HTTP/3, beside what each message may
/// (`HTTPLimits`). Every number is tested at N and N+1.
public struct StreamLimits: Equatable, Sendable {
  /// Requests that a client may have open at once. On HTTP/2 one more is refused with REFUSED_STREAM, or ends the
  /// connection of a client that was told before; on HTTP/3 there is no number for it.
  public var streamsMax = 100
  /// The bodies of all unfinished requests together; the request that brings more is answered 503.
  public var bodiesBytesMax = 4 * 1024 * 1024
  /// Answers that wait for their reader; with more, no further request is handed out.
  public var answersBytesMax = 1024 * 1024
  /// Streams broken off by the client, or by us for its mistakes, in one burst (CVE-2023-44487).
  public var resetsBurst = 500
  /// How many of them a second refills.
  public var resetsPerSecond = 50

  /// The limits of a server.
  public init() {}
}
