// What nghttp2 asks and tells of frames: what they bring, and what their sender may still cost.
import CNghttp2
import MeshBasics

extension HTTP2Session {
  /// False when the client must be sent away.
  func began(_ frame: nghttp2_frame_hd) -> Bool {
    switch UInt32(frame.type) {
    case NGHTTP2_HEADERS.rawValue:
      continuations = 0
      // nghttp2 passes over those of streams that are gone.
      let isOfUse = streams[frame.stream_id] != nil || frame.stream_id > lastStream
      lastStream = max(lastStream, frame.stream_id)
      return isOfUse || idleFrames.take(now) || isFlooded("frames without use")
    case NGHTTP2_PRIORITY.rawValue where frame.stream_id == 0:
      // [RFC 9113 §6.3] "If a PRIORITY frame is received with a stream identifier of 0x00, the recipient MUST respond
      // with a connection error (Section 5.4.1) of type PROTOCOL_ERROR."
      failure = HTTP2SessionFailure(.protocolError, "PRIORITY on stream 0")
      return false
    case NGHTTP2_CONTINUATION.rawValue:
      continuations += 1
      return continuations <= limits.continuationsMax || isFlooded("CONTINUATION frames")
    case NGHTTP2_DATA.rawValue where frame.length > 0 || HTTP2Session.isLast(frame): return true
    case NGHTTP2_RST_STREAM.rawValue: return tookReset()
    default: return idleFrames.take(now) || isFlooded("frames without use")
    }
  }

  /// A stream ends for the client's wish or mistake; false when that was one too many.
  func tookReset() -> Bool { resets.take(now) || isFlooded("streams that are broken off") }

  /// A frame of the client that can't be taken, and that costs it the stream or the connection.
  func tookInvalid(_ frame: nghttp2_frame_hd) -> Bool {
    isAmidFields = false
    state(of: frame.stream_id)?.isCounted = true
    return tookReset()
  }

  private func isFlooded(_ what: String) -> Bool {
    failure = HTTP2SessionFailure(.enhanceYourCalm, what)
    return false
  }

  func beganFields(on stream: Int32) {
    isAmidFields = true
    guard streams[stream] == nil else { return }
    streams[stream] = Stream()
    idleFrames.give(4)
  }

  func took(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, on stream: Int32) {
    state(of: stream)?.section.take(name, value, message)
  }

  func tookInvalidField(on stream: Int32) {
    guard let state = state(of: stream), state.section.refusal == nil else { return }
    state.section.refusal = HTTPFailure(400, "A field name is not a token, or a field value holds a control character.")
  }

  func received(_ frame: nghttp2_frame) {
    let stream = frame.hd.stream_id
    switch UInt32(frame.hd.type) {
    case NGHTTP2_HEADERS.rawValue:
      isAmidFields = false
      guard let state = state(of: stream) else { return }
      let (fields, isLast) = (state.section.takeAll(), HTTP2Session.isLast(frame.hd))
      // The answer that follows an interim one is none of trailers, which have no status (RFC 9113 §8.1).
      let section = state.hasFields && fields[":status"] == nil ? HTTP2Section.trailers : .headers(bodyFollows: !isLast)
      state.hasFields = true
      handler.received(fields: fields, on: stream, as: section, refusal: state.section.refusal)
      if isLast { end(stream) }
    case NGHTTP2_DATA.rawValue where HTTP2Session.isLast(frame.hd): end(stream)
    case NGHTTP2_DATA.rawValue where frame.hd.length > 0 && frame.hd.length <= frame.data.padlen:
      if !idleFrames.take(now) { _ = isFlooded("frames without use") }
    case NGHTTP2_PING.rawValue where frame.hd.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0: sayGoodbye()
    default: break
    }
  }

  private static func isLast(_ frame: nghttp2_frame_hd) -> Bool {
    frame.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
  }

  private func end(_ stream: Int32) {
    guard let state = state(of: stream) else { return }
    state.isEnded = true
    handler.ended(stream)
  }

  func took(body bytes: UnsafeBufferPointer<UInt8>, on stream: Int32) {
    // One stream whose bytes are kept must not hold up the others: it has a window of its own.
    _ = nghttp2_session_consume_connection(handle, bytes.count)
    guard let state = state(of: stream) else { return }
    if state.isAnswered { dropLate(bytes.count, state, stream) }
    state.kept += bytes.count
    consumed(handler.received(body: bytes, on: stream), on: stream)
  }

  /// Clients such as curl 7.88 lose an answer to which we would add a RST_STREAM at once. So they may send some more,
  /// and see the answer meanwhile.
  private func dropLate(_ count: Int, _ state: Stream, _ stream: Int32) {
    let before = state.late
    state.late += count
    // [RFC 9113 §8.1] "a server MAY request that the client abort transmission of a request without error by sending a
    // RST_STREAM with an error code of NO_ERROR"
    if before <= limits.lateBytesMax, state.late > limits.lateBytesMax { reset(stream, .noError) }
  }

  /// The next part of an answer: its bytes, and what nghttp2 must know of it.
  func read(into buffer: UnsafeMutableBufferPointer<UInt8>, on stream: Int32) -> (count: Int, flags: UInt32) {
    guard let state = state(of: stream) else { return (0, NGHTTP2_DATA_FLAG_EOF.rawValue) }
    let count = state.answer.take(into: buffer)
    if count > 0 { handler.took(count, on: stream) }
    guard state.answer.isFinished, state.answer.count == 0 else {
      return (count == 0 ? Int(NGHTTP2_ERR_DEFERRED.rawValue) : count, 0)
    }
    guard !state.trailers.isEmpty else { return (count, NGHTTP2_DATA_FLAG_EOF.rawValue) }
    _ = withFields(state.trailers) { nghttp2_submit_trailer(handle, stream, $0, $1) }
    return (count, NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue)
  }

  func sent(_ frame: nghttp2_frame) {
    let stream = frame.hd.stream_id
    switch UInt32(frame.hd.type) {
    case NGHTTP2_DATA.rawValue: idleFrames.give(4)
    case NGHTTP2_HEADERS.rawValue: break
    case NGHTTP2_RST_STREAM.rawValue: return broke(stream, frame.rst_stream.error_code)
    case NGHTTP2_GOAWAY.rawValue:
      let code = frame.goaway.error_code
      if code != HTTP2ErrorCode.noError.rawValue, code != HTTP2ErrorCode.enhanceYourCalm.rawValue {
        complaints.append("HTTP/2: a broken connection")
      }
      return
    default: return
    }
    answerFrames &+= 1
    if HTTP2Session.isLast(frame.hd) { state(of: stream)?.isAnswered = true }
  }

  /// A stream that nghttp2 broke off by itself, for a mistake that no frame showed alone, counts like the client's own
  /// (CVE-2025-8671).
  private func broke(_ stream: Int32, _ code: UInt32) {
    guard code != HTTP2ErrorCode.noError.rawValue, let state = streams[stream], !state.isWithdrawn else { return }
    complaints.append("HTTP/2: a malformed request")
    guard !state.isCounted else { return }
    state.isCounted = true
    _ = tookReset()
  }

  func closed(_ stream: Int32, _ code: UInt32) {
    if latest?.id == stream { latest = nil }
    guard let state = streams.removeValue(forKey: stream) else { return }
    // nghttp2 closes those above the last one of a GOAWAY with this code too.
    if code == HTTP2ErrorCode.refusedStream.rawValue { handler.rejected(stream) }
    handler.closed(stream, unsent: state.answer.count)
  }
}
