// Links over TCP, for where UDP is blocked. A dial begins over UDP. When that has brought nothing after a moment, or
// has failed in a way that says nothing of the peer, the same is tried over TCP; of two that are under way the first to
// open is the link. As long as a link is on TCP its dialer tries UDP now and then, and closes the link when that works:
// the engine then dials anew, over UDP.
import MeshBasics

extension LinkLoop {
  /// A dial over UDP that TCP will be tried beside.
  struct Fallback {
    let at: Instant
    let link: LinkID
    let address: SocketAddress
    let serverName: String
    let dialedAt: Instant
  }

  /// Tries TCP beside the dials over UDP that have taken a moment.
  func fallBack(_ now: Instant) {
    while let first = fallbacks.first, first.at <= now {
      fallbacks.removeFirst()
      guard links[first.link]?.state == .opening, rivals[first.link] == nil else { continue }
      rivals[first.link] = dialTCP(first)
    }
  }

  private func dialTCP(_ dial: Fallback) -> TCPLink? {
    tcp?.dial(
      dial.link, dial.address, dial.serverName, until: dial.dialedAt + options.handshakeTimeout, MonotonicClock.now())
  }

  /// Dials over TCP alone. False when that can't even begin.
  func dialOverTCP(_ link: LinkID, _ address: SocketAddress, _ serverName: String, _ now: Instant) -> Bool {
    let made = dialTCP(Fallback(at: now, link: link, address: address, serverName: serverName, dialedAt: now))
    links[link] = made?.conversation
    return made != nil
  }

  /// One of the dials of `link` has opened: the other is of no more use.
  func settleRace(of link: LinkID, winner: LinkConversation) {
    if let first = links[link], first !== winner { lose(first) }
    links[link] = winner
    endRace(of: link)
  }

  /// Only one dial of `link` goes on: the one in the table.
  func endRace(of link: LinkID) {
    fallbacks.removeAll { $0.link == link }
    if let rival = rivals.removeValue(forKey: link)?.conversation, rival !== links[link] { lose(rival) }
  }

  /// Nothing is told of its end.
  private func lose(_ connection: LinkConversation) {
    connection.markEnded()
    connection.fail(.closed)
  }

  /// Whether a dial of `link` goes on although one of its connections has failed: over TCP, or over UDP as before.
  func goesOn(_ link: LinkID, without connection: LinkConversation, after reason: LinkEnd) -> Bool {
    if let rival = rivals.removeValue(forKey: link)?.conversation {
      let other = rival === connection ? links[link] : rival
      links[link] = other
      // Who may not come in over the one may not over the other; and where nobody listens, nobody does.
      switch (reason, other) {
      case (.refused, let other?), (.portClosed, let other?): lose(other)
      default: return true
      }
      return false
    }
    guard let place = fallbacks.firstIndex(where: { $0.link == link }) else { return false }
    let dial = fallbacks.remove(at: place)
    guard reason.leavesTCPOpen, let second = dialTCP(dial) else { return false }
    links[link] = second.conversation
    return true
  }

  /// How long a link on TCP to `remote` waits until UDP is tried: longer where UDP has worked for a handshake before
  /// and the link was back on TCP soon.
  func trialWait(for remote: SocketAddress) -> Duration {
    guard let last = trials[remote], MonotonicClock.now() < last.at + limits.trialWaitMax else {
      return limits.trialWaitMin
    }
    return min(last.wait.multiplied(by: 2), limits.trialWaitMax)
  }

  /// Finds out whether UDP reaches the peer of a link that is on TCP.
  func tryUDP(for link: TCPLink, _ now: Instant) {
    guard connections.count + (tcp?.count ?? 0) < limits.quic.connectionsMax, !isStopping,
      let quic = makeClient(to: link.remote)
    else { return }
    let serverName = link.dialed?.serverName ?? ""
    start(LinkConnection(quic, loop: self, dialed: .trial(of: link), limits: limits), serverName, now)
  }

  /// It does, and the peer takes us. Called inside QUIC calls.
  func trialSucceeded(_ trial: LinkConnection, for link: TCPLink) {
    if trials.count >= limits.quic.connectionsMax { trials = [:] }
    trials[link.remote] = (link.trialWait, MonotonicClock.now())
    trial.conversation.fail(.closed)
    link.conversation.close(by: MonotonicClock.now() + LinkLoop.farewell)
  }

  /// Counts a refusal of trust over TCP, and tells of it where no link does.
  func refused(_ reason: String, on connection: TCPLink) {
    statistics.trustRefusals += 1
    guard connection.conversation.link == nil else { return }
    deliver(.observed(.trustRefused(peer: connection.remote.description, reason: reason, inbound: connection.isServer)))
  }
}

extension LinkEnd {
  /// Whether a dial over UDP that ended so says nothing of TCP.
  fileprivate var leavesTCPOpen: Bool {
    switch self {
    case .timedOut, .unreachable: true
    case .closed, .notTried, .portClosed, .refused, .protocolError: false
    }
  }
}
