// HTTP/3 on the control listener: its clients' connections on the UDP side of the port. What a request means is decided
// where HTTP/2 and HTTP/1.1 ask as well, by `EdgeClients`.
import MeshBasics

/// The HTTP/3 side of a control listener. Lives on the edge thread.
final class EdgeHTTP3: QUICEndpointOwner, ReactorHandler {
  let clients: EdgeClients
  /// Told in each turn.
  private let counts: Published<QUICCounts>
  var options: EdgeOptions { clients.options }
  /// What the session of one client may cost.
  let sessionLimits: HTTP3Limits
  private let endpoint: QUICEndpoint<EdgeHTTP3>
  private var stayingCount = 0

  /// Takes `socket` over. *Errors*: a certificate that GnuTLS can't use.
  init(
    socket: UDPSocket, tls: EdgeTLS, clients: EdgeClients, counts: Published<QUICCounts>
  ) throws(TransportError) {
    self.clients = clients
    self.counts = counts
    let options = clients.options
    sessionLimits = HTTP3Limits(
      streamsMax: UInt64(clamping: options.streams.streamsMax), sectionBytesMax: options.message.headerBytesMax * 4,
      message: options.message)
    var limits = QUICLimits()
    limits.prefix = options.prefix
    limits.connectionsMax = options.connectionsMax
    limits.acceptedMax = options.connectionsMax
    if socket.address.isLoopback {
      // All clients are on this host, so that its one address must not be what they run out of.
      limits.connectionsPerAddressMax = options.connectionsMax
      limits.handshakesPerAddressBeforeRetry = options.connectionsMax
    }
    // Where strangers are sent away they must not take the places of those who are trusted meanwhile.
    let places = max(1, options.connectionsMax / 2)
    if tls.requiresClientCertificate { limits.connectionsPerAddressMax = min(limits.connectionsPerAddressMax, places) }
    limits.connectionsPerNodeNameMax = options.connectionsMax
    var parameters = QUICParameters(
      handshakeTimeout: options.headTimeout, idleTimeout: options.idleTimeout,
      streamsMax: sessionLimits.streamsMax)
    parameters.requiresClientCertificate = tls.requiresClientCertificate
    endpoint = try QUICEndpoint(socket: socket, limits: limits, parameters: parameters, security: tls.security)
  }

  /// Begins to serve. *Errors*: when the process may watch no more descriptors.
  func open(_ reactor: Reactor) throws(TransportError) {
    guard let socket = endpoint.socket else { return }
    endpoint.open(for: self)
    try reactor.register(socket.descriptor, for: .readable, self)
  }

  func ready(_ descriptor: Int32, _ readiness: Readiness) { endpoint.ready(readiness, MonotonicClock.now()) }

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
  func staying(_ more: Int) { stayingCount += more }

  /// Whether one more of them may.
  var mayStay: Bool { stayingCount < options.stayingConnectionsMax }

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

  /// Ends the connection that has had no request for longest.
  func makeRoom(_ now: Instant) -> Bool {
    let idle = endpoint.users.values.filter { $0.isIdle && $0.quic.isHandshakeComplete }
    guard let client = idle.min(by: { $0.idleSince < $1.idleSince }) else { return false }
    end(client, now)
    return true
  }

  /// Something is to be sent to `client`, or it is to end.
  func touch(_ client: EdgeHTTP3Client) { endpoint.touch(client) }
}
