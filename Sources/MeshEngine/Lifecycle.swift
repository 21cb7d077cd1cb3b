// The start, the commands and the end of a node.
import MeshBasics
import MeshMembership
import MeshWire

extension Engine {
  mutating func start(_ unixMilliseconds: Int64, into effects: inout EngineEffects) {
    guard phase == .waiting else { return }
    phase = .persisting
    startedUnixMilliseconds = unixMilliseconds
    // Greater than every earlier life even when the clock went back, and never 0, which means "unknown".
    let (next, overflow) = stored.epoch.addingReportingOverflow(1)
    guard !overflow else {
      loseStorage("the stored epoch is the greatest there is", into: &effects)
      return
    }
    let epoch = max(next, UInt64(clamping: unixMilliseconds), 1)
    effects.append(.persist(persistence.begin(.firstEpoch(epoch)), .epoch(epoch)))
  }

  mutating func stored(_ token: SyncToken, now: Instant, into effects: inout EngineEffects) {
    switch persistence.end(token) {
    case .firstEpoch(let epoch): begin(epoch, now: now, into: &effects)
    case .raisedEpoch(let epoch): tell(.epochRaised(epoch), now: now, into: &effects)
    case .knownPeers, nil: break
    }
  }

  mutating func storeFailed(_ token: SyncToken, _ reason: String, now: Instant, into effects: inout EngineEffects) {
    guard let purpose = persistence.end(token) else { return }
    effects.append(.observe(.storeFailed(reason: reason)))
    switch purpose {
    case .knownPeers: persistence.giveUpKnownPeers()
    case .firstEpoch, .raisedEpoch:
      // Without a durable epoch a restart could claim this life's versions for another.
      loseStorage("the epoch can't be made durable: \(reason)", into: &effects)
    }
  }

  private mutating func loseStorage(_ reason: String, into effects: inout EngineEffects) {
    phase = .stopped
    effects.append(.storageLost(reason))
    completeLeaves(.shuttingDown, into: &effects)
  }

  /// The epoch is durable: take part.
  private mutating func begin(_ epoch: UInt64, now: Instant, into effects: inout EngineEffects) {
    guard phase == .persisting else { return }
    phase = .running
    firstEpoch = epoch
    tell(.started(epoch: epoch, unixMilliseconds: startedUnixMilliseconds), now: now, into: &effects)
    effects.append(.observe(.nodeStarted(configuration.nodeID)))
    if configuration.seeds.count > EngineLimits.seedsMax {
      effects.append(.observe(.limitReached("seeds: \(EngineLimits.seedsMax)")))
    }
    for record in stored.knownPeers.prefix(MembershipLimits.membersMax) {
      guard let node = NodeID(record.nodeID), let text = record.metadata?.endpoint,
        let endpoint = Endpoint(parsing: text)
      else { continue }
      dialer.remember(node, at: endpoint, now: now)
    }
    for (id, link) in links where link.peer != nil { sayHello(on: id, into: &effects) }
    for id in links.keys {
      guard let early = links[id]?.early else { continue }
      _ = links.modify(id) { $0.early = nil }
      received(early, on: id, now: now, into: &effects)
    }
  }

  mutating func run(
    _ command: Command, _ token: CommandToken, now: Instant, into effects: inout EngineEffects
  ) {
    switch command {
    case .setLabels(let labels):
      guard phase == .running else {
        effects.append(.complete(token, .shuttingDown))
        return
      }
      switch LabelRules.check(labels, for: configuration.nodeID, membership.localRecord) {
      case .failure(let problem): effects.append(.complete(token, .rejected(problem.text)))
      case .success(let sorted):
        tell(.labelsSet(sorted), now: now, into: &effects)
        effects.append(.complete(token, .done))
      }
    case .setDraining(let isDraining): tellRunning(.drainingSet(isDraining), token, now: now, into: &effects)
    case .removeMember(let node):
      if let problem = removalProblem(node) {
        effects.append(.complete(token, .rejected(problem)))
      } else {
        tellRunning(.memberRemoved(node), token, now: now, into: &effects)
      }
    case .broadcast(let topic, let payload): broadcast(topic, payload, token, now: now, into: &effects)
    case .leave:
      pendingLeaves.append(token)
      switch phase {
      case .running:
        phase = .leaving
        leaveHeldUntil = now + configuration.membership.leaveTimeout
        leaveOnceGreeted(now: now, into: &effects)
      case .waiting, .persisting: stop(into: &effects)
      case .leaving, .stopped: break
      }
    }
  }

