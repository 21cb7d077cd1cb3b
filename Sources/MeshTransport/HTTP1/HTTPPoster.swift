// Small POSTs to many nodes over TCP, for OmniRelay's gossip: HTTP/1.1 and TLS as its nodes speak them.
import Glibc
import MeshBasics
import MeshSecurity

/// POSTs JSON to many nodes at once over HTTP/1.1 and TLS with certificates on both sides. A connection carries one
/// request at a time and is kept for the next. Redirects are not followed.
///
/// *Threads*: all on the one that turns its reactor. *Ownership*: `close` ends the sockets, as the object's end does.
/// It sets no time for a request: who asked gives up by `abandon`.
public final class HTTPPoster {
  /// How it speaks, and what it keeps.
  public struct Options: Sendable {
    /// Where connections come from; any address when unspecified.
    public var local: SocketAddress
    /// TLS 1.2 is spoken with servers that have no newer one.
    public var allowsTLS12 = false
    /// What the certificates of servers must name.
    public var names = NamesRule.nodes
    /// How long a connection is kept for the next request.
    public var idleTimeout = Duration.seconds(30)
    /// Connections that are kept; with more, the one that is idle for longest is closed.
    public var idleMax = 256
    /// What one answer may cost.
    public var message = HTTPLimits()

    /// TLS 1.3, certificates that name nodes, connections from `local`.
    public init(local: SocketAddress) { self.local = local }
  }

  /// How a request has ended.
  public struct End: Sendable {
    /// The request, by its caller's number.
    public let request: UInt64
    /// The answer, whatever its status; or why there is none.
    public let outcome: Result<HTTPResponse, TransportError>
    /// Who answered; nil when nobody did.
    public let server: PeerIdentity?
    /// Why the server's certificate was refused; nil when it wasn't.
    public let refusal: String?

    fileprivate init(
      _ request: UInt64, _ outcome: Result<HTTPResponse, TransportError>, on connection: PosterConnection? = nil
    ) {
      self.request = request
      self.outcome = outcome
      server = connection?.tls.peer
      refusal = connection?.tls.refusal?.reason
    }
  }

  private let reactor: Reactor
  private let security: NodeSecurity
  private let options: Options
  private let observe: (Observation) -> Void
  private var client: RenewedCredential<TLSNodeClient>
  /// That of the credential in use.
  private var generation: UInt64
  private var connections: [ObjectIdentifier: PosterConnection] = [:]
  private var busy: [UInt64: PosterConnection] = [:]
  private var idle: [SocketAddress: [PosterConnection]] = [:]
  private var idleCount = 0
  private var deadlines = DeadlineHeap<PosterConnection>()
  private var ends: [End] = []

  /// A poster that speaks with the certificate of `security`, which also judges the servers'. *Errors*: a certificate
  /// that TLS can't use.
  public init(
    reactor: Reactor, security: NodeSecurity, options: Options, observe: @escaping (Observation) -> Void
  ) throws(TransportError) {
    let first = try TLSNodeClient(security, allowsTLS12: options.allowsTLS12, names: options.names)
    (client, generation) = (RenewedCredential(first, of: first.generation), security.generation)
    self.observe = observe
    self.reactor = reactor
    self.security = security
    self.options = options
  }

  deinit { close() }

  /// Begins to POST `body` to `path` of the node at `address`, dialed as `host`. `takeEnds` tells how it ended.
  public func post(
    _ request: UInt64, to address: SocketAddress, host: Endpoint, path: String, body: [UInt8], _ now: Instant
  ) {
    let head =
      "POST \(path) HTTP/1.1\r\nHost: \(host)\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
      + "User-Agent: meshkit\r\nContent-Length: \(body.count)\r\n\r\n"
    let job = PosterConnection.Job(request: request, address: address, host: host.host, bytes: Array(head.utf8) + body)
    do throws(TransportError) {
      let client = renewCredential(now)
      if let kept = takeIdle(for: address) {
        begin(job, on: kept)
      } else {
        try open(for: job, as: client)
      }
    } catch {
      ends.append(End(request, .failure(error)))
    }
  }

  /// Nobody waits for `request` any more: nothing is told of it.
  public func abandon(_ request: UInt64) {
    guard let connection = busy.removeValue(forKey: request) else { return }
    // One that was kept and is dead now is seldom alone.
    if connection.wasUsed { for other in idle[connection.address] ?? [] { drop(other) } }
    drop(connection)
  }

  /// The requests that have ended since this was asked last.
  public func takeEnds() -> [End] {
    defer { ends.removeAll(keepingCapacity: true) }
    return ends
  }

