// The fields of every message, declared once. Numbers and names are those of `proto/meshkit/mesh/v1/mesh.proto` and
// never change their meaning; a new field takes a new number there and one line here.

extension NodeMetadata: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "role", &role, .text)
    try visitor.text(2, "clusterId", &clusterID, .text)
    try visitor.text(3, "region", &region, .text)
    try visitor.text(4, "meshVersion", &meshVersion, .text)
    try visitor.bool(5, "http3Support", &http3Support)
    try visitor.text(6, "endpoint", &endpoint, .endpointOrEmpty)
    try visitor.int64(7, "metadataVersion", &metadataVersion)
    try visitor.labels(8, "labels", &labels)
    try visitor.embedded(9, "security", &security)
  }
}

extension SecurityPosture: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "tlsVersion", &tlsVersion, .text)
    try visitor.bool(2, "mutualTls", &mutualTLS)
    try visitor.bool(3, "revocationChecked", &revocationChecked)
    try visitor.int64(4, "certificateExpiresAt", &certificateExpiresAt)
  }
}

extension MemberRecord: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "nodeId", &nodeID, .nodeID)
    try visitor.uint64(2, "epoch", &epoch)
    try visitor.uint32(3, "incarnation", &incarnation)
    try visitor.state(4, "state", &state)
    try visitor.text(5, "accuser", &accuser, .nodeIDOrEmpty)
    try visitor.optional(6, "metadata", &metadata, max: WireLimits.metadataBytes)
  }
}

extension Hello: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.uint32(1, "protocolVersion", &protocolVersion)
    try visitor.uint32(2, "protocolVersionMin", &protocolVersionMin)
    try visitor.text(3, "clusterId", &clusterID, .requiredText)
    try visitor.required(4, "record", &record)
  }
}

extension Ping: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.uint64(1, "sequence", &sequence)
    try visitor.fixed64(2, "digest", &digest)
    try visitor.repeated(3, "news", &news, max: WireLimits.recordsPerFrame)
  }
}

extension Ack: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.uint64(1, "sequence", &sequence)
    try visitor.fixed64(2, "digest", &digest)
    try visitor.repeated(3, "news", &news, max: WireLimits.recordsPerFrame)
  }
}

extension News: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.repeated(1, "records", &records, max: WireLimits.recordsPerFrame)
  }
}

extension View: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.repeated(1, "records", &records, max: WireLimits.recordsPerFrame)
    try visitor.bool(2, "replyWanted", &replyWanted)
    try visitor.bool(3, "more", &more)
  }
}

extension PingRequest: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.bytes(1, "payload", &payload, max: WireLimits.pingPayloadBytes)
  }
}

extension PingReply: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "nodeId", &nodeID, .nodeID)
    try visitor.text(2, "clusterId", &clusterID, .requiredText)
    try visitor.uint64(3, "epoch", &epoch)
    try visitor.uint32(4, "incarnation", &incarnation)
    try visitor.text(5, "meshVersion", &meshVersion, .text)
    try visitor.bytes(6, "payload", &payload, max: WireLimits.pingPayloadBytes)
  }
}

/// What `MeshMessage` is on the wire: one frame with a `oneof`.
struct MeshFrame: WireMessage {
  var message: MeshMessage?

  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.choice(
      1, "hello", &message, get: { if case .hello(let hello) = $0 { hello } else { nil } }, make: MeshMessage.hello)
    try visitor.choice(
      2, "ping", &message, get: { if case .ping(let ping) = $0 { ping } else { nil } }, make: MeshMessage.ping)
    try visitor.choice(
      3, "ack", &message, get: { if case .ack(let ack) = $0 { ack } else { nil } }, make: MeshMessage.ack)
    try visitor.choice(
      4, "news", &message, get: { if case .news(let news) = $0 { news } else { nil } }, make: MeshMessage.news)
    try visitor.choice(
      5, "view", &message, get: { if case .view(let view) = $0 { view } else { nil } }, make: MeshMessage.view)
  }
}
