// The link thread: its loop, its tables, and the life of links. Their connections are those of a `QUICEndpoint`.
import Glibc
import MeshBasics
import MeshSecurity

/// What the link thread owns. Only that thread touches it, except `published`.
final class LinkLoop {
  /// How long what was sent just before a close or a stop, such as a farewell, has to arrive.
  static let farewell = Duration.milliseconds(250)
  /// A list of commands that was longer than this gives its memory back.
  private static let commandsKept = 64

  let options: LinkOptions
  let limits: LinkLimits
  let security: NodeSecurity
  let mailbox: Mailbox<LinkCommand>
  let deliver: (LinkEvent) -> Void
  let port: UInt16
  let published = Published(LinkStatistics())
  let endpoint: QUICEndpoint<LinkLoop>
  let tethers: TetherDesk
  /// Nil when the loop has ended.
  private(set) var tcp: TCPLinkDesk?
  /// Nil when the loop has ended.
  private var reactor: Reactor?

  var statistics = LinkStatistics()
  var links: [LinkID: LinkConversation] = [:]
  /// Dials over TCP beside dials over UDP: of two one will be the link.
  var rivals: [LinkID: TCPLink] = [:]
  /// Dials over UDP that TCP will be tried beside, the earliest first.
  var fallbacks: [Fallback] = []
  /// The calls that this node makes.
  var calls: PeerCalls
  private var requests: [RequestID: (connection: LinkConversation, stream: Int64)] = [:]
  /// Accepted links whose tether is still to come, by its token.
  var waitingForTether: [[UInt8]: LinkConnection] = [:]
  var doubted: [LinkConnection] = []
  /// Links whose credit is used up, and that have something to read.
  private var paused: [LinkConversation] = []
  /// Empty between turns.
  private var commands: [LinkCommand] = []

