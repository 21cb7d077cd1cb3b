// How links open, carry and end: what QUIC, its timers and the kernel do between two real processes.
import MeshBasics
import MeshEngine
import MeshWire

extension Simulation {
  func dial(_ endpoint: Endpoint, on link: LinkID, from process: Process) {
    let target = listeners[endpoint]
    if isSmall && process.engine != nil { process.dials[link.rawValue] = endpoint }
    var wait = network.distance(process.index, target ?? process.index).multiplied(by: 2)
    if let target {
      guard let delay = network.delay(process.index, target, at: now, &process.random), delay < Network.dialTimeout
      else {
        tally(.dialTimedOut)
        return fail(link, of: process, .timedOut, at: now + Network.dialTimeout)
      }
      wait = wait + (delay - network.distance(process.index, target))
    }
    let event = Event.dialed(process: process.index, life: process.life, link, endpoint, since: now)
    queue.schedule(event, at: now + min(wait, Network.dialTimeout))
  }

  /// A dial has reached the machine that it is meant for, or the time in which it could.
  func dialed(_ link: LinkID, of dialer: Process, at endpoint: Endpoint, since: Instant) {
    guard let target = listeners[endpoint] else {
      return fail(link, of: dialer, .timedOut, at: since + Network.dialTimeout)
    }
    let listener = processes[target]
    let isCut = network.isCut(dialer.index, target) || network.isCut(target, dialer.index)
    if isCut || listener.isHostDown || dialer.random.chance(network.dialFailure, in: 1_000) {
      tally(.dialTimedOut)
      return fail(link, of: dialer, .timedOut, at: since + Network.dialTimeout)
    }
    guard listener.isRunning, listener.endpoint == endpoint else {
      tally(.portClosed)
      checks.isolation.isRefused(dialer, by: addressNames[endpoint] ?? [], at: endpoint.description)
      return fail(link, of: dialer, .portClosed, at: now)
    }
    if listener.pausedUntil > now {
      // The kernel takes the packets in; the process answers when it goes on, if that is soon enough.
      guard listener.pausedUntil < since + Network.dialTimeout else {
        return fail(link, of: dialer, .timedOut, at: since + Network.dialTimeout)
      }
      let event = Event.dialed(process: dialer.index, life: dialer.life, link, endpoint, since: since)
      return queue.schedule(event, at: listener.pausedUntil)
    }
    connect(link, of: dialer, to: listener)
  }

  private func fail(_ link: LinkID, of dialer: Process, _ end: LinkEnd, at: Instant) {
    let at = max(now, at)
    queue.schedule(.input(process: dialer.index, life: dialer.life, .linkClosed(link, end)), at: at)
  }

  /// What a dial proves to the one who made it: that those who were to be found there, but for `found`, weren't.
  func noteDial(_ link: LinkID, of dialer: Process, found: Int? = nil) {
    guard let endpoint = dialer.dials.removeValue(forKey: link.rawValue) else { return }
    for name in addressNames[endpoint] ?? [] where name != found {
      checks.accusations.hasEvidence(dialer, against: name, at: now)
    }
  }

  private func connect(_ link: LinkID, of dialer: Process, to listener: Process) {
    listener.acceptedLinks &+= 1
    let accepted = LinkID.accepted(listener.acceptedLinks)
    let near = LinkEndpoint(process: dialer.index, life: dialer.life, link: link)
    let far = LinkEndpoint(process: listener.index, life: listener.life, link: accepted)
    let slot = connections.add(Connection(near, far, at: now))
    dialer.links[link.rawValue] = slot
    listener.links[accepted.rawValue] = slot
    let generation = connections.generation(of: slot)
    let opensAt = now + network.distance(listener.index, dialer.index)
    connections[slot]?.lastArrival[0] = opensAt
    // Both learn of the link before any message of it can arrive, as a transport warrants.
    queue.schedule(.opened(slot: slot, generation: generation, side: 1), at: now)
    queue.schedule(.opened(slot: slot, generation: generation, side: 0), at: opensAt)
  }

