/// All that a room or the shell may report about itself. Rooms never log: they emit these, and the one table in
/// `MeshTelemetry` maps each to its log id, level, fields and metric.
public enum Observation: Equatable, Sendable {
  // Membership; OmniRelay's log ids 3 to 6 (contracts: gossip §9).
  case memberJoined(MemberFacts, correlation: UInt64)
  case memberRecovered(MemberFacts, previousStatus: String, correlation: UInt64)
  case memberUpdated(MemberFacts, correlation: UInt64)
  /// `silence` is the time since the peer was last heard; `accuser` started the suspicion.
  case memberSuspected(MemberFacts, silence: Duration, accuser: NodeID, correlation: UInt64)
  /// `graceful`: it said goodbye; otherwise it was declared dead.
  case memberLeft(MemberFacts, graceful: Bool, correlation: UInt64)
  /// This node was suspected and answered with a greater incarnation.
  case selfRefuted(accuser: NodeID, incarnation: UInt32)
  /// The counts behind `mesh_gossip_members`, with the local node.
  case membersCounted(alive: Int, suspect: Int, left: Int)

  // Probes and messages.
  case roundTripMeasured(peer: NodeID, Duration)
  case probeFailed(peer: NodeID)
  /// A direct probe was late, and other members were asked to try.
  case probeRelayed(peer: NodeID)
  /// A probe found its peer alive; `path` is `direct` or `relay`.
  case probeReached(peer: NodeID, path: String)
  /// A suspicion ended well: the peer refuted it, or was heard again.
  case falseSuspicion(peer: NodeID)
  /// The local health, 0 (well) to 8: this node's own timeouts are stretched by one more than that.
  case healthChanged(Int)
  /// `kind` is the name of the message in the schema; `bytes` is its encoding.
  case messageSent(kind: String, bytes: Int)
  case messageReceived(kind: String, bytes: Int)
  case messageFailed(outbound: Bool)
  /// A message that couldn't be decoded or broke a limit; `reason` names the field and the limit, never its bytes.
  case messageRejected(peer: String, reason: String)
  /// A v1 node speaks another schema than `v1`; what it says is ignored.
  case schemaRejected(schema: String)
  /// A request to a v1 node came to nothing.
  case requestFailed(target: String, reason: String)
  /// Something that MeshKit bounds: so many times something was too much, and was dropped or made to wait. `peer` is
  /// who reached the bound, where that is known.
  case limitReached(String, peer: String = "", count: UInt64 = 1)

  // News, broadcasts and anti-entropy.
  /// How many claims wait to be told.
  case newsQueued(Int)
  /// A piece of news went to so many peers at once.
  case newsSpread(peers: Int)
  /// From a change of this node's view to the moment at which all members that it watches show an equal view.
  case convergenceMeasured(Duration)
  case broadcastDelivered
  case broadcastDropped(reason: String)
  /// Views that differed were compared, and so many records crossed.
  case syncFinished(records: Int)

  // Trouble that the mesh handles.
  /// Another process speaks under a name that a member bears; `detail` says what was seen and who won.
  case duplicateNode(node: NodeID, detail: String)
  /// A member was declared gone on an operator's word; `by` is the node that was told.
  case memberRemoved(NodeID, by: String)
  /// This process didn't run for so long: what it believed of its peers is stale.
  case pauseDetected(Duration)
  /// This node would declare a member dead, but has heard nobody for two intervals: it judges nobody. False when that
  /// is over.
  case isolated(Bool)
  /// Another live process has taken this node's name; the node stops.
  case conflicted(String)

