import CLinux
import Glibc
import MeshBasics
import MeshSecurity

/// A mesh connection over TCP, for where UDP is blocked: TLS 1.3 and HTTP/2.
final class TCPLink: ReactorHandler, DeadlineOwner {
  let isServer: Bool
  let remote: SocketAddress
  let descriptor: Int32
  /// What it is used for.
  private(set) lazy var conversation = LinkConversation(
    on: self, loop: loop, link: dialed?.link, serverName: dialed?.serverName ?? "", limits: limits)
  let dialed: (link: LinkID, serverName: String)?
  var heapIndex: Int?
  var deadline: Instant?
  /// In the desk's list of links to move.
  var isDirty = false
  /// Counted by its address, until its peer is trusted.
  var isStranger = false
  /// The identity that it counts against from then on.
  var countsAs: PeerIdentity?
  let cameAt = MonotonicClock.now()
  /// When UDP is tried next, and how long after that again.
  var trialAt: Instant?
  var trialWait: Duration

  private let tls: TLSStream
  private var session: HTTP2Session?
  private let limits: LinkLimits
  // Both hold this link, and outlive it.
  private unowned let loop: LinkLoop
  private unowned let desk: TCPLinkDesk
  private var isConnected: Bool
  private var plain: [UInt8] = []
  private var interest: Readiness
  private var hasEnded = false
  /// Bytes that the socket gave and took.
  private var received = 0
  private var written = 0

  init(
    _ descriptor: Int32, remote: SocketAddress, tls: TLSStream, dialed: (link: LinkID, serverName: String)?,
    loop: LinkLoop, desk: TCPLinkDesk
  ) {
    self.descriptor = descriptor
    self.remote = remote
    self.tls = tls
    self.dialed = dialed
    self.loop = loop
    self.desk = desk
    limits = loop.limits
    isServer = dialed == nil
    isConnected = dialed == nil
    interest = dialed == nil ? .readable : .writable
    trialWait = loop.limits.trialWaitMin
  }

  func ready(_ descriptor: Int32, _ readiness: Readiness) { desk.move(self, MonotonicClock.now()) }

  /// Moves all that can be moved. Gives why the connection is over; nil while it isn't.
  func move(_ now: Instant) -> LinkEnd? {
    if !isConnected {
      let code = TCPSocket.outcome(of: descriptor)
      guard code == 0 else { return .unreachable(systemMessage(code)) }
      isConnected = true
    }
    let end = read(now)
    // What was said before the end still goes out.
    let broken = write()
    if let end = end ?? broken { return conversation.pendingEnd?.end ?? end }
    if conversation.isToEnd(now), let pending = conversation.pendingEnd {
      finish()
      return pending.end
    }
    if let over = sessionEnd() { return over }
    let wanted: Readiness = tls.output.isEmpty ? .readable : [.readable, .writable]
    if wanted != interest { desk.watch(self, for: wanted) }
    interest = wanted
    return nil
  }

  private func sessionEnd() -> LinkEnd? {
    guard let session else { return nil }
    for reason in session.takeComplaints() {
      loop.observe(.messageRejected(peer: remote.description, reason: reason))
    }
    if session.waitingFrames > HTTP2Limits().waitingFramesMax { return .protocolError("peer does not read") }
    guard session.isOver else { return nil }
    guard let failure = session.failure else { return .closed }
    return .protocolError("HTTP/2: \(failure.text)")
  }

  private func read(_ now: Instant) -> LinkEnd? {
    var chunk = [UInt8](repeating: 0, count: 16 * 1024)
    // Bounded, so that one peer can't hold the thread; what is left wakes it again.
    for _ in 0..<16 {
      // Also before anything came: reading begins the handshake.
      if let end = take(now) { return end }
      let count = recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
      if count == 0 { return .unreachable("the connection broke off") }
      guard count > 0 else {
        return errno == EAGAIN || errno == EINTR ? nil : .unreachable(systemMessage(errno))
      }
      received &+= count
      tls.receive(chunk.prefix(count))
    }
    return take(now)
  }

  private func take(_ now: Instant) -> LinkEnd? {
    while let bytes = tls.read() {
      if session == nil, let end = begin() { return end }
      bytes.withUnsafeBufferPointer { session?.receive($0, now: now) }
    }
    if let refusal = tls.refusal { return .refused(reason: refusal.reason) }
    if let alert = tls.alert, TLSAlert.refusesCertificate(alert) {
      return .refused(reason: "peer refused our certificate: TLS alert \(alert)")
    }
    if let failure = tls.failure { return noHTTP2("TLS: \(failure)") }
    if tls.hasEnded { return .closed }
    return session == nil && tls.isOpen ? begin() : nil
  }