  func opened(_ slot: Int, _ side: Int) {
    guard let connection = connections[slot], !connection.isGone[side] else { return }
    let end = connection.ends[side]
    let peer = processes[connection.ends[1 &- side].process]
    let identity = PeerIdentity(
      nodeNames: [peer.nodeID.name], clusterID: peer.configuration.metadata.clusterID, keyFingerprint: "")
    let input = EngineInput.linkOpened(
      end.link, LinkPeer(identity: identity, remoteAddress: peer.endpoint.description, transport: "http3"))
    give(input, to: processes[end.process], life: end.life)
  }

  func send(_ message: MeshMessage, on links: [LinkID], from process: Process) {
    let parcel = Parcel(message, from: process.index, asBytes: carriesBytes)
    if carriesBytes && parcel.size > WireLimits.frameBytes {
      fail("frames", "\(process.nodeID) sends a message of \(parcel.size) bytes")
    }
    for link in links { send(parcel, on: link, from: process) }
  }

  func send(_ parcel: Parcel, on link: LinkID, from process: Process) {
    guard let slot = process.links[link.rawValue], let connection = connections[slot] else { return }
    let side = connection.ends[0].process == process.index && connection.ends[0].link == link ? 1 : 0
    tallySent(parcel, by: process)
    guard !connection.isGone[side] else { return knock(slot, connection, side) }
    if connection.blockedSince[side] != nil {
      let entry = (side, parcel, now)
      connections.modify(slot) { $0.held.append(entry) }
      return
    }
    let receiver = connection.ends[side].process
    let generation = connections.generation(of: slot)
    guard var delay = network.delay(process.index, receiver, at: now, &process.random) else {
      tally(.lostForGood)
      block(slot, side)
      let entry = (side, parcel, now)
      connections.modify(slot) { $0.held.append(entry) }
      return
    }
    if network.bandwidth > 0 {
      let busy = Duration(nanoseconds: Int64(clamping: parcel.size &+ 58) &* 1_000_000_000 / network.bandwidth)
      process.uplinkFreeAt = max(process.uplinkFreeAt, now) + busy
      delay = delay + process.uplinkFreeAt.since(now)
      noteBacklog(of: process)
    }
    let at = max(now + delay, connection.lastArrival[side])
    connections[slot]?.lastArrival[side] = at
    queue.schedule(.arrival(slot: slot, generation: generation, side: side, parcel), at: at)
  }

  /// What waits in the uplink looks to others like a pause, and may last longer than the fault that made it narrow.
  /// What the process asks and claims itself waits there as well, so that nobody can put it right.
  private func noteBacklog(of process: Process) {
    let backlog = process.uplinkFreeAt.since(now)
    guard backlog >= Simulation.harmlessPause else { return }
    excuse(process, for: backlog)
    impair(process, for: backlog)
    disturb(for: backlog)
  }

  /// The process at the other end of a link, while the link is there.
  func peer(of process: Process, on link: LinkID) -> Process? {
    guard let slot = process.links[link.rawValue], let connection = connections[slot] else { return nil }
    let isDialer = connection.ends[0].process == process.index && connection.ends[0].link == link
    return processes[connection.ends[isDialer ? 1 : 0].process]
  }

  /// Something is sent to an end that is gone: its machine, if it lives, answers that nobody listens.
  private func knock(_ slot: Int, _ connection: Connection, _ side: Int) {
    let other = 1 &- side
    let gone = processes[connection.ends[side].process]
    let asker = connection.ends[other].process
    guard connection.isDead[side], !connection.isDoubted[other], !gone.isHostDown,
      !network.isCut(asker, gone.index), !network.isCut(gone.index, asker)
    else { return }
    connections[slot]?.isDoubted[other] = true
    let event = Event.doubted(slot: slot, generation: connections.generation(of: slot), side: other)
    queue.schedule(event, at: now + network.distance(asker, gone.index).multiplied(by: 2))
  }

  func arrived(_ slot: Int, _ side: Int, _ parcel: Parcel) {
    guard let connection = connections[slot], !connection.isGone[side] else { return }
    let end = connection.ends[side]
    let process = processes[end.process]
    let event = Event.received(process: end.process, life: end.life, end.link, parcel)
    if holdsBack(process, event) { return }
    receive(parcel, on: end.link, by: process)
  }

