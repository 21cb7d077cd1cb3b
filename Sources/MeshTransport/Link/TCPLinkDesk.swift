import Glibc
import MeshBasics
import MeshSecurity

/// The mesh connections over TCP. Only the link thread touches it.
final class TCPLinkDesk {
  // Holds this desk, and outlives it.
  private unowned let loop: LinkLoop
  private let limits: LinkLimits
  private let security: NodeSecurity
  private let reactor: Reactor
  private let local: SocketAddress
  private var links: [ObjectIdentifier: TCPLink] = [:]
  private var deadlines = DeadlineHeap<TCPLink>()
  private var dirty: [TCPLink] = []
  private var strangers = 0
  private var strangersFrom = SiteCounts()
  /// Clients that went before their certificate was trusted.
  private(set) var refusedCount: Int64 = 0
  private var server: RenewedCredential<TLSServer>?
  private var client: RenewedCredential<TLSNodeClient>?
  /// Connections that peers dialed.
  private(set) var acceptedCount = 0

  init(loop: LinkLoop, security: NodeSecurity, local: SocketAddress, reactor: Reactor) {
    self.loop = loop
    limits = loop.limits
    self.security = security
    self.local = local
    self.reactor = reactor
  }

  /// Connections that are open, or being opened.
  var count: Int { links.count }

  /// Whether nothing waits to be sent.
  var isFlushed: Bool { links.values.allSatisfy { $0.outstanding == 0 } }

  // MARK: Coming and going

  /// Serves a client that begins TLS. False when there is no room for it.
  func accept(_ descriptor: Int32, _ remote: SocketAddress, _ now: Instant) -> Bool {
    // Who means it shakes hands at once: of too many strangers the one that came first goes.
    if strangersFrom.count(from: remote) >= limits.tetherStrangersPerAddressMax {
      endOldestStranger { $0.remote.site == remote.site }
    } else if strangers >= limits.tetherStrangersMax {
      endOldestStranger { _ in true }
    }
    guard !loop.isStopping, loop.endpoint.acceptedCount + acceptedCount < limits.quic.acceptedMax, hasRoom else {
      refusedCount += 1
      return false
    }
    do throws(TransportError) {
      guard let stream = TLSStream(try currentServer(now)) else { return false }
      let link = TCPLink(descriptor, remote: remote, tls: stream, dialed: nil, loop: loop, desk: self)
      try add(link, .readable, until: now + loop.options.handshakeTimeout)
      link.isStranger = true
      acceptedCount += 1
      strangers += 1
      strangersFrom.add(remote)
      return true
    } catch {
      loop.endpoint.limitReached("TCP links: \(error)")
      return false
    }
  }

  /// Dials a link over TCP. Nil when it can't even begin.
  func dial(
    _ link: LinkID, _ remote: SocketAddress, _ serverName: String, until deadline: Instant, _ now: Instant
  ) -> TCPLink? {
    guard hasRoom else { return nil }
    do throws(TransportError) {
      guard let stream = TLSStream(try currentClient(now), to: serverName),
        case .success(let descriptor) = TCPSocket.connect(from: local, to: remote)
      else { return nil }
      let made = TCPLink(
        descriptor, remote: remote, tls: stream, dialed: (link, serverName), loop: loop, desk: self)
      do throws(TransportError) {
        try add(made, .writable, until: deadline)
      } catch {
        _ = Glibc.close(descriptor)
        throw error
      }
      return made
    } catch {
      loop.endpoint.limitReached("TCP links: \(error)")
      return nil
    }
  }

  /// The total is that of QUIC and TCP together.
  private var hasRoom: Bool { links.count + loop.connections.count < limits.quic.connectionsMax }

  private func endOldestStranger(where isOne: (TCPLink) -> Bool) {
    let oldest = links.values.filter { $0.isStranger && isOne($0) }.min { $0.cameAt < $1.cameAt }
    if let oldest { loop.ended(oldest, .timedOut) }
  }

  /// Made when the first client comes: most nodes never need it.
  private func currentServer(_ now: Instant) throws(TransportError) -> TLSServer {
    try current(&server, now) { () throws(TransportError) in
      try TLSServer(EdgeTLS(security: security, requiresClientCertificate: true))
    }
  }

