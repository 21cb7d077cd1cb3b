// Many QUIC connections on one UDP socket: their timers, their flushes, their counting, and what is remembered of those
// that have ended. Datagrams are sorted in QUICEndpoint+Datagrams.swift. What the connections are for is their owner's
// business.
import MeshBasics
import MeshSecurity

/// The connections of one UDP socket. Lives on one thread, whose loop calls `ready`, `expire`, `flush` and `report` in
/// each turn.
final class QUICEndpoint<Owner: QUICEndpointOwner> {
  typealias User = Owner.User

  /// Where datagrams of a connection id go.
  enum Route {
    case live(User)
    case closing(ClosingConnection)
  }

  private let pauseStep = Duration.milliseconds(5)

  let limits: QUICLimits
  let parameters: QUICParameters
  let security: NodeSecurity
  /// The bound address.
  let address: SocketAddress
  /// Nil until `open` and after `close`; while there is one it keeps this object and itself alive.
  private(set) var owner: Owner?
  /// Nil after `close`.
  private(set) var socket: UDPSocket?
  /// The key of stateless resets. It comes from the private key, so that the peers of the process before this one
  /// believe its resets (RFC 9000 §10.3.2), and from the port, so that two processes with one key don't share it.
  let resetSecret: [UInt8]
  /// The key of Retry tokens; new at every start.
  let retrySecret = Entropy.bytes(32)
  /// For all connections of this thread.
  let memory = ConnectionMemory()
  private var credential: RenewedCredential<TLSCredential>

  var counts = QUICCounts()
  var routes: [ConnectionKey: Route] = [:]
  /// By their QUIC connections, which is all that callbacks know.
  private(set) var users: [ObjectIdentifier: User] = [:]
  /// Accepted connections by the address of peers that are not trusted yet, and by the key of those that are.
  private(set) var untrustedFrom = SiteCounts()
  /// Of all addresses.
  private(set) var untrustedCount = 0
  private var acceptedOf: [String: Int] = [:]
  private(set) var acceptedCount = 0
  /// Connections that the owner has accepted otherwise: they have places of these.
  var acceptedElsewhere = 0
  /// The same of those that are not trusted yet.
  var untrustedElsewhere = 0
  private(set) var handshakesInFlight = 0
  private var dirty: [User] = []
  private var deadlines = DeadlineHeap<User>()
  private var closing = DeadlineHeap<ClosingConnection>()
  var notices = NoticeLimiter()
  var resets = RateLimit()
  /// No goodbye of a connection is remembered any more: there will be nobody to say it.
  var isStopping = false

  /// Takes `socket` over. *Errors*: a certificate that GnuTLS can't use.
  init(
    socket: UDPSocket, limits: QUICLimits, parameters: QUICParameters, security: NodeSecurity
  ) throws(TransportError) {
    self.socket = socket
    self.limits = limits
    self.parameters = parameters
    self.security = security
    address = socket.address
    let first = try TLSCredential(security.credential)
    credential = RenewedCredential(first, of: first.generation)
    resetSecret = TLSCredential.secret(
      for: "meshkit stateless reset \(socket.address.port)", of: security.credential)
  }

  /// Serves `owner` from now on.
  func open(for owner: Owner) { self.owner = owner }

  /// Frees the socket and lets go of the owner. Connections must have been ended before.
  func close() {
    routes = [:]
    dirty = []
    deadlines = DeadlineHeap()
    closing = DeadlineHeap()
    socket = nil
    owner = nil
  }

  // MARK: Turns

  /// The earliest moment at which something is to be done.
  var nextDeadline: Instant {
    min(nextExpiry, closing.first ?? .distantFuture, notices.nextReport ?? .distantFuture)
  }

  /// The earliest timer of a connection.
  var nextExpiry: Instant { deadlines.first ?? .distantFuture }

  /// Acts on the timers that have come.
  func expire(_ now: Instant) {
    while let user = deadlines.next(upTo: now) {
      if user.quic.expiry <= now, let failure = user.quic.handleExpiry(now: now) {
        owner?.failed(user, failure, now)
        continue
      }
      if let deadline = user.deadline, deadline <= now { user.deadlineCame(now) }
      touch(user)
    }
    while let entry = closing.next(upTo: now) {
      for key in entry.keys { routes[key] = nil }
    }
  }

  /// Leaves `user` unflushed until something is to be sent on it, or `end`. ngtcp2 would acknowledge after an eighth of
  /// the round trip, before any answer is there.
  func pause(_ user: User, until end: Instant) {
    // On a grid, so that one turn of the thread serves the answers to all probes of one round.
    let step = UInt64(clamping: pauseStep.nanoseconds)
    let end = Instant(nanoseconds: end.nanoseconds / step * step)
    deadlines.set(user, to: min(end, user.deadline ?? .distantFuture))
  }

  /// Puts `user` on the list of those that are flushed before the next wait.
  func touch(_ user: User) {
    if user.isDirty { return }
    user.isDirty = true
    dirty.append(user)
  }

  /// Sends what is due on all connections that were touched, and ends those that are to end.
  func flush(_ now: Instant) {
    while !dirty.isEmpty {
      let batch = dirty
      dirty.removeAll(keepingCapacity: true)
      for user in batch {
        user.isDirty = false
        guard users[ObjectIdentifier(user.quic)] != nil else { continue }
        user.readCount = 0
        user.willFlush(now)
        if let failure = user.quic.flush(now: now) {
          owner?.failed(user, failure, now)
        } else if user.isToEnd(now) {
          owner?.end(user, now)
        } else if let code = user.quic.unreachable, !user.quic.isHandshakeComplete {
          owner?.failed(user, .unreachable(code), now)
        } else {
          settle(user)
        }
      }
    }
  }