  /// The process closes its end: the other learns of it behind all that was sent before.
  func close(_ link: LinkID, of process: Process, _ reason: LinkEnd = .closed) {
    process.dials.removeValue(forKey: link.rawValue)
    guard let slot = process.links.removeValue(forKey: link.rawValue), let connection = connections[slot] else {
      return
    }
    let side = connection.ends[0].process == process.index && connection.ends[0].link == link ? 0 : 1
    leave(slot, side, connection, reason)
  }

  private func leave(_ slot: Int, _ side: Int, _ connection: Connection, _ reason: LinkEnd) {
    let other = 1 &- side
    connections[slot]?.isGone[side] = true
    if connection.isGone[other] { return connections.remove(slot) }
    let near = connection.ends[side].process
    let far = connection.ends[other].process
    let generation = connections.generation(of: slot)
    if connection.blockedSince[other] != nil {
      // The goodbye doesn't arrive: the other waits until its own timer runs out.
      connections[slot]?.isDead[side] = true
      queue.schedule(.ended(slot: slot, generation: generation, side: other, .timedOut), at: now + Network.idleTimeout)
      return
    }
    let at = max(now + network.distance(near, far), connection.lastArrival[other])
    queue.schedule(.ended(slot: slot, generation: generation, side: other, reason), at: at)
  }

  /// The side of a connection learns that it has ended.
  func ended(_ slot: Int, _ side: Int, _ end: LinkEnd) {
    guard let connection = connections[slot], !connection.isGone[side] else { return }
    let own = connection.ends[side]
    connections[slot]?.isGone[side] = true
    let process = processes[own.process]
    process.links.removeValue(forKey: own.link.rawValue)
    if connection.isGone[1 &- side] { connections.remove(slot) }
    checks.accusations.hasEvidence(process, against: processes[connection.ends[1 &- side].process].name, at: now)
    give(.linkClosed(own.link, end), to: process, life: own.life)
  }

  func doubted(_ slot: Int, _ side: Int) {
    guard let connection = connections[slot], !connection.isGone[side] else { return }
    tally(.doubted)
    let peer = processes[connection.ends[1 &- side].process].name
    checks.accusations.hasEvidence(processes[connection.ends[side].process], against: peer, at: now)
    give(.linkDoubted(connection.ends[side].link), to: processes[connection.ends[side].process], life: nil)
  }

  /// All connections of a process that dies without a word. With its machine alive the kernel closes its tethers at
  /// once, and most peers notice.
  func abandonLinks(of process: Process) {
    for slot in process.links.values.sorted() {
      guard let connection = connections[slot] else { continue }
      // A link to itself has both ends here.
      for side in 0...1 where connection.ends[side].process == process.index && !connection.isGone[side] {
        abandon(slot, side, process)
      }
    }
    process.links.removeAll()
  }

  private func abandon(_ slot: Int, _ side: Int, _ process: Process) {
    guard let connection = connections[slot] else { return }
    let other = 1 &- side
    connections[slot]?.isGone[side] = true
    connections[slot]?.isDead[side] = true
    if connection.isGone[other] { return connections.remove(slot) }
    let generation = connections.generation(of: slot)
    queue.schedule(.ended(slot: slot, generation: generation, side: other, .timedOut), at: now + Network.idleTimeout)
    let far = connection.ends[other].process
    guard !process.isHostDown, connection.blockedSince[other] == nil, process.random.chance(9, in: 10) else { return }
    connections[slot]?.isDoubted[other] = true
    let doubted = Event.doubted(slot: slot, generation: generation, side: other)
    queue.schedule(doubted, at: now + network.distance(process.index, far))
  }

  /// Breaks one connection: both ends learn of it.
  func breakConnection(_ slot: Int, _ reason: LinkEnd) {
    let generation = connections.generation(of: slot)
    for side in 0...1 {
      queue.schedule(.ended(slot: slot, generation: generation, side: side, reason), at: now)
    }
  }
}
