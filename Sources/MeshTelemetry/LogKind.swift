// The left half of the one table: which record an observation makes. OmniRelay's own records keep their category, id,
// name and fields (contracts: gossip §9); ids from 100 are MeshKit's, because OmniRelay uses 1 to 8 of that category,
// two of them twice.

/// One kind of log record: all of it that doesn't depend on the occasion.
struct LogKind: Equatable {
  let level: LogLevel
  let category: String
  let eventID: Int32
  let eventName: String
  /// What happened, for the reference page.
  let meaning: String
  /// The names of its fields, in their order.
  let fields: [String]

  private init(
    _ level: LogLevel, _ eventID: Int32, _ eventName: String, _ fields: [String], _ meaning: String,
    category: String = "MeshGossipHost"
  ) {
    self.level = level
    self.category = category
    self.eventID = eventID
    self.eventName = eventName
    self.meaning = meaning
    self.fields = fields
  }

  // OmniRelay's.
  static let listening = LogKind(
    .information, 1, "MeshGossipListening", ["Address", "Port", "Fanout"], "The mesh listener is bound.")
  static let schemaRejected = LogKind(
    .warning, 2, "MeshGossipSchemaRejected", ["Schema"],
    "A node that speaks OmniRelay's JSON gossip did so in another schema than `v1`; what it said was ignored.")
  static let joined = LogKind(
    .information, 3, "MeshGossipPeerJoined", ["PeerId", "ClusterId", "Role", "Region", "Version", "Http3"],
    "A member was seen alive for the first time, or came back after it had left.")
  static let recovered = LogKind(
    .information, 4, "MeshGossipPeerRecovered", ["PeerId", "PreviousStatus", "ClusterId", "Role"],
    "A suspected member is alive.")
  static let suspect = LogKind(
    .warning, 5, "MeshGossipPeerSuspect", ["PeerId", "ClusterId", "Role", "LastSeen", "SilenceMs", "Accuser"],
    "A member didn't answer and has the suspicion interval to defend itself. `LastSeen` is the wall time since which "
      + "it is silent, `SilenceMs` the same as a length, `Accuser` the node that began the suspicion.")
  static let left = LogKind(
    .warning, 6, "MeshGossipPeerLeft", ["PeerId", "ClusterId", "Role", "Graceful"],
    "A member left: it said goodbye (`Graceful` true), or was declared dead (false).")

  static let requestFailed = LogKind(
    .debug, 7, "MeshGossipRequestFailed", ["Target"],
    "A request to a node that speaks OmniRelay's JSON gossip came to nothing.")

  // MeshKit's, membership.
  static let updated = LogKind(
    .debug, 100, "MeshMemberUpdated", ["PeerId", "ClusterId", "Role", "Region", "Version", "Http3"],
    "A member announced new metadata.")
  static let refuted = LogKind(
    .warning, 101, "MeshSelfRefuted", ["Accuser", "Incarnation"],
    "This node was suspected while alive, and said so. Often a sign of an overloaded host or a lossy network.")
  static let messageRejected = LogKind(
    .warning, 102, "MeshMessageRejected", ["PeerId", "Reason"],
    "A peer sent a message that can't be read or breaks a limit; it was dropped.")
  static let limitReached = LogKind(
    .warning, 103, "MeshLimitReached", ["Limit", "PeerId", "Count"],
    "Something was over a limit of MeshKit, `Count` times since the last such observation; what was too much was "
      + "dropped or waits. `PeerId` is who did it, where that is known."
  )
  static let falseSuspicion = LogKind(
    .information, 104, "MeshFalseSuspicion", ["PeerId"],
    "A suspected member turned out to be alive. Many of them point at a lossy network or at overloaded hosts.")
  static let healthChanged = LogKind(
    .debug, 105, "MeshHealthChanged", ["Health"],
    "The local health changed: 0 is well; at 8 this node gives its peers nine times as long to answer, because it "
      + "trusts itself little.")
  static let duplicateNode = LogKind(
    .error, 106, "MeshDuplicateNode", ["PeerId", "Detail"],
    "Two live processes bear one name. `Detail` says what was seen, and which of them stays.")
  static let memberRemoved = LogKind(
    .warning, 107, "MeshMemberRemoved", ["PeerId", "By"],
    "An operator declared a lost member gone, at the node `By`. If it lives it comes back by itself.")
  static let pauseDetected = LogKind(
    .warning, 108, "MeshPauseDetected", ["PauseMs"],
    "This process did not run for that long. It judges nobody by what it missed.")
  static let isolated = LogKind(
    .warning, 109, "MeshIsolated", ["Isolated"],
    "This node would declare a member dead, but has heard nobody for two intervals (`Isolated` true): it declares "
      + "nobody until it hears somebody, or for six suspicion intervals of silence. False when that is over.")

