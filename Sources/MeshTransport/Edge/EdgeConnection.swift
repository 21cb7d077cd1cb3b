import CLinux
import Glibc
import MeshBasics

/// One client of an HTTP listener: moves bytes between a socket and an `EdgeConversation`, and keeps its deadline.
/// Lives on the thread of its
/// listener.
final class EdgeConnection: ReactorHandler, DeadlineOwner {
  /// After the last answer the socket is read to its end for this long: closing with unread bytes inside would reset
  /// the connection, and the client might lose the answer (RFC 9112 §9.6).
  private static let lingerTimeout = Duration.seconds(1)

  private enum Phase {
    case open
    case lingering
    case closed
  }

  private let socket: Int32
  let address: SocketAddress?
  private let door: EdgeDoor
  /// It hasn't shown yet who it is, and would have to.
  private(set) var isStranger: Bool
  /// Whose it is; nil while none of its requests has shown that. What it shows later doesn't change that: it has one
  /// place.
  private(set) var caller: EdgeCaller?
  /// It is one too many of its caller: its requests are refused, and it ends with that.
  private var isOneTooMany = false
  let cameAt: Instant
  private let clients: EdgeClients
  private let options: EdgeOptions
  private let http: EdgeConversation
  private var phase = Phase.open
  private var stage = HTTP1RequestParser.Stage.idle
  private var isAwaitingReader = false
  /// What it holds of the room that all connections share.
  private var bodyBytes = 0
  private var interest: Readiness = .readable

  /// When something must have happened, but for what `http` knows of single requests.
  private var ownDeadline: Instant
  private var progressSeen = 0
  /// When a body that is made meanwhile wants to be asked again.
  private var partDue: Instant?
  private var isCountedAsStaying = false
  private var sent = 0
  /// What of it was `taken` when the client was given its time last.
  private var takenSeen = 0
  private var takenAt = Instant.origin
  /// It ends when what is being answered is out.
  private var isFinishing = false
  var heapIndex: Int?
  /// When the connection last began to wait for a request; nil while it is busy with one.
  private(set) var idleSince: Instant?

  /// Takes over `socket`, whose other end is at `address`.
  init(
    socket: Int32, address: SocketAddress?, door: EdgeDoor, tls: TLSStream?, isStranger: Bool,
    clients: EdgeClients, options: EdgeOptions, now: Instant
  ) {
    self.socket = socket
    self.address = address
    self.door = door
    self.isStranger = isStranger
    cameAt = now
    self.clients = clients
    self.options = options
    http = EdgeConversation(tls: tls, options: options)
    ownDeadline = now + options.headTimeout
    idleSince = now
  }

  var descriptor: Int32 { socket }
  private var remote: String { address?.description ?? "" }
  var isClosed: Bool { if case .closed = phase { true } else { false } }

  /// When something must have happened.
  var deadline: Instant { min(ownDeadline, arrivalDeadline ?? .distantFuture, partDue ?? .distantFuture) }

  /// Whether an answer to it is being made while it is read.
  var isStreaming: Bool { if case .open = phase { http.isStreaming } else { false } }

  /// Whether it takes one of its caller's places.
  var countsForCaller: Bool { if case .open = phase { !isOneTooMany } else { false } }

  /// The caller for a log.
  var callerText: String { address.flatMap { caller?.text(http.peer, at: $0) } ?? "" }

  /// There may be something new for it.
  func produce(_ now: Instant) { process(now) }

  private var arrivalDeadline: Instant? {
    guard case .open = phase else { return nil }
    return http.arrivingSince.map { $0 + options.bodyTimeout }
  }

  func ready(_ descriptor: Int32, _ readiness: Readiness) {
    let now = MonotonicClock.now()
    if readiness.contains(.failed) { return close() }
    switch phase {
    case .closed: return
    case .lingering:
      if !discard() { close() }
    case .open:
      if !readiness.isDisjoint(with: [.readable, .hungUp]) { read(now) }
      if http.peer != nil, !isClosed { becomeKnown() }
      if !isClosed { process(now) }
    }
  }

