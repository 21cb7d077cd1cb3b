import MeshBasics

/// One client of the control listener that speaks HTTP/3. Its requests are answered as its desk hands them out, just
/// before its packets are written.
///
/// *Limits*: those of `EdgeOptions`; answers wait for a client until it has acknowledged them.
final class EdgeHTTP3Client: QUICUser {
  // Holds this client, and outlives it.
  unowned let listener: EdgeHTTP3
  private let desk: RequestDesk<HTTP3Session>
  private var session: HTTP3Session?
  private var resets: FrameBudget
  private var isFinishing = false
  /// What it is to be sent away with; nil while it may stay.
  private(set) var closeCode: UInt64?
  /// Whose it is, as `EdgeConnection.caller`.
  private(set) var caller: EdgeCaller?
  private var isOneTooMany = false
  /// What it holds of the room that all connections share.
  private var heldBytes = 0
  /// When it last began to wait for a request, of which it may have had some.
  private(set) var idleSince: Instant
  let cameAt: Instant
  private var hasAsked = false
  /// When its reader last took some of an answer, or was first to take some.
  private var readSince: Instant?
  private var progressSeen = 0
  /// When a body that is made meanwhile wants to be asked again.
  private var partDue: Instant?
  private var isCountedAsStaying = false
  private var isKeptAlive = false

  init(_ quic: QUICConnection, listener: EdgeHTTP3) {
    self.listener = listener
    let options = listener.options
    desk = RequestDesk(version: "HTTP/3", message: options.message, bodiesBytesMax: options.streams.bodiesBytesMax)
    resets = FrameBudget(burst: options.streams.resetsBurst, perSecond: options.streams.resetsPerSecond)
    cameAt = MonotonicClock.now()
    idleSince = cameAt
    super.init(quic)
    deadline = idleSince + options.headTimeout
    quic.onReady = { [unowned self] in start() }
    quic.keepsPeerChain = true
  }

  private var options: EdgeOptions { listener.options }
  private var remote: String { quic.remote.description }

  private func start() -> Bool {
    if session != nil { return true }
    session = HTTP3Session(on: quic, handler: self, limits: listener.sessionLimits)
    quic.streams = session
    return session != nil
  }

  // MARK: Answers

  override func willFlush(_ now: Instant) {
    guard let session, closeCode == nil, quic.isHandshakeComplete else { return }
    // ngtcp2 has the keys.
    if quic.tls != nil { quic.releaseTLS() }
    answerAll(of: session, now)
    partDue = desk.produce(
      of: session, now, while: { session.outstanding < options.streams.answersBytesMax }, sent: { _, _ in })
    while !listener.clients.mayHold(desk.bodyBytes, insteadOf: heldBytes) {
      listener.observe(.limitReached(options.bodiesLimit, peer: remote))
      guard desk.refuseLongest(options.bodiesFailure, of: session) else { return sendAway(options.bodiesLimit) }
      answerAll(of: session, now)
    }
    heldBytes = desk.bodyBytes
    for status in desk.takeRefusals() {
      listener.observe(.requestAnswered(protocol: "HTTP/3", encoding: "text", status: status))
    }
    updateDeadline(now, session)
    noteStaying(desk.isStaying)
    // Nothing may be said for longer than the peers' idle timeout.
    if isStreaming != isKeptAlive {
      isKeptAlive = isStreaming
      quic.keepAlive(every: isStreaming ? options.idleTimeout.divided(by: 4) : Duration(nanoseconds: .max))
    }
  }

  /// The listener counts those that may stay.
  private func noteStaying(_ flag: Bool) {
    guard isCountedAsStaying != flag else { return }
    isCountedAsStaying = flag
    listener.staying(flag ? 1 : -1)
  }

  private func answerAll(of session: HTTP3Session, _ now: Instant) {
    let clients = listener.clients
    while session.outstanding < options.streams.answersBytesMax {
      if desk.answerRefusal(of: session, date: clients.date()) != nil { continue }
      guard var request = desk.next() else { return }
      request.peer = quic.identity
      request.peerChain = quic.peerChain
      request.remote = quic.remote
      request.mayStay = desk.isStaying || listener.mayStay
      if caller == nil { findCaller(in: request, now) }
      let answer = isOneTooMany ? refuseCaller() : clients.respond(to: request)
      _ = desk.respond(answer, of: session, date: clients.date())
      if clients.isStopping { answer.body?.stop() }
      (hasAsked, idleSince) = (true, now)
    }
  }

  private func findCaller(in request: HTTPRequest, _ now: Instant) {
    caller = listener.clients.caller(of: request)
    if let caller { isOneTooMany = !listener.hasPlace(for: self, of: caller, now) }
  }

