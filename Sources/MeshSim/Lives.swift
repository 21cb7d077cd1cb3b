// How processes begin and end.
import MeshBasics
import MeshEngine
import MeshMembership

extension Simulation {
  func start(_ process: Process, at: Instant) {
    guard !process.isSkipped, !process.isRunning, process.startsAt == nil else { return }
    process.startsAt = at
    queue.schedule(.start(process: process.index), at: at)
  }

  func boot(_ process: Process) {
    guard process.startsAt == now, !process.isRunning else { return }
    process.startsAt = nil
    process.life &+= 1
    process.isHostDown = false
    process.isLeaving = false
    process.wakeAt = nil
    process.pausedUntil = min(process.pausedUntil, now)
    process.pausedSince = now
    process.emptyInbox()
    process.acceptedLinks = 0
    process.dials.removeAll()
    process.labels = process.configuration.metadata.labels
    process.isDraining = false
    process.forgetWhatWasHeard()
    process.configuration.nonce = derived(options.seed, process.index &+ 200, process.life) | 1
    let seed = derived(options.seed, process.index &+ 100, process.life)
    process.engine = RunningEngine(
      Engine(configuration: process.configuration, stored: process.disk, seed: seed))
    views.begin(process)
    checks.begun(process, at: now)
    if !process.isStranger { agreement.begin(process, in: self) }
    // The planted disk that forgets its epoch shows only where the clock doesn't make up for it.
    let wall = process.clock.unixMilliseconds(options.plant == .reusesEpoch ? .origin : now)
    step(process, .started(unixMilliseconds: wall))
  }

  /// The process dies without a word; its machine may die with it.
  func kill(_ process: Process, host: Bool) {
    guard process.isRunning else { return }
    process.isHostDown = host
    abandonLinks(of: process)
    retire(process)
  }

  /// The process has ended in order: it said so to its peers itself.
  func stopped(_ process: Process) {
    for link in process.links.keys.sorted() {
      close(link & (1 << 63) == 0 ? .dialed(link) : .accepted(link), of: process)
    }
    retire(process)
  }

  private func retire(_ process: Process) {
    let wasEngine = process.engine != nil
    noteMarks(of: process)
    process.engine = nil
    process.hostile = nil
    process.life &+= 1
    process.wakeAt = nil
    process.emptyInbox()
    guard wasEngine else { return }
    agreement.end(process, in: self)
    becameStopped(process)
  }
}
