import MeshBasics
import MeshWire

/// Who accuses has a reason of its own, who declares a death has waited long enough, and who believes one has it from
/// two neighbours. Kept for small runs, since it looks at every claim that is told.
struct Accusations {
  static let name = "accusations"
  /// By how much a clock that is half a per cent fast may shorten the longest silence.
  static let clocks = Duration.milliseconds(30)
  /// A declared death of a running process must follow a silence of the suspicion interval, less this: what the
  /// protocol keeps for telling it (δ), and the clock.
  static let patience = Duration.milliseconds(300) + clocks
  /// For how long a failed probe or a lost link is a reason: what was once declared is told again when a partition
  /// ends.
  static let memory = Duration.seconds(60)

  private struct Voice {
    var epoch: UInt64
    var speakers: [Int]
  }
  /// When each name last failed to reach which other, in whatever life.
  private var evidence: [[Int: Instant]] = []
  /// When a process last began to see a member alive.
  private var alive: [[Int: Instant]] = []
  /// When a process last began to suspect a member.
  private var suspected: [[Int: Instant]] = []
  /// How long a member had been silent when it was taken for dead, and in which version; nil where it was never heard.
  private var silences: [[Int: (silence: Duration?, epoch: UInt64, incarnation: UInt32)]] = []
  private var voices: [[Int: Voice]] = []
  private var told: [[Int: Seen]] = []

  mutating func begun(_ process: Process) {
    while voices.count <= process.index {
      voices.append([:])
      silences.append([:])
      alive.append([:])
      suspected.append([:])
      told.append([:])
    }
    voices[process.index] = [:]
    silences[process.index] = [:]
    alive[process.index] = [:]
    suspected[process.index] = [:]
    told[process.index] = [:]
  }

  /// A probe failed, a link was lost, a dial came to nothing, or another answered it.
  mutating func hasEvidence(_ process: Process, against name: Int, at now: Instant) {
    while evidence.count <= process.name { evidence.append([:]) }
    evidence[process.name][name] = now
  }

  /// Whether the process failed to reach the other of late, and where that is asked for, not before it last saw it
  /// alive.
  private func hasReason(
    _ process: Process, against name: Int, at now: Instant, sinceAlive: Bool = false
  ) -> Bool {
    guard process.name < evidence.count, let at = evidence[process.name][name] else { return false }
    if sinceAlive, let last = alive[process.index][name], last > at { return false }
    return now.since(at) <= Accusations.memory
  }

  /// A process tells a claim: its own accusations are looked at once each.
  mutating func told(_ record: MemberRecord, by process: Process, in world: Simulation) -> String? {
    guard record.state == .suspect || record.state == .dead, record.accuser == process.nodeID.name,
      let node = NodeID(record.nodeID), let name = world.names.number(of: node)
    else { return nil }
    var claim = Seen()
    claim.epoch = record.epoch
    claim.incarnation = record.incarnation
    claim.state = record.state == .dead ? .dead : .suspect
    guard told[process.index][name] != claim else { return nil }
    told[process.index][name] = claim
    if world.isForged || world.isRemoved(name) { return nil }
    if !hasReason(process, against: name, at: world.now) {
      return "\(process.nodeID) accuses \(node) as \(claim.version) without having failed to reach it"
    }
    return claim.state == .dead ? impatience(of: process, with: name, claim, in: world) : nil
  }

  private func impatience(of process: Process, with name: Int, _ claim: Seen, in world: Simulation) -> String? {
    // Where a clone was, a refusal at its address may have been meant for the other.
    guard world.owner(of: name, epoch: claim.epoch) != nil, !world.names.truths[name].wasContested,
      let silence = silence(of: name, claim, for: process, in: world)
    else { return nil }
    let least = process.configuration.membership.suspicionInterval - Accusations.patience
    guard silence < least else { return nil }
    return "\(process.nodeID) declares \(world.names.ids[name]) dead after \(silence.milliseconds) ms of silence"
  }

  /// The silence at the moment of the declaration, which may be told in the very step that makes it.
  private func silence(of name: Int, _ claim: Seen, for process: Process, in world: Simulation) -> Duration? {
    if let noted = silences[process.index][name], noted.epoch == claim.epoch, noted.incarnation == claim.incarnation {
      return noted.silence
    }
    guard name < process.lastHeard.count, process.lastHeard[name] > .origin else { return nil }
    return world.now.since(process.lastHeard[name])
  }

  /// Whether anybody has told the process of this end.
  func isTold(_ process: Process, of name: Int, epoch: UInt64) -> Bool {
    voices[process.index][name].map { $0.epoch == epoch } ?? false
  }

  mutating func heard(_ record: MemberRecord, from sender: Int, by process: Process, in world: Simulation) {
    guard record.state == .dead, let node = NodeID(record.nodeID), let name = world.names.number(of: node) else {
      return
    }
    var voice = voices[process.index][name] ?? Voice(epoch: record.epoch, speakers: [])
    if voice.epoch != record.epoch { voice = Voice(epoch: record.epoch, speakers: []) }
    if !voice.speakers.contains(sender) { voice.speakers.append(sender) }
    voices[process.index][name] = voice
  }

  /// Who takes a member for dead without a reason of its own has heard it from two.
  mutating func check(_ change: Change, in world: Simulation) -> String? {
    let process = change.observer
    if change.after.state == .alive { alive[process.index][change.name] = world.now }
    if change.after.state == .suspect, change.before.state != .suspect {
      suspected[process.index][change.name] = world.now
    }
    if change.after.state == .dead {
      let isHeard = change.name < process.lastHeard.count && process.lastHeard[change.name] > .origin
      let silence = isHeard ? world.now.since(process.lastHeard[change.name]) : nil
      silences[process.index][change.name] = (silence, change.after.epoch, change.after.incarnation)
    }
    guard change.after.state == .dead, change.before.state == .alive || change.before.state == .suspect,
      !change.isOwn, !world.names.truths[change.name].wasContested, world.agreement.observerCount > 4, !world.isForged,
      !world.isRemoved(change.name)
    else { return nil }
    if hasReason(change.observer, against: change.name, at: world.now, sinceAlive: true) { return nil }
    // A suspicion that nobody refuted for the longest silence bears one voice out.
    if change.before.state == .suspect, let since = suspected[process.index][change.name],
      world.now.since(since) >= process.configuration.membership.suspicionInterval - Accusations.clocks
    {
      return nil
    }
    let voice = voices[change.observer.index][change.name]
    if let voice, voice.epoch == change.after.epoch, voice.speakers.count >= 2 { return nil }
    return "\(change.observer.nodeID) takes \(world.names.ids[change.name]) for dead on the word of "
      + "\(voice?.speakers.count ?? 0)"
  }
}
