import MeshBasics

/// What one connection may cost by HTTP/2's own frames, beside what its streams may (`StreamLimits`). Every number is
/// tested at N and N+1.
public struct HTTP2Limits: Equatable, Sendable {
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

  /// The limits of a server.
  public init() {}
}
