// Datagrams in and out of an endpoint: whose they are, and what answers those that are nobody's.
import CNgtcp2
import MeshBasics
import MeshSecurity

extension QUICEndpoint {
  /// The socket is ready: reads what came, but not for ever.
  func ready(_ readiness: Readiness, _ now: Instant) {
    guard let socket else { return }
    if readiness.contains(.failed) { socket.readErrors { owner?.hostRefused($0, $1, now) } }
    // A flood must not keep commands and timers waiting: a few batches, then the next turn.
    for _ in 0..<8 {
      let count = socket.receive { take($0, now) }
      if count < socket.batchSize { break }
    }
  }

  private func take(_ datagram: ReceivedDatagram, _ now: Instant) {
    counts.datagramsReceived += 1
    counts.bytesReceived += Int64(datagram.bytes.count)
    if datagram.isTruncated { return drop("longer than \(UDPSocket.datagramBytesMax) bytes") }
    switch QUICPacket.kind(of: datagram.bytes) {
    case .invalid: drop("no QUIC packet")
    case .unknownVersion(let header):
      drop("unknown QUIC version")
      answer(datagram, QUICPacket.versionNegotiation(for: header))
    case .connection(let key, let hasLongHeader):
      switch routes[key] {
      case .live(let user): read(datagram, user, now)
      case .closing(let entry):
        if !entry.packet.isEmpty && entry.isDueAgain() { answer(datagram, entry.packet) }
      case nil:
        if hasLongHeader { accept(datagram, now) } else { reset(datagram, now) }
      }
    }
  }

  private func read(_ datagram: ReceivedDatagram, _ user: User, _ now: Instant) {
    if let failure = user.quic.read(datagram, now: now) {
      if failure == .dropped { drop("a first packet that can't be read") }
      owner?.failed(user, failure, now)
    } else if mayPause(user, now) {
      pause(user, until: now + limits.answerPause)
    } else {
      touch(user)
    }
  }

  /// Whether only an acknowledgement is due, and one datagram lies back.
  private func mayPause(_ user: User, _ now: Instant) -> Bool {
    user.readCount += 1
    return user.readCount < 2 && !user.isDirty && user.awaitsAnswer() && user.quic.expiry <= now + limits.answerPause
  }

  private func drop(_ reason: String) {
    counts.datagramsDropped += 1
    notices.datagramDropped(limits.prefix + reason)
  }

  private func answer(_ datagram: ReceivedDatagram, _ packet: [UInt8]) {
    guard !packet.isEmpty else { return }
    _ = packet.withUnsafeBytes { transmit($0, from: datagram.local ?? address, to: datagram.remote, ecn: 0) }
  }

  /// A packet of a connection that we don't know: either the peer doesn't know that it is gone, or this is a peer's
  /// stateless reset, which looks the same but for its last 16 bytes (RFC 9000 §10.3.1). Both are bounded per second,
  /// since anyone can send such packets.
  private func reset(_ datagram: ReceivedDatagram, _ now: Instant) {
    drop("unknown connection")
    guard resets.allows(limits.resetsPerSecondMax, now) else { return }
    for user in Array(users.values) where user.quic.remote == datagram.remote {
      read(datagram, user, now)
      if user.quic.isForgottenByPeer { return }
    }
    answer(datagram, QUICPacket.statelessReset(answering: datagram.bytes, secret: resetSecret))
  }

  private func accept(_ datagram: ReceivedDatagram, _ now: Instant) {
    guard let header = QUICPacket.clientInitial(datagram.bytes) else { return drop("no first packet of a connection") }
    guard let owner, !isStopping else { return drop("this node stops") }
    let remote = datagram.remote
    let isFull = users.count >= limits.connectionsMax || acceptedCount + acceptedElsewhere >= limits.acceptedMax
    let isCrowded =
      untrustedCount + untrustedElsewhere >= limits.untrustedMax && !(limits.knowsOwnHost && remote.isLoopback)
    let untrusted = untrustedFrom.count(from: remote)
    guard untrusted < limits.connectionsPerAddressMax else {
      counts.connectionsRefused += 1
      return limitReached("untrusted connections of one address", peer: remote.site.host)
    }
    let retried = QUICPacket.retried(header, from: remote, secret: retrySecret, now: now)
    if retried == nil {
      if QUICPacket.hasRetryToken(header) { return drop("invalid Retry token") }
      // Nobody loses his place to an address that may be forged.
      if handshakesInFlight >= limits.handshakesBeforeRetry || untrusted >= limits.handshakesPerAddressBeforeRetry
        || isCrowded || isFull
      {
        counts.retriesSent += 1
        return answer(datagram, QUICPacket.retry(for: header, from: remote, secret: retrySecret, now: now))
      }
    }
    // Of too many strangers one goes, and nobody else.
    guard !(isCrowded || isFull) || owner.makeRoom(forStranger: isCrowded, now) else {
      counts.connectionsRefused += 1
      return limitReached(isCrowded ? "untrusted connections" : "connections")
    }
    let quic = QUICConnection(
      isServer: true, local: datagram.local ?? address, remote: remote, host: self, resetSecret: resetSecret,
      memory: memory)
    let user = owner.user(of: quic)
    add(user)
    guard quic.startServer(currentCredential(), header: header, retried: retried, parameters: parameters, now: now)
    else { return owner.failed(user, .notStarted, now) }
    read(datagram, user, now)
  }
}

extension QUICEndpoint: QUICHost {
  func route(_ key: ConnectionKey, to quic: QUICConnection) {
    if let user = users[ObjectIdentifier(quic)] { routes[key] = .live(user) }
  }

  func unroute(_ key: ConnectionKey, of quic: QUICConnection) { routes[key] = nil }

  func transmit(
    _ bytes: UnsafeRawBufferPointer, from local: SocketAddress, to remote: SocketAddress, ecn: UInt8
  ) -> SendOutcome {
    guard let socket else { return .sent }
    counts.datagramsSent += 1
    counts.bytesSent += Int64(bytes.count)
    return socket.send(bytes, from: local, to: remote, ecn: ecn)
  }

  func judge(_ chain: [[UInt8]], peerIsClient: Bool) -> Result<PeerIdentity, TrustRefusal> {
    security.judge(chain: chain, peerIsClient: peerIsClient)
  }
}
