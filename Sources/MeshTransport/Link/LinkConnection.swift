// One connection as the mesh uses it: at most one link (the duplex `MeshStream`) and unary calls. Which requests are
// answered how is in MeshRequest.swift.
import MeshBasics

/// One QUIC connection with its HTTP/3 session and its link. Its `deadline`: a dial must be open by then; an accepted
/// connection without a link must have made a call; a link that closes on request waits no longer for its last bytes to
/// arrive.
final class LinkConnection: QUICUser {
  enum LinkState { case none, opening, open, ended }

  private(set) var http: HTTP3Session?
  /// Lets go of this connection when it ends, and of all when it stops itself.
  let loop: LinkLoop
  let serverName: String
  let limits: LinkLimits

  /// The link on this connection: known from the start when dialed, once its request came when accepted.
  private(set) var link: LinkID?
  private(set) var state = LinkState.none
  private var linkStream: Int64?
  private var deframer: GRPCDeframer
  private var calls: [Int64: UnaryCall] = [:]
  /// What the peer may have waiting with the reader of its messages.
  private let credit: InboundCredit
  private var pressure = CreditPressure()
  /// What came on the link's stream when the credit was used up. No longer than the stream's window: the peer gets no
  /// more flow control until it is read.
  private var unread: [UInt8] = []
  /// The peer ended the stream; to be acted on when all is read.
  private var hasUnreadEnd = false

  /// Set inside QUIC calls; the loop acts on it when the call is over.
  var pendingEnd: (end: LinkEnd, close: QUICClose)?
  private var isLingering = false
  /// The TCP connection beside the link, or the one that asks whether a dial's port is closed.
  var tether: TetherEnd?
  /// What the dialer's tether has to say; nil once one said it.
  var tetherToken: [UInt8]?
  /// In the loop's list of links to doubt.
  var isDoubted = false
  var lastDoubt: Instant?

  /// One unary call that is being received or answered.
  private struct UnaryCall {
    var method: String
    var deframer: GRPCDeframer
    var messages: [[UInt8]] = []
    var request: RequestID?
  }

  init(_ quic: QUICConnection, loop: LinkLoop, link: LinkID?, serverName: String, limits: LinkLimits) {
    self.loop = loop
    self.link = link
    self.serverName = serverName
    self.limits = limits
    state = link == nil ? .none : .opening
    deframer = GRPCDeframer(messageBytesMax: limits.messageBytesMax)
    credit = InboundCredit(messagesMax: limits.creditMessages, bytesMax: limits.creditBytes) {
      [mailbox = loop.mailbox] in
      mailbox.wake()
    }
    super.init(quic)
    quic.onReady = { [unowned self] in start() }
  }

  /// The peer, once its certificate is trusted.
  var peer: LinkPeer? {
    quic.identity.map { LinkPeer(identity: $0, remoteAddress: quic.remote.description, transport: "http3") }
  }

  private func start() -> Bool {
    guard http == nil,
      let session = HTTP3Session(on: quic, handler: self, limits: limits.http3)
    else { return http != nil }
    http = session
    quic.streams = session
    guard link != nil else { return true }
    linkStream = session.submitRequest(MeshRequest.linkFields(authority: serverName))
    return linkStream != nil
  }

  /// Ends the link, and with it the connection once the current call is over. The first reason stands.
  func fail(_ end: LinkEnd, _ close: QUICClose = .application(code: HTTP3ErrorCode.noError)) {
    if pendingEnd == nil { pendingEnd = (end, close) }
    loop.endpoint.touch(self)
  }

  /// Ends the link on request, once the peer has what was sent before, or at `deadline`.
  func close(by deadline: Instant) {
    if state == .open, pendingEnd == nil, outstanding > 0 {
      isLingering = true
      self.deadline = deadline
    }
    fail(.closed)
  }

  override func deadlineCame(_ now: Instant) { fail(.timedOut) }

  override func sendAway(_ reason: String) {
    fail(.protocolError(reason), .application(code: HTTP3ErrorCode.excessiveLoad))
  }

  override func isToEnd(_ now: Instant) -> Bool {
    let isWaited = isLingering && outstanding > 0 && deadline.map { now < $0 } ?? false
    return pendingEnd != nil && !isWaited
  }

  override func awaitsAnswer() -> Bool { state == .open && pendingEnd == nil && outstanding == 0 }

