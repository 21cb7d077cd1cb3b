import MeshBasics

/// What the connections of one UDP socket may take, whatever they are for. Whoever opens an endpoint declares them.
struct QUICLimits: Sendable {
  /// Connections at once, dialed and accepted.
  var connectionsMax = 1024
  /// Of them accepted ones: strangers can't take the places that dials of ours need.
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
  /// Accepted connections at once from all addresses together whose peers are neither trusted nor known otherwise; one
  /// more takes the place of another, where the owner ends one.
  var untrustedMax = Int.max
  /// Clients on this host are never counted among those.
  var knowsOwnHost = false
  /// Accepted connections at once of one identity (one public key), for each node that its certificate names. A node
  /// needs one link and a few calls; the rest is for links that are being replaced.
  var connectionsPerNodeNameMax = 8
  /// Accepted handshakes at once beyond which clients must prove their address first.
  var handshakesBeforeRetry = 128
  /// Closed connections that are remembered, to repeat the goodbye to late packets.
  var closingMax = 1024
  /// Stateless resets in one second.
  var resetsPerSecondMax = 100
  /// How long an acknowledgement waits for an answer that it can travel with. Shorter than the 25 ms that QUIC allows
  /// for it by default (RFC 9000 §18.2), by what a busy thread may add.
  var answerPause = Duration.milliseconds(20)
  /// Stands before the names of these limits where they are told, to say whose they are.
  var prefix = ""

  init() {}
}

/// What an endpoint has done since it was opened.
struct QUICCounts: Sendable {
  var handshakesAccepted: Int64 = 0
  var connectionsRefused: Int64 = 0
  var retriesSent: Int64 = 0
  var datagramsReceived: Int64 = 0
  var datagramsSent: Int64 = 0
  var datagramsDropped: Int64 = 0
  var bytesReceived: Int64 = 0
  var bytesSent: Int64 = 0

  /// Adds what another endpoint has done.
  mutating func add(_ other: QUICCounts) {
    handshakesAccepted += other.handshakesAccepted
    connectionsRefused += other.connectionsRefused
    retriesSent += other.retriesSent
    datagramsReceived += other.datagramsReceived
    datagramsSent += other.datagramsSent
    datagramsDropped += other.datagramsDropped
    bytesReceived += other.bytesReceived
    bytesSent += other.bytesSent
  }

  /// Every count with its name.
  var list: [(name: String, value: Int64)] {
    [
      ("handshakesAccepted", handshakesAccepted), ("connectionsRefused", connectionsRefused),
      ("retriesSent", retriesSent), ("datagramsReceived", datagramsReceived), ("datagramsSent", datagramsSent),
      ("datagramsDropped", datagramsDropped), ("bytesReceived", bytesReceived), ("bytesSent", bytesSent),
    ]
  }
}
