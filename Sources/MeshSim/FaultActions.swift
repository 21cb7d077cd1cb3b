// What each fault of the plan does when it begins and when it ends.
import MeshBasics
import MeshEngine
import MeshWire

extension Simulation {
  /// How long after a long fault its victims may still be taken for dead. A stream that stood still for a while is
  /// tried again after as long a while; and whoever was cut off holds others dead, as do those that it told: two of
  /// them are believed, until healing, which tries one of the dead every five seconds, has brought them together.
  static let aftermath = Duration.seconds(15)
  /// A pause shorter than this must not make anybody look dead: the longest silence without the time to tell (4.7 s),
  /// less the longest round (1.1 s), at whose beginning it may have been heard last, and 0.1 s for its answer to come
  /// back.
  static let harmlessPause = Duration.milliseconds(3_500)

  func begin(_ number: Int) {
    let fault = plan[number]
    guard !isCalm, fault.node < processes.count, fault.other < processes.count else { return }
    let process = processes[fault.node]
    guard !process.isSkipped else { return }
    tallies.add(fault.kind)
    if !fault.kind.isHarmless { disturb(for: fault.duration) }
    say(process, "FAULT \(number): \(fault.words)", isDetail: false)
    if fault.duration > .zero { queue.schedule(.faultEnds(number), at: now + fault.duration) }
    switch fault.kind {
    case .crash, .hostDeath, .restart, .restartAll, .leave, .newAddress, .swapAddresses, .lostDisk, .clone,
      .failingDisk:
      beginLifeFault(fault, process)
    case .pause, .slow, .lateTicks, .overflow, .slowDisk, .wallJump: slowDown(fault, process)
    case .loss, .burst, .machineLoss, .oneWayLoss, .dialFailure, .spike, .narrow, .brokenLink, .blackHole, .partition,
      .manyParts, .bridge, .oneWayPartition, .deaf, .mute, .flipFlop:
      beginNetworkFault(fault, number, process)
    case .relabel, .drain, .broadcast, .security, .removal: command(fault, process)
    case .storm, .flood: overload(fault, process)
    case .seedLoss: loseSeeds()
    case .hostile, .stranger: admitIntruder(fault, number)
    }
  }

  func end(_ number: Int) {
    let fault = plan[number]
    guard !isCalm, fault.node < processes.count, fault.other < processes.count else { return }
    say(processes[fault.node], "END \(number): \(fault.kind.name)", isDetail: false)
    undo(fault, number)
  }

  /// Takes a fault back, when it ends by itself or when the calm begins.
  func undo(_ fault: Fault, _ number: Int) {
    let process = processes[fault.node]
    switch fault.kind {
    case .crash, .hostDeath, .newAddress, .lostDisk: start(process, at: now)
    case .failingDisk:
      process.isDiskFailing = false
      start(process, at: now)
    case .swapAddresses:
      start(process, at: now)
      start(processes[fault.other], at: now)
    case .restartAll:
      for process in processes {
        start(process, at: now + Duration(nanoseconds: Int64(clamping: process.random.below(1_000_000_000))))
      }
    case .slow, .overflow:
      process.inputDelay = .zero
      process.inboxLimit = .max
    case .lateTicks: process.tickDelay = .zero
    case .slowDisk: process.diskDelay = .milliseconds(8)
    case .hostile, .stranger, .clone: dismissIntruder(number)
    default: undoNetworkFault(fault, number)
    }
  }

