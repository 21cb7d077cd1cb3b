// What the link thread makes of tethers, of ICMP, and of ports that are closed: doubts, and ends of dials.
import Glibc
import MeshBasics

extension LinkLoop: TetherOwner {
  func accepted(_ descriptor: Int32, from remote: SocketAddress) -> Bool {
    tcp?.accept(descriptor, remote, MonotonicClock.now()) ?? false
  }

  /// Prepares the tether of a link that has just opened: its dialer builds it, its acceptor waits for it. There is one
  /// attempt for each link; one without a tether lives as well.
  func tie(_ connection: LinkConnection) {
    if let question = connection.tether { tethers.close(question) }
    guard
      let token = connection.quic.tls?.exported(TetherHello.exporterLabel, count: TetherHello.tokenBytes)
    else { return }
    if connection.quic.isServer {
      connection.tetherToken = token
      waitingForTether[token] = connection
    } else {
      tethers.dial(connection.quic.remote, token: token, for: connection, MonotonicClock.now())
    }
  }

  /// Closes the tether of a link that has ended, or the question that a dial has asked.
  func untie(_ connection: LinkConnection) {
    if let token = connection.tetherToken { waitingForTether[token] = nil }
    connection.tetherToken = nil
    if let tether = connection.tether { tethers.close(tether) }
  }

  func claim(token: [UInt8]) -> LinkConnection? {
    // The table's hash is keyed and new in every process, so that the time this takes tells nothing of its tokens.
    let connection = waitingForTether.removeValue(forKey: token)
    connection?.tetherToken = nil
    return connection
  }

  func tetherClosed(of connection: LinkConnection) { doubt(connection) }

  /// Puts a link on the list of those to doubt. It is told at the end of the turn, when a goodbye that came beside the
  /// tether's end has been read.
  private func doubt(_ connection: LinkConnection) {
    guard connection.conversation.mayBeDoubted, !connection.isDoubted else { return }
    connection.isDoubted = true
    doubted.append(connection)
  }

  /// Reports the links that were doubted in this turn and are still open.
  func tellDoubts() {
    while let connection = doubted.popLast() {
      connection.isDoubted = false
      guard connection.conversation.mayBeDoubted, let link = connection.conversation.link else { continue }
      statistics.doubts += 1
      deliver(.doubted(link))
    }
  }

  /// ICMP said that `remote` can't be reached. Who sees our packets can forge that. So it ends no open link, no
  /// connection that calls are on, and a dial that it ends is dialed again.
  func hostRefused(_ remote: SocketAddress, _ code: Int32, _ now: Instant) {
    guard [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH].contains(code) else { return }
    for connection in Array(connections) where connection.quic.remote == remote {
      if connection.conversation.state == .open {
        if let last = connection.lastDoubt, now < last + limits.doubtInterval { continue }
        connection.lastDoubt = now
        doubt(connection)
      } else if connection.conversation.isKeptForCalls {
        continue
      } else if connection.quic.isHandshakeComplete {
        // Only a closed port says that the peer is gone; a route may flap.
        if code == ECONNREFUSED { end(connection, .unreachable(systemMessage(code)), nil, now) }
      } else if code == ECONNREFUSED, !connection.quic.isServer, connection.dialed?.isTrial != true {
        if connection.tether == nil { tethers.ask(remote, for: connection, now) }
      } else {
        end(connection, .unreachable(systemMessage(code)), nil, now)
      }
    }
  }

  func portAnswered(_ connection: LinkConnection, isClosed: Bool) {
    let reason = isClosed ? LinkEnd.portClosed : .unreachable(systemMessage(ECONNREFUSED))
    if connection.conversation.state == .opening { end(connection, reason, nil, MonotonicClock.now()) }
  }
}
