import MeshBasics

/// The log side of the table: one observation, at most one record. Pure; the wall clock comes in.
enum ObservationLog {
  /// The record of `observation`, or nil when it is a metric only. `unixNanoseconds` is now, for `LastSeen`.
  static func record(_ observation: Observation, unixNanoseconds: Int64) -> LogRecord? {
    switch observation {
    case .memberJoined, .memberRecovered, .memberUpdated, .memberSuspected, .memberLeft, .selfRefuted, .falseSuspicion,
      .memberRemoved, .duplicateNode:
      return membership(observation, unixNanoseconds)
    case .membersCounted, .roundTripMeasured, .probeFailed, .probeRelayed, .probeReached, .messageSent,
      .messageReceived, .messageFailed, .newsQueued, .newsSpread, .convergenceMeasured, .broadcastDelivered,
      .syncFinished, .linksCounted, .watchesCounted, .callEnded, .peerCallEnded, .peerCallRetried, .engineLate,
      .queueSampled:
      return nil
    case .messageRejected, .schemaRejected, .requestFailed, .limitReached, .broadcastDropped, .healthChanged,
      .pauseDetected, .isolated:
      return trouble(observation)
    case .linkOpened, .linkClosed, .linkDoubted, .dialFailed, .trustRefused, .certificateReloaded,
      .certificateReloadFailed, .datagramsDropped, .peerCircuit:
      return link(observation)
    case .callerRefused, .operationAsked, .principalsReloaded, .principalsReloadFailed:
      return access(observation)
    case .queueAttached, .queueDetached, .backpressureChanged, .deadLettersFull: return queue(observation)
    case .listening, .controlListening, .nodeStarted, .nodeStopped, .storeFailed, .configurationNotice, .poisoned,
      .conflicted, .requestAnswered, .logLevelChanged, .traceSamplingChanged, .watchLagged:
      return life(observation)
    }
  }

  private static func trouble(_ observation: Observation) -> LogRecord? {
    switch observation {
    case .messageRejected(let peer, let reason):
      return LogKind.messageRejected.record("dropped a message of \(peer): \(reason)", [peer, reason])
    case .schemaRejected(let schema):
      return LogKind.schemaRejected.record("ignored gossip of the schema '\(schema)'", [schema])
    case .requestFailed(let target, let reason):
      return LogKind.requestFailed.record("a request to \(target) came to nothing: \(reason)", [target])
    case .limitReached(let limit, let peer, let count):
      let who = peer.isEmpty ? "" : " by \(peer)"
      let times = count == 1 ? "" : ", \(count) times"
      return LogKind.limitReached.record("limit reached\(who): \(limit)\(times)", [limit, peer, "\(count)"])
    case .broadcastDropped(let reason):
      return LogKind.broadcastDropped.record("a broadcast was dropped: \(reason)", [reason])
    case .healthChanged(let level): return LogKind.healthChanged.record("local health is \(level)", ["\(level)"])
    case .pauseDetected(let span):
      let length = "\(span.milliseconds)"
      return LogKind.pauseDetected.record("this process did not run for \(length) ms", [length])
    case .isolated(let flag):
      return LogKind.isolated.record(
        flag ? "nobody was heard for two intervals: this node judges nobody" : "this node judges others again",
        ["\(flag)"])
    default: return nil
    }
  }

  private static func membership(_ observation: Observation, _ unixNanoseconds: Int64) -> LogRecord? {
    switch observation {
    case .memberJoined(let facts, let correlation):
      return LogKind.joined.record("\(facts.peer) joined", all(facts), correlation: correlation)
    case .memberUpdated(let facts, let correlation):
      return LogKind.updated.record("\(facts.peer) changed its metadata", all(facts), correlation: correlation)
    case .memberRecovered(let facts, let previous, let correlation):
      return LogKind.recovered.record(
        "\(facts.peer) recovered from \(previous)", [facts.peer.name, previous, facts.clusterID, facts.role],
        correlation: correlation)
    case .memberSuspected(let facts, let silence, let accuser, let correlation):
      let lastSeen = LogTime.iso(unixNanoseconds.subtractingReportingOverflow(silence.nanoseconds).partialValue)
      let silent = "\(silence.milliseconds)"
      return LogKind.suspect.record(
        "\(facts.peer) is suspect, silent for \(silent) ms (accused by \(accuser))",
        [facts.peer.name, facts.clusterID, facts.role, lastSeen, silent, accuser.name], correlation: correlation)
    case .memberLeft(let facts, let graceful, let correlation):
      return LogKind.left.record(
        graceful ? "\(facts.peer) left" : "\(facts.peer) was declared dead",
        [facts.peer.name, facts.clusterID, facts.role, "\(graceful)"], correlation: correlation)
    case .selfRefuted(let accuser, let incarnation):
      return LogKind.refuted.record(
        "suspected by \(accuser), answered with incarnation \(incarnation)", [accuser.name, "\(incarnation)"])
    case .falseSuspicion(let peer):
      return LogKind.falseSuspicion.record("\(peer) was suspected and is alive", [peer.name])
    case .memberRemoved(let peer, let by):
      return LogKind.memberRemoved.record("\(peer) was declared gone by an operator at \(by)", [peer.name, by])
    case .duplicateNode(let node, let detail):
      return LogKind.duplicateNode.record("two processes bear the name \(node): \(detail)", [node.name, detail])
    default: return nil
    }
  }

  private static func all(_ facts: MemberFacts) -> [String] {
    [facts.peer.name, facts.clusterID, facts.role, facts.region, facts.meshVersion, "\(facts.http3)"]
  }

