import MeshBasics

/// What the mesh listener bounds. All are declared here; tests lower them.
struct LinkLimits: Sendable {
  /// Connections and handshakes.
  var quic = QUICLimits()
  /// Streams that a peer may have open on one connection, and their field sections.
  var http3 = HTTP3Limits(streamsMax: 16, sectionBytesMax: 16 * 1024)
  /// Bytes of one gRPC message.
  var messageBytesMax = 256 * 1024
  /// Messages of one connection, those of its link and its unary calls, that wait with the engine, and their bytes.
  /// One may wait beyond the bytes, since a message is never cut.
  var creditMessages = LinkLimits.creditMessagesMax
  var creditBytes = 256 * 1024
  /// How long a link comes to the end of its credit again and again before that is reported, once for each such time.
  var creditPatience = Duration.seconds(5)
  /// A link that had credit for this long is at ease again.
  var creditEase = Duration.seconds(1)
  /// Bytes that one link holds for a peer that has not acknowledged them.
  var sendQueueBytesMax = 1024 * 1024
  /// TCP connections that have not said whose tether they are, in all and from one address or /64.
  var tetherStrangersMax = 128
  var tetherStrangersPerAddressMax = 64
  /// How long such a connection may take to say it, and how long we try to build a tether of ours.
  var tetherTimeout = Duration.seconds(2)
  /// How long a host has to refuse a TCP connection when it refused a dial's datagram.
  var portCheckTimeout = Duration.milliseconds(200)
  /// How long a dial has for an answer over UDP before TCP is tried beside it; nil: a quarter of its time.
  var fallbackDelay: Duration?
  /// How long after a link has opened over TCP its dialer tries UDP again, and the most that this wait grows to. The
  /// limits of connections in `quic` are those of TCP's too.
  var trialWaitMin = Duration.seconds(30)
  var trialWaitMax = Duration.seconds(300)
  /// The calls that this node makes.
  var calls = CallLimits()
  /// A turn that is over this much after a timer was due is told as late.
  var lateness = Duration.milliseconds(50)
  /// From one doubt that ICMP raised to the next on the same link.
  var doubtInterval = Duration.seconds(1)
  /// Commands that wait for the link thread.
  var commandsMax = 65_536

  /// The defaults that together bound what all peers may have waiting with the engine.
  static let openMax = 1024
  static let creditMessagesMax = 32

  init() { quic.connectionsMax = LinkLimits.openMax }
}
