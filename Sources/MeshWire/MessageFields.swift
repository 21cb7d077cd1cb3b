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
    try visitor.bool(10, "draining", &draining)
    // The form before had no number: its owners write nothing, and relays pass that on as it came.
    var schema = schemaVersion == 1 ? 0 : schemaVersion
    try visitor.uint32(11, "schemaVersion", &schema)
    schemaVersion = schema == 0 ? 1 : schema
    try visitor.bool(12, "gossipV1", &gossipV1)
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
    try visitor.shared(6, "metadata", &sharedMetadata, max: WireLimits.metadataBytes)
    try visitor.bool(7, "refused", &refused)
    try visitor.texts(8, "accusers", &accusers, .nodeID, max: WireLimits.accusersMax)
    try visitor.optional(9, "metadataDelta", &metadataDelta, max: WireLimits.metadataBytes)
    try visitor.bool(10, "removed", &removed)
  }
}

extension MetadataDelta: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.int64(1, "fromVersion", &fromVersion)
    try visitor.int64(2, "toVersion", &toVersion)
    try visitor.labels(3, "changed", &changed)
    try visitor.texts(4, "removed", &removed, .labelKey, max: WireLimits.labels)
  }
}

extension Hello: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.uint32(1, "protocolVersion", &protocolVersion)
    try visitor.uint32(2, "protocolVersionMin", &protocolVersionMin)
    try visitor.text(3, "clusterId", &clusterID, .requiredText)
    try visitor.required(4, "record", &record)
    try visitor.uint64(5, "startedAt", &startedAt)
    try visitor.fixed64(6, "nonce", &nonce)
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
    try visitor.uint32(4, "health", &health, max: WireLimits.healthMax)
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

extension ProbeRequest: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.uint64(1, "sequence", &sequence)
    try visitor.text(2, "target", &target, .nodeID)
  }
}

extension ProbeReply: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.uint64(1, "sequence", &sequence)
    try visitor.text(2, "target", &target, .nodeID)
    try visitor.bool(3, "reached", &reached)
  }
}

extension SyncDigest: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.fixed64s(1, "buckets", &buckets, count: WireLimits.syncBuckets)
  }
}

extension SyncSummary: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.fixed64(1, "mask", &mask)
    try visitor.repeated(2, "entries", &entries, max: WireLimits.syncEntries)
  }
}

extension SyncEntry: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "nodeId", &nodeID, .nodeID)
    try visitor.uint64(2, "epoch", &epoch)
    try visitor.uint32(3, "incarnation", &incarnation)
    try visitor.state(4, "state", &state)
    try visitor.int64(5, "metadataVersion", &metadataVersion)
  }
}

extension SyncDelta: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.repeated(1, "records", &records, max: WireLimits.recordsPerFrame)
    try visitor.texts(2, "wanted", &wanted, .nodeID, max: WireLimits.recordsPerFrame)
  }
}

extension Broadcast: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "origin", &origin, .nodeID)
    try visitor.uint64(2, "epoch", &epoch)
    try visitor.uint64(3, "sequence", &sequence)
    try visitor.text(4, "topic", &topic, .topic)
    try visitor.optionalBytes(5, "payload", &payload, max: WireLimits.broadcastBytes)
    try visitor.uint32(6, "size", &size, max: UInt32(WireLimits.broadcastBytes))
    try visitor.uint32(7, "hops", &hops)
  }
}

extension BroadcastPull: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) throws(WireError) {
    try visitor.text(1, "origin", &origin, .nodeID)
    try visitor.uint64(2, "epoch", &epoch)
    try visitor.uint64(3, "sequence", &sequence)
  }
}

extension Release: WireMessage {
  mutating func visit(_ visitor: inout some FieldVisitor) {}
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
