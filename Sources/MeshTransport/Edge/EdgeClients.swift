import CLinux
import Glibc
import MeshBasics
import MeshSecurity

/// The clients over TCP of one HTTP listener: their TLS, their deadlines, and what they share. It moves bytes; what a
/// request means is decided by the closure it is given.
///
/// *Threads*: all on the one that turns its reactor. *Ownership*: the sockets are open until `close`.
public final class EdgeClients {
  let options: EdgeOptions
  let observe: @Sendable (Observation) -> Void
  /// Called when a client has gone.
  var onRoom: () -> Void = {}
  /// The listener is about to stop: what is answered now is a connection's last.
  private(set) var isStopping = false
  private let reactor: Reactor
  private let answer: (HTTPRequest) -> HTTPAnswer
  private var connections: [Int32: EdgeConnection] = [:]
  private var deadlines = DeadlineHeap<EdgeConnection>()
  private var strangers = 0
  private var strangersFrom = SiteCounts()
  private var stayingCount = 0
  /// Of requests that are arriving, over all connections.
  private var bodyBytes = 0
  private var clock = HTTPDate()
  /// Nil in clear text.
  private var server: RenewedCredential<TLSServer>?

  /// Nobody yet. `answer` and `observe` must not block. *Errors*: a certificate that TLS can't use.
  public init(
    reactor: Reactor, options: EdgeOptions, answer: @escaping (HTTPRequest) -> HTTPAnswer,
    observe: @escaping @Sendable (Observation) -> Void
  ) throws(TransportError) {
    self.reactor = reactor
    self.options = options
    self.answer = answer
    self.observe = observe
    server = try options.tls.map { tls throws(TransportError) in
      let made = try TLSServer(tls)
      return RenewedCredential(made, of: made.generation)
    }
  }

  // MARK: Who comes and goes

  /// Takes over the connected `socket`, whose other end is `remote`. Where there are too many, the one that is idle for
  /// longest goes, and where none is idle, the new one.
  public func adopt(_ socket: Int32, _ remote: SocketAddress, _ now: Instant) {
    if isFull {
      guard closeLongestIdle() else {
        observe(.limitReached("\(options.prefix)connections: \(options.connectionsMax)"))
        _ = Glibc.close(socket)
        return
      }
    }
    serve(socket, remote, now)
  }

  /// Whether there are as many as may be.
  var isFull: Bool { connections.count >= options.connectionsMax }
  /// Whether nobody is there.
  public var isEmpty: Bool { connections.isEmpty }
  /// Whether one of them waits for its next request.
  var hasIdle: Bool { longestIdle() != nil }

  /// Closes the one that waits for its next request for longest, of those that are meant. False when none does.
  @discardableResult
  func closeLongestIdle(where isMeant: (EdgeConnection) -> Bool = { _ in true }) -> Bool {
    guard let idle = longestIdle(where: isMeant) else { return false }
    idle.close()
    return true
  }

  /// Serves `socket`, for which there is room. Of too many strangers the one that came first goes.
  func serve(_ socket: Int32, _ remote: SocketAddress?, _ now: Instant) {
    if let remote, strangersFrom.count(from: remote) >= options.strangersPerAddressMax {
      closeLongestIdle { $0.isStranger && $0.address?.site == remote.site }
    } else if strangers >= options.strangersMax {
      closeLongestIdle { $0.isStranger }
    }
    var one: Int32 = 1
    setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    do throws(TransportError) {
      let connection = EdgeConnection(
        socket: socket, address: remote, tls: try makeStream(), clients: self, options: options,
        now: now)
      try reactor.register(socket, for: .readable, connection)
      connections[socket] = connection
      if connection.isStranger {
        strangers += 1
        if let remote { strangersFrom.add(remote) }
      }
      keepDeadline(of: connection)
    } catch {
      observe(.limitReached("\(options.prefix)connections: \(error)"))
      _ = Glibc.close(socket)
    }
  }

