// The link thread: its loop, its tables, and the life of connections. Datagrams are sorted in LinkLoop+Datagrams.swift.
import MeshBasics
import MeshSecurity

/// What the link thread owns. Only that thread touches it, except `published`.
final class LinkLoop {
  /// Where datagrams of a connection id go.
  enum Route {
    case live(LinkConnection)
    case closing(ClosingConnection)
  }

  /// How long what was sent just before a close or a stop, such as a farewell, has to arrive.
  static let farewell = Duration.milliseconds(250)
  private static let pauseStep = Duration.milliseconds(5)
  /// A list of commands that was longer than this gives its memory back.
  private static let commandsKept = 64

  let options: LinkOptions
  let limits: LinkLimits
  let security: NodeSecurity
  let mailbox: Mailbox<LinkCommand>
  let deliver: (LinkEvent) -> Void
  let port: UInt16
  /// The key of stateless resets. It comes from the private key, so that the peers of the process before this one
  /// believe its resets (RFC 9000 §10.3.2), and from the port, so that two processes with one key don't share it.
  let resetSecret: [UInt8]
  /// The key of Retry tokens; new at every start.
  let retrySecret = Entropy.bytes(32)
  let published = Published(LinkStatistics())
  /// For all connections of this thread.
  let memory = ConnectionMemory()

  // Freed when the loop ends; nil then.
  private(set) var socket: UDPSocket?
  let tethers: TetherDesk
  private var reactor: Reactor?
  private var credential: TLSCredential

  var statistics = LinkStatistics()
  var routes: [ConnectionKey: Route] = [:]
  private(set) var connections: [ObjectIdentifier: LinkConnection] = [:]
  private var links: [LinkID: LinkConnection] = [:]
  private var requests: [RequestID: (connection: LinkConnection, stream: Int64)] = [:]
  /// Accepted connections by the address of peers that are not trusted yet, and by the key of those that are.
  var untrustedFrom = SiteCounts()
  private var acceptedOf: [String: Int] = [:]
  /// Accepted links whose tether is still to come, by its token.
  var waitingForTether: [[UInt8]: LinkConnection] = [:]
  var doubted: [LinkConnection] = []
  private(set) var acceptedCount = 0
  var handshakesInFlight = 0
  private var dirty: [LinkConnection] = []
  /// Links whose credit is used up, and that have something to read.
  private var paused: [LinkConnection] = []
  /// Empty between turns.
  private var commands: [LinkCommand] = []
  private var deadlines = DeadlineHeap<LinkConnection>()
  private var closing = DeadlineHeap<ClosingConnection>()
  var notices: NoticeLimiter
  var resets = RateLimit()

  /// When this turn came to its datagrams.
  var readingSince = Instant.distantFuture
  private var nextLink: UInt64 = 1
  private var nextRequest: UInt64 = 1
  private var stopDeadline: Instant?
  private var isOver = false

  init(
    options: LinkOptions, limits: LinkLimits, security: NodeSecurity, mailbox: Mailbox<LinkCommand>,
    deliver: @escaping (LinkEvent) -> Void
  ) throws(TransportError) {
    guard let address = SocketAddress(literal: options.bindAddress, port: options.port) else {
      throw TransportError("bind address '\(options.bindAddress)' is neither an IPv4 nor an IPv6 address")
    }
    self.options = options
    self.limits = limits
    self.security = security
    self.mailbox = mailbox
    self.deliver = deliver
    notices = NoticeLimiter()
    credential = try TLSCredential(security.credential)
    let reactor = try Reactor()
    let (socket, listener) = try LinkLoop.bind(address)
    self.socket = socket
    self.reactor = reactor
    port = socket.address.port
    resetSecret = TLSCredential.secret(for: "meshkit stateless reset \(port)", of: security.credential)
    tethers = TetherDesk(listener: listener, address: socket.address, limits: limits, reactor: reactor)
  }

  var parameters: QUICParameters {
    QUICParameters(
      handshakeTimeout: options.handshakeTimeout, idleTimeout: options.idleTimeout,
      streamsMax: limits.streamsPerConnectionMax)
  }

  // MARK: The loop

  func run() {
    guard let reactor, let socket else { return }
    do {
      try reactor.register(socket.descriptor, for: .readable, self)
      try reactor.register(mailbox.descriptor, for: .readable, self)
      try tethers.open(for: self)
    } catch {
      deliver(.observed(.poisoned("link thread: \(error)")))
      isOver = true
    }
    while !isOver {
      let (began, due) = (MonotonicClock.now(), deadlines.first ?? .distantFuture)
      readingSince = .distantFuture
      reactor.turn(until: nextDeadline)
      let now = MonotonicClock.now()
      // Late to a timer, or long at the datagrams: others, among them answers, have waited as long.
      if now.since(min(readingSince, max(began, due))) >= limits.lateness { deliver(.late) }
      takeCommands(now)
      readOn()
      expire(now)
      flush(now)
      tellDoubts()
      if let stopDeadline, now >= stopDeadline || connections.values.allSatisfy({ $0.outstanding == 0 }) {
        isOver = true
      }
      notices.report(now, deliver)
      publish()
    }
    shutDown()
  }

