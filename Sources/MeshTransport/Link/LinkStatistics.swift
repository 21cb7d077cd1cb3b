/// The link thread's counters. It keeps a copy of its own and publishes it once per turn.
struct LinkStatistics: Sendable {
  var quic = QUICCounts()
  var connections: Int64 = 0
  var links: Int64 = 0
  var linksOverTCP: Int64 = 0
  var linksOpened: Int64 = 0
  var handshakesDialed: Int64 = 0
  var trustRefusals: Int64 = 0
  var messagesReceived: Int64 = 0
  var messagesSent: Int64 = 0
  var linkPauses: Int64 = 0
  var tethersOpen: Int64 = 0
  var tethersRefused: Int64 = 0
  var doubts: Int64 = 0
  var connectionsGivenUp: Int64 = 0

  /// Every counter with its name, for `meshkit_node_stats_json`.
  var list: [(name: String, value: Int64)] {
    [
      ("connections", connections), ("links", links), ("linksOverTcp", linksOverTCP), ("linksOpened", linksOpened),
      ("handshakesDialed", handshakesDialed), ("trustRefusals", trustRefusals),
      ("messagesReceived", messagesReceived), ("messagesSent", messagesSent), ("linkPauses", linkPauses),
      ("tethersOpen", tethersOpen), ("tethersRefused", tethersRefused), ("doubts", doubts),
      ("connectionsGivenUp", connectionsGivenUp),
    ] + quic.list
  }
}