  // Links and trust.
  case linkOpened(peer: String, transport: String, dialed: Bool)
  case linkClosed(peer: String, reason: String)
  /// How many peers have an open link.
  case linksCounted(Int)
  /// A link may be dead; a probe will tell.
  case linkDoubted(peer: String)
  case dialFailed(target: String, reason: String, retryIn: Duration)
  /// A certificate, or the name it claims, was refused. `reason` is one of `MeshSecurity`'s words.
  case trustRefused(peer: String, reason: String, inbound: Bool)
  case certificateReloaded(subject: String, notAfter: String)
  case certificateReloadFailed(reason: String)
  /// Datagrams that were no QUIC of ours, or could not be read; `count` since the last report.
  case datagramsDropped(count: UInt64, reason: String)
  /// A call of this node to a peer has ended; `method` is its full name, `outcome` one of `PeerCallOutcome`'s words.
  case peerCallEnded(method: String, outcome: String)
  /// Such a call is made once more.
  case peerCallRetried(method: String)
  /// Calls to a peer failed so often that no more are made for a while; false when one has worked again.
  case peerCircuit(peer: NodeID, isOpen: Bool, reason: String)

  // The control listener.
  /// A request was answered: by which version of HTTP, in which encoding (empty without a body), how, and to whom by
  /// the caller's own word (empty where it says nothing).
  case requestAnswered(protocol: String, encoding: String, status: Int, caller: String = "")
  /// A call of gRPC ended with a status code; `method` is its full name, empty for one that isn't served.
  case callEnded(method: String, code: Int)
  /// How many callers watch a resource of this node.
  case watchesCounted(Int)
  /// A caller that watches read so slowly that changes are gone, and has to begin anew. Who, by its own word.
  case watchLagged(resource: String, caller: String = "")
  /// A caller was turned away: `reason` is one of `MeshControl`'s words, `peer` its address, `principal` who it is,
  /// and `scope` what it lacks, each empty where that wasn't looked at.
  case callerRefused(reason: String, peer: String, principal: String = "", scope: String = "")
  /// A caller asked for something that changes the node or the mesh. `principal` is who it is, `verdict` whether it
  /// will be done.
  case operationAsked(String, principal: String, peer: String, verdict: String)
  /// A replaced file of principals was picked up, with so many in it.
  case principalsReloaded(count: Int)
  case principalsReloadFailed(reason: String)
  /// An operator set the least level of log records, by its name, or `any`.
  case logLevelChanged(String)
  /// An operator set how many of the traces are to be kept, 0 to 1.
  case traceSamplingChanged(Double)

  // Lease queues that are attached to the node.
  case queueAttached(String)
  /// Its host took it back, or it has ended (`reason`).
  case queueDetached(String, reason: String)
  /// How many tasks a queue held when it was sampled, ready and at consumers.
  case queueSampled(String, pending: Int, leased: Int)
  /// A monitor of a queue says that it is overloaded, or no longer; `after` is how long it had said the other.
  case backpressureChanged(queue: String, isActive: Bool, pending: Int, high: Int, low: Int, after: Duration)
  /// The dead letters of a queue take its own places.
  case deadLettersFull(queue: String, count: Int)

  // Life of a node.
  /// The engine acted on a deadline so much later than it was due.
  case engineLate(Duration)
  case listening(address: String, port: UInt16, fanout: Int)
  /// The control listener is bound at one address.
  case controlListening(address: String, port: UInt16, speaksTLS: Bool)
  case nodeStarted(NodeID)
  case nodeStopped(NodeID)
  case storeFailed(reason: String)
  case configurationNotice(String)
  case poisoned(String)
}

/// What the log records of membership say of a member, under OmniRelay's field names.
public struct MemberFacts: Equatable, Sendable {
  /// The member.
  public let peer: NodeID
  /// Its cluster, role, region and mesh version, as it announced them.
  public let clusterID, role, region, meshVersion: String
  /// Whether it speaks HTTP/3.
  public let http3: Bool

  /// The facts of one member.
  public init(peer: NodeID, clusterID: String, role: String, region: String, meshVersion: String, http3: Bool) {
    self.peer = peer
    self.clusterID = clusterID
    self.role = role
    self.region = region
    self.meshVersion = meshVersion
    self.http3 = http3
  }
}