  /// Says goodbye once every peer that knows of this node is known to it too. A peer that has this node's hello, and
  /// whose own is still on its way, would hear no goodbye, and take the end of its link for a crash.
  mutating func leaveOnceGreeted(now: Instant, into effects: inout EngineEffects) {
    guard let deadline = leaveHeldUntil else { return }
    let isGreeting = links.values.contains { $0.peer != nil && $0.node == nil }
    guard !isGreeting || now >= deadline else { return }
    leaveHeldUntil = nil
    tell(.leaveRequested, now: now, into: &effects)
  }

  private func removalProblem(_ node: NodeID) -> String? {
    if node == configuration.nodeID { return "member '\(node)': it is this node, which leaves by stopping" }
    return membership.view(of: node) == nil ? "member '\(node)': this node knows no such member" : nil
  }

  private mutating func broadcast(
    _ topic: String, _ payload: [UInt8], _ token: CommandToken, now: Instant, into effects: inout EngineEffects
  ) {
    let length = topic.utf8.count
    if !(1...WireLimits.topicBytes).contains(length)
      || topic.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 })
    {
      let allowed = "1 to \(WireLimits.topicBytes) bytes without control characters"
      effects.append(.complete(token, .rejected("topic of \(length) bytes: allowed are \(allowed)")))
    } else if payload.count > WireLimits.broadcastBytes {
      let problem = "payload of \(payload.count) bytes: allowed are up to \(WireLimits.broadcastBytes)"
      effects.append(.complete(token, .rejected(problem)))
    } else if phase == .running, !membership.mayBroadcast(bytes: payload.count, now: now) {
      effects.append(.complete(token, .busy("broadcasts: too many are on their way; try again later")))
    } else {
      tellRunning(.broadcast(topic: topic, payload: payload), token, now: now, into: &effects)
    }
  }

  /// A command that only a running node takes.
  private mutating func tellRunning(
    _ input: MembershipInput, _ token: CommandToken, now: Instant, into effects: inout EngineEffects
  ) {
    guard phase == .running else {
      effects.append(.complete(token, .shuttingDown))
      return
    }
    tell(input, now: now, into: &effects)
    effects.append(.complete(token, .done))
  }

  mutating func stop(into effects: inout EngineEffects) {
    guard phase != .stopped else { return }
    phase = .stopped
    for id in links.keys { effects.append(.close(id, reason: "left the mesh")) }
    links.removeAll()
    sessions.removeAll()
    completeLeaves(.done, into: &effects)
    effects.append(.observe(.nodeStopped(configuration.nodeID)))
    effects.append(.stopped)
  }

  mutating func completeLeaves(_ outcome: CommandOutcome, into effects: inout EngineEffects) {
    for token in pendingLeaves { effects.append(.complete(token, outcome)) }
    pendingLeaves = []
  }

  /// Whatever still comes after the end gets an answer, if it waits for one.
  func refuse(_ input: EngineInput, into effects: inout EngineEffects) {
    switch input {
    case .linkOpened(let link, _): effects.append(.close(link, reason: "left the mesh"))
    case .pingCalled(let request, _):
      effects.append(.respond(request, .failure(code: 14, message: "the node has stopped")))
    case .command(let token, _): effects.append(.complete(token, .shuttingDown))
    default: break
    }
  }

  mutating func answerPing(_ request: RequestID, _ bytes: [UInt8], into effects: inout EngineEffects) {
    counters.unaryCalls &+= 1
    guard phase == .running || phase == .leaving else {
      effects.append(.respond(request, .failure(code: 14, message: "the node is starting")))
      return
    }
    do {
      let ping = try PingRequest.decode(bytes)
      let own = membership.localRecord
      var reply = PingReply()
      reply.nodeID = own.nodeID
      reply.clusterID = configuration.metadata.clusterID
      reply.epoch = own.epoch
      reply.incarnation = own.incarnation
      reply.meshVersion = configuration.metadata.meshVersion
      reply.payload = ping.payload
      effects.append(.respond(request, .reply(reply.encoded())))
    } catch {
      reject(error.description, from: "a caller of Ping", into: &effects)
      effects.append(.respond(request, .failure(code: 3, message: error.description)))
    }
  }
}
