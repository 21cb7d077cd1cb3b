// The control listener: HTTP/2 and HTTP/1.1 on one TCP port and, with TLS, HTTP/3 on the UDP port of the same number,
// for callers on this host only. It moves bytes; what a request means is decided by the closure it is given
// (`MeshControl`).
import CLinux
import Glibc
import MeshBasics
import MeshSecurity
import MeshThreads

/// The control listener. One thread runs it.
///
/// *Threads*: `run` on one thread, once; `stop` and `port` from any. *Ordering*: on HTTP/1.1 answers leave in the order
/// of the requests of their connection. *Ownership*: all descriptors are closed when `run` returns, or with the object
/// if it never ran.
public final class EdgeTransport: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards what `stop` and `wake` touch; all else belongs to the edge
  // thread.
  private let lock = Lock()
  private var stopRequested = false
  /// Somebody called `wake` since the last turn.
  private var isWoken = false
  private let reactor: Reactor
  private let options: EdgeOptions
  private let answer: @Sendable (HTTPRequest) -> HTTPAnswer
  let observe: @Sendable (Observation) -> Void
  private var listener: Int32
  private var connections: [Int32: EdgeConnection] = [:]
  private var deadlines = DeadlineHeap<EdgeConnection>()
  private var stayingCount = 0
  /// Of requests that are arriving, over all connections.
  private var bodyBytes = 0
  /// Not nil while no connection can be accepted: when to try again.
  private var acceptPausedUntil: Instant?
  private var clock = HTTPDate()
  /// Nil in clear text.
  private var tls: TLSServer?
  /// Nil in clear text, and when `run` has returned.
  private var http3: EdgeHTTP3?
  private var unusable = UnusableCredential()

  /// The bound port (of use when 0 was asked for).
  public let port: UInt16

  /// Binds and listens; nothing is accepted before `run`.
  ///
  /// `answer` and `observe` are called on the edge thread and must not block. *Errors*: an address that isn't loopback,
  /// a port in use (`addressInUse`), no descriptors left, a certificate that TLS can't use; each says which.
  public init(
    address: SocketAddress, options: EdgeOptions = EdgeOptions(),
    answer: @escaping @Sendable (HTTPRequest) -> HTTPAnswer, observe: @escaping @Sendable (Observation) -> Void
  ) throws(TransportError) {
    guard address.isLoopback else {
      throw TransportError(
        "the control listener may listen on a loopback address only (127.0.0.0/8 or ::1), not on \(address)")
    }
    self.options = options
    self.answer = answer
    self.observe = observe
    tls = try EdgeTransport.makeTLS(options.tls)
    reactor = try Reactor()
    if let tls = options.tls {
      let udp: UDPSocket
      (udp, listener) = try SharedPort.bind(address, receiveBufferBytes: 1024 * 1024)
      port = udp.address.port
      http3 = try EdgeHTTP3(socket: udp, tls: tls, options: options, transport: self)
    } else {
      let socket = try TCPSocket.listen(on: address)
      (listener, port) = (socket.descriptor, socket.address.port)
    }
  }

  deinit {
    if listener >= 0 { _ = close(listener) }
  }

  /// Body of the edge thread: serves until `stop()`, gives waiting answers a moment to be taken, and closes everything.
  public func run() {
    do throws(TransportError) {
      try reactor.register(listener, for: .readable, Acceptor(self))
      try http3?.open(reactor)
      reactor.run(while: { !isStopping }, nextDeadline: { nextDeadline() })
    } catch {
      observe(.limitReached("control listener: \(error)"))
    }
    closeListener()
    drain()
  }

  /// Makes `run` return soon; a later `run` returns at once. Idempotent. Any thread.
  public func stop() {
    lock.locked { stopRequested = true }
    reactor.wakeUp()
  }

  /// Lets the bodies that are made while they are read have what is new. Any thread; costs a lock when the last call
  /// was not acted on yet.
  public func wake() {
    let isFirst = lock.locked {
      defer { isWoken = true }
      return !isWoken
    }
    if isFirst { reactor.wakeUp() }
  }

  var isStopping: Bool { lock.locked { stopRequested } }

  func respond(to request: HTTPRequest) -> HTTPAnswer {
    var given = answer(request)
    // [RFC 7838 §3] For an hour: a node that is started again may have another port.
    if http3 != nil, request.version != "HTTP/3" {
      given.response.headers.append(HTTPField("Alt-Svc", "h3=\":\(port)\"; ma=3600"))
    }
    return given
  }

  /// So many more connections over TCP have answers that may stay.
  func staying(_ more: Int) { stayingCount += more }

  /// Whether one more of them may.
  var mayStay: Bool { stayingCount < options.stayingConnectionsMax }

  func date() -> String { clock.now() }

  /// Takes room for `count` bytes of bodies in place of `old`; false when that is more and there isn't as much.
  func mayHold(_ count: Int, insteadOf old: Int) -> Bool {
    let sum = bodyBytes - old + count
    guard count <= old || sum <= options.bodiesBytesMax else { return false }
    bodyBytes = sum
    return true
  }

  func setInterest(_ descriptor: Int32, _ interest: Readiness) { reactor.setInterest(descriptor, interest) }

  /// The deadline of `connection` has moved.
  func keepDeadline(of connection: EdgeConnection) { deadlines.set(connection, to: connection.deadline) }

  func forget(_ connection: EdgeConnection) {
    deadlines.remove(connection)
    reactor.remove(connection.descriptor)
    connections[connection.descriptor] = nil
    if acceptPausedUntil != nil { resumeAccepting() }
  }

  // MARK: Accepting

  /// Breaks the cycle that registering the transport itself would make.
  private final class Acceptor: ReactorHandler {
    private weak var transport: EdgeTransport?
    init(_ transport: EdgeTransport) { self.transport = transport }
    func ready(_ descriptor: Int32, _ readiness: Readiness) { transport?.acceptWaiting() }
  }

  private func acceptWaiting() {
    let now = MonotonicClock.now()
    for _ in 0..<64 {
      let isFull = connections.count >= options.connectionsMax
      if isFull && longestIdle() == nil {
        observe(.limitReached("control connections: \(options.connectionsMax)"))
        return pauseAccepting(until: now + .seconds(1))
      }
      let (socket, remote): (Int32, SocketAddress?)
      switch TCPSocket.accept(from: listener) {
      case .success(let accepted): (socket, remote) = accepted
      case .failure(let error):
        if [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.code) {
          observe(.limitReached("control connections: \(systemMessage(error.code))"))
          pauseAccepting(until: now + .milliseconds(100))
        }
        return
      }
      // Only now, since nobody loses his place before somebody came for it.
      if isFull { longestIdle()?.close() }
      serve(socket, remote, now)
    }
  }

  private func serve(_ socket: Int32, _ remote: SocketAddress?, _ now: Instant) {
    var one: Int32 = 1
    setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    do throws(TransportError) {
      let connection = EdgeConnection(
        socket: socket, remote: remote?.description ?? "", tls: try makeStream(), transport: self, options: options,
        now: now)
      try reactor.register(socket, for: .readable, connection)
      connections[socket] = connection
      keepDeadline(of: connection)
    } catch {
      observe(.limitReached("control connections: \(error)"))
      _ = close(socket)
    }
  }

  /// TLS for the next client, with the newest certificate; nil in clear text.
  private func makeStream() throws(TransportError) -> TLSStream? {
    guard let options = options.tls else { return nil }
    let generation = options.security.credential.generation
    if tls?.generation != generation, !unusable.isTried(generation, MonotonicClock.now()) {
      do throws(TransportError) {
        tls = try EdgeTransport.makeTLS(options)
      } catch {
        unusable.note(generation, MonotonicClock.now())
        // The one before goes on to be shown.
        observe(.certificateReloadFailed(reason: error.description))
      }
    }
    guard let stream = tls.flatMap({ TLSStream($0) }) else { throw TransportError("OpenSSL is out of memory") }
    return stream
  }

  private static func makeTLS(_ options: EdgeTLS?) throws(TransportError) -> TLSServer? {
    guard let options else { return nil }
    return try TLSServer(options.security, requiresClientCertificate: options.requiresClientCertificate)
  }

  private func longestIdle() -> EdgeConnection? {
    var oldest: (connection: EdgeConnection, since: Instant)?
    for connection in connections.values {
      guard let since = connection.idleSince else { continue }
      if oldest.map({ since < $0.since }) ?? true { oldest = (connection, since) }
    }
    return oldest?.connection
  }

  /// The listener is level-triggered: left armed while nothing can be accepted, it would spin.
  private func pauseAccepting(until: Instant) {
    acceptPausedUntil = until
    reactor.setInterest(listener, [])
  }

  private func resumeAccepting() {
    acceptPausedUntil = nil
    if listener >= 0 { reactor.setInterest(listener, .readable) }
  }

  // MARK: Time and end

  private func nextDeadline() -> Instant {
    let now = MonotonicClock.now()
    if takeWake() {
      for connection in Array(connections.values) where connection.isStreaming { connection.produce(now) }
      http3?.produce()
    }
    if let pause = acceptPausedUntil, pause <= now { resumeAccepting() }
    // All that are due, and each once: one that wants its next turn at once waits for the sockets of the others.
    var due: [EdgeConnection] = []
    while let connection = deadlines.next(upTo: now) { due.append(connection) }
    for connection in due {
      connection.timeOut(now: now)
      if !connection.isClosed { keepDeadline(of: connection) }
    }
    let earliest = deadlines.first ?? .distantFuture
    let http3Deadline = http3?.turn(now) ?? .distantFuture
    return min(earliest, acceptPausedUntil ?? .distantFuture, http3Deadline)
  }

  private func takeWake() -> Bool {
    lock.locked {
      defer { isWoken = false }
      return isWoken
    }
  }

  private func closeListener() {
    reactor.remove(listener)
    if listener >= 0 { _ = close(listener) }
    listener = -1
  }

  private func drain() {
    let end = MonotonicClock.now() + options.stopTimeout
    for connection in Array(connections.values) { connection.finish(now: MonotonicClock.now()) }
    http3?.finish()
    while MonotonicClock.now() < end {
      let deadline = nextDeadline()
      if connections.isEmpty, http3?.hasClients != true { break }
      reactor.turn(until: min(end, deadline))
    }
    for connection in Array(connections.values) { connection.close() }
    http3?.close(reactor)
    http3 = nil
  }
}