  /// The link's end is about to be reported: nothing more may come of it. What was not read is lost, as what is still
  /// on its way is.
  func markEnded() {
    state = .ended
    if let linkStream, !unread.isEmpty { http?.consumed(unread.count, on: linkStream) }
    unread = []
  }

  // MARK: Commands

  func send(_ message: [UInt8]) {
    guard state == .open, pendingEnd == nil, let http, let linkStream else { return }
    guard message.count <= limits.messageBytesMax else {
      fail(.protocolError("message of \(message.count) bytes is over the limit of \(limits.messageBytesMax)"))
      return
    }
    let held = http.send(GRPCDeframer.prefix(length: message.count), message, on: linkStream)
    if let held, held > limits.sendQueueBytesMax { fail(.protocolError("peer does not read")) }
    loop.statistics.messagesSent += 1
    loop.endpoint.touch(self)
  }

  func answer(_ stream: Int64, with reply: [UInt8]) {
    guard calls.removeValue(forKey: stream) != nil, let http else { return }
    if http.submitResponse(MeshRequest.responseFields, on: stream) {
      _ = http.send(GRPCDeframer.prefix(length: reply.count), reply, on: stream)
      http.finish(stream, trailers: GRPCStatus.ok.fields)
    }
    loop.endpoint.touch(self)
  }

  func answer(_ stream: Int64, with status: GRPCStatus) {
    calls[stream] = nil
    guard let http else { return }
    // A status without a message is a "trailers-only" response: it fits in the header section.
    if http.submitResponse(MeshRequest.responseFields + status.fields, on: stream) { http.finish(stream) }
    loop.endpoint.touch(self)
  }

  private func refuse(_ stream: Int64, status: Int) {
    guard let http else { return }
    if http.submitResponse([HTTPField(":status", "\(status)")], on: stream) { http.finish(stream) }
    loop.endpoint.touch(self)
  }

  /// Bytes that the peer has not acknowledged.
  var outstanding: Int { http?.outstanding ?? 0 }
}

// MARK: HTTP/3 events

extension LinkConnection: HTTP3Handler {
  func received(fields: [HTTPField], on stream: Int64, areTrailers: Bool, refusal: HTTPFailure?) {
    if quic.isServer {
      if !areTrailers { accept(refusal.map { .refused($0.status) } ?? MeshRequest(fields), on: stream) }
    } else if stream == linkStream {
      if let refusal { return fail(.protocolError("peer answered with too much: \(refusal)")) }
      areTrailers ? linkEnded(by: fields) : linkAnswered(fields)
    }
  }

  private func accept(_ request: MeshRequest, on stream: Int64) {
    if pendingEnd != nil { return }
    switch request {
    case .refused(let status): refuse(stream, status: status)
    case .failed(let status): answer(stream, with: status)
    case .unary(let method):
      calls[stream] = UnaryCall(method: method, deframer: GRPCDeframer(messageBytesMax: limits.messageBytesMax))
    case .link:
      guard state == .none, let peer else {
        answer(stream, with: .alreadyExists("this connection has its link"))
        return
      }
      guard http?.submitResponse(MeshRequest.responseFields, on: stream) == true else { return }
      let accepted = loop.acceptedLink(on: self)
      link = accepted
      linkStream = stream
      opened(accepted, peer)
      loop.endpoint.touch(self)
    }
  }

  private func linkAnswered(_ fields: [HTTPField]) {
    guard state == .opening, let link, let peer else { return }
    if let status = GRPCStatus(fields: fields) {
      fail(.protocolError("peer answered gRPC status \(status)"))
    } else if fields[":status"] != "200" || !MeshRequest.isGRPC(fields["content-type"]) {
      fail(.protocolError("peer answered HTTP status \(peerText((fields[":status"] ?? "none").utf8))"))
    } else {
      opened(link, peer)
    }
  }

  private func opened(_ link: LinkID, _ peer: LinkPeer) {
    state = .open
    deadline = nil
    loop.opened(link, peer, on: self)
  }

  private func linkEnded(by trailers: [HTTPField]) {
    let status = GRPCStatus(fields: trailers) ?? .ok
    if status == .ok {
      fail(.closed)
    } else {
      fail(.protocolError("peer ended the link: \(status)"))
    }
  }

