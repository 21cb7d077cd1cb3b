import CLinux
import Glibc
import MeshBasics
import MeshSecurity

/// The clients over TCP of one HTTP listener, at all of its addresses: their TLS, their deadlines, and what they share.
/// It moves bytes; what a request means is decided by the closure it is given.
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
  private let identify: (HTTPRequest) -> String?
  private let answer: (HTTPRequest) -> HTTPAnswer
  private var connections: [Int32: EdgeConnection] = [:]
  private var deadlines = DeadlineHeap<EdgeConnection>()
  private var strangers = 0
  private var strangersFrom = SiteCounts()
  private var stayingCount = 0
  /// Of requests that are arriving, over all connections.
  private var bodyBytes = 0
  private var clock = HTTPDate()
  /// What sockets are read into: each takes in what it read before the next one reads.
  var readBuffer = [UInt8](repeating: 0, count: 16 * 1024)
  /// Nil in clear text.
  private var server: RenewedCredential<TLSServer>?

  /// Nobody yet. `identify` tells whom a request shows, of those who are known; it is asked before `answer`, until a
  /// connection has shown somebody. None of the three may block. *Errors*: a certificate that TLS can't use.
  public init(
    reactor: Reactor, options: EdgeOptions, identify: @escaping (HTTPRequest) -> String? = { _ in nil },
    answer: @escaping (HTTPRequest) -> HTTPAnswer, observe: @escaping @Sendable (Observation) -> Void
  ) throws(TransportError) {
    self.reactor = reactor
    self.options = options
    self.identify = identify
    self.answer = answer
    self.observe = observe
    server = try options.tls.map { tls throws(TransportError) in
      let made = try TLSServer(tls)
      return RenewedCredential(made, of: made.generation)
    }
  }

  // MARK: Who comes and goes

  /// Takes over the connected `socket`, whose other end is `remote`. Where there are too many, another gives way, and
  /// where none does, the new one is closed.
  public func adopt(_ socket: Int32, _ remote: SocketAddress, _ now: Instant) {
    admit(socket, remote, through: EdgeDoor(speaksTLS: options.tls != nil), now)
  }

  /// The same of a socket that came in `through` one of the listener's addresses.
  func admit(_ socket: Int32, _ remote: SocketAddress?, through door: EdgeDoor, _ now: Instant) {
    let needsCertificate = door.speaksTLS && options.tls?.requiresClientCertificate == true
    let isStranger = needsCertificate || !options.knowsOwnHost || remote?.isLoopback != true
    // Who means it says at once who he is: of too many strangers the one that came first goes.
    if isStranger {
      if let remote, strangersFrom.count(from: remote) >= options.strangersPerAddressMax {
        firstStranger { $0.address?.site == remote.site }?.close()
      } else if strangers >= options.strangersMax {
        firstStranger()?.close()
      }
    }
    if isFull { whoGivesWay?.close() }
    guard !isFull else {
      observe(.limitReached("\(options.prefix)connections: \(options.connectionsMax)"))
      _ = Glibc.close(socket)
      return
    }
    serve(socket, remote, through: door, isStranger: isStranger, now)
  }

  private func serve(
    _ socket: Int32, _ remote: SocketAddress?, through door: EdgeDoor, isStranger: Bool, _ now: Instant
  ) {
    var one: Int32 = 1
    setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    do throws(TransportError) {
      let connection = EdgeConnection(
        socket: socket, address: remote, door: door, tls: door.speaksTLS ? try makeStream() : nil,
        isStranger: isStranger, clients: self, options: options, now: now)
      try reactor.register(socket, for: .readable, connection)
      connections[socket] = connection
      if isStranger {
        strangers += 1
        if let remote { strangersFrom.add(remote) }
      }
      keepDeadline(of: connection)
    } catch {
      observe(.limitReached("\(options.prefix)connections: \(error)"))
      _ = Glibc.close(socket)
    }
  }

  /// Whether there are as many as may be.
  var isFull: Bool { connections.count >= options.connectionsMax }
  /// Whether nobody is there.
  public var isEmpty: Bool { connections.isEmpty }

  /// Who goes for one more where all places are taken: whoever waits for its next request for longest, a stranger
  /// before others; where none waits, the stranger that came first. Nil: all are busy, and known.
  var whoGivesWay: EdgeConnection? { longestIdle(where: \.isStranger) ?? longestIdle() ?? firstStranger() }

  private func firstStranger(where isMeant: (EdgeConnection) -> Bool = { _ in true }) -> EdgeConnection? {
    connections.values.filter { $0.isStranger && isMeant($0) }.min { $0.cameAt < $1.cameAt }
  }

  /// It is known whose `connection` is: it counts with the others of its caller, of whom an idle one goes where it is
  /// one too many. False where none is idle: it has no place.
  func hasPlace(for connection: EdgeConnection) -> Bool {
    let count = connections.values.count { $0.caller == connection.caller && $0.countsForCaller }
    guard count > options.connectionsPerCallerMax else { return true }
    observe(.limitReached(options.prefix + EdgeOptions.callerLimit, peer: connection.callerText))
    let other = longestIdle { $0 !== connection && $0.caller == connection.caller && $0.countsForCaller }
    other?.close()
    return other != nil
  }

  /// Whose `request` is.
  func caller(of request: HTTPRequest) -> EdgeCaller? {
    identify(request).map { .named($0) } ?? request.peer.map { .key($0.keyFingerprint) }
  }

  /// `connection` is no stranger's any more.
  func leaveStrangers(_ connection: EdgeConnection) {
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

  /// TLS for the next client, with the newest certificate.
  private func makeStream() throws(TransportError) -> TLSStream {
    guard let tls = options.tls else { throw TransportError("TLS has no certificate") }
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
