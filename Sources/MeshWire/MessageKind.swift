/// Which message a frame holds, by the name that the schema, the metrics and the logs use.
public enum MessageKind: String, CaseIterable, Sendable {
  /// The first message of each side.
  case hello
  /// A probe.
  case ping
  /// Its answer.
  case ack
  /// Claims between probes.
  case news
  /// A page of a whole view.
  case view
  /// A probe by way of another node.
  case probeRequest = "probe_request"
  /// What became of it.
  case probeReply = "probe_reply"
  /// The hashes of all buckets.
  case syncDigest = "sync_digest"
  /// What is known in the buckets that differ.
  case syncSummary = "sync_summary"
  /// The claims themselves.
  case syncDelta = "sync_delta"
  /// An application's message to all nodes.
  case broadcast
  /// Asks for the payload of one that was announced.
  case broadcastPull = "broadcast_pull"
  /// Gives a link back.
  case release

  /// The first version of the protocol that knows it. Peers refuse a kind that they don't know, so that it is never
  /// sent to one of an earlier version.
  public var sinceVersion: UInt32 {
    switch self {
    case .hello, .ping, .ack, .news, .view: 1
    case .probeRequest, .probeReply, .syncDigest, .syncSummary, .syncDelta, .broadcast, .broadcastPull, .release: 2
    }
  }
}

extension MeshMessage {
  /// Which message this is.
  public var kind: MessageKind {
    switch self {
    case .hello: .hello
    case .ping: .ping
    case .ack: .ack
    case .news: .news
    case .view: .view
    case .probeRequest: .probeRequest
    case .probeReply: .probeReply
    case .syncDigest: .syncDigest
    case .syncSummary: .syncSummary
    case .syncDelta: .syncDelta
    case .broadcast: .broadcast
    case .broadcastPull: .broadcastPull
    case .release: .release
    }
  }
}
