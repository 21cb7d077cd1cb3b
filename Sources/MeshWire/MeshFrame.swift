/// What `MeshMessage` is on the wire: one frame with a `oneof`.
struct MeshFrame: WireMessage {
  var message: MeshMessage?

  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.choice(
      1, "hello", &message, get: { if case .hello(let it) = $0 { it } else { nil } }, make: MeshMessage.hello)
    try visitor.choice(
      2, "ping", &message, get: { if case .ping(let it) = $0 { it } else { nil } }, make: MeshMessage.ping)
    try visitor.choice(
      3, "ack", &message, get: { if case .ack(let it) = $0 { it } else { nil } }, make: MeshMessage.ack)
    try visitor.choice(
      4, "news", &message, get: { if case .news(let it) = $0 { it } else { nil } }, make: MeshMessage.news)
    try visitor.choice(
      5, "view", &message, get: { if case .view(let it) = $0 { it } else { nil } }, make: MeshMessage.view)
    try visitor.choice(
      6, "probeRequest", &message, get: { if case .probeRequest(let it) = $0 { it } else { nil } },
      make: MeshMessage.probeRequest)
    try visitor.choice(
      7, "probeReply", &message, get: { if case .probeReply(let it) = $0 { it } else { nil } },
      make: MeshMessage.probeReply)
    try visitor.choice(
      8, "syncDigest", &message, get: { if case .syncDigest(let it) = $0 { it } else { nil } },
      make: MeshMessage.syncDigest)
    try visitor.choice(
      9, "syncSummary", &message, get: { if case .syncSummary(let it) = $0 { it } else { nil } },
      make: MeshMessage.syncSummary)
    try visitor.choice(
      10, "syncDelta", &message, get: { if case .syncDelta(let it) = $0 { it } else { nil } },
      make: MeshMessage.syncDelta)
    try visitor.choice(
      11, "broadcast", &message, get: { if case .broadcast(let it) = $0 { it } else { nil } },
      make: MeshMessage.broadcast)
    try visitor.choice(
      12, "broadcastPull", &message, get: { if case .broadcastPull(let it) = $0 { it } else { nil } },
      make: MeshMessage.broadcastPull)
    try visitor.choice(
      13, "release", &message, get: { if case .release(let it) = $0 { it } else { nil } }, make: MeshMessage.release)
  }
}
