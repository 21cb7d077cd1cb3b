/// One decoder under fuzz.
struct FuzzTarget: Sendable {
  /// What `MESHKIT_FUZZ_TARGET` names.
  let name: String
  /// The folder of its seeds in `Tests/Fixtures/corpus`.
  let corpus: String
  /// Feeds it one input. It returns for every input, good or bad; anything else is a find.
  let run: @Sendable ([UInt8]) -> Void
}

/// Every decoder that reads what others wrote. A new one is a file in `Targets/` and a line here.
let fuzzTargets: [FuzzTarget] = [
  FuzzTarget(name: "mesh-message", corpus: "mesh-message", run: fuzzMeshMessage),
  FuzzTarget(name: "ping", corpus: "ping", run: fuzzPing),
  FuzzTarget(name: "member-record", corpus: "member-record", run: fuzzMemberRecord),
  FuzzTarget(name: "json", corpus: "json", run: fuzzJSON),
  FuzzTarget(name: "configuration", corpus: "configuration", run: fuzzConfiguration),
  FuzzTarget(name: "known-peers", corpus: "known-peers", run: fuzzKnownPeers),
  FuzzTarget(name: "epoch", corpus: "epoch", run: fuzzKnownPeers),
  FuzzTarget(name: "certificate-chain", corpus: "certificate-chain", run: fuzzCertificateChain),
  FuzzTarget(name: "revocation-list", corpus: "revocation-list", run: fuzzRevocationList),
  FuzzTarget(name: "pkcs12", corpus: "pkcs12", run: fuzzPKCS12),
  FuzzTarget(name: "quic-datagram", corpus: "quic-datagram", run: fuzzQUICDatagram),
  FuzzTarget(name: "grpc-frame", corpus: "grpc-frame", run: fuzzGRPCDeframer),
  FuzzTarget(name: "room-sequence", corpus: "room-sequence", run: fuzzRoomSequence),
  FuzzTarget(name: "engine-sequence", corpus: "engine-sequence", run: fuzzEngineSequence),
  FuzzTarget(name: "task-sequence", corpus: "task-sequence", run: fuzzTaskSequence),
  FuzzTarget(name: "task-snapshot", corpus: "task-snapshot", run: fuzzTaskSnapshot),
  FuzzTarget(name: "control-request", corpus: "control-request", run: fuzzControlRequest),
  FuzzTarget(name: "gossip-v1", corpus: "gossip-v1", run: fuzzGossipV1),
  FuzzTarget(name: "http1-request", corpus: "http1-request", run: fuzzHTTP1Request),
  FuzzTarget(name: "http1-response", corpus: "http1-response", run: fuzzHTTP1Response),
  FuzzTarget(name: "grpc-call", corpus: "grpc-call", run: fuzzGRPCCall),
  FuzzTarget(name: "gzip", corpus: "gzip", run: fuzzGZip),
  FuzzTarget(name: "control-call", corpus: "control-call", run: fuzzControlCall),
  FuzzTarget(name: "watch-token", corpus: "watch-token", run: fuzzWatchToken),
  FuzzTarget(name: "event-stream", corpus: "event-stream", run: fuzzEventStream),
  FuzzTarget(name: "http2-connection", corpus: "http2-connection", run: fuzzHTTP2Connection),
]
