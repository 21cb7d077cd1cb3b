// Datagrams in and out of the link thread: whose they are, and what answers those that are nobody's.
import CNgtcp2
import Glibc
import MeshBasics
import MeshSecurity

extension LinkLoop: ReactorHandler {
  func ready(_ descriptor: Int32, _ readiness: Readiness) {
    // The mailbox is emptied in every turn anyway.
    guard let socket, descriptor == socket.descriptor else { return mailbox.wasSignalled() }
    let now = MonotonicClock.now()
    readingSince = now
    if readiness.contains(.failed) { socket.readErrors { hostRefused($0, $1, now) } }
    // A flood must not keep commands and timers waiting: a few batches, then the next turn.
    for _ in 0..<8 {
      let count = socket.receive { take($0, now) }
      if count < socket.batchSize { break }
    }
  }

  private func take(_ datagram: ReceivedDatagram, _ now: Instant) {
    statistics.datagramsReceived += 1
    statistics.bytesReceived += Int64(datagram.bytes.count)
    if datagram.isTruncated { return drop("longer than \(UDPSocket.datagramBytesMax) bytes") }
    switch QUICPacket.kind(of: datagram.bytes) {
    case .invalid: drop("no QUIC packet")
    case .unknownVersion(let header):
      drop("unknown QUIC version")
      answer(datagram, QUICPacket.versionNegotiation(for: header))
    case .connection(let key, let hasLongHeader):
      switch routes[key] {
      case .live(let connection): read(datagram, connection, now)
      case .closing(let entry):
        if !entry.packet.isEmpty && entry.isDueAgain() { answer(datagram, entry.packet) }
      case nil:
        if hasLongHeader { accept(datagram, now) } else { reset(datagram, now) }
      }
    }
  }

  private func read(_ datagram: ReceivedDatagram, _ connection: LinkConnection, _ now: Instant) {
    if let failure = connection.quic.read(datagram, now: now) {
      fail(connection, failure, now)
    } else if connection.mayPause(now) {
      pause(connection, until: now + limits.answerPause)
    } else {
      touch(connection)
    }
  }

  private func drop(_ reason: String) {
    statistics.datagramsDropped += 1
    notices.datagramDropped(reason)
  }

  private func answer(_ datagram: ReceivedDatagram, _ packet: [UInt8]) {
    guard !packet.isEmpty, let socket else { return }
    _ = packet.withUnsafeBytes {
      transmit($0, from: datagram.local ?? socket.address, to: datagram.remote, ecn: 0)
    }
  }

  /// A packet of a connection that we don't know: either the peer doesn't know that it is gone, or this is a peer's
  /// stateless reset, which looks the same but for its last 16 bytes (RFC 9000 §10.3.1). Both are bounded per second,
  /// since anyone can send such packets.
  private func reset(_ datagram: ReceivedDatagram, _ now: Instant) {
    drop("unknown connection")
    guard resets.allows(limits.resetsPerSecondMax, now) else { return }
    for connection in Array(connections.values) where connection.quic.remote == datagram.remote {
      read(datagram, connection, now)
      if connection.quic.isForgottenByPeer { return }
    }
    answer(datagram, QUICPacket.statelessReset(answering: datagram.bytes, secret: resetSecret))
  }

  private func accept(_ datagram: ReceivedDatagram, _ now: Instant) {
    guard let header = QUICPacket.clientInitial(datagram.bytes), let socket else {
      return drop("no first packet of a connection")
    }
    let remote = datagram.remote
    guard connections.count < limits.connectionsMax, acceptedCount < limits.acceptedMax else {
      statistics.connectionsRefused += 1
      return notices.limitReached("connections")
    }
    let untrusted = untrustedFrom.count(from: remote)
    guard untrusted < limits.connectionsPerAddressMax else {
      statistics.connectionsRefused += 1
      return notices.limitReached("untrusted connections of one address", peer: remote.site.host)
    }
    let retried = QUICPacket.retried(header, from: remote, secret: retrySecret, now: now)
    if retried == nil {
      if QUICPacket.hasRetryToken(header) { return drop("invalid Retry token") }
      if handshakesInFlight >= limits.handshakesBeforeRetry || untrusted >= limits.handshakesPerAddressBeforeRetry {
        statistics.retriesSent += 1
        return answer(datagram, QUICPacket.retry(for: header, from: remote, secret: retrySecret, now: now))
      }
    }
    let quic = QUICConnection(
      isServer: true, local: datagram.local ?? socket.address, remote: remote, host: self, resetSecret: resetSecret,
      memory: memory)
    let connection = LinkConnection(quic, loop: self, link: nil, serverName: "", limits: limits)
    add(connection)
    guard
      quic.startServer(currentCredential(), header: header, retried: retried, parameters: parameters, now: now)
    else { return end(connection, .protocolError("can't start TLS"), nil, now) }
    read(datagram, connection, now)
  }
}

extension LinkLoop: QUICHost {
  func route(_ key: ConnectionKey, to quic: QUICConnection) {
    if let connection = byQUIC[ObjectIdentifier(quic)] { routes[key] = .live(connection) }
  }

  func unroute(_ key: ConnectionKey, of quic: QUICConnection) { routes[key] = nil }

  func transmit(
    _ bytes: UnsafeRawBufferPointer, from local: SocketAddress, to remote: SocketAddress, ecn: UInt8
  ) -> SendOutcome {
    guard let socket else { return .sent }
    statistics.datagramsSent += 1
    statistics.bytesSent += Int64(bytes.count)
    return socket.send(bytes, from: local, to: remote, ecn: ecn)
  }

  func judge(_ chain: [[UInt8]], peerIsClient: Bool) -> Result<PeerIdentity, TrustRefusal> {
    security.judge(chain: chain, peerIsClient: peerIsClient)
  }
}
