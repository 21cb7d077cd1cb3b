// The TCP side of the mesh port: tethers, and TLS, which it hands on. Beside each link stands one idle TCP connection,
// its tether: when a process dies, however it dies, its kernel closes the tether at once, long before a probe goes
// unanswered. The dialer of a link builds it; the desk finds out whose tether a stranger is, watches those that are
// bound, and asks hosts that refused a datagram whether TCP is refused as well. What follows from that is its owner's
// decision.
import CLinux
import Glibc
import MeshBasics

/// What the desk needs of the link thread.
protocol TetherOwner: AnyObject {
  /// Serves a client that begins TLS. False when there is no room for it.
  func accepted(_ descriptor: Int32, from remote: SocketAddress) -> Bool
  /// The connection whose link waits for a tether with this token; a token serves once.
  func claim(token: [UInt8]) -> LinkConnection?
  /// The peer's end of a bound tether closed, or broke.
  func tetherClosed(of connection: LinkConnection)
  /// The answer to `ask`: whether TCP was refused.
  func portAnswered(_ connection: LinkConnection, isClosed: Bool)
}

/// All TCP connections of a mesh listener. Only the link thread touches it.
final class TetherDesk {
  private let limits: LinkLimits
  /// Nil once the desk is closed.
  private var reactor: Reactor?
  private let address: SocketAddress
  private let takeOthers: ((Int32, SocketAddress) -> Bool)?
  private var listener: Int32
  /// Nil once the desk is closed.
  private var owner: (any TetherOwner)?

  private var ends: [Int32: TetherEnd] = [:]
  private var deadlines = DeadlineHeap<TetherEnd>()
  private var strangers = 0
  private var strangersFrom = SiteCounts()
  /// Not nil while the process has no descriptor for one more connection: when to try again.
  private var acceptPausedUntil: Instant?

  /// Tethers that stand beside a link.
  private(set) var openCount: Int64 = 0
  /// TCP connections that were turned away or broke the rules, and tethers of ours that came to nothing.
  private(set) var refusedCount: Int64 = 0

  /// Takes `listener` over; it is closed with the desk. Connections whose clients begin TLS are the owner's links, but
  /// where `takeOthers` is set those that don't offer HTTP/2: these are given to it; false leaves them to the desk,
  /// which closes them.
  init(
    listener: Int32, address: SocketAddress, limits: LinkLimits, reactor: Reactor,
    takeOthers: ((Int32, SocketAddress) -> Bool)?
  ) {
    self.takeOthers = takeOthers
    self.listener = listener
    self.address = address
    self.limits = limits
    self.reactor = reactor
  }

  deinit { close() }

  /// Begins to accept. *Errors*: when the process may watch no more descriptors.
  func open(for owner: any TetherOwner) throws(TransportError) {
    self.owner = owner
    try reactor?.register(listener, for: .readable, Acceptor(self))
  }

  /// Closes the listener and all connections, without a word to the owner.
  func close() {
    for end in Array(ends.values) { close(end) }
    owner = nil
    guard listener >= 0 else { return }
    reactor?.remove(listener)
    reactor = nil
    _ = Glibc.close(listener)
    listener = -1
  }

  // MARK: Our own connections

  /// Builds the tether of a link that we dialed.
  func dial(_ remote: SocketAddress, token: [UInt8], for connection: LinkConnection, _ now: Instant) {
    begin(remote, .greeting(TetherHello.bytes(token)), for: connection, until: now + limits.tetherTimeout)
    if connection.tether == nil { refusedCount += 1 }
  }

  /// Asks whether the TCP port beside a UDP port that refused a dial is closed as well.
  func ask(_ remote: SocketAddress, for connection: LinkConnection, _ now: Instant) {
    if let code = begin(remote, .asking, for: connection, until: now + limits.portCheckTimeout) {
      owner?.portAnswered(connection, isClosed: code == ECONNREFUSED)
    }
  }

