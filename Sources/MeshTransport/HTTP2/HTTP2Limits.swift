import MeshBasics

/// What one HTTP/2 connection may cost, beside what each message may (`HTTPLimits`). Every number is tested at N and
/// N+1.
public struct HTTP2Limits: Equatable, Sendable {
  /// Requests that a client may have open at once; one more is refused with REFUSED_STREAM, or ends the connection of
  /// a client that was told before.
  public var streamsMax = 100
  /// The bodies of all unfinished requests together; the request that brings more is answered 503.
  public var bodiesBytesMax = 4 * 1024 * 1024
  /// What a client may still send of a request that was refused, or whose answer went out whole, and which is dropped;
  /// with more, the stream is broken off.
  public var lateBytesMax = 256 * 1024
  /// Frames that wait for the client to read; with more, no further request is handed out. Answers to streams that it
  /// broke off are among them.
  public var waitingFramesMax = 256
  /// CONTINUATION frames of one field section (CVE-2024-28182). Eight and the frame before them hold 144 KiB,
  /// nine times the fields that we take.
  public var continuationsMax = 8
  /// Frames that ask for work and bring nothing (SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty DATA, unknown types),
  /// in one burst.
  public var idleFramesBurst = 1000
  /// How many of them a second refills. Each DATA frame that we send refills four as well, since its reader gives
  /// window back, and so does each request.
  public var idleFramesPerSecond = 100
  /// Streams broken off by the client, or by us for its mistakes, in one burst (CVE-2023-44487).
  public var resetsBurst = 500
  /// How many of them a second refills.
  public var resetsPerSecond = 50

  /// The limits of a server.
  public init() {}
}
