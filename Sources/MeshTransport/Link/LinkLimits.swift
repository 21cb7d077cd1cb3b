import MeshBasics

/// What the mesh listener bounds. All are declared here; tests lower them.
struct LinkLimits: Sendable {
  /// Connections at once, dialed and accepted.
  var connectionsMax = LinkLimits.openMax
  /// Of them accepted ones: strangers can't take the places that our own dials need.
  var acceptedMax = 768
  /// Accepted connections at once from one address, or one /64 of IPv6, whose peers are not trusted yet. Trusted ones
  /// don't count: many nodes may share an address. A fleet behind one address that starts at once has more of them.
  /// What is over is dropped, counted and reported with the address, and nobody is lost: QUIC sends a first packet
  /// again after 300 and 900 ms, and a dial that still came to nothing is made again with backoff. A handshake is some
  /// milliseconds of work, which is what a fleet waits for in any case: 200 dials at once, in one process on 2 cores
  /// and a debug build, were all links after 1.5 s with 768 places and after 1.7 s with 64. With 16 it took 6 s, and
  /// some dials had to be made four times.
  var connectionsPerAddressMax = 64
  /// Of them those from which on clients of that address must prove it first (RFC 9000 §8.1.2). The proof doesn't make
  /// the other limit needless, since a host that lies can give it as well as a fleet behind one address. But without
  /// it whoever forges that address could take all of its places, with 64 packets in each handshake timeout; half of
  /// them are now beyond its reach. It costs those who come late one round trip, and this node a packet.
  var handshakesPerAddressBeforeRetry = 32
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
