// One connection as the mesh uses it: at most one link (the duplex `MeshStream`) and unary calls. Which requests are
// answered how is in MeshRequest.swift, the calls that this node makes itself in LinkConversation+Calls.swift.
import MeshBasics

/// What carries the requests of one mesh connection: HTTP/3 over QUIC, or HTTP/2 over TCP.
protocol LinkCarrier: AnyObject {
  /// Whether the peer has dialed.
  var isServer: Bool { get }
  var remote: SocketAddress { get }
  /// The peer, once its certificate is trusted.
  var peer: LinkPeer? { get }
  /// The peer for a log: the first name of its certificate, and its address.
  var peerName: String { get }
  /// When `LinkConversation.deadlineCame` is to be called.
  var deadline: Instant? { get set }
  /// Bytes that the peer has not acknowledged, as far as they are known here.
  var outstanding: Int { get }
  /// Opens a stream with a request whose body follows. Nil when the peer allows no more.
  func submitRequest(_ fields: [HTTPField]) -> Int64?
  /// Answers a stream. Unless `isWhole`, the body follows.
  func submitResponse(_ fields: [HTTPField], on stream: Int64, isWhole: Bool) -> Bool
  /// Appends to a body. Gives the bytes of it that wait here; nil when the stream is gone.
  func send(_ prefix: [UInt8], _ message: [UInt8], on stream: Int64) -> Int?
  /// Ends a body, with trailers unless there are none.
  func finish(_ stream: Int64, trailers: [HTTPField])
  /// Breaks a request of ours off.
  func cancel(_ stream: Int64)
  /// Lets the peer send so many bytes more.
  func consumed(_ count: Int, on stream: Int64)
  /// There is something to send, or an end to come to.
  func touch()
  /// The link has opened, is over: what stands beside it is to be built, or to go.
  func linkOpened()
  func linkEnded()
  /// Whether this side keeps the connection from going idle; otherwise only what its peer does.
  func keepAlive(_ isOn: Bool)
  /// Grows with what comes from the peer: over QUIC with data of streams, streams that it breaks off, and word that
  /// data of streams has arrived; over TCP with any bytes, and with word from its host that bytes have arrived.
  var signs: Int { get }
}

/// The link and the calls of one connection. Its carrier's `deadline`: a dial must be open by then; an accepted
/// connection without a link must have made a call; a link that closes on request waits no longer for its last bytes to
/// arrive, or for its peer's end; a connection that outlives its link must have heard of its peer.
final class LinkConversation {
  enum LinkState { case none, opening, open, ended }

  // Holds this conversation, and outlives it.
  unowned let carrier: any LinkCarrier
  /// Lets go of this connection when it ends, and of all when it stops itself.
  let loop: LinkLoop
  let serverName: String
  let limits: LinkLimits

  /// The link on this connection: known from the start when dialed, once its request came when accepted.
  private(set) var link: LinkID?
  private(set) var state = LinkState.none
  private(set) var linkStream: Int64?
  private var deframer: GRPCDeframer
  private var calls: [Int64: UnaryCall] = [:]
  /// Whether calls of the peer wait for their answer.
  var hasCallsToAnswer: Bool { calls.values.contains { $0.request != nil } }
  /// Calls of ours that wait for their answer.
  var asked: [Int64: AskedCall] = [:]
  /// Calls of ours that may be broken off: half of what a peer puts up with.
  var callResets = FrameBudget(burst: StreamLimits().resetsBurst / 2, perSecond: StreamLimits().resetsPerSecond / 2)
  /// What the peer may have waiting with the reader of its messages.
  private let credit: InboundCredit
  private var pressure = CreditPressure()
  /// What came on the link's stream when the credit was used up. No longer than the stream's window: the peer gets no
  /// more flow control until it is read.
  private var unread: [UInt8] = []
  /// The peer ended the stream; to be acted on when all is read.
  private(set) var hasUnreadEnd = false

  /// Set inside calls of the carrier; the loop acts on it when the call is over.
  private(set) var pendingEnd: PendingEnd?
  private var isLingering = false
  /// The link is being closed, and the connection will stay for the calls on it.
  var isParting = false
  /// The link is over, and the connection, which this node has dialed, stays for the calls on it.
  var isKeptForCalls = false
  /// What calls have learned of whether the peer is still there.
  var silence = PeerSilence()

