import MeshBasics

/// What the mesh listener bounds. All are declared here; tests lower them.
struct LinkLimits: Sendable {
  /// Connections at once, dialed and accepted.
  var connectionsMax = LinkLimits.openMax
  /// Of them accepted ones: strangers can't take the places that our own dials need.
  var acceptedMax = 768
  /// Accepted connections at once from one address, or one /64 of IPv6, whose peers are not trusted yet. Trusted ones
  /// don't count: many nodes may share an address.
  var connectionsPerAddressMax = 64
  /// Accepted connections at once of one identity (one public key), for each node that its certificate names. A node
  /// needs one link and a few calls; the rest is for links that are being replaced.
  var connectionsPerNodeNameMax = 8
  /// Streams that a peer may have open on one connection.
  var streamsPerConnectionMax: UInt64 = 16
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
  /// Accepted handshakes at once beyond which clients must prove their address first.
  var handshakesBeforeRetry = 128
  /// Closed connections that are remembered, to repeat the goodbye to late packets.
  var closingMax = 1024
  /// Stateless resets in one second.
  var resetsPerSecondMax = 100
  /// TCP connections that have not said whose tether they are, in all and from one address or /64.
  var tetherStrangersMax = 128
  var tetherStrangersPerAddressMax = 64
  /// How long such a connection may take to say it, and how long we try to build a tether of ours.
  var tetherTimeout = Duration.seconds(2)
  /// How long a host has to refuse a TCP connection when it refused a dial's datagram.
  var portCheckTimeout = Duration.milliseconds(200)
  /// A turn that is over this much after a timer was due is told as late.
  var lateness = Duration.milliseconds(50)
  /// From one doubt that ICMP raised to the next on the same link.
  var doubtInterval = Duration.seconds(1)
  /// How long an acknowledgement waits for an answer that it can travel with. Shorter than the 25 ms that QUIC allows
  /// for it by default (RFC 9000 §18.2), by what a busy thread may add.
  var answerPause = Duration.milliseconds(20)
  /// Commands that wait for the link thread.
  var commandsMax = 65_536

  /// The defaults that together bound what all peers may have waiting with the engine.
  static let openMax = 1024
  static let creditMessagesMax = 32

  init() {}
}