  private func beginLifeFault(_ fault: Fault, _ process: Process) {
    // Until the process is back and known to all again.
    excuse(process, for: fault.duration)
    switch fault.kind {
    case .crash: kill(process, host: false)
    case .hostDeath: kill(process, host: true)
    case .restart: start(process, at: now)
    case .leave:
      give(.command(CommandToken(rawValue: 1), .leave), to: process, life: nil)
    case .restartAll: for process in processes where !process.isIntruder { kill(process, host: false) }
    case .newAddress:
      kill(process, host: false)
      move(process, to: Endpoint(host: process.nodeID.name, port: UInt16(20_000 &+ fault.amount)))
    case .swapAddresses:
      let other = processes[fault.other]
      guard process !== other, !process.isSeed, !other.isSeed, !other.isSkipped else { break }
      excuse(other, for: fault.duration)
      kill(process, host: false)
      kill(other, host: false)
      let endpoint = process.endpoint
      move(process, to: other.endpoint)
      move(other, to: endpoint)
    case .lostDisk:
      kill(process, host: false)
      process.disk = StoredState()
      process.hasLostDisk = true
    case .failingDisk:
      kill(process, host: false)
      process.isDiskFailing = true
      start(process, at: now + .milliseconds(200))
    case .clone: clone(process, fault)
    default: break
    }
  }

  /// Seeds keep their addresses: without them those that have never met can't find each other.
  private func move(_ process: Process, to endpoint: Endpoint?) {
    guard let endpoint, !process.isSeed, !process.isRunning else { return }
    process.endpoint = endpoint
    process.configuration.metadata.endpoint = endpoint.description
    listen(process)
  }

  private func slowDown(_ fault: Fault, _ process: Process) {
    switch fault.kind {
    case .pause: pause(process, for: fault.duration)
    case .slow:
      process.inputDelay = .milliseconds(Int64(clamping: 200 &+ fault.amount &* 18 / 10))
      excuse(process, for: fault.duration)
      impair(process, for: fault.duration)
    case .overflow:
      process.inputDelay = .milliseconds(300)
      process.inboxLimit = 5
      excuse(process, for: fault.duration)
      impair(process, for: fault.duration)
    case .lateTicks:
      process.tickDelay = .milliseconds(Int64(clamping: 100 &+ fault.amount &* 2))
    case .slowDisk: process.diskDelay = .milliseconds(Int64(clamping: 10 &+ fault.amount &* 3))
    case .wallJump:
      let hours = Int64(clamping: fault.amount) % 48 &- 24
      process.clock.wallOffset = Duration.seconds(hours &* 3_600)
    default: break
    }
  }

  /// Stops the process for a while. One that is stopped again before it has gone on, or at the very moment of it, has
  /// answered nobody in between: that is one pause.
  func pause(_ process: Process, for span: Duration) {
    if process.pausedUntil < now { process.pausedSince = now }
    process.pausedUntil = max(process.pausedUntil, now + span)
    let whole = process.pausedUntil.since(process.pausedSince)
    // Whoever answers again before the longest silence is over must not have been given up.
    if whole >= Simulation.harmlessPause {
      let rest = process.pausedUntil.since(now)
      excuse(process, for: rest, ofWhole: whole)
      // It hears first what was said long ago.
      impair(process, for: rest, ofWhole: whole)
    }
    if whole >= Network.idleTimeout { loseLinks(of: process) }
  }

  /// A process that is stopped for so long answers none of its peers' packets: their ends of its links time out.
  private func loseLinks(of process: Process) {
    let at = max(now, process.pausedSince + Network.idleTimeout)
    for slot in process.links.values.sorted() {
      let generation = connections.generation(of: slot)
      for side in 0...1 {
        queue.schedule(.ended(slot: slot, generation: generation, side: side, .timedOut), at: at)
      }
    }
  }

  private func command(_ fault: Fault, _ process: Process) {
    let token = CommandToken(rawValue: fault.amount &+ 2)
    switch fault.kind {
    case .relabel: relabel(fault, process, token)
    case .drain: give(.command(token, .setDraining(fault.amount % 2 == 0)), to: process, life: nil)
    case .broadcast: broadcast(from: process, size: Int(fault.amount % 4 == 0 ? fault.amount &* 60 : fault.amount))
    case .security:
      var posture = SecurityPosture()
      posture.certificateExpiresAt = Int64(clamping: fault.amount)
      give(.securityChanged(posture), to: process, life: nil)
    case .removal:
      let other = processes[fault.other]
      removed.append(other.name)
      excuse(other, for: .seconds(30))
      give(.command(token, .removeMember(other.nodeID)), to: process, life: nil)
    default: break
    }
  }