  /// The deadline is reached.
  func timeOut(now: Instant) {
    guard case .open = phase else { return close() }
    let requestIsLate = arrivalDeadline.map { $0 <= now } ?? false
    if !requestIsLate, ownDeadline > now { return process(now) }
    if requestIsLate || (stage != .idle && !http.awaitsReader) {
      http.refuse(HTTPFailure(408, "The request took too long to arrive."), date: clients.date(), now: now)
      return process(now)
    }
    if http.awaitsReader {
      // The kernel says that there is room again only when there is much of it: who reads slowly would look like one
      // who doesn't. Bytes that wait for the client's windows are none that it could acknowledge.
      if !http.output.isEmpty, taken > takenSeen { (takenSeen, takenAt) = (taken, now) }
      guard now < takenAt + options.writeTimeout else {
        clients.observe(.limitReached(options.unreadLimit, peer: remote))
        return close()
      }
      return process(now)
    }
    guard !isFinishing else { return close() }
    finish(now: now)
    ownDeadline = max(ownDeadline, now + EdgeConnection.lingerTimeout)
  }

  /// Ends the connection once what is being answered is out.
  func finish(now: Instant) {
    guard case .open = phase else { return close() }
    isFinishing = true
    http.finish()
    if http.isOver { close() } else { process(now) }
  }

  /// Closes at once. Safe to call twice.
  func close() {
    guard !isClosed else { return }
    phase = .closed
    noteStaying()
    tellRefusals()
    tellComplaints()
    if let limit = http.floodedBy {
      clients.observe(.limitReached("\(options.prefix)connection: \(limit)", peer: remote))
    }
    if let refusal = http.refusal {
      clients.observe(.trustRefused(peer: remote, reason: refusal.reason, inbound: true))
    }
    _ = clients.mayHold(0, insteadOf: bodyBytes)
    clients.forget(self)
    _ = Glibc.close(socket)
  }

  private func read(_ now: Instant) {
    let size = clients.readBuffer.count
    // Bounded, so that one client that never stops sending can't hold the thread; what is left wakes it again.
    for _ in 0..<16 where http.wantsInput {
      let count = recv(socket, &clients.readBuffer, size, 0)
      if count > 0 {
        http.receive(clients.readBuffer.prefix(count), now: now)
        if count < size { return }
        // What is complete is answered before more is read, so that one client holds little memory.
        process(now)
        if isClosed { return }
      } else if count == 0 {
        return http.receiveEnd()
      } else if errno == EINTR {
        continue
      } else {
        if errno != EAGAIN { close() }
        return
      }
    }
  }

  /// Answers all complete requests, writes what the socket takes, and sets what to wait for next.
  private func process(_ now: Instant) {
    guard case .open = phase else { return }
    defer {
      noteStaying()
      if !isClosed { clients.keepDeadline(of: self) }
    }
    // Bounded, so that one that takes whatever is made can't hold the thread; the rest comes in the next turn.
    for round in 0... {
      answerAll()
      partDue = http.produce(now)
      // The request behind an answer that is whole now is next.
      if partDue == nil, !http.isStreaming { answerAll() }
      while !clients.mayHold(http.bodyBytes, insteadOf: bodyBytes) {
        guard makeRoom() else { return close() }
      }
      bodyBytes = http.bodyBytes
      guard let written = write() else { return close() }
      if written == 0 { break }
      // Room for more answers: requests that waited behind a slow reader come next.
      if !http.output.isEmpty { break }
      if round == 15 {
        partDue = now
        break
      }
    }
    tellRefusals()
    tellComplaints()
    if http.isOver { return linger(now) }
    updateDeadline(now, progressed: http.progress != progressSeen)
    progressSeen = http.progress
    updateInterest()
  }

  /// What no route has answered counts as well: who sends what can't be read shows in the metrics.
  private func tellRefusals() {
    for status in http.takeRefusals() {
      clients.observe(.requestAnswered(protocol: http.version, encoding: "text", status: status))
    }
  }

  private func tellComplaints() {
    for reason in http.takeComplaints() { clients.observe(.messageRejected(peer: remote, reason: reason)) }
  }

  private func answerAll() {
    while var request = http.nextRequest(date: clients.date()) {
      request.remote = address
      request.mayStay = http.isStaying || clients.mayStay
      if caller == nil { findCaller(in: request) }
      // Before anything is done for it: who is refused may ask again without harm.
      var answer = isOneTooMany ? refuseCaller() : clients.respond(to: request)
      if let alternative = door.alternative { answer.response.headers.append(alternative) }
      http.respond(answer, date: clients.date(), closing: clients.isStopping || isOneTooMany)
    }
  }