  /// Closes what was idle for too long. Gives the moment to be asked again.
  public func expire(_ now: Instant) -> Instant {
    while let connection = deadlines.next(upTo: now) { drop(connection) }
    return ends.isEmpty ? deadlines.first ?? .distantFuture : now
  }

  /// Ends all connections; nothing is told of the requests on them.
  public func close() {
    for connection in Array(connections.values) { drop(connection) }
    busy = [:]
  }

  // MARK: Connections

  /// Connections that are open, or being opened.
  var connectionCount: Int { connections.count }

  /// The newest credential. A connection that was trusted under other files is used no more.
  private func renewCredential(_ now: Instant) -> TLSNodeClient {
    let current = client.current(
      security.credential.generation, now,
      make: { () throws(TransportError) in
        try TLSNodeClient(security, allowsTLS12: options.allowsTLS12, names: options.names)
      }, report: { observe(.certificateReloadFailed(reason: $0.description)) })
    let newest = security.generation
    if newest != generation {
      generation = newest
      for connection in idle.values.joined() { drop(connection) }
    }
    return current
  }

  private func takeIdle(for address: SocketAddress) -> PosterConnection? {
    guard let connection = idle[address]?.last else { return nil }
    leaveIdle(connection)
    return connection
  }

  private func open(for job: PosterConnection.Job, as client: TLSNodeClient) throws(TransportError) {
    guard let stream = TLSStream(client, to: job.host) else { throw TransportError("OpenSSL is out of memory") }
    let descriptor: Int32
    switch TCPSocket.connect(from: options.local, to: job.address) {
    case .success(let opened): descriptor = opened
    case .failure(let error): throw TransportError("\(job.address): \(systemMessage(error.code))")
    }
    let connection = PosterConnection(
      descriptor, address: job.address, tls: stream, generation: generation, poster: self)
    do throws(TransportError) {
      try reactor.register(descriptor, for: .writable, connection)
    } catch {
      _ = Glibc.close(descriptor)
      throw error
    }
    connections[ObjectIdentifier(connection)] = connection
    begin(job, on: connection)
  }

  private func begin(_ job: PosterConnection.Job, on connection: PosterConnection) {
    busy[job.request] = connection
    connection.begin(job, limits: options.message)
    if connection.wasUsed { move(connection) }
  }

  /// Lets `connection` do what it can, and acts on what came of it.
  func move(_ connection: PosterConnection) {
    switch connection.move() {
    case .going: reactor.setInterest(connection.descriptor, connection.interest)
    case .answered(let response, let mayStay): answered(response, on: connection, mayStay: mayStay)
    case .broken(let reason): broke(connection, reason)
    }
  }

  private func answered(_ response: HTTPResponse, on connection: PosterConnection, mayStay: Bool) {
    guard let job = connection.endJob() else { return drop(connection) }
    busy[job.request] = nil
    ends.append(End(job.request, .success(response), on: connection))
    guard mayStay, connection.generation == generation else { return drop(connection) }
    reactor.setInterest(connection.descriptor, .readable)
    deadlines.set(connection, to: MonotonicClock.now() + options.idleTimeout)
    idle[connection.address, default: []].append(connection)
    idleCount += 1
    if idleCount > options.idleMax, let oldest = deadlines.next(upTo: .distantFuture) { drop(oldest) }
  }

  /// A server may close a connection that was idle just when it is used again: then the request is tried once more, on
  /// a new one.
  private func broke(_ connection: PosterConnection, _ reason: String) {
    let mayTryAgain = connection.wasUsed && !connection.hasHeard
    let job = connection.endJob()
    drop(connection)
    guard let job, busy.removeValue(forKey: job.request) != nil else { return }
    do throws(TransportError) {
      guard mayTryAgain else { throw TransportError(reason) }
      try open(for: job, as: renewCredential(MonotonicClock.now()))
    } catch {
      ends.append(End(job.request, .failure(error), on: connection))
    }
  }

  private func leaveIdle(_ connection: PosterConnection) {
    guard let place = idle[connection.address]?.firstIndex(where: { $0 === connection }) else { return }
    idle[connection.address]?.remove(at: place)
    if idle[connection.address]?.isEmpty == true { idle[connection.address] = nil }
    idleCount -= 1
    deadlines.remove(connection)
  }

  private func drop(_ connection: PosterConnection) {
    guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
    leaveIdle(connection)
    reactor.remove(connection.descriptor)
    connection.close()
  }
}