  /// TLS is open: HTTP/2 begins.
  private func begin() -> LinkEnd? {
    guard tls.applicationProtocol == "h2" else { return noHTTP2("the peer speaks no HTTP/2 over TCP") }
    guard let identity = tls.peer else { return .refused(reason: TrustRefusal.noCertificate.reason) }
    if let refusal = desk.trusts(self, identity) { return .protocolError(refusal) }
    var streams = StreamLimits()
    streams.streamsMax = Int(limits.http3.streamsMax)
    var message = HTTPLimits()
    message.headerBytesMax = limits.http3.sectionBytesMax
    loop.awaitUse(of: self)
    session = HTTP2Session(
      message: message, streams: streams, limits: HTTP2Limits(), handler: self, isClient: !isServer)
    guard session != nil, conversation.start() else { return .protocolError("HTTP/2 can't begin") }
    return nil
  }

  /// Who answers a dial over TCP in another way may be a middle box: that says nothing of the peer.
  private func noHTTP2(_ reason: String) -> LinkEnd {
    isServer || session != nil ? .protocolError(reason) : .unreachable(reason)
  }

  private func write() -> LinkEnd? {
    while true {
      if plain.isEmpty { session?.fill(&plain, upTo: 16 * 1024) }
      let taken = tls.write(plain[...])
      plain.removeFirst(taken)
      let waiting = tls.output
      if waiting.isEmpty { return nil }
      let count = waiting.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else {
        return errno == EAGAIN || errno == EINTR ? nil : .unreachable(systemMessage(errno))
      }
      written &+= count
      tls.wrote(count)
    }
  }

  /// Tells the peer that this is the end, as far as the socket takes it.
  func finish() {
    guard !hasEnded else { return }
    hasEnded = true
    session?.end()
    _ = write()
    tls.sayGoodbye()
    _ = write()
  }
}

extension TCPLink: LinkCarrier {
  var peer: LinkPeer? {
    tls.peer.map { LinkPeer(identity: $0, remoteAddress: remote.description, transport: "http2") }
  }
  var peerName: String { peerText(tls.peer, at: remote) }
  var outstanding: Int {
    (session?.waiting ?? 0) + plain.count + tls.output.count + TCPSocket.unacknowledged(descriptor)
  }

  func submitRequest(_ fields: [HTTPField]) -> Int64? { session?.submitRequest(fields).map { Int64($0) } }

  func submitResponse(_ fields: [HTTPField], on stream: Int64, isWhole: Bool) -> Bool {
    session?.submitResponse(fields, on: Int32(clamping: stream), isWhole: isWhole) ?? false
  }

  func send(_ prefix: [UInt8], _ message: [UInt8], on stream: Int64) -> Int? {
    session?.send(prefix + message, on: Int32(clamping: stream))
  }

  func finish(_ stream: Int64, trailers: [HTTPField]) {
    session?.finish(Int32(clamping: stream), trailers: trailers)
  }

  func cancel(_ stream: Int64) { session?.withdraw(Int32(clamping: stream)) }

  func consumed(_ count: Int, on stream: Int64) { session?.consumed(count, on: Int32(clamping: stream)) }

  func touch() { desk.touch(self) }

  /// The connection itself tells at once when its peer's process has died: no tether stands beside it.
  func linkOpened() {
    guard !isServer else { return }
    trialWait = loop.trialWait(for: remote)
    trialAt = MonotonicClock.now() + trialWait
  }

  func linkEnded() { trialAt = nil }

  /// That is the kernel's.
  func keepAlive(_ isOn: Bool) {}

  /// HTTP/2 says nothing until there is an answer, but the kernel of a host that lives acknowledges what it has room
  /// for.
  var signs: Int { received &+ written &- TCPSocket.unacknowledged(descriptor) }
}

extension TCPLink: HTTP2Handler {
  func received(fields: [HTTPField], on stream: Int32, as section: HTTP2Section, refusal: HTTPFailure?) {
    var areTrailers = false
    if case .trailers = section { areTrailers = true }
    conversation.received(fields: fields, on: Int64(stream), areTrailers: areTrailers, refusal: refusal)
  }

  func received(body bytes: UnsafeBufferPointer<UInt8>, on stream: Int32) -> Int {
    conversation.received(body: bytes, on: Int64(stream))
  }

  func ended(_ stream: Int32) { conversation.ended(Int64(stream)) }

  func took(_ count: Int, on stream: Int32) {}

  func rejected(_ stream: Int32) { conversation.rejected(Int64(stream)) }

  func closed(_ stream: Int32, unsent: Int) { conversation.closed(Int64(stream), isWasted: false) }
}