  private func findCaller(in request: HTTPRequest) {
    caller = clients.caller(of: request)
    guard caller != nil else { return }
    becomeKnown()
    isOneTooMany = !clients.hasPlace(for: self)
  }

  private func refuseCaller() -> HTTPAnswer {
    clients.observe(.requestAnswered(protocol: http.version, encoding: "text", status: options.callerFailure.status))
    isFinishing = true
    return HTTPAnswer(HTTPResponse(options.callerFailure))
  }

  private func becomeKnown() {
    guard isStranger else { return }
    isStranger = false
    clients.leaveStrangers(self)
  }

  /// The transport counts those that may stay.
  private func noteStaying() {
    let isStaying = isStreaming && http.isStaying
    guard isCountedAsStaying != isStaying else { return }
    isCountedAsStaying = isStaying
    clients.staying(isStaying ? 1 : -1)
  }

  /// Refuses the request with the longest body, because all connections together hold too much. False when none is
  /// arriving any more: the client has more of whole ones under way than it reads answers.
  private func makeRoom() -> Bool {
    clients.observe(.limitReached(options.bodiesLimit, peer: remote))
    guard http.refuseLongest(options.bodiesFailure, date: clients.date()) else { return false }
    answerAll()
    return true
  }

  /// Nil: the connection is broken. Else the number of bytes the socket took.
  private func write() -> Int? {
    var total = 0
    while !http.output.isEmpty {
      let count = http.output.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count > 0 {
        http.wrote(count)
        sent &+= count
        total &+= count
      } else if count < 0, errno == EINTR {
        continue
      } else {
        return count < 0 && errno == EAGAIN ? total : nil
      }
    }
    return total
  }

  /// How many of the bytes sent the client's host has acknowledged.
  private var taken: Int { sent &- TCPSocket.unacknowledged(socket) }

  private func updateDeadline(_ now: Instant, progressed: Bool) {
    let wasIdle = idleSince != nil
    let newStage = http.stage
    let wasAwaitingReader = isAwaitingReader
    isAwaitingReader = http.awaitsReader
    defer { stage = newStage }
    if isAwaitingReader {
      // What else the client says meanwhile gives it no more time.
      if progressed || !wasAwaitingReader { (takenSeen, takenAt) = (taken, now) }
      // Looked at now and then: what the reader takes of the kernel's buffer is told by nothing else.
      let look = http.output.isEmpty ? options.writeTimeout : options.writeTimeout.divided(by: 16)
      ownDeadline = min(takenAt + options.writeTimeout, now + look)
      idleSince = nil
      return
    }
    if http.isStreaming, newStage == .idle {
      // Who waits for news has time.
      ownDeadline = .distantFuture
      idleSince = nil
      return
    }
    switch newStage {
    case .idle:
      // A connection that never asked anything keeps its first, shorter deadline.
      if progressed || stage != .idle || !wasIdle {
        ownDeadline = now + options.idleTimeout
        idleSince = now
      }
    case .head:
      if progressed || stage != .head { ownDeadline = now + options.headTimeout }
      idleSince = nil
    case .body:
      // Where several requests arrive at once each has a time of its own.
      if progressed || stage != .body || http.arrivingSince != nil { ownDeadline = now + options.bodyTimeout }
      idleSince = nil
    }
  }

  private func updateInterest() {
    var wanted: Readiness = []
    if http.wantsInput { wanted.insert(.readable) }
    if !http.output.isEmpty { wanted.insert(.writable) }
    if wanted != interest {
      interest = wanted
      clients.setInterest(socket, wanted)
    }
  }

  private func linger(_ now: Instant) {
    phase = .lingering
    idleSince = now
    ownDeadline = now + EdgeConnection.lingerTimeout
    _ = shutdown(socket, Int32(SHUT_WR))
    if !discard() { return close() }
    clients.setInterest(socket, .readable)
  }

  /// Reads and drops what the peer still sends; false at its end. Bounded per call, so that one peer can't hold the
  /// thread.
  private func discard() -> Bool {
    let size = clients.readBuffer.count
    for _ in 0..<16 {
      let count = recv(socket, &clients.readBuffer, size, 0)
      if count == 0 { return false }
      if count < 0 { return errno == EAGAIN || errno == EINTR }
    }
    return true
  }
}