  /// How the connection is to end.
  struct PendingEnd {
    let end: LinkEnd
    /// The peer is sent away, because it takes too much.
    let isSentAway: Bool
  }

  /// One unary call that is being received or answered.
  private struct UnaryCall {
    var method: String
    var deframer: GRPCDeframer
    var messages: [[UInt8]] = []
    var request: RequestID?
  }

  init(on carrier: any LinkCarrier, loop: LinkLoop, link: LinkID?, serverName: String, limits: LinkLimits) {
    self.carrier = carrier
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
  }

  /// The carrier can carry requests now. False when it can't open the link.
  func start() -> Bool {
    guard let link else { return true }
    if link.isForCalls {
      guard let peer = carrier.peer else { return false }
      opened(link, peer)
      return true
    }
    linkStream = carrier.submitRequest(MeshRequest.linkFields(authority: serverName))
    return linkStream != nil
  }

  /// Ends the link, and with it the connection once the current call is over. The first reason stands.
  func fail(_ end: LinkEnd, isSentAway: Bool = false) {
    if pendingEnd == nil { pendingEnd = PendingEnd(end: end, isSentAway: isSentAway) }
    carrier.touch()
  }

  /// Ends the link on request, once the peer has what was sent before, or at `deadline`.
  func close(by deadline: Instant) {
    if isParting || isKeptForCalls || part(by: deadline) { return }
    if state == .open, pendingEnd == nil, carrier.outstanding > 0 {
      isLingering = true
      carrier.deadline = deadline
    }
    fail(.closed)
  }

  /// A link that parts waits for its peer no longer, a connection that was kept for a moment is looked at, and one for
  /// calls that has been idle has served its time. Any other has not come to its use in time.
  func deadlineCame() {
    if isParting { return parted() }
    if isKeptForCalls, pendingEnd == nil { return wasKept() }
    fail(link?.isForCalls == true && state == .open ? .closed : .timedOut)
  }

  /// Whether it is to end, and nothing is left to wait for.
  func isToEnd(_ now: Instant) -> Bool {
    let isWaited = isLingering && carrier.outstanding > 0 && carrier.deadline.map { now < $0 } ?? false
    return pendingEnd != nil && !isWaited
  }

  /// The link's end is about to be reported: nothing more may come of it. What was not read is lost, as what is still
  /// on its way is.
  func markEnded() {
    state = .ended
    isParting = false
    if let linkStream, !unread.isEmpty { carrier.consumed(unread.count, on: linkStream) }
    unread = []
  }

  // MARK: Commands

  func send(_ message: [UInt8]) {
    guard isOpen, let linkStream else { return }
    guard message.count <= limits.messageBytesMax else {
      fail(.protocolError("message of \(message.count) bytes is over the limit of \(limits.messageBytesMax)"))
      return
    }
    let held = carrier.send(GRPCDeframer.prefix(length: message.count), message, on: linkStream)
    if let held, held > limits.sendQueueBytesMax { fail(.protocolError("peer does not read")) }
    loop.statistics.messagesSent += 1
    carrier.touch()
  }

  func answer(_ stream: Int64, with reply: [UInt8]) {
    guard calls.removeValue(forKey: stream) != nil else { return }
    if carrier.submitResponse(MeshRequest.responseFields, on: stream, isWhole: false) {
      _ = carrier.send(GRPCDeframer.prefix(length: reply.count), reply, on: stream)
      carrier.finish(stream, trailers: GRPCStatus.ok.fields)
    }
    carrier.touch()
  }

  func answer(_ stream: Int64, with status: GRPCStatus) {
    calls[stream] = nil
    // A status without a message is a "trailers-only" response: it fits in the header section.
    answer(stream, with: MeshRequest.responseFields + status.fields)
  }

  private func refuse(_ stream: Int64, status: Int) { answer(stream, with: [HTTPField(":status", "\(status)")]) }

  private func answer(_ stream: Int64, with fields: [HTTPField]) {
    _ = carrier.submitResponse(fields, on: stream, isWhole: true)
    carrier.touch()
  }
}