  /// The `errno` when it can't even begin.
  @discardableResult
  private func begin(
    _ remote: SocketAddress, _ stage: TetherEnd.Stage, for connection: LinkConnection, until deadline: Instant
  ) -> Int32? {
    switch TCPSocket.connect(from: address, to: remote) {
    case .failure(let error): return error.code
    case .success(let descriptor):
      let end = TetherEnd(descriptor, remote: remote, stage: stage, connection: connection, desk: self)
      guard add(end, interest: .writable, until: deadline) else { return EMFILE }
      connection.tether = end
      return nil
    }
  }

  private func add(_ end: TetherEnd, interest: Readiness, until deadline: Instant) -> Bool {
    do throws(TransportError) {
      try reactor?.register(end.descriptor, for: interest, end)
    } catch {
      _ = Glibc.close(end.descriptor)
      return false
    }
    ends[end.descriptor] = end
    deadlines.set(end, to: deadline)
    return true
  }

  // MARK: Strangers

  /// Breaks the cycle that registering the desk itself would make.
  private final class Acceptor: ReactorHandler {
    private weak var desk: TetherDesk?
    init(_ desk: TetherDesk) { self.desk = desk }
    func ready(_ descriptor: Int32, _ readiness: Readiness) { desk?.acceptWaiting() }
  }

  private func acceptWaiting() {
    let now = MonotonicClock.now()
    // A flood must not keep datagrams waiting: so many, then the next turn.
    for _ in 0..<64 {
      switch TCPSocket.accept(from: listener) {
      case .failure(let error):
        if [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.code) { pauseAccepting(until: now + .milliseconds(100)) }
        return
      case .success(let (descriptor, remote)): take(descriptor, remote, now)
      }
    }
  }

  private func take(_ descriptor: Int32, _ remote: SocketAddress?, _ now: Instant) {
    guard let remote else {
      _ = Glibc.close(descriptor)
      refusedCount += 1
      return
    }
    // Who means it says its hello at once: of too many the one that has been silent for longest goes.
    if strangersFrom.count(from: remote) >= limits.tetherStrangersPerAddressMax {
      refuseOldestStranger { $0.remote.site == remote.site }
    } else if strangers >= limits.tetherStrangersMax {
      refuseOldestStranger { _ in true }
    }
    let end = TetherEnd(descriptor, remote: remote, stage: .stranger([]), connection: nil, desk: self)
    guard add(end, interest: .readable, until: now + limits.tetherTimeout) else { return refusedCount += 1 }
    strangers += 1
    strangersFrom.add(remote)
    // Most have said their hello by now; many at once would otherwise fill the places of one another.
    readHello(of: end, [])
  }

  private func refuseOldestStranger(where isOne: (TetherEnd) -> Bool) {
    var oldest: TetherEnd?
    for end in ends.values {
      guard case .stranger = end.stage, isOne(end) else { continue }
      if oldest.map({ end.cameAt < $0.cameAt }) ?? true { oldest = end }
    }
    if let oldest { refuse(oldest) }
  }

  /// The listener is level-triggered: left armed while nothing can be accepted, it would spin.
  private func pauseAccepting(until: Instant) {
    acceptPausedUntil = until
    reactor?.setInterest(listener, [])
  }

  private func readHello(of end: TetherEnd, _ before: [UInt8]) {
    if before.isEmpty {
      // One look decides: bytes of TLS that come right after it must not be read here.
      switch end.first() {
      case .nothing: return
      case .closed: return refuse(end)
      case .bytes(let first): if first == [TetherHello.firstByteOfTLS] { return sort(end) }
      }
    }
    // One byte more than a hello has, to see whether something follows.
    switch end.receive(TetherHello.count + 1 - before.count) {
    case .nothing: return
    case .closed: refuse(end)
    case .bytes(let bytes):
      switch TetherHello.read(before + bytes) {
      case .incomplete: end.stage = .stranger(before + bytes)
      case .wrong: refuse(end)
      case .token(let token):
        guard let connection = owner?.claim(token: token) else { return refuse(end) }
        countDown(end)
        connection.tether = end
        end.connection = connection
        bind(end)
      }
    }
  }