  // Links and trust.
  static let linkOpened = LogKind(
    .debug, 110, "MeshLinkOpened", ["PeerId", "Transport", "Dialed"], "A link to a peer is up.")
  static let linkClosed = LogKind(.debug, 111, "MeshLinkClosed", ["PeerId", "Reason"], "A link to a peer ended.")
  static let dialFailed = LogKind(
    .information, 112, "MeshDialFailed", ["Target", "Reason", "RetryInMs"],
    "A peer or a seed couldn't be reached; it is tried again.")
  static let trustRefused = LogKind(
    .warning, 113, "MeshTrustRefused", ["PeerId", "Reason", "Direction"],
    "A certificate, or the name it claims, was refused.")
  static let certificateReloaded = LogKind(
    .information, 114, "MeshCertificateReloaded", ["Subject", "NotAfter"],
    "A replaced certificate was picked up; new handshakes use it.")
  static let certificateReloadFailed = LogKind(
    .error, 115, "MeshCertificateReloadFailed", ["Reason"],
    "A replaced certificate can't be used; the one before stays in use until it expires.")
  static let datagramsDropped = LogKind(
    .debug, 116, "MeshDatagramsDropped", ["Count", "Reason"], "Datagrams came in that are no traffic of this mesh.")
  static let linkDoubted = LogKind(
    .debug, 117, "MeshLinkDoubted", ["PeerId"], "A link to a peer may be dead; a probe of the peer begins at once.")
  static let peerCircuit = LogKind(
    .warning, 135, "MeshPeerCircuit", ["PeerId", "State", "Reason"],
    "Calls to a peer failed so often that no more are made for a while (`open`), or one has worked again (`closed`).")
  static let broadcastDropped = LogKind(
    .warning, 118, "MeshBroadcastDropped", ["Reason"], "A broadcast could not be passed on or delivered.")
  static let repeated = LogKind(
    .warning, 119, "MeshRecordsRepeated", ["EventName", "PeerId", "Reason", "Count"],
    "A record of the kind `EventName` with the same peer and reason came `Count` more times within the interval that "
      + "it was logged in. `other` stands for peers beyond the limit.")

  // Life of a node.
  static let nodeStarted = LogKind(.information, 120, "MeshNodeStarted", ["NodeId"], "The node runs.", category: node)
  static let nodeStopped = LogKind(
    .information, 121, "MeshNodeStopped", ["NodeId"], "The node stopped.", category: node)
  static let storeFailed = LogKind(
    .error, 122, "MeshStoreFailed", ["Reason"], "A write under the data directory failed.", category: node)
  static let configurationNotice = LogKind(
    .warning, 123, "MeshConfigurationNotice", ["Notice"],
    "Something that an operator should look at when the node opens: a configuration key without effect, a private key "
      + "that others may read, a file that was set aside.",
    category: node)
  static let poisoned = LogKind(
    .critical, 124, "MeshNodePoisoned", ["Reason"],
    "MeshKit found a fault of its own and stopped the node. Please report it.", category: node)

  static let conflicted = LogKind(
    .critical, 125, "MeshNodeConflict", ["Reason"],
    "Another live process with this node's name has won, and the node stopped. Give one of the two another name.",
    category: node)

  static let requestAnswered = LogKind(
    .debug, 126, "MeshControlRequest", ["Protocol", "Encoding", "Status", "Caller"],
    "The control listener answered a request: which version of HTTP was negotiated, and the encoding of the answer. "
      + "`Caller` is what the caller calls itself in `Rpc-Caller`, which nobody has proven.",
    category: node)

  static let logLevelChanged = LogKind(
    .information, 127, "MeshLogLevelChanged", ["Level"],
    "An operator set the least level of log records that hosts get: `any` lets all pass, `None` none but "
      + "this.", category: node)

  static let watchLagged = LogKind(
    .information, 128, "MeshWatchLagged", ["Resource", "Caller"],
    "A caller that watches read so slowly that changes are gone: it was told so, and got a new snapshot. `Caller` is "
      + "what it calls itself in `Rpc-Caller`.",
    category: node)