  private var nextDeadline: Instant {
    var next = Instant.distantFuture
    if let first = deadlines.first { next = min(next, first) }
    if let first = closing.first { next = min(next, first) }
    if let first = tethers.nextDeadline { next = min(next, first) }
    if let stopDeadline { next = min(next, stopDeadline) }
    if let report = notices.nextReport { next = min(next, report) }
    return next
  }

  private func publish() {
    statistics.connections = Int64(connections.count)
    statistics.tethersOpen = tethers.openCount
    statistics.tethersRefused = tethers.refusedCount
    published.value = statistics
  }

  private func takeCommands(_ now: Instant) {
    mailbox.drain(into: &commands)
    for command in commands where stopDeadline == nil { carryOut(command, now) }
    commands.removeAll(keepingCapacity: commands.count <= LinkLoop.commandsKept)
  }

  private func carryOut(_ command: LinkCommand, _ now: Instant) {
    switch command {
    case .dial(let link, let address, let serverName): dial(link, address, serverName, now)
    case .send(let link, let message): links[link]?.send(message)
    case .close(let link, _): links[link]?.close(by: now + LinkLoop.farewell)
    case .reply(let request, let bytes):
      if let call = requests.removeValue(forKey: request) { call.connection.answer(call.stream, with: bytes) }
    case .fail(let request, let code, let message):
      guard let call = requests.removeValue(forKey: request) else { return }
      call.connection.answer(call.stream, with: GRPCStatus(code: code, message: message))
    case .credentialChanged: _ = currentCredential()
    case .stop:
      stopDeadline = now + LinkLoop.farewell
      mailbox.close()
    }
  }

  /// Reads on where there is credit again. Asked in every turn: the wake that says so is for all links.
  private func readOn() {
    if paused.isEmpty { return }
    let waiting = paused
    paused = []
    for connection in waiting where !connection.readOn() { paused.append(connection) }
  }

  private func expire(_ now: Instant) {
    while let connection = deadlines.next(upTo: now) {
      if connection.quic.expiry <= now, let failure = connection.quic.handleExpiry(now: now) {
        fail(connection, failure, now)
        continue
      }
      if let deadline = connection.deadline, deadline <= now { connection.fail(.timedOut) }
      touch(connection)
    }
    while let entry = closing.next(upTo: now) { forget(entry) }
    tethers.expire(now)
  }

  /// Leaves `connection` unflushed until something is to be sent on it, or `end`. ngtcp2 would acknowledge after an
  /// eighth of the round trip, before any answer is there.
  func pause(_ connection: LinkConnection, until end: Instant) {
    // On a grid, so that one turn of the thread serves the answers to all probes of one round.
    let step = UInt64(clamping: LinkLoop.pauseStep.nanoseconds)
    let end = Instant(nanoseconds: end.nanoseconds / step * step)
    deadlines.set(connection, to: min(end, connection.deadline ?? .distantFuture))
  }

  /// Puts `connection` on the list of those that are flushed before the next wait.
  func touch(_ connection: LinkConnection) {
    if connection.isDirty { return }
    connection.isDirty = true
    dirty.append(connection)
  }

  private func flush(_ now: Instant) {
    while !dirty.isEmpty {
      let batch = dirty
      dirty.removeAll(keepingCapacity: true)
      for connection in batch {
        connection.isDirty = false
        guard connections[ObjectIdentifier(connection)] != nil else { continue }
        connection.willFlush()
        if let failure = connection.quic.flush(now: now) {
          fail(connection, failure, now)
        } else if let (end, close) = connection.pendingEnd, !connection.lingers(now) {
          self.end(connection, end, close, now)
        } else if let code = connection.quic.unreachable, !connection.quic.isHandshakeComplete {
          end(connection, .unreachable(systemMessage(code)), nil, now)
        } else {
          settle(connection)
        }
      }
    }
  }

  /// Books what the last calls changed: a handshake that is over, the next deadline.
  private func settle(_ connection: LinkConnection) {
    if connection.countsAsHandshake, connection.quic.isHandshakeComplete {
      connection.countsAsHandshake = false
      handshakesInFlight -= 1
      statistics.handshakesAccepted += 1
    }
    deadlines.set(connection, to: min(connection.quic.expiry, connection.deadline ?? .distantFuture))
  }

  // MARK: Links