  private static func link(_ observation: Observation) -> LogRecord? {
    switch observation {
    case .linkOpened(let peer, let transport, let dialed):
      return LogKind.linkOpened.record("link to \(peer) open over \(transport)", [peer, transport, "\(dialed)"])
    case .linkClosed(let peer, let reason):
      return LogKind.linkClosed.record("link to \(peer) closed: \(reason)", [peer, reason])
    case .linkDoubted(let peer):
      return LogKind.linkDoubted.record("the link to \(peer) may be dead", [peer])
    case .dialFailed(let target, let reason, let retryIn):
      let retry = "\(retryIn.milliseconds)"
      return LogKind.dialFailed.record(
        "can't reach \(target): \(reason); again in \(retry) ms", [target, reason, retry])
    case .trustRefused(let peer, let reason, let inbound):
      let direction = MetricTable.direction(inbound: inbound)
      return LogKind.trustRefused.record("refused \(peer) (\(direction)): \(reason)", [peer, reason, direction])
    case .certificateReloaded(let subject, let notAfter):
      return LogKind.certificateReloaded.record(
        "certificate of \(subject) reloaded, valid until \(notAfter)", [subject, notAfter])
    case .certificateReloadFailed(let reason):
      return LogKind.certificateReloadFailed.record("can't reload the certificate: \(reason)", [reason])
    case .datagramsDropped(let count, let reason):
      return LogKind.datagramsDropped.record("dropped \(count) datagrams: \(reason)", ["\(count)", reason])
    case .peerCircuit(let peer, let isOpen, let reason):
      return LogKind.peerCircuit.record(
        isOpen ? "no calls to \(peer) for a while: \(reason)" : "calls to \(peer) work again",
        [peer.name, isOpen ? "open" : "closed", reason])
    default: return nil
    }
  }

  private static func access(_ observation: Observation) -> LogRecord? {
    switch observation {
    case .callerRefused(let reason, let peer, let principal, let scope):
      let who = principal.isEmpty ? peer : "\(principal) at \(peer)"
      let why = scope.isEmpty ? reason : "\(reason), for want of \(scope)"
      return LogKind.callerRefused.record(
        "turned \(who) away from the control listener: \(why)", [peer, reason, principal, scope])
    case .operationAsked(let operation, let principal, let peer, let verdict):
      return LogKind.operationAsked.record(
        "\(principal) at \(peer) asked for '\(operation)': \(verdict)", [principal, peer, operation, verdict])
    case .principalsReloaded(let count):
      return LogKind.principalsReloaded.record("\(count) principals read anew", ["\(count)"])
    case .principalsReloadFailed(let reason):
      return LogKind.principalsReloadFailed.record("can't read the principals anew: \(reason)", [reason])
    default: return nil
    }
  }

  private static func queue(_ observation: Observation) -> LogRecord? {
    switch observation {
    case .queueAttached(let queue): return LogKind.queueAttached.record("the queue \(queue) is attached", [queue])
    case .queueDetached(let queue, let reason):
      return LogKind.queueDetached.record("the queue \(queue) is no longer attached: \(reason)", [queue, reason])
    case .backpressureChanged(let queue, let isActive, let pending, let high, let low, _):
      return LogKind.backpressure.record(
        "the queue \(queue) is \(isActive ? "overloaded" : "no longer overloaded"): \(pending) tasks are pending",
        [queue, MetricTable.level(isActive), "\(pending)", "\(high)", "\(low)"])
    case .deadLettersFull(let queue, let count):
      return LogKind.deadLettersFull.record(
        "the \(count) dead letters of the queue \(queue) take places of tasks", [queue, "\(count)"])
    default: return nil
    }
  }

  private static func life(_ observation: Observation) -> LogRecord? {
    switch observation {
    case .listening(let address, let port, let fanout):
      return LogKind.listening.record(
        "mesh listener on \(address), port \(port), fanout \(fanout)", [address, "\(port)", "\(fanout)"])
    case .controlListening(let address, let port, let speaksTLS):
      return LogKind.controlListening.record(
        "control listener on \(address), port \(port), \(speaksTLS ? "with TLS" : "in clear")",
        [address, "\(port)", "\(speaksTLS)"])
    case .requestAnswered(let version, let encoding, let status, let caller):
      let words = encoding.isEmpty ? "without a body" : "in \(encoding)"
      let whom = caller.isEmpty ? "" : " to \(caller)"
      return LogKind.requestAnswered.record(
        "answered \(status) over \(version) \(words)\(whom)", [version, encoding, "\(status)", caller])
    case .logLevelChanged(let level):
      return LogKind.logLevelChanged.record("the least level of log records is \(level)", [level])
    case .traceSamplingChanged(let probability):
      return LogKind.traceSamplingChanged.record(
        "the sampling probability of traces is \(probability)", ["\(probability)"])
    case .watchLagged(let resource, let caller):
      let who = caller.isEmpty ? "a caller" : caller
      return LogKind.watchLagged.record("\(who) that watches \(resource) lagged behind", [resource, caller])
    case .nodeStarted(let node): return LogKind.nodeStarted.record("\(node) started", [node.name])
    case .nodeStopped(let node): return LogKind.nodeStopped.record("\(node) stopped", [node.name])
    case .storeFailed(let reason): return LogKind.storeFailed.record("storage failed: \(reason)", [reason])
    case .configurationNotice(let notice): return LogKind.configurationNotice.record(notice, [notice])
    case .poisoned(let reason):
      return LogKind.poisoned.record("stopped by an internal fault: \(reason)", [reason])
    case .conflicted(let reason):
      return LogKind.conflicted.record("stopped because another process has this name: \(reason)", [reason])
    default: return nil
    }
  }
}