  /// The TLS of `connection` is open: it counts by its certificate from now on.
  func trusts(_ connection: EdgeConnection) {
    leaveStrangers(connection)
    guard options.connectionsPerIdentityMax < .max, let identity = connection.identity else { return }
    let count = connections.values.count { !$0.isStranger && $0.identity == identity }
    guard count > options.connectionsPerIdentityMax else { return }
    observe(.limitReached("\(options.prefix)connections of one identity"))
    if !closeLongestIdle(where: { $0 !== connection && $0.identity == identity }) { connection.close() }
  }

  private func leaveStrangers(_ connection: EdgeConnection) {
    strangers -= 1
    if let address = connection.address { strangersFrom.remove(address) }
  }

  func forget(_ connection: EdgeConnection) {
    guard connections.removeValue(forKey: connection.descriptor) != nil else { return }
    if connection.isStranger { leaveStrangers(connection) }
    deadlines.remove(connection)
    reactor.remove(connection.descriptor)
    onRoom()
  }

  private func longestIdle(where isMeant: (EdgeConnection) -> Bool = { _ in true }) -> EdgeConnection? {
    var oldest: (connection: EdgeConnection, since: Instant)?
    for connection in connections.values where isMeant(connection) {
      guard let since = connection.idleSince else { continue }
      if oldest.map({ since < $0.since }) ?? true { oldest = (connection, since) }
    }
    return oldest?.connection
  }

  /// TLS for the next client, with the newest certificate; nil in clear text.
  private func makeStream() throws(TransportError) -> TLSStream? {
    guard let tls = options.tls else { return nil }
    let current = server?.current(
      tls.security.credential.generation, MonotonicClock.now(),
      make: { () throws(TransportError) in try TLSServer(tls) },
      report: { observe(.certificateReloadFailed(reason: $0.description)) })
    guard let stream = current.flatMap({ TLSStream($0) }) else { throw TransportError("OpenSSL is out of memory") }
    return stream
  }

  // MARK: What they share

  func respond(to request: HTTPRequest) -> HTTPAnswer { answer(request) }

  func date() -> String { clock.now() }

  /// So many more connections have answers that may stay.
  func staying(_ more: Int) { stayingCount += more }

  /// Whether one more of them may.
  var mayStay: Bool { stayingCount < options.stayingConnectionsMax }

  /// Takes room for `count` bytes of bodies in place of `old`; false when that is more and there isn't as much.
  func mayHold(_ count: Int, insteadOf old: Int) -> Bool {
    let sum = bodyBytes - old + count
    guard count <= old || sum <= options.bodiesBytesMax else { return false }
    bodyBytes = sum
    return true
  }

  func setInterest(_ descriptor: Int32, _ interest: Readiness) { reactor.setInterest(descriptor, interest) }

  // MARK: Time and end

  /// The deadline of `connection` has moved.
  func keepDeadline(of connection: EdgeConnection) { deadlines.set(connection, to: connection.deadline) }

  /// Lets those whose answers are being made have what is new.
  func produce(_ now: Instant) {
    for connection in Array(connections.values) where connection.isStreaming { connection.produce(now) }
  }

  /// Acts on what is due. Gives the moment to be asked again.
  public func expire(_ now: Instant) -> Instant {
    // All that are due, and each once: one that wants its next turn at once waits for the sockets of the others.
    var due: [EdgeConnection] = []
    while let connection = deadlines.next(upTo: now) { due.append(connection) }
    for connection in due {
      connection.timeOut(now: now)
      if !connection.isClosed { keepDeadline(of: connection) }
    }
    return deadlines.first ?? .distantFuture
  }

  /// Asks all to go once they have their answers.
  public func finish(_ now: Instant) {
    isStopping = true
    renew(now)
  }

  /// Has all come again, to be judged anew: each goes once it has its answers.
  public func renew(_ now: Instant) {
    for connection in Array(connections.values) { connection.finish(now: now) }
  }

  /// Ends all connections at once.
  public func close() {
    for connection in Array(connections.values) { connection.close() }
  }
}
