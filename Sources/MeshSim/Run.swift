// The course of a run: faults, calm, agreement.
import MeshBasics
import MeshEngine

extension Simulation {
  /// Runs to the end: until an invariant fails, or the mesh has converged and stayed so.
  public func run() -> SimulationResult {
    for process in processes {
      // Large meshes start at once, which is harder; small ones one by one.
      let spread: UInt64 = isSmall ? 2_000_000_000 : 200_000_000
      let at = now + Duration(nanoseconds: Int64(clamping: process.random.below(spread)))
      lastStartAt = max(lastStartAt, at)
      start(process, at: at)
    }
    for number in plan.indices where options.faults?.contains(number) ?? true {
      queue.schedule(.fault(number), at: plan[number].at)
    }
    // Those that start look for seeds that may not be there yet.
    disturbedUntil = lastStartAt + .seconds(5)
    let calmAt = options.profile == .calm ? lastStartAt : Instant.origin + options.lasting
    queue.schedule(.calm, at: calmAt)
    queue.schedule(.inspection, at: now + .seconds(1))
    let end = calmAt + options.calmTime
    advance(to: end) { self.isSettled }
    // What was sent through a narrow pipe comes late: only then is it calm.
    if !isSettled && backlogUntil > calmAt { advance(to: backlogUntil + options.calmTime) { self.isSettled } }
    if violation == nil && !isSettled {
      fail(
        "convergence",
        "\(agreement.problem(in: self) ?? "no agreement lasted") after "
          + "\(now.since(calmAt).milliseconds / 1_000) s of calm")
    }
    if isSettled { examine() }
    for process in processes { noteMarks(of: process) }
    return SimulationResult(
      seed: options.seed, nodes: processes.count(where: { !$0.isIntruder }), hash: hash.value, violation: violation,
      steps: steps, endedAt: now, formedAfter: formedAt.map { $0.since(lastStartAt) }, tally: tallies)
  }

  /// All have agreed for long enough, and have no more to say than they must.
  var isSettled: Bool { isCalm && agreedSince != nil && isQuiet }

  func becomeCalm() {
    for number in plan.indices where options.faults?.contains(number) ?? true {
      let fault = plan[number]
      if fault.duration > .zero && fault.at <= now && fault.at + fault.duration > now { calmDown(fault, number) }
    }
    isCalm = true
    if let words = checks.amplification.words(in: self) { say(nil, "AMPLIFIED \(words)", isDetail: false) }
    // Faults that the calm has cut short excuse as much as those that had their time.
    excusedUntil = max(excusedUntil, now + Simulation.aftermath)
    network.loss = 0
    network.burstLoss = 0
    network.pairLoss = []
    network.dialFailure = 0
    network.cuts = []
    network.bandwidth = usualBandwidth
    network.jitter = usualJitter
    backlogUntil = connections.latestArrival
    findBlocked()
    for process in processes {
      process.isDiskFailing = false
      process.pausedUntil = min(process.pausedUntil, now)
      process.uplinkFreeAt = min(process.uplinkFreeAt, now)
      process.hurry(now)
      if process.hasInbox { queue.schedule(.inbox(process: process.index, life: process.life), at: now) }
      // The seeds come back: without them those that have never met can't find each other. Of the others a half.
      if process.isIntruder { continue }
      if process.isSeed || derived(options.seed, process.index, 11) % 2 == 0 { start(process, at: now) }
    }
    say(nil, "CALM from now on", isDetail: false)
  }

  /// Takes back what still lasts, but for the processes: of those some stay away.
  private func calmDown(_ fault: Fault, _ number: Int) {
    switch fault.kind {
    case .crash, .hostDeath, .newAddress, .lostDisk, .failingDisk, .swapAddresses, .restartAll: break
    default: undo(fault, number)
    }
  }

  /// Once a second: queues, and whether all agree.
  func inspect() {
    queue.schedule(.inspection, at: now + .milliseconds(isCalm ? 250 : 1_000))
    let running = processes.filter { $0.engine != nil && !$0.isStranger }
    // In large runs a different few each time.
    let stride = max(1, running.count / 50)
    let first = Int(now.since(.origin).milliseconds / 1_000) % stride
    for index in Swift.stride(from: first, to: running.count, by: stride) {
      guard let engine = running[index].engine,
        let problem = checks.queues.check(running[index], engine, in: self)
      else { continue }
      return fail(BoundedQueues.name, problem)
    }
    if isSmall, theme == .intruders, !isCalm, let problem = checks.amplification.check(in: self) {
      return fail(Amplification.name, problem)
    }
    let isStarting = processes.contains { $0.startsAt != nil }
    let agrees = !isStarting && agreement.isComplete
    if agrees && formedAt == nil { formedAt = now }
    guard agrees && isCalm else {
      agreedSince = nil
      isQuiet = false
      return
    }
    listen()
  }

  /// All agree: whether they have become quiet is looked at in stretches.
  private func listen() {
    guard let since = agreedSince else {
      agreedSince = now
      return checks.calm.begin(at: now, traffic)
    }
    guard !isQuiet, checks.calm.lasts(at: now, SimulationOptions.agreementTime) else { return }
    let nodes = agreement.observerCount
    isQuiet = checks.calm.isQuiet(at: now, traffic, nodes: nodes, processes[0].configuration)
    if isQuiet { return }
    if now.since(since) >= CalmTraffic.patience {
      return fail(CalmTraffic.name, "\(checks.calm.words(at: now, traffic, nodes: nodes)), though all agree")
    }
    checks.calm.begin(at: now, traffic)
  }
}