  /// Lets somebody else serve `end`, who owns its socket then.
  private func sort(_ end: TetherEnd) {
    var isOther = false
    if takeOthers != nil {
      let begin = end.peek(ClientHello.bytesMax)
      switch ClientHello.offer(in: begin) {
      case .incomplete:
        // Woken without more: the client has ended, which those bytes hide.
        guard begin.count > end.seen else { return refuse(end) }
        end.seen = begin.count
        return TCPSocket.setLowWater(end.descriptor, begin.count + 1)
      case .protocols(let names): isOther = !names.contains(Array("h2".utf8))
      }
      TCPSocket.setLowWater(end.descriptor, 1)
    }
    let (descriptor, remote) = (end.descriptor, end.remote)
    forget(end)
    let isTaken = isOther ? takeOthers?(descriptor, remote) : owner?.accepted(descriptor, from: remote)
    if isTaken == true { return }
    if isOther { refusedCount += 1 }
    _ = Glibc.close(descriptor)
  }

  private func countDown(_ stranger: TetherEnd) {
    strangers -= 1
    strangersFrom.remove(stranger.remote)
  }

  // MARK: What happens on a connection

  func ready(_ end: TetherEnd) {
    switch end.stage {
    case .stranger(let before): readHello(of: end, before)
    case .greeting(let hello): greet(end, hello)
    case .asking: answer(end, isClosed: TCPSocket.outcome(of: end.descriptor) == ECONNREFUSED)
    case .bound: watch(end)
    case .closed: return
    }
  }

  private func greet(_ end: TetherEnd, _ hello: [UInt8]) {
    // So few bytes always fit in a fresh socket's buffer.
    guard TCPSocket.outcome(of: end.descriptor) == 0,
      send(end.descriptor, hello, hello.count, Int32(MSG_NOSIGNAL)) == hello.count
    else { return refuse(end) }
    reactor?.setInterest(end.descriptor, .readable)
    bind(end)
  }

  private func bind(_ end: TetherEnd) {
    end.stage = .bound
    deadlines.remove(end)
    openCount += 1
  }

  private func watch(_ end: TetherEnd) {
    switch end.receive(1) {
    case .nothing: return
    // Who sends on a tether breaks the rules; that says nothing of whether the peer lives.
    case .bytes: refuse(end)
    case .closed:
      let connection = end.connection
      close(end)
      if let connection { owner?.tetherClosed(of: connection) }
    }
  }

  private func answer(_ end: TetherEnd, isClosed: Bool) {
    let connection = end.connection
    close(end)
    if let connection { owner?.portAnswered(connection, isClosed: isClosed) }
  }

  // MARK: Time and end

  /// When `expire` has to be called next.
  var nextDeadline: Instant? { [deadlines.first, acceptPausedUntil].compactMap { $0 }.min() }

  /// Gives up what has taken too long.
  func expire(_ now: Instant) {
    if let pause = acceptPausedUntil, pause <= now {
      acceptPausedUntil = nil
      reactor?.setInterest(listener, .readable)
    }
    while let end = deadlines.next(upTo: now) {
      if case .asking = end.stage { answer(end, isClosed: false) } else { refuse(end) }
    }
  }

  private func refuse(_ end: TetherEnd) {
    refusedCount += 1
    close(end)
  }

  /// Closes `end` without a word to the owner. Idempotent.
  func close(_ end: TetherEnd) {
    guard ends[end.descriptor] === end else { return }
    forget(end)
    _ = Glibc.close(end.descriptor)
  }

  private func forget(_ end: TetherEnd) {
    ends[end.descriptor] = nil
    switch end.stage {
    case .stranger: countDown(end)
    case .bound: openCount -= 1
    case .greeting, .asking, .closed: break
    }
    end.stage = .closed
    if let connection = end.connection, connection.tether === end { connection.tether = nil }
    end.connection = nil
    deadlines.remove(end)
    reactor?.remove(end.descriptor)
  }
}
