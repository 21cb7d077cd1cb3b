// The control listener: HTTP/2 and HTTP/1.1 on one TCP port and, with TLS, HTTP/3 on the UDP port of the same number;
// in clear for callers on this host only. It moves bytes; what a request means is decided by the closure it is given
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
  private var listener: Int32
  private let clients: EdgeClients
  /// Not nil while no connection can be accepted: when to try again.
  private var acceptPausedUntil: Instant?
  /// Nil in clear text, and when `run` has returned.
  private var http3: EdgeHTTP3?
  /// What the UDP side has done, as of its last turn.
  private let quicCounts = Published(QUICCounts())

  /// The bound port (of use when 0 was asked for).
  public let port: UInt16

  /// Binds and listens; nothing is accepted before `run`.
  ///
  /// `answer` and `observe` are called on the edge thread and must not block. *Errors*: an address that isn't loopback
  /// without TLS, a port in use (`addressInUse`), no descriptors left, a certificate that TLS can't use; each says
  /// which.
  public init(
    address: SocketAddress, options: EdgeOptions = EdgeOptions(),
    answer: @escaping @Sendable (HTTPRequest) -> HTTPAnswer, observe: @escaping @Sendable (Observation) -> Void
  ) throws(TransportError) {
    guard address.isLoopback || options.tls != nil else {
      throw TransportError(
        "without TLS the control listener may listen on a loopback address only (127.0.0.0/8 or ::1), not on \(address)"
      )
    }
    self.options = options
    reactor = try Reactor()
    guard let tls = options.tls else {
      clients = try EdgeClients(reactor: reactor, options: options, answer: answer, observe: observe)
      let socket = try TCPSocket.listen(on: address)
      (listener, port) = (socket.descriptor, socket.address.port)
      return
    }
    let (udp, tcp) = try SharedPort.bind(address, receiveBufferBytes: 1024 * 1024)
    let port = udp.address.port
    do throws(TransportError) {
      let clients = try EdgeClients(
        reactor: reactor, options: options, answer: { EdgeTransport.announce(port, in: answer($0), to: $0) },
        observe: observe)
      http3 = try EdgeHTTP3(socket: udp, tls: tls, clients: clients, counts: quicCounts)
      self.clients = clients
    } catch {
      _ = close(tcp)
      throw error
    }
    (listener, self.port) = (tcp, port)
  }

  deinit {
    if listener >= 0 { _ = close(listener) }
  }

  /// Body of the edge thread: serves until `stop()`, gives waiting answers a moment to be taken, and closes everything.
  public func run() {
    do throws(TransportError) {
      clients.onRoom = { [weak self] in self?.resumeAccepting() }
      try reactor.register(listener, for: .readable, Acceptor(self))
      try http3?.open(reactor)
      reactor.run(while: { !isStopping }, nextDeadline: { nextDeadline() })
    } catch {
      clients.observe(.limitReached("control listener: \(error)"))
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

  /// Handshakes, datagrams, bytes of HTTP/3: name and value, since the start; zeros without TLS. Any thread.
  public var statistics: [(name: String, value: Int64)] { quicCounts.value.list }

  private var isStopping: Bool { lock.locked { stopRequested } }

  /// [RFC 7838 §3] For an hour: a node that is started again may have another port.
  private static func announce(_ port: UInt16, in answer: HTTPAnswer, to request: HTTPRequest) -> HTTPAnswer {
    var answer = answer
    if request.version != "HTTP/3" {
      answer.response.headers.append(HTTPField("Alt-Svc", "h3=\":\(port)\"; ma=3600"))
    }
    return answer
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
      let isFull = clients.isFull
      if isFull && !clients.hasIdle {
        clients.observe(.limitReached("\(options.prefix)connections: \(options.connectionsMax)"))
        return pauseAccepting(until: now + .seconds(1))
      }
      let (socket, remote): (Int32, SocketAddress?)
      switch TCPSocket.accept(from: listener) {
      case .success(let accepted): (socket, remote) = accepted
      case .failure(let error):
        if [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.code) {
          clients.observe(.limitReached("\(options.prefix)connections: \(systemMessage(error.code))"))
          pauseAccepting(until: now + .milliseconds(100))
        }
        return
      }
      // Only now, since nobody loses his place before somebody came for it.
      if isFull { clients.closeLongestIdle() }
      clients.serve(socket, remote, now)
    }
  }

  /// The listener is level-triggered: left armed while nothing can be accepted, it would spin.
  private func pauseAccepting(until: Instant) {
    acceptPausedUntil = until
    reactor.setInterest(listener, [])
  }

  private func resumeAccepting() {
    guard acceptPausedUntil != nil else { return }
    acceptPausedUntil = nil
    if listener >= 0 { reactor.setInterest(listener, .readable) }
  }

  // MARK: Time and end

  private func nextDeadline() -> Instant {
    let now = MonotonicClock.now()
    if takeWake() {
      clients.produce(now)
      http3?.produce()
    }
    if let pause = acceptPausedUntil, pause <= now { resumeAccepting() }
    let earliest = clients.expire(now)
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
    clients.finish(MonotonicClock.now())
    http3?.finish()
    while MonotonicClock.now() < end {
      let deadline = nextDeadline()
      if clients.isEmpty, http3?.hasClients != true { break }
      reactor.turn(until: min(end, deadline))
    }
    clients.close()
    http3?.close(reactor)
    http3 = nil
  }
}
