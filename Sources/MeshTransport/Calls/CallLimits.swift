import MeshBasics

/// What the calls of this node to its peers may cost. Tests lower them.
struct CallLimits: Sendable {
  /// Calls that are under way or wait for their next attempt, in all and to one peer. A peer takes 16 streams on a
  /// connection, of which the link is one.
  var callsMax = 1_024
  var callsPerPeerMax = 12
  /// The longest that a call may take.
  var deadlineMax = Duration.seconds(60)
  /// How often one call is tried, and how long it waits before it is tried again: doubling, with jitter.
  var attemptsMax = 4
  var backoffMin = Duration.milliseconds(50)
  var backoffMax = Duration.seconds(2)
  /// Attempts in a row that fail until a peer's circuit opens, and how long it is open: doubling for each trial that
  /// fails.
  var failuresToOpen = 5
  var openMin = Duration.seconds(1)
  var openMax = Duration.seconds(30)
  /// A call that its caller gave up after this long without an answer counts as one that failed. A peer of whom nothing
  /// at all came for as long after a request is silent.
  var patience = Duration.seconds(1)
  /// Peers whose failures are remembered.
  var peersMax = 1_024
  /// Connections dialed for calls alone, and how long one of them stays without a call.
  var connectionsMax = 64
  var idleTimeout = Duration.seconds(30)
  /// Connections to one peer that have outlived their link for the calls on them. The peer bounds the connections of an
  /// identity (`QUICLimits.connectionsPerNodeNameMax`), and the next link needs one.
  var keptPerPeerMax = 2
  /// Connections over QUIC to one address that are given up within `LinkOptions.idleTimeout`, as long as the peer may
  /// count them: the next go over TCP.
  var givenUpPerPeerMax = 2

  init() {}
}
