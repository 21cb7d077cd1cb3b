/// What the mesh listener bounds. All are declared here; tests lower them.
struct LinkLimits: Sendable {
  /// Connections at once, dialed and accepted.
  var connectionsMax = 1024
  /// Of them accepted ones: strangers can't take the places that our own dials need.
  var acceptedMax = 768
  /// Accepted connections at once from one address.
  var connectionsPerAddressMax = 64
  /// Streams that a peer may have open on one connection.
  var streamsPerConnectionMax: UInt64 = 16
  /// Bytes of one gRPC message.
  var messageBytesMax = 256 * 1024
  /// Bytes that one link holds for a peer that has not acknowledged them.
  var sendQueueBytesMax = 1024 * 1024
  /// Accepted handshakes at once beyond which clients must prove their address first.
  var handshakesBeforeRetry = 128
  /// Closed connections that are remembered, to repeat the goodbye to late packets.
  var closingMax = 1024
  /// Stateless resets in one second.
  var resetsPerSecondMax = 100
  /// Commands that wait for the link thread.
  var commandsMax = 65_536

  init() {}
}