// MARK: What comes

extension LinkConversation: HTTP3Handler {
  func received(fields: [HTTPField], on stream: Int64, areTrailers: Bool, refusal: HTTPFailure?) {
    if carrier.isServer {
      if !areTrailers { accept(refusal.map { .refused($0.status) } ?? MeshRequest(fields), on: stream) }
    } else if stream == linkStream {
      if let refusal { return fail(.protocolError("peer answered with too much: \(refusal)")) }
      areTrailers ? linkEnded(by: fields) : linkAnswered(fields)
    } else {
      callAnswered(fields, on: stream, areTrailers: areTrailers, refusal: refusal)
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
      guard state == .none, let peer = carrier.peer else {
        answer(stream, with: .alreadyExists("this connection has its link"))
        return
      }
      guard carrier.submitResponse(MeshRequest.responseFields, on: stream, isWhole: false) else { return }
      let accepted = loop.acceptedLink(on: self)
      link = accepted
      linkStream = stream
      opened(accepted, peer)
      carrier.touch()
    }
  }

  private func linkAnswered(_ fields: [HTTPField]) {
    guard state == .opening, let link, let peer = carrier.peer else { return }
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
    carrier.deadline = nil
    loop.opened(link, peer, on: self)
  }

  private func linkEnded(by trailers: [HTTPField]) {
    // After OK the end of the stream follows, and is acted on once all that came before it is read.
    if let status = GRPCStatus(fields: trailers), status != .ok, state != .ended {
      fail(.protocolError("peer ended the link: \(status)"))
    }
  }

  func received(body bytes: UnsafeBufferPointer<UInt8>, on stream: Int64) -> Int {
    if stream == linkStream { return receiveLink(bytes) }
    if asked[stream] != nil { receiveReply(bytes, on: stream) }
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
    carrier.consumed(count, on: linkStream)
    carrier.touch()
    guard unread.isEmpty else {
      creditEnded()
      return false
    }
    if hasUnreadEnd { ended(linkStream) }
    return true
  }

  /// Answers a unary call whose bytes are no gRPC message.
  private func refuse(_ stream: Int64, _ error: GRPCFrameError) {
    loop.rejected(error, from: carrier.remote)
    answer(stream, with: GRPCStatus(error))
  }

  /// The peer's messages can't be read any further: tells it why, and gives the link up.
  private func linkBroke(_ error: GRPCFrameError, on stream: Int64) {
    loop.rejected(error, from: carrier.remote)
    let status = GRPCStatus(error)
    if carrier.isServer {
      carrier.finish(stream, trailers: status.fields)
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
      } else if carrier.isServer {
        carrier.finish(stream, trailers: GRPCStatus.ok.fields)
        loop.linkEnded(self, .closed)
      } else {
        peerEndedLink()
      }
    } else if asked[stream] != nil {
      replyEnded(stream)
    } else if var call = calls[stream], call.request == nil {
      if let error = call.deframer.end() { return refuse(stream, error) }
      guard let message = call.messages.first, let peer = carrier.peer else {
        return answer(stream, with: .unimplemented("a unary call takes one message"))
      }
      // A peer may call, break off and call again as fast as it likes: calls that it gave up wait with the others.
      guard credit.hasRoom() else { return loop.refusedCall(self, stream) }
      call.messages = []
      call.request = loop.called(call.method, peer, InboundMessage(message, of: credit), on: self, stream)
      calls[stream] = call
    }
  }

  func malformed(_ stream: Int64) { loop.malformed(from: carrier.remote) }

  func refusedByReader(_ stream: Int64) {
    guard stream == linkStream, state == .open else { return }
    if carrier.isServer { fail(.closed) } else { peerEndedLink() }
  }

  func rejected(_ stream: Int64) { asked[stream]?.isRejected = true }

  func closed(_ stream: Int64, isWasted: Bool) {
    if asked[stream] != nil {
      callBroke(stream)
    } else if stream == linkStream {
      if carrier.isServer { loop.linkEnded(self, .closed) } else { peerEndedLink() }
    } else if let request = calls.removeValue(forKey: stream)?.request {
      loop.forget(request)
    }
  }
}