  private func relabel(_ fault: Fault, _ process: Process, _ token: CommandToken) {
    var labels = [Label(key: "turn", value: "\(fault.amount)")]
    if fault.amount % 3 == 0 { labels.append(Label(key: "weight", value: String(repeating: "x", count: 200))) }
    if fault.amount % 7 == 0 { labels.remove(at: 0) }
    // Large enough to travel as differences; two of them in a row, so that the first is overtaken.
    let isLarge = fault.amount % 4 == 0
    if isLarge { labels.insert(Label(key: "bulk", value: String(repeating: "b", count: 700)), at: 0) }
    give(.command(token, .setLabels(labels)), to: process, life: nil)
    guard isLarge else { return }
    for turn in 1...2 {
      labels.removeAll { $0.key == "turn" }
      labels.insert(Label(key: "turn", value: "\(fault.amount)-\(turn)"), at: 1)
      give(.command(token, .setLabels(labels)), to: process, life: nil)
    }
  }

  /// More than links carry at once: all nodes replace their labels, each with others of 12 KiB, a few times in a row;
  /// or one host tells more than one link's share of broadcasts.
  private func overload(_ fault: Fault, _ process: Process) {
    if fault.kind == .flood {
      for _ in 0..<300 { broadcast(from: process, size: WireLimits.broadcastInlineBytes) }
      return
    }
    for turn in 0..<8 {
      for process in processes where process.engine != nil {
        let text = String(repeating: "\((turn &+ process.index) % 10)", count: 4_000)
        let labels = (0..<3).map { Label(key: "storm-\($0)", value: text) }
        let event = Event.input(
          process: process.index, life: process.life, .command(CommandToken(rawValue: 4_000), .setLabels(labels)))
        queue.schedule(event, at: now + .milliseconds(Int64(turn) &* 100))
      }
    }
  }

  /// The seeds go for good, once all know each other: the others must do without.
  private func loseSeeds() {
    guard agreement.isComplete, names.count > 0 else { return }
    for process in processes where process.isSeed {
      kill(process, host: true)
      process.isSkipped = true
    }
  }

  func broadcast(from process: Process, size: Int) {
    broadcastCount &+= 1
    let topic = "topic-\(broadcastCount)"
    let payload = (0..<size).map { UInt8(truncatingIfNeeded: $0 &+ broadcastCount) }
    checks.broadcasts.told(topic, payload)
    let command = Command.broadcast(topic: topic, payload: payload)
    give(.command(CommandToken(rawValue: 5_000), command), to: process, life: nil)
  }

  /// Others may give the process up until a while after now and `span`, which is the rest of `whole` if there is one.
  func excuse(_ process: Process, for span: Duration, ofWhole whole: Duration? = nil) {
    process.excusedUntil = max(process.excusedUntil, now + span + aftermath(of: whole ?? span))
  }

  /// What was short leaves less behind: streams flow again after as much time, and a probe has an answer soon after
  /// that.
  private func aftermath(of span: Duration) -> Duration {
    min(Simulation.aftermath, span.multiplied(by: 2) + .seconds(3))
  }

  /// What the process holds of others may be wrong until a while after now and `span`.
  func impair(_ process: Process, for span: Duration, ofWhole whole: Duration? = nil) {
    process.impairedUntil = max(process.impairedUntil, now + span + aftermath(of: whole ?? span))
  }

  /// For a while it isn't certain that everybody can reach everybody.
  func disturb(for span: Duration) { disturbedUntil = max(disturbedUntil, now + span + Simulation.aftermath) }

  /// The same for all.
  func excuseAll(for span: Duration) { excusedUntil = max(excusedUntil, now + span + aftermath(of: span)) }
}
