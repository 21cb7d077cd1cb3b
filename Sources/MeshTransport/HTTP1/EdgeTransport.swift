// The control listener: HTTP/1.1 in clear, for callers on this host only. It moves bytes; what a request means is
// decided by the closure it is given (`MeshControl`).
import CLinux
import Glibc
import MeshBasics
import MeshSecurity
import MeshThreads

/// The control listener. One thread runs it.
///
/// *Threads*: `run` on one thread, once; `stop` and `port` from any. *Ordering*: answers leave in the order of the
/// requests of their connection. *Ownership*: all descriptors are closed when `run` returns, or with the object if it
/// never ran.
public final class EdgeTransport: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards what `stop` touches; all else belongs to the edge thread.
  private let lock = Lock()
  private var stopRequested = false
  private let reactor: Reactor
  private let options: EdgeOptions
  private let answer: @Sendable (HTTPRequest) -> HTTPResponse
  private let observe: @Sendable (Observation) -> Void
  private var listener: Int32
  private var connections: [Int32: EdgeConnection] = [:]
  /// Not nil while no connection can be accepted: when to try again.
  private var acceptPausedUntil: Instant?
  private var clock = HTTPDate()

  /// The bound port (of use when 0 was asked for).
  public let port: UInt16

  /// Binds and listens; nothing is accepted before `run`.
  ///
  /// `answer` and `observe` are called on the edge thread and must not block. *Errors*: an address that isn't loopback,
  /// a port in use (`addressInUse`), no descriptors left; each names the address.
  public init(
    address: SocketAddress, options: EdgeOptions = EdgeOptions(),
    answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse, observe: @escaping @Sendable (Observation) -> Void
  ) throws(TransportError) {
    guard address.isLoopback else {
      throw TransportError(
        "the control listener speaks clear text and may listen on a loopback address only (127.0.0.0/8 or ::1), "
          + "not on \(address)")
    }
    self.options = options
    self.answer = answer
    self.observe = observe
    reactor = try Reactor()
    let socket = try TCPSocket.listen(on: address)
    (listener, port) = (socket.descriptor, socket.address.port)
  }

  deinit {
    if listener >= 0 { _ = close(listener) }
  }

  /// Body of the edge thread: serves until `stop()`, gives waiting answers a moment to be taken, and closes everything.
  public func run() {
    do throws(TransportError) {
      try reactor.register(listener, for: .readable, Acceptor(self))
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

  var isStopping: Bool { lock.locked { stopRequested } }

  func respond(to request: HTTPRequest) -> HTTPResponse { answer(request) }

  func date() -> String { clock.now() }

  func setInterest(_ descriptor: Int32, _ interest: Readiness) { reactor.setInterest(descriptor, interest) }

  func forget(_ connection: EdgeConnection) {
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
      let socket = accept4(listener, __SOCKADDR_ARG(), nil, Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
      if socket < 0 {
        if errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM {
          observe(.limitReached("control connections: \(systemMessage(errno))"))
          pauseAccepting(until: now + .milliseconds(100))
        }
        return
      }
      // Only now, since nobody loses his place before somebody came for it.
      if isFull { longestIdle()?.close() }
      var one: Int32 = 1
      setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
      let connection = EdgeConnection(socket: socket, transport: self, options: options, now: now)
      do throws(TransportError) {
        try reactor.register(socket, for: .readable, connection)
        connections[socket] = connection
      } catch {
        _ = close(socket)
      }
    }
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
    if let pause = acceptPausedUntil, pause <= now { resumeAccepting() }
    for connection in connections.values.filter({ $0.deadline <= now }) { connection.timeOut(now: now) }
    let earliest = connections.values.map(\.deadline).min() ?? .distantFuture
    return min(earliest, acceptPausedUntil ?? .distantFuture)
  }

  private func closeListener() {
    reactor.remove(listener)
    if listener >= 0 { _ = close(listener) }
    listener = -1
  }

  private func drain() {
    let end = MonotonicClock.now() + options.stopTimeout
    for connection in Array(connections.values) { connection.finish(now: MonotonicClock.now()) }
    while !connections.isEmpty, MonotonicClock.now() < end { reactor.turn(until: min(end, nextDeadline())) }
    for connection in Array(connections.values) { connection.close() }
  }
}