  private func dial(_ link: LinkID, _ address: SocketAddress, _ serverName: String, _ now: Instant) {
    guard links[link] == nil else { return }
    guard connections.count < limits.connectionsMax else {
      notices.limitReached("connections")
      return deliver(.closed(link, .protocolError("\(limits.connectionsMax) connections are open")))
    }
    guard let socket, let local = SocketAddress(literal: address.isIPv6 ? "::" : "0.0.0.0", port: port),
      socket.address.isIPv6 || !address.isIPv6
    else { return deliver(.closed(link, .notTried("no IPv6 on \(options.bindAddress)"))) }
    let quic = QUICConnection(
      isServer: false, local: local, remote: address, host: self, resetSecret: resetSecret, memory: memory)
    let connection = LinkConnection(quic, loop: self, link: link, serverName: serverName, limits: limits)
    connections[ObjectIdentifier(connection)] = connection
    links[link] = connection
    byQUIC[ObjectIdentifier(quic)] = connection
    connection.deadline = now + options.handshakeTimeout
    statistics.handshakesDialed += 1
    guard quic.startClient(currentCredential(), serverName: serverName, parameters: parameters, now: now) else {
      return end(connection, .protocolError("can't start TLS"), nil, now)
    }
    touch(connection)
  }

  /// The connection around each QUIC connection, for callbacks that know only that.
  var byQUIC: [ObjectIdentifier: LinkConnection] = [:]

  /// Takes in a new accepted connection.
  func add(_ connection: LinkConnection) {
    connections[ObjectIdentifier(connection)] = connection
    byQUIC[ObjectIdentifier(connection.quic)] = connection
    awaitUse(of: connection)
    connection.countsAsHandshake = true
    handshakesInFlight += 1
    acceptedCount += 1
    untrustedFrom.add(connection.quic.remote)
  }

  /// An accepted connection's peer is trusted: from now on it counts against that identity, not against the address
  /// that many may share.
  func trusted(_ connection: LinkConnection) {
    guard connection.quic.isServer, !connection.countsAsTrusted, let identity = connection.quic.identity else { return }
    countDown(connection)
    connection.countsAsTrusted = true
    acceptedOf[identity.keyFingerprint, default: 0] += 1
    // Several nodes may share a certificate that names them all; which of them this is tells only its hello.
    let most = limits.connectionsPerNodeNameMax * max(1, identity.nodeNames.count)
    if acceptedOf[identity.keyFingerprint, default: 0] <= most { return }
    statistics.connectionsRefused += 1
    notices.limitReached("connections of one identity", peer: connection.peerName)
    connection.fail(
      .protocolError("\(most) connections of this identity are open"),
      .application(code: HTTP3ErrorCode.excessiveLoad))
  }

  private func countDown(_ connection: LinkConnection) {
    if connection.countsAsTrusted {
      guard let key = connection.quic.identity?.keyFingerprint, let count = acceptedOf[key] else { return }
      acceptedOf[key] = count > 1 ? count - 1 : nil
    } else {
      untrustedFrom.remove(connection.quic.remote)
    }
  }

  /// An accepted connection without a link is kept for the idle timeout at first and after each call: otherwise a peer
  /// that only pings, or never ends its requests, would hold it for ever.
  private func awaitUse(of connection: LinkConnection) {
    if connection.quic.isServer { connection.deadline = MonotonicClock.now() + options.idleTimeout }
  }

  func acceptedLink(on connection: LinkConnection) -> LinkID {
    let link = LinkID.accepted(nextLink)
    nextLink += 1
    links[link] = connection
    return link
  }

  func opened(_ link: LinkID, _ peer: LinkPeer, on connection: LinkConnection) {
    statistics.links += 1
    statistics.linksOpened += 1
    connection.quic.keepAlive(every: options.keepAlive)
    tie(connection)
    connection.quic.releaseTLS()
    deliver(.opened(link, peer))
  }

  func received(_ message: InboundMessage, on link: LinkID) {
    statistics.messagesReceived += 1
    deliver(.received(link, message))
  }

  /// A link has come to the end of its credit, with something still to be read.
  func willReadOn(_ connection: LinkConnection) { paused.append(connection) }

  /// A link comes to the end of its credit for long.
  func presses(_ connection: LinkConnection) {
    notices.limitReached("messages of one link", peer: connection.peerName)
  }

  /// A call came when the credit of its connection was used up.
  func refusedCall(_ connection: LinkConnection, _ stream: Int64) {
    notices.limitReached("calls of one connection", peer: connection.peerName)
    connection.answer(stream, with: .resourceExhausted("too many calls wait for an answer"))
  }

  /// Reports bytes that are no gRPC message.
  func rejected(_ error: GRPCFrameError, from remote: SocketAddress) {
    deliver(.observed(.messageRejected(peer: remote.description, reason: error.reason)))
  }

