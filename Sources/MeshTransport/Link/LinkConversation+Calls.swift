// The calls of this node on one connection that it has dialed: a request each, and its answer.
import MeshBasics

/// One call of ours that waits for its answer.
struct AskedCall {
  var onEnd: (CallAttemptEnd) -> Void
  var deframer: GRPCDeframer
  var messages: [[UInt8]] = []
  var status: GRPCStatus?
  /// The peer says that it has not looked at the request.
  var isRejected = false
  /// Nobody waits for it any more, and it is to be broken off.
  var isWithdrawn = false
}

extension LinkConversation {
  /// Whether a call may be made on this connection: a peer takes requests of who has dialed alone.
  var takesCalls: Bool { isOpen && !carrier.isServer && !silence.isSilent(carrier.signs) }

  /// Whether somebody waits for an answer.
  var hasCalls: Bool { asked.values.contains { !$0.isWithdrawn } }

  /// Makes a call; `onEnd` is told of its end, inside calls of the carrier, unless it is cancelled. Gives its stream;
  /// nil when the peer allows no more of them.
  func ask(
    _ method: String, _ message: [UInt8], timeout: Duration, onEnd: @escaping (CallAttemptEnd) -> Void
  ) -> Int64? {
    breakOffWithdrawn()
    let fields = MeshRequest.callFields(method, authority: serverName, timeout: timeout)
    guard let stream = carrier.submitRequest(fields) else { return nil }
    asked[stream] = AskedCall(onEnd: onEnd, deframer: GRPCDeframer(messageBytesMax: limits.messageBytesMax))
    _ = carrier.send(GRPCDeframer.prefix(length: message.count), message, on: stream)
    carrier.finish(stream, trailers: [])
    carrier.touch()
    return stream
  }

  /// Breaks a call off. Nothing is told of its end.
  func cancel(_ stream: Int64) {
    guard asked[stream] != nil else { return }
    asked[stream]?.isWithdrawn = true
    asked[stream]?.onEnd = { _ in }
    breakOffWithdrawn()
  }

  /// Peers send away who breaks off too much (`StreamLimits.resetsPerSecond`), and the link goes with the connection.
  /// What is beyond this node's budget waits for its answer, or for the next call.
  private func breakOffWithdrawn() {
    let now = MonotonicClock.now()
    for (stream, call) in asked where call.isWithdrawn {
      guard callResets.take(now) else { return }
      asked[stream] = nil
      carrier.cancel(stream)
      carrier.touch()
    }
  }

  /// The connection is over: of its calls nobody will hear any more.
  func loseCalls(_ end: LinkEnd) {
    let lost = asked.values
    asked = [:]
    for call in lost {
      if case .refused(let reason) = end { call.onEnd(.refused(reason)) } else { call.onEnd(.lost(end.text)) }
    }
  }

  /// This node ends the connection, through no fault of its peer.
  func giveUpCalls(_ reason: String) {
    let given = asked.values
    asked = [:]
    for call in given { call.onEnd(.givenUp(reason)) }
  }

  // MARK: What comes

  func callAnswered(_ fields: [HTTPField], on stream: Int64, areTrailers: Bool, refusal: HTTPFailure?) {
    guard asked[stream] != nil else { return }
    if refusal != nil { return end(stream, .internal("the answer has too many fields"), breaksOff: true) }
    let status = GRPCStatus(fields: fields)
    if areTrailers {
      asked[stream]?.status = status
      return
    }
    let code = fields[":status"].flatMap { Int($0) } ?? 0
    // Of interim answers there may be any number (RFC 9110 §15.2).
    if (100..<200).contains(code) { return }
    asked[stream]?.status = status
    if code != 200 { end(stream, status ?? GRPCStatus(httpStatus: code), breaksOff: true) }
  }

  func receiveReply(_ bytes: UnsafeBufferPointer<UInt8>, on stream: Int64) {
    // Taken out while it grows, so that its buffers are not copied.
    guard var call = asked.removeValue(forKey: stream) else { return }
    let error = call.deframer.receive(bytes, into: &call.messages)
    let isTooMuch = call.messages.count > 1
    asked[stream] = call
    if let error {
      loop.rejected(error, from: carrier.remote)
      end(stream, GRPCStatus(error), breaksOff: true)
    } else if isTooMuch {
      end(stream, .internal("the answer has more than one message"), breaksOff: true)
    }
  }

  /// The answer is whole.
  func replyEnded(_ stream: Int64) {
    guard let call = asked[stream] else { return }
    if let error = call.deframer.end() { return end(stream, GRPCStatus(error)) }
    guard let status = call.status else { return end(stream, GRPCStatus(code: 2, message: "the answer has no status")) }
    if status.code != 0 { return end(stream, status) }
    guard call.messages.count == 1 else { return end(stream, .internal("the answer has no message")) }
    end(stream, .ok)
  }

  /// The stream is gone before the answer was whole.
  func callBroke(_ stream: Int64) {
    guard let call = asked.removeValue(forKey: stream) else { return }
    call.onEnd(call.isRejected ? .unprocessed("the peer takes no more calls") : .lost("the peer broke the call off"))
  }

  private func end(_ stream: Int64, _ status: GRPCStatus, breaksOff: Bool = false) {
    guard let call = asked.removeValue(forKey: stream) else { return }
    if breaksOff {
      carrier.cancel(stream)
      carrier.touch()
    }
    call.onEnd(.answered(status, reply: status.code == 0 ? call.messages.first ?? [] : []))
  }
}

extension GRPCStatus {
  /// What an answer that is not gRPC's says (gRPC "HTTP to gRPC Status Code Mapping").
  init(httpStatus: Int) {
    let code =
      switch httpStatus {
      case 400: 13
      case 401: 16
      case 403: 7
      case 404: 12
      case 429, 502, 503, 504: GRPCStatus.unavailableCode
      default: 2
      }
    self.init(code: code, message: "the peer answered HTTP status \(httpStatus)")
  }
}
