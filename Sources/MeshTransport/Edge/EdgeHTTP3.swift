// HTTP/3 on the control listener: its clients' connections on the UDP side of a port. What a request means is decided
// where HTTP/2 and HTTP/1.1 ask as well, by `EdgeClients`.
import MeshBasics

/// What the HTTP/3 sides of all ports of a control listener share: the places for their clients.
final class EdgeHTTP3Places {
  fileprivate struct Side {
    // Gone before these places are.
    unowned let side: EdgeHTTP3
  }
  fileprivate var sides: [Side] = []
  /// Clients that have answers that may stay.
  fileprivate var stayingCount = 0

  /// How many others than `side` have clients, and strangers among them.
  fileprivate func taken(beside side: EdgeHTTP3) -> (clients: Int, strangers: Int) {
    sides.reduce((0, 0)) { sum, other in
      other.side === side ? sum : (sum.0 + other.side.clientCount, sum.1 + other.side.strangerCount)
    }
  }

  /// All clients.
  private var clients: [EdgeHTTP3Client] { sides.flatMap(\.side.all) }

  /// Who goes for one more, by the rules of `EdgeClients`.
  fileprivate var whoGivesWay: EdgeHTTP3Client? {
    let idle = clients.filter { $0.isIdle && $0.quic.isHandshakeComplete }
    return EdgeHTTP3Places.first(idle.filter(\.isStranger), by: \.idleSince)
      ?? EdgeHTTP3Places.first(idle, by: \.idleSince) ?? firstStranger
  }

  /// The stranger that came first.
  fileprivate var firstStranger: EdgeHTTP3Client? {
    EdgeHTTP3Places.first(clients.filter(\.isStranger), by: \.cameAt)
  }

  /// How many clients are of `caller`.
  fileprivate func count(of caller: EdgeCaller) -> Int {
    clients.count { $0.caller == caller && $0.countsForCaller }
  }

  /// Who of the others of its caller has been idle for longest; nil when none is.
  fileprivate func longestIdle(beside client: EdgeHTTP3Client) -> EdgeHTTP3Client? {
    let others = clients.filter { $0 !== client && $0.caller == client.caller && $0.countsForCaller && $0.isIdle }
    return EdgeHTTP3Places.first(others, by: \.idleSince)
  }

  private static func first(
    _ clients: [EdgeHTTP3Client], by time: (EdgeHTTP3Client) -> Instant
  ) -> EdgeHTTP3Client? { clients.min { time($0) < time($1) } }
}

/// The HTTP/3 side of one port of a control listener. Lives on the edge thread.
final class EdgeHTTP3: QUICEndpointOwner, ReactorHandler {
  let clients: EdgeClients
  /// Told in each turn.
  private let counts: Published<QUICCounts>
  var options: EdgeOptions { clients.options }
  /// What the session of one client may cost.
  let sessionLimits: HTTP3Limits
  private let endpoint: QUICEndpoint<EdgeHTTP3>
  // The transport's, which outlives its sides.
  private unowned let places: EdgeHTTP3Places

  /// Takes `socket` over. *Errors*: a certificate that GnuTLS can't use.
  init(
    socket: UDPSocket, tls: EdgeTLS, clients: EdgeClients, places: EdgeHTTP3Places, counts: Published<QUICCounts>
  ) throws(TransportError) {
    self.clients = clients
    self.places = places
    self.counts = counts
    let options = clients.options
    sessionLimits = HTTP3Limits(
      streamsMax: UInt64(clamping: options.streams.streamsMax), sectionBytesMax: options.message.headerBytesMax * 4,
      message: options.message)
    var limits = QUICLimits()
    limits.prefix = options.prefix
    limits.connectionsMax = options.connectionsMax
    limits.acceptedMax = options.connectionsMax
    limits.untrustedMax = options.strangersMax
    limits.connectionsPerAddressMax = options.strangersPerAddressMax
    limits.knowsOwnHost = options.knowsOwnHost && !tls.requiresClientCertificate
    if socket.address.isLoopback {
      // All clients are on this host, so that its one address must not be what they run out of.
      limits.connectionsPerAddressMax = options.connectionsMax
      limits.handshakesPerAddressBeforeRetry = options.connectionsMax
    }
    // Those of one caller are counted here, over all ports.
    limits.connectionsPerNodeNameMax = options.connectionsMax
    var parameters = QUICParameters(
      handshakeTimeout: options.headTimeout, idleTimeout: options.idleTimeout,
      streamsMax: sessionLimits.streamsMax)
    parameters.requiresClientCertificate = tls.requiresClientCertificate
    endpoint = try QUICEndpoint(socket: socket, limits: limits, parameters: parameters, security: tls.security)
    places.sides.append(EdgeHTTP3Places.Side(side: self))
  }