  private func currentClient(_ now: Instant) throws(TransportError) -> TLSNodeClient {
    try current(&client, now) { () throws(TransportError) in try TLSNodeClient(security, protocols: ["h2"]) }
  }

  private func current<Form>(
    _ credential: inout RenewedCredential<Form>?, _ now: Instant, make: () throws(TransportError) -> Form
  ) throws(TransportError) -> Form {
    let generation = security.credential.generation
    guard var renewed = credential else {
      let made = try make()
      credential = RenewedCredential(made, of: generation)
      return made
    }
    defer { credential = renewed }
    return renewed.current(
      generation, now, make: make,
      report: { loop.observe(.certificateReloadFailed(reason: $0.description)) })
  }

  private func add(_ link: TCPLink, _ interest: Readiness, until deadline: Instant) throws(TransportError) {
    try reactor.register(link.descriptor, for: interest, link)
    TCPSocket.prepareLink(link.descriptor, idleTimeout: loop.options.idleTimeout)
    links[ObjectIdentifier(link)] = link
    link.deadline = deadline
    deadlines.set(link, to: deadline)
  }

  /// The peer's certificate is trusted: it counts by its identity from now on, with those over QUIC. Gives why it is
  /// one too many; nil while it isn't.
  func trusts(_ link: TCPLink, _ identity: PeerIdentity) -> String? {
    guard link.isStranger else { return nil }
    leaveStrangers(link)
    link.countsAs = identity
    return loop.endpoint.count(identity, as: link.peerName)
  }

  private func leaveStrangers(_ link: TCPLink) {
    guard link.isStranger else { return }
    link.isStranger = false
    strangers -= 1
    strangersFrom.remove(link.remote)
  }

  func watch(_ link: TCPLink, for interest: Readiness) { reactor.setInterest(link.descriptor, interest) }

  /// Closes the socket of `link`, without a word to its link.
  func remove(_ link: TCPLink) {
    guard links.removeValue(forKey: ObjectIdentifier(link)) != nil else { return }
    if link.isStranger { refusedCount += 1 }
    if link.isServer { acceptedCount -= 1 }
    if let identity = link.countsAs { loop.endpoint.uncount(identity) }
    leaveStrangers(link)
    deadlines.remove(link)
    reactor.remove(link.descriptor)
    _ = Glibc.close(link.descriptor)
  }

  // MARK: Turns

  /// When `expire` has to be called next.
  var nextDeadline: Instant? { deadlines.first }

  /// Acts on the deadlines that have come.
  func expire(_ now: Instant) {
    while let link = deadlines.next(upTo: now) {
      if let deadline = link.deadline, deadline <= now { link.conversation.deadlineCame() }
      if let trial = link.trialAt, trial <= now {
        link.trialWait = min(link.trialWait.multiplied(by: 2), limits.trialWaitMax)
        link.trialAt = now + link.trialWait
        loop.tryUDP(for: link, now)
      }
      touch(link)
    }
  }

  /// Puts `link` on the list of those that are moved before the next wait.
  func touch(_ link: TCPLink) {
    if link.isDirty { return }
    link.isDirty = true
    dirty.append(link)
  }

  /// Sends what is due on all that were touched, and ends those that are to end.
  func flush(_ now: Instant) {
    while let link = dirty.popLast() {
      // What it touches itself with meanwhile is done in the same move, so that no peer holds the thread.
      move(link, now)
      link.isDirty = false
    }
  }

  /// Lets `link` do what it can, and ends it when it is over.
  func move(_ link: TCPLink, _ now: Instant) {
    guard links[ObjectIdentifier(link)] != nil else { return }
    if let end = link.move(now) { return loop.ended(link, end) }
    var next = min(link.deadline ?? .distantFuture, link.trialAt ?? .distantFuture)
    // Nothing wakes us when the last bytes have arrived.
    if link.conversation.pendingEnd != nil { next = min(next, now + .milliseconds(10)) }
    if next == .distantFuture { deadlines.remove(link) } else { deadlines.set(link, to: next) }
  }

  /// Says goodbye on all, and closes them.
  func close() {
    for link in Array(links.values) {
      link.finish()
      loop.ended(link, .closed)
    }
    dirty = []
  }
}