  func received(body bytes: UnsafeBufferPointer<UInt8>, on stream: Int64) -> Int {
    if stream == linkStream { return receiveLink(bytes) }
    if var call = calls[stream], call.request == nil {
      // Taken out while it grows, so that its buffers are not copied.
      calls[stream] = nil
      let error = call.deframer.receive(bytes, into: &call.messages)
      calls[stream] = call
      if let error {
        refuse(stream, error)
      } else if call.messages.count > 1 {
        answer(stream, with: .unimplemented("a unary call takes one message"))
      }
    }
    return bytes.count
  }

  private func receiveLink(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    // In order: what waits is read first.
    if !unread.isEmpty {
      unread.append(contentsOf: bytes)
      return 0
    }
    let count = readMessages(bytes)
    if count < bytes.count {
      unread.append(contentsOf: bytes.dropFirst(count))
      loop.willReadOn(self)
      creditEnded()
    }
    return count
  }

  private func creditEnded() {
    loop.statistics.linkPauses += 1
    let now = MonotonicClock.now()
    if pressure.came(now, patience: limits.creditPatience, ease: limits.creditEase) { loop.presses(self) }
  }

  /// Hands over the messages in `bytes` while there is credit. Gives the number of bytes that were read; of a link that
  /// is over none is of use any more.
  private func readMessages(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    guard let link, let linkStream, deframer.failure == nil else { return bytes.count }
    var rest = bytes[...]
    while state == .open, !rest.isEmpty {
      guard credit.hasRoom() else { return bytes.count - rest.count }
      if let message = deframer.next(&rest) {
        loop.received(InboundMessage(message, of: credit), on: link)
      } else if let error = deframer.failure {
        linkBroke(error, on: linkStream)
        break
      }
    }
    return bytes.count
  }

  /// Reads on after a pause, as far as the credit goes. True when nothing waits any more.
  func readOn() -> Bool {
    guard state == .open, let linkStream else { return true }
    let waiting = unread
    let count = waiting.withUnsafeBufferPointer(readMessages)
    guard state == .open, count > 0 else { return state != .open }
    unread = Array(waiting.dropFirst(count))
    http?.consumed(count, on: linkStream)
    loop.endpoint.touch(self)
    guard unread.isEmpty else {
      creditEnded()
      return false
    }
    if hasUnreadEnd { ended(linkStream) }
    return true
  }

  /// Answers a unary call whose bytes are no gRPC message.
  private func refuse(_ stream: Int64, _ error: GRPCFrameError) {
    loop.rejected(error, from: quic.remote)
    answer(stream, with: GRPCStatus(error))
  }

  /// The peer's messages can't be read any further: tells it why, and gives the link up.
  private func linkBroke(_ error: GRPCFrameError, on stream: Int64) {
    loop.rejected(error, from: quic.remote)
    let status = GRPCStatus(error)
    if quic.isServer {
      http?.finish(stream, trailers: status.fields)
      loop.linkEnded(self, .protocolError(status.message))
    } else {
      fail(.protocolError(status.message))
    }
  }

  func ended(_ stream: Int64) {
    if stream == linkStream {
      hasUnreadEnd = !unread.isEmpty
      if hasUnreadEnd { return }
      if let error = deframer.end(), state == .open {
        linkBroke(error, on: stream)
      } else if quic.isServer {
        http?.finish(stream, trailers: GRPCStatus.ok.fields)
        loop.linkEnded(self, .closed)
      } else {
        fail(.closed)
      }
    } else if var call = calls[stream], call.request == nil {
      if let error = call.deframer.end() { return refuse(stream, error) }
      guard let message = call.messages.first, let peer else {
        return answer(stream, with: .unimplemented("a unary call takes one message"))
      }
      // A peer may call, break off and call again as fast as it likes: calls that it gave up wait with the others.
      guard credit.hasRoom() else { return loop.refusedCall(self, stream) }
      call.messages = []
      call.request = loop.called(call.method, peer, InboundMessage(message, of: credit), on: self, stream)
      calls[stream] = call
    }
  }

  func malformed(_ stream: Int64) { loop.malformed(from: quic.remote) }

  func refusedByReader(_ stream: Int64) {
    if stream == linkStream, state == .open { fail(.closed) }
  }

  func closed(_ stream: Int64, isWasted: Bool) {
    if stream == linkStream {
      if quic.isServer { loop.linkEnded(self, .closed) } else { fail(.closed) }
    } else if let request = calls.removeValue(forKey: stream)?.request {
      loop.forget(request)
    }
  }
}
