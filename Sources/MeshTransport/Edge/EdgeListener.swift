import Glibc
import MeshBasics

/// One address of a control listener: takes in those who connect to it, and serves HTTP/3 beside it where it speaks
/// TLS. Lives on the edge thread.
final class EdgeListener: ReactorHandler {
  /// Nil in clear.
  let http3: EdgeHTTP3?
  /// What the UDP side has done, as of its last turn. Any thread.
  let counts = Published(QUICCounts())
  private let port: EdgePort
  private let clients: EdgeClients
  // Holds this listener while that is open.
  private unowned let reactor: Reactor
  /// Not nil while no connection can be accepted: when to try again.
  private var acceptPausedUntil: Instant?

  /// Takes `port` over. *Errors*: no certificate, or one that GnuTLS can't use.
  init(
    _ port: EdgePort, clients: EdgeClients, places: EdgeHTTP3Places, _ reactor: Reactor
  ) throws(TransportError) {
    self.port = port
    self.clients = clients
    self.reactor = reactor
    guard let udp = port.takeUDP() else {
      http3 = nil
      return
    }
    guard let tls = clients.options.tls else { throw TransportError("port \(port.number) has no certificate for TLS") }
    http3 = try EdgeHTTP3(socket: udp, tls: tls, clients: clients, places: places, counts: counts)
  }

  /// Begins to serve. *Errors*: when the process may watch no more descriptors.
  func open() throws(TransportError) {
    try reactor.register(port.listener, for: .readable, self)
    try http3?.open(reactor)
  }

  /// Somebody waits to be accepted.
  func ready(_ descriptor: Int32, _ readiness: Readiness) {
    let now = MonotonicClock.now()
    let options = clients.options
    for _ in 0..<64 {
      // Nobody gives way before somebody came for his place.
      if clients.isFull, clients.whoGivesWay == nil {
        clients.observe(.limitReached("\(options.prefix)connections: \(options.connectionsMax)"))
        return pause(until: now + .seconds(1))
      }
      let (socket, remote): (Int32, SocketAddress?)
      switch TCPSocket.accept(from: port.listener) {
      case .success(let accepted): (socket, remote) = accepted
      case .failure(let error):
        if [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.code) {
          clients.observe(.limitReached("\(options.prefix)connections: \(systemMessage(error.code))"))
          pause(until: now + .milliseconds(100))
        }
        return
      }
      clients.admit(socket, remote, through: door, now)
    }
  }

  private var door: EdgeDoor { EdgeDoor(speaksTLS: port.speaksTLS, http3Port: http3 == nil ? nil : port.number) }

  /// The listener is level-triggered: left armed while nothing can be accepted, it would spin.
  private func pause(until: Instant) {
    acceptPausedUntil = until
    reactor.setInterest(port.listener, [])
  }

  /// There may be room for another connection.
  func resume() {
    guard acceptPausedUntil != nil else { return }
    acceptPausedUntil = nil
    if port.listener >= 0 { reactor.setInterest(port.listener, .readable) }
  }

  /// Acts on what is due. Gives the moment to be asked again.
  func turn(_ now: Instant) -> Instant {
    if let pause = acceptPausedUntil, pause <= now { resume() }
    return min(acceptPausedUntil ?? .distantFuture, http3?.turn(now) ?? .distantFuture)
  }

  /// Takes no further connections over TCP.
  func closeDoor() {
    reactor.remove(port.listener)
    port.close()
  }
}

/// What all connections over TCP of one address have in common.
struct EdgeDoor {
  /// They speak TLS, as `EdgeOptions.tls` says.
  let speaksTLS: Bool
  /// [RFC 7838 §3] What announces HTTP/3 beside them, for an hour: a node that is started again may have another port.
  let alternative: HTTPField?

  init(speaksTLS: Bool, http3Port: UInt16? = nil) {
    self.speaksTLS = speaksTLS
    alternative = http3Port.map { HTTPField("Alt-Svc", "h3=\":\($0)\"; ma=3600") }
  }
}