  private func refuseCaller() -> HTTPAnswer {
    let failure = options.callerFailure
    listener.observe(.requestAnswered(protocol: "HTTP/3", encoding: "text", status: failure.status))
    finish()
    return HTTPAnswer(HTTPResponse(failure))
  }

  /// Whether it takes one of its caller's places.
  var countsForCaller: Bool { closeCode == nil && !isOneTooMany }

  // MARK: Time and end

  private func updateDeadline(_ now: Instant, _ session: HTTP3Session) {
    if session.outstanding == 0 {
      readSince = nil
    } else if readSince == nil || session.progress != progressSeen {
      readSince = now
    }
    progressSeen = session.progress
    if !isIdle { idleSince = now }
    let sectionEnd = session.oldestUnfinishedSection.map { $0 + options.headTimeout } ?? .distantFuture
    let arrivalEnd = desk.arrivingSince.map { $0 + options.bodyTimeout } ?? .distantFuture
    let readEnd = readSince.map { $0 + options.writeTimeout } ?? .distantFuture
    // Who waits for news has time.
    let quietEnd = isStreaming ? .distantFuture : idleEnd
    deadline = min(sectionEnd, arrivalEnd, readEnd, quietEnd, partDue ?? .distantFuture)
  }

  /// Whether an answer to it is being made while it is read.
  var isStreaming: Bool { desk.isStreaming }

  /// Whether it hasn't shown yet who it is, and would have to.
  var isStranger: Bool { standing == .stranger }

  /// Whether no request of it is arriving or being answered.
  var isIdle: Bool {
    !desk.isReceiving && desk.hasAnsweredAll && (session?.outstanding ?? 0) == 0
      && session?.oldestUnfinishedSection == nil
  }

  override func deadlineCame(_ now: Instant) {
    if let since = session?.oldestUnfinishedSection, since + options.headTimeout <= now {
      sendAway("a field section that took too long")
    } else if let since = desk.arrivingSince, since + options.bodyTimeout <= now {
      _ = desk.refuseOldest(HTTPFailure(408, "The request took too long to arrive."), of: session)
    } else if let since = readSince, since + options.writeTimeout <= now {
      listener.observe(.limitReached(options.unreadLimit, peer: remote))
      closeCode = closeCode ?? HTTP3ErrorCode.noError
    } else if isIdle, idleEnd <= now {
      closeCode = closeCode ?? HTTP3ErrorCode.noError
    }
  }

  private var idleEnd: Instant { idleSince + (hasAsked ? options.idleTimeout : options.headTimeout) }

  /// Takes no further requests; it ends when those it has are answered and their answers read.
  func finish() {
    isFinishing = true
    desk.stopProducing()
    session?.drain()
  }

  override func sendAway(_ reason: String) {
    guard closeCode == nil else { return }
    closeCode = HTTP3ErrorCode.excessiveLoad
    listener.observe(.limitReached("control connection: \(reason)", peer: remote))
    listener.touch(self)
  }

  override func isToEnd(_ now: Instant) -> Bool {
    closeCode != nil || isFinishing && desk.hasAnsweredAll && session?.hasStreams != true
  }

  /// Gives back what it had of the listener: the connection has ended.
  func release() {
    noteStaying(false)
    _ = listener.clients.mayHold(0, insteadOf: heldBytes)
    heldBytes = 0
  }
}

extension EdgeHTTP3Client: HTTP3Handler {
  func received(fields: [HTTPField], on stream: Int64, areTrailers: Bool, refusal: HTTPFailure?) {
    desk.received(
      fields: fields, areTrailers: areTrailers, bodyFollows: true, refusal: refusal, on: stream, of: session,
      now: MonotonicClock.now())
  }

  func received(body bytes: UnsafeBufferPointer<UInt8>, on stream: Int64) -> Int {
    desk.received(body: bytes, on: stream, of: session, now: MonotonicClock.now())
  }

  func ended(_ stream: Int64) { desk.ended(stream) }
  func refusedByReader(_ stream: Int64) {}

  func malformed(_ stream: Int64) {
    listener.observe(.messageRejected(peer: remote, reason: "HTTP/3: a malformed request"))
  }

  func closed(_ stream: Int64, isWasted: Bool) {
    desk.closed(stream)
    // A stream that ends before its answer has arrived has cost work for nothing (CVE-2023-44487).
    if isWasted, !resets.take(MonotonicClock.now()) { sendAway("streams that are broken off") }
  }
}

extension HTTP3Session: AnsweringSession {
  func send(_ bytes: [UInt8], on stream: Int64) -> Int? { send([], bytes, on: stream) }
}