  /// Says what a flood must not make us say a million times.
  func report(_ now: Instant) { notices.report(now) { owner?.observe($0) } }

  /// Books what the last calls changed: a handshake that is over, the next deadline.
  private func settle(_ user: User) {
    if user.countsAsHandshake, user.quic.isHandshakeComplete {
      user.countsAsHandshake = false
      handshakesInFlight -= 1
      counts.handshakesAccepted += 1
    }
    deadlines.set(user, to: min(user.quic.expiry, user.deadline ?? .distantFuture))
  }

  // MARK: Connections

  /// Takes in a connection of ours, before its handshake begins.
  func add(_ user: User) {
    users[ObjectIdentifier(user.quic)] = user
    guard user.quic.isServer else { return }
    user.countsAsHandshake = true
    handshakesInFlight += 1
    acceptedCount += 1
    if limits.knowsOwnHost, user.quic.remote.isLoopback {
      user.standing = .known
    } else {
      untrustedFrom.add(user.quic.remote)
      untrustedCount += 1
    }
    user.quic.onTrusted = { [unowned self, unowned user] in trusted(user) }
  }

  /// An accepted connection's peer is trusted: from now on it counts against that identity, not against the address
  /// that many may share.
  private func trusted(_ user: User) {
    guard user.standing != .trusted, let identity = user.quic.identity else { return }
    countDown(user)
    user.standing = .trusted
    if let reason = count(identity, as: user.peerName) {
      user.sendAway(reason)
      touch(user)
    }
  }

  /// Counts one more accepted connection of `identity`, whatever carries it. Gives why it is one too many; nil while it
  /// isn't. `uncount` follows in either case.
  func count(_ identity: PeerIdentity, as peer: String) -> String? {
    acceptedOf[identity.keyFingerprint, default: 0] += 1
    // Several nodes may share a certificate that names them all; which of them this is tells only its hello.
    let most = limits.connectionsPerNodeNameMax * max(1, identity.nodeNames.count)
    if acceptedOf[identity.keyFingerprint, default: 0] <= most { return nil }
    counts.connectionsRefused += 1
    limitReached("connections of one identity", peer: peer)
    return "\(most) connections of this identity are open"
  }

  /// Takes back one `count`.
  func uncount(_ identity: PeerIdentity) {
    guard let count = acceptedOf[identity.keyFingerprint] else { return }
    acceptedOf[identity.keyFingerprint] = count > 1 ? count - 1 : nil
  }

  /// The owner knows whose connection this is, without a certificate.
  func know(_ user: User) {
    guard user.standing == .stranger else { return }
    countDown(user)
    user.standing = .known
  }

  private func countDown(_ user: User) {
    switch user.standing {
    case .trusted: if let identity = user.quic.identity { uncount(identity) }
    case .known: break
    case .stranger:
      untrustedFrom.remove(user.quic.remote)
      untrustedCount -= 1
    }
  }

  /// Tells, at most once a second, that a limit of `QUICLimits` was reached.
  func limitReached(_ name: String, peer: String = "") {
    notices.limitReached(limits.prefix + name, peer: peer)
  }

  /// Takes a connection out, so that nothing more is read or sent on it; `sayGoodbye` must follow. False when it is
  /// out.
  func remove(_ user: User) -> Bool {
    guard users.removeValue(forKey: ObjectIdentifier(user.quic)) != nil else { return false }
    deadlines.remove(user)
    if user.countsAsHandshake { handshakesInFlight -= 1 }
    if user.quic.isServer {
      acceptedCount -= 1
      countDown(user)
    }
    return true
  }

  /// Sends `close` on a connection that was removed, if there is one, remembers the connection for a while, and frees
  /// it. With `drains`, packets that are still on their way are passed over in silence (RFC 9000 §10.2.2): answered by
  /// a reset each, they could make two nodes reset each other.
  func sayGoodbye(_ user: User, _ close: QUICClose?, drains: Bool, _ now: Instant) {
    let quic = user.quic
    let packet = close.map { quic.closePacket($0, now: now) } ?? []
    var remembered: ClosingConnection?
    if !packet.isEmpty {
      let path = quic.lastPath
      _ = packet.withUnsafeBytes { transmit($0, from: path.local, to: path.remote, ecn: 0) }
    }
    if !packet.isEmpty || drains, closing.count < limits.closingMax, !isStopping {
      let entry = ClosingConnection(packet: packet, keys: quic.keys)
      closing.set(entry, to: now + quic.closingPeriod)
      remembered = entry
    }
    for key in quic.keys { routes[key] = remembered.map { .closing($0) } }
    quic.release()
  }

  // MARK: Certificates

  /// The newest credential that GnuTLS can use. When it refuses a new one, the one before stays in use.
  func currentCredential() -> TLSCredential {
    let newest = security.credential
    return credential.current(
      newest.generation, MonotonicClock.now(), make: { () throws(TransportError) in try TLSCredential(newest) },
      report: { owner?.observe(.certificateReloadFailed(reason: $0.description)) })
  }
}
