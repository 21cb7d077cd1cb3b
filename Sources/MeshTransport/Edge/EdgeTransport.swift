// The control listener: HTTP/2 and HTTP/1.1 on TCP ports and, with TLS, HTTP/3 on the UDP ports of the same numbers; in
// clear for callers on this host only. It moves bytes; what a request means is decided by the closure it is given
// (`MeshControl`).
import MeshBasics
import MeshSecurity
import MeshThreads

/// The control listener. One thread runs it, however many addresses it has; its limits hold for all of them together.
///
/// *Threads*: `run` on one thread, once; `stop` and `ports` from any. *Ordering*: on HTTP/1.1 answers leave in the
/// order of the requests of their connection. *Ownership*: all descriptors are closed when `run` returns, or with the
/// object if it never ran.
public final class EdgeTransport: @unchecked Sendable {
  // Sendable although it has mutable state: `lock` guards what `stop` and `wake` touch; all else belongs to the edge
  // thread.
  private let lock = Lock()
  private var stopRequested = false
  /// Somebody called `wake` since the last turn.
  private var isWoken = false
  private let reactor: Reactor
  private let options: EdgeOptions
  private let clients: EdgeClients
  private let http3Places = EdgeHTTP3Places()
  private let listeners: [EdgeListener]

  /// The bound ports, in the order of their addresses (of use when 0 was asked for).
  public let ports: [UInt16]

  /// Serves clients at `ports`, of which there is one at least; nothing is accepted before `run`.
  ///
  /// `identify` (see `EdgeClients`), `answer` and `observe` are called on the edge thread and must not block. *Errors*:
  /// no descriptors left, a certificate that TLS can't use.
  public init(
    at ports: [EdgePort], options: EdgeOptions, identify: @escaping @Sendable (HTTPRequest) -> String? = { _ in nil },
    answer: @escaping @Sendable (HTTPRequest) -> HTTPAnswer, observe: @escaping @Sendable (Observation) -> Void
  ) throws(TransportError) {
    self.options = options
    reactor = try Reactor()
    clients = try EdgeClients(
      reactor: reactor, options: options, identify: identify, answer: answer, observe: observe)
    var listeners: [EdgeListener] = []
    for port in ports { listeners.append(try EdgeListener(port, clients: clients, places: http3Places, reactor)) }
    self.listeners = listeners
    self.ports = ports.map(\.number)
  }

  /// The same at one address, with TLS where `options` say how. *Errors*: of `EdgePort` as well.
  public convenience init(
    address: SocketAddress, options: EdgeOptions = EdgeOptions(),
    answer: @escaping @Sendable (HTTPRequest) -> HTTPAnswer, observe: @escaping @Sendable (Observation) -> Void
  ) throws(TransportError) {
    let port = try EdgePort(binding: address, speaksTLS: options.tls != nil)
    try self.init(at: [port], options: options, answer: answer, observe: observe)
  }

  /// Body of the edge thread: serves until `stop()`, gives waiting answers a moment to be taken, and closes everything.
  public func run() {
    do throws(TransportError) {
      clients.onRoom = { [weak self] in self?.listeners.forEach { $0.resume() } }
      for listener in listeners { try listener.open() }
      reactor.run(while: { !isStopping }, nextDeadline: { nextDeadline() })
    } catch {
      clients.observe(.limitReached("control listener: \(error)"))
    }
    for listener in listeners { listener.closeDoor() }
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
  public var statistics: [(name: String, value: Int64)] {
    listeners.reduce(into: QUICCounts()) { $0.add($1.counts.value) }.list
  }

  private var isStopping: Bool { lock.locked { stopRequested } }

  // MARK: Time and end

  private func nextDeadline() -> Instant {
    let now = MonotonicClock.now()
    if takeWake() {
      clients.produce(now)
      for listener in listeners { listener.http3?.produce() }
    }
    let earliest = clients.expire(now)
    return listeners.reduce(earliest) { min($0, $1.turn(now)) }
  }

  private func takeWake() -> Bool {
    lock.locked {
      defer { isWoken = false }
      return isWoken
    }
  }

  private func drain() {
    let end = MonotonicClock.now() + options.stopTimeout
    clients.finish(MonotonicClock.now())
    for listener in listeners { listener.http3?.finish() }
    while MonotonicClock.now() < end {
      let deadline = nextDeadline()
      if clients.isEmpty, !listeners.contains(where: { $0.http3?.hasClients == true }) { break }
      reactor.turn(until: min(end, deadline))
    }
    clients.close()
    for listener in listeners { listener.http3?.close(reactor) }
  }
}