  /// Begins to serve. *Errors*: when the process may watch no more descriptors.
  func open(_ reactor: Reactor) throws(TransportError) {
    guard let socket = endpoint.socket else { return }
    endpoint.open(for: self)
    try reactor.register(socket.descriptor, for: .readable, self)
  }

  func ready(_ descriptor: Int32, _ readiness: Readiness) {
    countOthers()
    endpoint.ready(readiness, MonotonicClock.now())
  }

  /// The clients of the other sides have places of these as well.
  private func countOthers() {
    (endpoint.acceptedElsewhere, endpoint.untrustedElsewhere) = places.taken(beside: self)
  }

  /// Acts on what is due and sends what waits. Gives the moment to be asked again.
  func turn(_ now: Instant) -> Instant {
    endpoint.expire(now)
    endpoint.flush(now)
    endpoint.report(now)
    counts.value = endpoint.counts
    return endpoint.nextDeadline
  }

  /// Asks all clients to go, and takes no new ones.
  func finish() {
    endpoint.isStopping = true
    for client in endpoint.users.values {
      client.finish()
      endpoint.touch(client)
    }
  }

  /// Lets those whose answers are being made have what is new.
  func produce() { for client in endpoint.users.values where client.isStreaming { endpoint.touch(client) } }

  /// So many more clients have answers that may stay.
  func staying(_ more: Int) { places.stayingCount += more }

  /// Whether one more of them may.
  var mayStay: Bool { places.stayingCount < options.stayingConnectionsMax }

  /// How many clients are there, and strangers among them.
  fileprivate var clientCount: Int { endpoint.acceptedCount }
  fileprivate var strangerCount: Int { endpoint.untrustedCount }
  fileprivate var all: [EdgeHTTP3Client] { Array(endpoint.users.values) }

  /// It is known whose `client` is: by the rules of `EdgeClients`, an idle one goes where it is one too many of its
  /// caller. False where none is: it has no place.
  func hasPlace(for client: EdgeHTTP3Client, of caller: EdgeCaller, _ now: Instant) -> Bool {
    endpoint.know(client)
    guard places.count(of: caller) > options.connectionsPerCallerMax else { return true }
    endpoint.limitReached(EdgeOptions.callerLimit, peer: caller.text(client.quic.identity, at: client.quic.remote))
    guard let other = places.longestIdle(beside: client) else {
      endpoint.counts.connectionsRefused += 1
      return false
    }
    other.listener.end(other, now)
    return true
  }

  /// Whether clients are still there.
  var hasClients: Bool { !endpoint.users.isEmpty }

  /// Ends all connections and frees the socket.
  func close(_ reactor: Reactor) {
    let now = MonotonicClock.now()
    for client in Array(endpoint.users.values) { end(client, now) }
    if let socket = endpoint.socket { reactor.remove(socket.descriptor) }
    endpoint.close()
  }

  // MARK: Connections

  func user(of quic: QUICConnection) -> EdgeHTTP3Client { EdgeHTTP3Client(quic, listener: self) }

  func failed(_ client: EdgeHTTP3Client, _ failure: QUICFailure, _ now: Instant) {
    let quic = client.quic
    if case .broken = failure {
      if let reason = quic.trustRefusal {
        observe(.trustRefused(peer: quic.remote.description, reason: reason, inbound: true))
      } else if let broken = quic.streams?.failure {
        observe(.messageRejected(peer: quic.remote.description, reason: broken.text))
      } else if quic.isHandshakeComplete {
        observe(.messageRejected(peer: quic.remote.description, reason: "QUIC: a broken connection"))
      }
    }
    end(client, quic.close(after: failure), drains: failure.drains, now)
  }

  func end(_ client: EdgeHTTP3Client, _ now: Instant) {
    end(client, .application(code: client.closeCode ?? HTTP3ErrorCode.noError), drains: false, now)
  }

  private func end(_ client: EdgeHTTP3Client, _ close: QUICClose?, drains: Bool, _ now: Instant) {
    guard endpoint.remove(client) else { return }
    client.release()
    endpoint.sayGoodbye(client, close, drains: drains, now)
  }

  func hostRefused(_ remote: SocketAddress, _ code: Int32, _ now: Instant) {
    // Anybody on this host can make ICMP say so. A client that is gone is found by its silence.
  }

  func observe(_ observation: Observation) { clients.observe(observation) }

  func makeRoom(forStranger: Bool, _ now: Instant) -> Bool {
    guard let client = forStranger ? places.firstStranger : places.whoGivesWay else { return false }
    client.listener.end(client, now)
    countOthers()
    return true
  }

  /// Something is to be sent to `client`, or it is to end.
  func touch(_ client: EdgeHTTP3Client) { endpoint.touch(client) }
}