  static let traceSamplingChanged = LogKind(
    .information, 133, "MeshTraceSamplingChanged", ["Probability"],
    "An operator set how many of the traces are to be kept, 0 (none) to 1 (all). This version makes no traces.",
    category: node)

  static let controlListening = LogKind(
    .information, 134, "MeshControlListening", ["Address", "Port", "Tls"],
    "The control listener is bound at an address, with TLS and HTTP/3 (`Tls` true) or in clear. One record for each of "
      + "its addresses.", category: node)

  // Lease queues that are attached to the node.
  static let queueAttached = LogKind(
    .information, 136, "MeshQueueAttached", ["Queue"], "The host attached a lease queue to the node.", category: node)
  static let queueDetached = LogKind(
    .information, 137, "MeshQueueDetached", ["Queue", "Reason"],
    "A lease queue is no longer attached: its host took it back (`detached`), or it was closed or released (`ended`).",
    category: node)
  static let backpressure = LogKind(
    .warning, 138, "MeshQueueBackpressure", ["Queue", "State", "Pending", "High", "Low"],
    "A monitor of an attached queue says that it is overloaded (`active`), or that it no longer is (`inactive`): by so "
      + "many pending tasks, between these two marks.", category: node)
  static let deadLettersFull = LogKind(
    .warning, 139, "MeshQueueDeadLettersFull", ["Queue", "Count"],
    "The dead letters of an attached queue are more than have places of their own, and take those of tasks.",
    category: node)

  // Who may ask the control listener.
  static let callerRefused = LogKind(
    .warning, 129, "MeshControlRefused", ["PeerId", "Reason", "Principal", "Scope"],
    "A caller of the control listener was turned away: `no-credential`, `unknown-token`, `untrusted-certificate` (it "
      + "was trusted when its connection was opened), `scope`, `foreign-host` or `foreign-origin`. `PeerId` is its "
      + "address, `Principal` its name, `(loopback)` for one on this host without a credential, `(unknown)` for "
      + "others; `Scope` is what it lacks, where it came that far.", category: node)
  static let operationAsked = LogKind(
    .information, 130, "MeshControlOperation", ["Principal", "PeerId", "Operation", "Verdict"],
    "A caller asked for something that changes the node or the mesh. `Principal` is its name, `(loopback)` for one on "
      + "this host without a credential; `Verdict` is `accepted`, `busy` or `stopping`. Hosts get it whatever the "
      + "least level is.", category: node)
  static let principalsReloaded = LogKind(
    .information, 131, "MeshPrincipalsReloaded", ["Count"],
    "A replaced file of principals was picked up; it counts for open connections as well.", category: node)
  static let principalsReloadFailed = LogKind(
    .error, 132, "MeshPrincipalsReloadFailed", ["Reason"],
    "A replaced file of principals can't be used; the one before stays in use.", category: node)

  private static let node = "MeshNode"

  /// Every kind there is, in the order of the reference page.
  static let all: [LogKind] = [
    .listening, .schemaRejected, .joined, .recovered, .suspect, .left, .requestFailed, .updated, .refuted,
    .messageRejected, .limitReached,
    .falseSuspicion, .healthChanged, .duplicateNode, .memberRemoved, .pauseDetected, .isolated, .linkOpened,
    .linkClosed, .dialFailed, .trustRefused, .certificateReloaded, .certificateReloadFailed, .datagramsDropped,
    .linkDoubted, .peerCircuit, .broadcastDropped, .repeated, .nodeStarted, .nodeStopped, .storeFailed,
    .configurationNotice, .poisoned, .conflicted, .requestAnswered, .logLevelChanged, .watchLagged, .callerRefused,
    .operationAsked, .principalsReloaded, .principalsReloadFailed, .traceSamplingChanged,
    .controlListening, .queueAttached, .queueDetached, .backpressure, .deadLettersFull,
  ]

  /// A record of this kind. `values` stand in the order of `fields`.
  func record(_ message: String, _ values: [String], correlation: UInt64 = 0) -> LogRecord {
    LogRecord(
      level: level, category: category, eventID: eventID, eventName: eventName,
      message: CleanText.clean(message, bytesMax: CleanText.messageBytesMax),
      fields: zip(fields, values).map { LogField($0, CleanText.clean($1, bytesMax: CleanText.fieldBytesMax)) },
      correlation: correlation)
  }
}
