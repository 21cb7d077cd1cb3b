// Requests of v1 nodes.
import MeshBasics
import MeshWire

extension GossipV1 {
  mutating func serve(
    _ call: V1Call, _ request: RequestID, identity: PeerIdentity?, now: Instant, into effects: inout GossipV1Effects
  ) {
    guard phase != .waiting, phase != .left else {
      effects.append(.answer(request, .refusal(status: 503, reason: "The node doesn't take part.")))
      return
    }
    switch call.content {
    case .unreadable(let status, let reason):
      if let reason {
        effects.append(.observe(.messageFailed(outbound: false)))
        effects.append(.observe(.messageRejected(peer: identity?.nodeNames.first ?? "", reason: reason)))
      }
      effects.append(.answer(request, .refusal(status: status, reason: reason)))
    case .message(.shuffle(let shuffle)):
      let answer = ownShuffle(for: Endpoint(parsing: shuffle.sender))
      if phase == .running { take(shuffle, now: now, into: &effects) }
      effects.append(.answer(request, .message(.shuffle(answer))))
    case .message(.envelope(let envelope)):
      serve(envelope, request, bytes: call.bytes, identity: identity, now: now, into: &effects)
    }
  }

  private mutating func serve(
    _ envelope: V1Envelope, _ request: RequestID, bytes: Int, identity: PeerIdentity?, now: Instant,
    into effects: inout GossipV1Effects
  ) {
    guard mayHear(envelope, identity: identity, inbound: true, into: &effects) else {
      // v1 answers other schemas as if nothing were wrong.
      effects.append(
        .answer(
          request,
          envelope.isReadable
            ? .refusal(status: 403, reason: "The sender is not who its certificate says, or of another cluster.")
            : .message(.envelope(self.envelope(to: nil, now: now)))))
      return
    }
    effects.append(.observe(.messageReceived(kind: "v1Envelope", bytes: bytes)))
    if phase == .running { hear(envelope, now: now, into: &effects) }
    effects.append(.answer(request, .message(.envelope(self.envelope(to: envelope.sender.nodeID, now: now)))))
  }

  /// Whether an envelope counts: of v1's schema and this node's cluster, from a sender that its certificate may speak
  /// for. A certificate that names no node may speak for any, as in v1.
  mutating func mayHear(
    _ envelope: V1Envelope, identity: PeerIdentity?, inbound: Bool, into effects: inout GossipV1Effects
  ) -> Bool {
    let sender = envelope.sender
    guard envelope.isReadable else {
      effects.append(.observe(.schemaRejected(schema: envelope.schema ?? "")))
      return false
    }
    let cluster = own.metadata.clusterID
    if let identity, !identity.nodeNames.isEmpty, !identity.maySpeak(for: sender.nodeID, cluster: cluster) {
      effects.append(.observe(.trustRefused(peer: sender.nodeID.name, reason: "not its name", inbound: inbound)))
      effects.append(.observe(.messageFailed(outbound: !inbound)))
      return false
    }
    guard sender.metadata.clusterID == cluster else {
      effects.append(.observe(.messageRejected(peer: sender.nodeID.name, reason: "sender.clusterId: another cluster")))
      effects.append(.observe(.messageFailed(outbound: !inbound)))
      return false
    }
    return true
  }
}