  func called(
    _ method: String, _ peer: LinkPeer, _ message: InboundMessage, on connection: LinkConnection, _ stream: Int64
  ) -> RequestID {
    let request = RequestID(rawValue: nextRequest)
    nextRequest += 1
    requests[request] = (connection, stream)
    if connection.state != .open { awaitUse(of: connection) }
    deliver(.called(request, method: method, peer, message))
    return request
  }

  func forget(_ request: RequestID) { requests[request] = nil }

  /// Reports the end of a connection's link, once. The connection may go on, without keep-alive, until it is idle.
  func linkEnded(_ connection: LinkConnection, _ reason: LinkEnd) {
    reportEnd(connection, reason)
    untie(connection)
  }

  private func reportEnd(_ connection: LinkConnection, _ reason: LinkEnd) {
    guard let link = connection.link, connection.state != .ended else { return }
    if connection.state == .open { statistics.links -= 1 }
    connection.markEnded()
    awaitUse(of: connection)
    connection.quic.keepAlive(every: Duration(nanoseconds: .max))
    links[link] = nil
    deliver(.closed(link, reason))
  }

  // MARK: The end of connections

  /// Ends `connection` after `failure`, and says goodbye where the protocol wants one.
  func fail(_ connection: LinkConnection, _ failure: QUICFailure, _ now: Instant) {
    let (reason, close) = explain(failure, on: connection)
    var drains = false
    if case .closedByPeer = failure { drains = true }
    end(connection, reason, close, drains: drains, now)
  }

  /// Forgets `connection`, sends `close` if there is one, and reports the end of its link.
  /// With `drains`, packets that are still on their way are passed over in silence (RFC 9000 §10.2.2): answered by a
  /// reset each, they could make two nodes reset each other.
  func end(
    _ connection: LinkConnection, _ reason: LinkEnd, _ close: QUICClose?, drains: Bool = false, _ now: Instant
  ) {
    let quic = connection.quic
    guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
    byQUIC[ObjectIdentifier(quic)] = nil
    deadlines.remove(connection)
    if connection.countsAsHandshake { handshakesInFlight -= 1 }
    if quic.isServer {
      acceptedCount -= 1
      countDown(connection)
    }
    reportEnd(connection, reason)
    for (request, call) in requests where call.connection === connection { requests[request] = nil }
    let packet = close.map { quic.closePacket($0, now: now) } ?? []
    var remembered: ClosingConnection?
    if !packet.isEmpty {
      let path = quic.lastPath
      _ = packet.withUnsafeBytes { transmit($0, from: path.local, to: path.remote, ecn: 0) }
    }
    // Only now: the goodbye should be there before the tether's end is.
    untie(connection)
    if !packet.isEmpty || drains, closing.count < limits.closingMax, stopDeadline == nil {
      let entry = ClosingConnection(packet: packet, keys: quic.keys)
      closing.set(entry, to: now + quic.closingPeriod)
      remembered = entry
    }
    for key in quic.keys { routes[key] = remembered.map { .closing($0) } }
    quic.release()
  }

  private func forget(_ entry: ClosingConnection) {
    for key in entry.keys { routes[key] = nil }
  }

  private func shutDown() {
    let now = MonotonicClock.now()
    for connection in Array(connections.values) {
      end(connection, .closed, .application(code: HTTP3ErrorCode.noError), now)
    }
    tethers.close()
    if let socket { reactor?.remove(socket.descriptor) }
    reactor?.remove(mailbox.descriptor)
    routes = [:]
    dirty = []
    paused = []
    doubted = []
    deadlines = DeadlineHeap()
    closing = DeadlineHeap()
    reactor = nil
    socket = nil
    publish()
  }

  // MARK: Certificates

  /// The newest credential that GnuTLS can use. When it refuses a new one, the one before stays in use.
  func currentCredential() -> TLSCredential {
    let newest = security.credential
    if newest.generation == credential.generation { return credential }
    do {
      credential = try TLSCredential(newest)
    } catch {
      deliver(.observed(.certificateReloadFailed(reason: error.description)))
    }
    return credential
  }
}

/// A closed connection, remembered to repeat the goodbye to packets that were on their way (RFC 9000 §10.2.1). Without
/// a goodbye, which is when the peer closed it, they are dropped.
final class ClosingConnection: DeadlineOwner {
  let packet: [UInt8]
  let keys: Set<ConnectionKey>
  var heapIndex: Int?
  private var late: UInt32 = 0

  init(packet: [UInt8], keys: Set<ConnectionKey>) {
    self.packet = packet
    self.keys = keys
  }

  /// Whether the goodbye is due again: after 1, 2, 4, 8… late packets.
  func isDueAgain() -> Bool {
    late &+= 1
    return late & (late &- 1) == 0
  }
}