  /// When this turn came to its datagrams.
  var readingSince = Instant.distantFuture
  private var nextLink: UInt64 = 1
  private var nextRequest: UInt64 = 1
  /// How long UDP was waited for last, and when, by the peers that it seemed to reach.
  var trials: [SocketAddress: (wait: Duration, at: Instant)] = [:]
  private(set) var stopDeadline: Instant?
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
    calls = PeerCalls(limits.calls, idleTimeout: options.idleTimeout)
    let parameters = QUICParameters(
      handshakeTimeout: options.handshakeTimeout, idleTimeout: options.idleTimeout,
      streamsMax: limits.http3.streamsMax)
    let reactor = try Reactor()
    let (socket, listener) = try SharedPort.bind(address, receiveBufferBytes: 4 * 1024 * 1024)
    do throws(TransportError) {
      endpoint = try QUICEndpoint(socket: socket, limits: limits.quic, parameters: parameters, security: security)
    } catch {
      _ = Glibc.close(listener)
      throw error
    }
    self.reactor = reactor
    port = socket.address.port
    tethers = TetherDesk(
      listener: listener, address: socket.address, limits: limits, reactor: reactor, takeOthers: options.takeTLS)
  }

  var connections: Dictionary<ObjectIdentifier, LinkConnection>.Values { endpoint.users.values }

  // MARK: The loop

  func run() {
    guard let reactor, let socket = endpoint.socket else { return }
    endpoint.open(for: self)
    tcp = TCPLinkDesk(loop: self, security: security, local: endpoint.address, reactor: reactor)
    do {
      try reactor.register(socket.descriptor, for: .readable, self)
      try reactor.register(mailbox.descriptor, for: .readable, self)
      try tethers.open(for: self)
    } catch {
      deliver(.observed(.poisoned("link thread: \(error)")))
      isOver = true
    }
    while !isOver {
      let (began, due) = (MonotonicClock.now(), endpoint.nextExpiry)
      readingSince = .distantFuture
      reactor.turn(until: nextDeadline)
      let now = MonotonicClock.now()
      // Late to a timer, or long at the datagrams: others, among them answers, have waited as long.
      if now.since(min(readingSince, max(began, due))) >= limits.lateness { deliver(.late) }
      takeCommands(now)
      readOn()
      endpoint.expire(now)
      tethers.expire(now)
      tcp?.expire(now)
      fallBack(now)
      settleCalls(now)
      endpoint.flush(now)
      tcp?.flush(now)
      tellDoubts()
      if let stopDeadline, now >= stopDeadline || isFlushed { isOver = true }
      endpoint.report(now)
      endpoint.acceptedElsewhere = tcp?.acceptedCount ?? 0
      publish()
    }
    shutDown()
  }

  var isStopping: Bool { stopDeadline != nil }

  /// Whether all that was sent has arrived, as far as is known here.
  private var isFlushed: Bool {
    connections.allSatisfy { $0.outstanding == 0 } && tcp?.isFlushed != false
  }

  private var nextDeadline: Instant {
    // Nothing wakes us when the last bytes over TCP have arrived.
    let look = isStopping && tcp?.isFlushed == false ? MonotonicClock.now() + .milliseconds(10) : nil
    return [
      look, endpoint.nextDeadline, tethers.nextDeadline, tcp?.nextDeadline, fallbacks.first?.at, calls.nextDeadline,
      stopDeadline,
    ].compactMap { $0 }.min() ?? .distantFuture
  }

  private func publish() {
    statistics.quic = endpoint.counts
    statistics.connections = Int64(connections.count + (tcp?.count ?? 0))
    statistics.tethersOpen = tethers.openCount
    statistics.tethersRefused = tethers.refusedCount + (tcp?.refusedCount ?? 0)
    published.value = statistics
  }

  private func takeCommands(_ now: Instant) {
    mailbox.drain(into: &commands)
    for command in commands {
      if stopDeadline == nil {
        carryOut(command, now)
      } else if case .call(let id, _) = command {
        deliver(.callEnded(id, PeerCallEnd(outcome: .stopped)))
      }
    }
    commands.removeAll(keepingCapacity: commands.count <= LinkLoop.commandsKept)
  }

  private func carryOut(_ command: LinkCommand, _ now: Instant) {
    switch command {
    case .dial(let link, let address, let serverName): dial(link, address, serverName, now)
    case .send(let link, let message): links[link]?.send(message)
    case .close(let link, _):
      endRace(of: link)
      links[link]?.close(by: now + LinkLoop.farewell)
    case .reply(let request, let bytes):
      if let call = requests.removeValue(forKey: request) { call.connection.answer(call.stream, with: bytes) }
    case .fail(let request, let code, let message):
      guard let call = requests.removeValue(forKey: request) else { return }
      call.connection.answer(call.stream, with: GRPCStatus(code: code, message: message))
    case .call(let id, let call): begin(id, call, now)
    case .cancelCall(let id): cancelCall(id, now)
    case .credentialChanged: _ = endpoint.currentCredential()
    case .stop:
      stopCalls(now)
      stopDeadline = now + LinkLoop.farewell
      endpoint.isStopping = true
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

  // MARK: Links

  /// Dials a link, or a connection for calls.
  func dial(_ link: LinkID, _ address: SocketAddress, _ serverName: String, _ now: Instant) {
    guard links[link] == nil else { return }
    guard connections.count + (tcp?.count ?? 0) < limits.quic.connectionsMax else {
      endpoint.limitReached("connections")
      return tellClosed(link, .notTried("\(limits.quic.connectionsMax) connections are open"))
    }
    guard let quic = makeClient(to: address) else {
      return tellClosed(link, .notTried("no IPv6 on \(options.bindAddress)"))
    }
    let connection = LinkConnection(quic, loop: self, dialed: .link(link, serverName: serverName), limits: limits)
    links[link] = connection.conversation
    fallbacks.append(
      Fallback(
        at: now + (limits.fallbackDelay ?? options.handshakeTimeout.divided(by: 4)), link: link, address: address,
        serverName: serverName, dialedAt: now))
    start(connection, serverName, now)
  }

  /// Begins the handshake of a connection of ours.
  func start(_ connection: LinkConnection, _ serverName: String, _ now: Instant) {
    connection.deadline = now + options.handshakeTimeout
    endpoint.add(connection)
    statistics.handshakesDialed += 1
    let isStarted = connection.quic.startClient(
      endpoint.currentCredential(), serverName: serverName, parameters: endpoint.parameters, now: now)
    guard isStarted else { return failed(connection, .notStarted, now) }
    endpoint.touch(connection)
  }

  /// A connection of ours that hasn't begun. Nil when the socket doesn't speak with such addresses.
  func makeClient(to address: SocketAddress) -> QUICConnection? {
    guard let local = SocketAddress(literal: address.isIPv6 ? "::" : "0.0.0.0", port: port),
      endpoint.address.isIPv6 || !address.isIPv6
    else { return nil }
    return QUICConnection(
      isServer: false, local: local, remote: address, host: endpoint, resetSecret: endpoint.resetSecret,
      memory: endpoint.memory)
  }

  func user(of quic: QUICConnection) -> LinkConnection {
    let connection = LinkConnection(quic, loop: self, dialed: nil, limits: limits)
    awaitUse(of: connection)
    return connection
  }

  /// An accepted connection without a link is kept for the idle timeout at first and after each call: otherwise a peer
  /// that only pings, or never ends its requests, would hold it for ever. A call that waits for its answer has at least
  /// as long as its caller may wait.
  func awaitUse(of connection: any LinkCarrier, hasCalls: Bool = false) {
    let span = hasCalls ? max(options.idleTimeout, limits.calls.deadlineMax) : options.idleTimeout
    if connection.isServer { connection.deadline = MonotonicClock.now() + span }
  }

  func acceptedLink(on connection: LinkConversation) -> LinkID {
    let link = LinkID.accepted(nextLink)
    nextLink += 1
    links[link] = connection
    return link
  }

  func opened(_ link: LinkID, _ peer: LinkPeer, on connection: LinkConversation) {
    settleRace(of: link, winner: connection)
    if link.isForCalls { return callsMayGo(on: connection, link, peer) }
    statistics.links += 1
    statistics.linksOpened += 1
    if peer.transport == "http2" { statistics.linksOverTCP += 1 }
    connection.carrier.linkOpened()
    deliver(.opened(link, peer))
  }

  func received(_ message: InboundMessage, on link: LinkID) {
    statistics.messagesReceived += 1
    deliver(.received(link, message))
  }

  /// A link has come to the end of its credit, with something still to be read.
  func willReadOn(_ connection: LinkConversation) { paused.append(connection) }

  /// A link comes to the end of its credit for long.
  func presses(_ connection: LinkConversation) {
    endpoint.limitReached("messages of one link", peer: connection.carrier.peerName)
  }

  /// A call came when the credit of its connection was used up.
  func refusedCall(_ connection: LinkConversation, _ stream: Int64) {
    endpoint.limitReached("calls of one connection", peer: connection.carrier.peerName)
    connection.answer(stream, with: .resourceExhausted("too many calls wait for an answer"))
  }

  /// Reports what is no message of HTTP.
  func malformed(from remote: SocketAddress) {
    deliver(.observed(.messageRejected(peer: remote.description, reason: "HTTP/3: a malformed request")))
  }

  /// Reports bytes that are no gRPC message.
  func rejected(_ error: GRPCFrameError, from remote: SocketAddress) {
    deliver(.observed(.messageRejected(peer: remote.description, reason: error.reason)))
  }

  func called(
    _ method: String, _ peer: LinkPeer, _ message: InboundMessage, on connection: LinkConversation, _ stream: Int64
  ) -> RequestID {
    let request = RequestID(rawValue: nextRequest)
    nextRequest += 1
    requests[request] = (connection, stream)
    if connection.state != .open { awaitUse(of: connection.carrier, hasCalls: true) }
    deliver(.called(request, method: method, peer, message))
    return request
  }

  func forget(_ request: RequestID) { requests[request] = nil }

  /// Reports the end of a connection's link, once. The connection may go on: an accepted one without keep-alive until
  /// it is idle, a dialed one with it until the last call on it has ended.
  func linkEnded(_ connection: LinkConversation, _ reason: LinkEnd) {
    reportEnd(connection, reason)
    connection.carrier.linkEnded()
  }

  private func reportEnd(_ connection: LinkConversation, _ reason: LinkEnd) {
    guard let link = connection.link, connection.state != .ended else { return }
    let state = connection.state
    if state == .open, !link.isForCalls {
      statistics.links -= 1
      if connection.carrier.peer?.transport == "http2" { statistics.linksOverTCP -= 1 }
    }
    connection.markEnded()
    awaitUse(of: connection.carrier, hasCalls: connection.hasCallsToAnswer)
    connection.carrier.keepAlive(connection.isKeptForCalls)
    if state == .opening, goesOn(link, without: connection, after: reason) { return }
    links[link] = nil
    tellClosed(link, reason)
  }

  private func tellClosed(_ link: LinkID, _ reason: LinkEnd) {
    if link.isForCalls { callsCantGo(on: link, reason) } else { deliver(.closed(link, reason)) }
  }

  // MARK: The end of connections

  func failed(_ connection: LinkConnection, _ failure: QUICFailure, _ now: Instant) {
    let (reason, close) = explain(failure, on: connection)
    end(connection, reason, close, drains: failure.drains, now)
  }

  func end(_ connection: LinkConnection, _ now: Instant) {
    guard let pending = connection.conversation.pendingEnd else { return }
    let code = pending.isSentAway ? HTTP3ErrorCode.excessiveLoad : HTTP3ErrorCode.noError
    end(connection, pending.end, .application(code: code), now)
  }

  /// Forgets `connection`, sends `close` if there is one, and reports the end of its link. `drains`: see
  /// `QUICEndpoint.sayGoodbye`.
  func end(
    _ connection: LinkConnection, _ reason: LinkEnd, _ close: QUICClose?, drains: Bool = false, _ now: Instant
  ) {
    guard endpoint.remove(connection) else { return }
    over(connection.conversation, reason)
    endpoint.sayGoodbye(connection, close, drains: drains, now)
    // Only now: the goodbye should be there before the tether's end is.
    untie(connection)
  }

  /// A connection over TCP is over.
  func ended(_ connection: TCPLink, _ reason: LinkEnd) {
    over(connection.conversation, reason)
    if case .refused(let text) = reason { refused(text, on: connection) }
    tcp?.remove(connection)
  }

  private func over(_ connection: LinkConversation, _ reason: LinkEnd) {
    // A link that was being closed has ended as it was asked to, whatever its connection broke by.
    reportEnd(connection, connection.isParting ? .closed : reason)
    connection.loseCalls(reason)
    calls.kept.removeAll { $0 === connection }
    for (request, call) in requests where call.connection === connection { requests[request] = nil }
  }

  private func shutDown() {
    fallbacks = []
    let now = MonotonicClock.now()
    for connection in Array(connections) {
      end(connection, .closed, .application(code: HTTP3ErrorCode.noError), now)
    }
    tcp?.close()
    tcp = nil
    tethers.close()
    if let socket = endpoint.socket { reactor?.remove(socket.descriptor) }
    reactor?.remove(mailbox.descriptor)
    paused = []
    doubted = []
    reactor = nil
    endpoint.close()
    publish()
  }
}

extension LinkLoop: QUICEndpointOwner, ReactorHandler {
  func observe(_ observation: Observation) { deliver(.observed(observation)) }

  /// Each connection is of use to somebody: a peer that comes too late dials again.
  func makeRoom(forStranger: Bool, _ now: Instant) -> Bool { false }

  func ready(_ descriptor: Int32, _ readiness: Readiness) {
    // The mailbox is emptied in every turn anyway.
    guard descriptor == endpoint.socket?.descriptor else { return mailbox.wasSignalled() }
    readingSince = MonotonicClock.now()
    endpoint.ready(readiness, readingSince)
  }
}
