// What an engine asks of the world.
import MeshBasics
import MeshEngine
import MeshMembership
import MeshWire

extension Simulation {
  func carryOut(_ effect: EngineEffect, for process: Process) {
    switch effect {
    case .send(let links, let message):
      hash.combine(links.count)
      if isSmall { checks.sent(message, to: links, by: process, in: self) }
      send(message, on: links, from: process)
    case .dial(let link, let endpoint):
      hash.combine(link.rawValue)
      dial(endpoint, on: link, from: process)
    case .close(let link, _): close(link, of: process)
    case .persist(let token, let write): persist(write, token, by: process)
    case .notify(let event):
      hash.combine(event.correlation)
      tallies.add(event.kind)
      say(process, "sees \(event.member.nodeID) \(event.kind): \(event.member.version)")
      checks.notified(event, by: process, in: self)
    case .observe(let observation): observe(observation, by: process)
    case .deliver(let message):
      tally(.broadcast)
      checks.delivered(message, by: process, in: self)
    case .conflict(let reason):
      tally(.conflict)
      say(process, "gives way: \(reason)")
      stopped(process)
    case .stopped: stopped(process)
    case .storageLost:
      tally(.storeFailed)
      stopped(process)
    case .poison(let reason): fail("poison", "\(process.nodeID) \(reason)")
    case .respond, .complete: break
    }
  }

  private func observe(_ observation: Observation, by process: Process) {
    guard let name = observation.rareName else { return }
    tallies.add(observation: name)
    checks.observed(observation, by: process, in: self)
  }

  private func persist(_ write: StoreWrite, _ token: SyncToken, by process: Process) {
    let delay = 1_000_000 &+ process.random.below(UInt64(process.diskDelay.nanoseconds))
    let event = Event.written(process: process.index, life: process.life, token, write)
    queue.schedule(event, at: now + Duration(nanoseconds: Int64(clamping: delay)))
  }

  func written(_ write: StoreWrite, _ token: SyncToken, by process: Process, _ life: Int) {
    // A crash before this moment loses the write.
    guard process.life == life else { return }
    if process.isDiskFailing {
      return give(.storeFailed(token, reason: "no space left on device"), to: process, life: life)
    }
    switch write {
    case .epoch(let epoch):
      if options.plant != .reusesEpoch { process.disk.epoch = max(process.disk.epoch, epoch) }
    case .knownPeers(let peers): process.disk.knownPeers = peers
    }
    give(.stored(token), to: process, life: life)
  }

  /// Counts which rare turns the process has taken in this life.
  func noteMarks(of process: Process) {
    if let marks = process.engine?.marks { tallies.add(marks) }
  }

  /// Counts what a process sends, for the figures of a measurement and for the search for storms.
  func tallySent(_ parcel: Parcel, by process: Process) {
    if process.hostile != nil {
      traffic.hostileBytes &+= parcel.size
      return
    }
    traffic.messages &+= 1
    traffic.bytes &+= parcel.size
    if parcel.isHello {
      traffic.hellos &+= 1
      traffic.helloBytes &+= parcel.size
    }
  }
}

/// What all nodes have sent.
struct Traffic {
  var messages = 0
  var bytes = 0
  /// Of both, the hellos.
  var hellos = 0
  var helloBytes = 0
  /// Of hostile members, which count nowhere else.
  var hostileBytes = 0

  /// What came on top of `before`.
  func since(_ before: Traffic) -> Traffic {
    Traffic(
      messages: messages &- before.messages, bytes: bytes &- before.bytes, hellos: hellos &- before.hellos,
      helloBytes: helloBytes &- before.helloBytes, hostileBytes: hostileBytes &- before.hostileBytes)
  }
}

extension Observation {
  /// The name of what is worth counting as a rare branch; nil for the everyday.
  fileprivate var rareName: String? {
    switch self {
    case .selfRefuted: "refutation"
    case .probeFailed: "failed probe"
    case .messageRejected: "rejected message"
    case .limitReached: "limit reached"
    case .trustRefused: "refused trust"
    case .memberSuspected: "suspicion"
    case .memberLeft(_, let graceful, _): graceful ? "goodbye" : "death"
    case .memberRecovered: "recovery"
    case .probeRelayed: "relayed probe"
    case .falseSuspicion: "false suspicion"
    case .broadcastDropped: "dropped broadcast"
    case .syncFinished: "exchange of claims"
    case .duplicateNode: "duplicate node"
    case .memberRemoved: "removed member"
    case .pauseDetected: "detected pause"
    case .isolated: "isolation"
    default: nil
    }
  }
}
