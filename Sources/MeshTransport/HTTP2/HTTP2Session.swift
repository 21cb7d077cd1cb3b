// HTTP/2 on one connection, the server's side (RFC 9113), on nghttp2. It knows requests, answers, bodies and trailers,
// and what a client may cost; what the requests mean is its handler's business. No IO and no clock: bytes in, bytes
// out, the time with the bytes. Its callbacks note what has to happen and end nothing themselves.
import CNghttp2
import MeshBasics

/// What a session tells its owner. Called inside `receive` and `fill`: the session may be answered from here, but not
/// fed.
protocol HTTP2Handler: AnyObject {
  /// The field section of a request is whole, or that of its trailers. `refusal` says why the request can't be taken;
  /// its fields are then not all there.
  func received(fields: [HTTPField], on stream: Int32, as section: HTTP2Section, refusal: HTTPFailure?)
  /// Some of the body came. `bytes` lives for the call. Gives the number of bytes that are done with; what is kept
  /// holds the client back until `consumed` is told of it.
  func received(body bytes: UnsafeBufferPointer<UInt8>, on stream: Int32) -> Int
  /// The client has sent all of the stream.
  func ended(_ stream: Int32)
  /// So many bytes of an answer's body went out: its producer may make as many more.
  func took(_ count: Int, on stream: Int32)
  /// The stream is gone, ended or broken off.
  func closed(_ stream: Int32)
}

/// Which fields of a request came.
enum HTTP2Section {
  case headers(bodyFollows: Bool)
  case trailers
}

/// One HTTP/2 session.
///
/// *Limits*: the client's by `HTTPLimits` and `HTTP2Limits`. `fill` makes no more bytes than it is asked for, so that
/// answers wait with their producer, and the client's windows hold them there.
final class HTTP2Session {
  /// What a client of HTTP/2 says first, also to ask for it without TLS (RFC 9113 §3.4).
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  private final class Stream {
    var fields: [HTTPField] = []
    var fieldBytes = 0
    var fieldCount = 0
    var refusal: HTTPFailure?
    /// The request's own fields are there; the next section is its trailers.
    var hasFields = false
    /// The client has sent all.
    var isEnded = false
    /// The answer went out whole, or is a refusal: what still comes is of no use.
    var isAnswered = false
    /// Its end was counted among those that the client broke off.
    var isCounted = false
    /// Body bytes that came after that.
    var late = 0
    /// Body bytes that the handler keeps.
    var kept = 0
    var answer = OutgoingChunks()
    var trailers: [HTTPField] = []
  }

  private var handle: OpaquePointer?
  // Holds this session, and outlives it.
  private unowned let handler: any HTTP2Handler
  private let message: HTTPLimits
  private let limits: HTTP2Limits
  private var streams: [Int32: Stream] = [:]
  private var idleFrames: FrameBudget
  private var resets: FrameBudget
  private var continuations = 0
  private var amidFields = false
  private var now = Instant.origin
  private var isDraining = false
  /// The client was told of the end, and not yet which request was the last.
  private var isNoticeOut = false
  /// Memory failed while sending.
  private var isBroken = false
  /// Why the client is sent away; the session then says so and reads nothing more.
  private(set) var failure: HTTP2SessionFailure?
  private var isFailureSaid = false
  /// Counts the frames of answers that went out.
  private(set) var answerFrames = 0

  /// A session that has received nothing yet. Nil when memory fails.
  init?(message: HTTPLimits, limits: HTTP2Limits, handler: any HTTP2Handler) {
    self.handler = handler
    self.message = message
    self.limits = limits
    idleFrames = FrameBudget(burst: limits.idleFramesBurst, perSecond: limits.idleFramesPerSecond)
    resets = FrameBudget(burst: limits.resetsBurst, perSecond: limits.resetsPerSecond)
    handle = HTTP2Session.makeHandle(limits, Unmanaged.passUnretained(self).toOpaque())
    let settings = [
      nghttp2_settings_entry(
        settings_id: Int32(bitPattern: NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
        value: UInt32(clamping: limits.streamsMax)),
      nghttp2_settings_entry(
        settings_id: Int32(bitPattern: NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
        value: UInt32(clamping: message.headerBytesMax)),
      // The old tree of priorities is work for us and of use to nobody.
      nghttp2_settings_entry(
        settings_id: Int32(bitPattern: NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES.rawValue), value: 1),
    ]
    guard let handle,
      nghttp2_submit_settings(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), settings, settings.count) == 0
    else { return nil }
  }

  deinit { if let handle { nghttp2_session_del(handle) } }

  // MARK: Bytes

  /// Reads what came in, the client's preface first.
  func receive(_ bytes: UnsafeBufferPointer<UInt8>, now: Instant) {
    guard wantsInput, let handle, !bytes.isEmpty else { return }
    self.now = now
    let taken = nghttp2_session_mem_recv(handle, bytes.baseAddress, bytes.count)
    if taken < 0, failure == nil { failure = HTTP2Session.failure(of: Int32(clamping: taken)) }
    sayFailure()
  }

  private static func failure(of code: Int32) -> HTTP2SessionFailure {
    switch code {
    case NGHTTP2_ERR_FLOODED.rawValue: return .init(.enhanceYourCalm, "answers that the client never reads")
    // Those of sections that are ignored are told to nobody but nghttp2.
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue: return .init(.enhanceYourCalm, "CONTINUATION frames")
    default: return .init(.protocolError, HTTP2Session.text(of: code))
    }
  }

  /// Appends what there is to send to `output` until it holds `count` bytes, which one frame may exceed.
  func fill(_ output: inout [UInt8], upTo count: Int) {
    guard let handle else { return }
    while output.count < count {
      var bytes: UnsafePointer<UInt8>?
      let made = nghttp2_session_mem_send(handle, &bytes)
      if made < 0 { isBroken = true }
      guard made > 0, let bytes else { return }
      output.append(contentsOf: UnsafeBufferPointer(start: bytes, count: made))
      sayFailure()
    }
  }

  /// Tells the client why it is sent away, once.
  private func sayFailure() {
    guard !isFailureSaid, let failure, let handle else { return }
    isFailureSaid = true
    _ = nghttp2_session_terminate_session(handle, failure.code.rawValue)
  }

  /// Whether there is nothing more to read or to send.
  var isOver: Bool {
    guard let handle, !isBroken else { return true }
    let wantsRead = failure == nil && nghttp2_session_want_read(handle) != 0
    return !wantsRead && nghttp2_session_want_write(handle) == 0
  }

  /// Frames that wait to be sent, those of streams that are gone among them.
  var waitingFrames: Int { handle.map { nghttp2_session_get_outbound_queue_size($0) } ?? 0 }

  /// Whether a field section has begun and is not whole.
  var isAmidFields: Bool { amidFields }

  /// Whether bytes of the client are still of use.
  var wantsInput: Bool { handle.map { failure == nil && nghttp2_session_want_read($0) != 0 } ?? false }

  // MARK: Answers

  /// Says `100 Continue` on `stream`.
  func submitContinue(on stream: Int32) {
    _ = withFields([HTTPField(":status", "100")]) {
      nghttp2_submit_headers(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, nil, $0, $1, nil)
    }
  }

  /// Answers `stream`. Unless `isWhole`, the body follows by `send`, and `finish` ends it.
  func submitResponse(_ fields: [HTTPField], on stream: Int32, isWhole: Bool) -> Bool {
    guard streams[stream] != nil else { return false }
    var provider = nghttp2_data_provider(source: nghttp2_data_source(), read_callback: readAnswer)
    return withFields(fields) { pairs, count in
      isWhole
        ? nghttp2_submit_response(handle, stream, pairs, count, nil)
        : nghttp2_submit_response(handle, stream, pairs, count, &provider)
    } == 0
  }

  /// Appends to the body of an answer. Returns the bytes of it that wait here; nil when the stream is gone.
  func send(_ bytes: [UInt8], on stream: Int32) -> Int? {
    guard let state = streams[stream], !state.answer.isFinished else { return nil }
    state.answer.append(bytes)
    _ = nghttp2_session_resume_data(handle, stream)
    return state.answer.count
  }

  /// Ends the body of an answer, with trailers unless `trailers` is empty.
  func finish(_ stream: Int32, trailers: [HTTPField] = []) {
    guard let state = streams[stream], !state.answer.isFinished else { return }
    state.answer.isFinished = true
    state.trailers = trailers
    _ = nghttp2_session_resume_data(handle, stream)
  }

  /// What still comes on `stream` is of no use: its answer is a refusal.
  func dropRest(of stream: Int32) { streams[stream]?.isAnswered = true }

  /// Breaks `stream` off.
  func reset(_ stream: Int32, _ code: HTTP2ErrorCode) {
    _ = nghttp2_submit_rst_stream(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, code.rawValue)
  }

  /// Lets the client send so many bytes more: they were kept, and are done with now.
  func consumed(_ count: Int, on stream: Int32) {
    guard let state = streams[stream] else { return }
    let count = min(max(0, count), state.kept)
    state.kept -= count
    _ = nghttp2_session_consume(handle, stream, count)
  }

  /// Takes no new requests and ends when the open ones are answered. With open ones the client is first told so, and
  /// the last request that counts is named when it has heard that: none that is under way gets lost (RFC 9113 §6.8).
  func drain() {
    guard !isDraining, let handle else { return }
    isDraining = true
    isNoticeOut = true
    guard !streams.isEmpty else { return sayGoodbye() }
    _ = nghttp2_submit_shutdown_notice(handle)
    _ = nghttp2_submit_ping(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
  }

  /// Sends the client away at once; what is on its way to it may still go out.
  func sendAway(_ reason: HTTP2SessionFailure) {
    failure = failure ?? reason
    sayFailure()
  }

  /// Names the last request that counts, if the notice is out and it wasn't named yet.
  private func sayGoodbye() {
    guard isNoticeOut else { return }
    isNoticeOut = false
    _ = nghttp2_submit_goaway(
      handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), nghttp2_session_get_last_proc_stream_id(handle),
      HTTP2ErrorCode.noError.rawValue, nil, 0)
  }

  private func withFields(_ fields: [HTTPField], _ body: (UnsafePointer<nghttp2_nv>?, Int) -> Int32) -> Int32 {
    var text: [UInt8] = []
    for field in fields {
      text.append(contentsOf: field.name.utf8)
      text.append(contentsOf: field.value.utf8)
    }
    // Even without a byte of text there must be an address.
    text.append(0)
    return text.withUnsafeMutableBufferPointer { bytes in
      var offset = 0
      let pairs = fields.map { field in
        let (name, value) = (field.name.utf8.count, field.value.utf8.count)
        defer { offset += name + value }
        return nghttp2_nv(
          name: bytes.baseAddress.map { $0 + offset }, value: bytes.baseAddress.map { $0 + offset + name },
          namelen: name, valuelen: value, flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue))
      }
      return pairs.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
    }
  }
}

// MARK: What nghttp2 asks and tells

extension HTTP2Session {
  /// False when the client must be sent away.
  func began(_ frame: nghttp2_frame_hd) -> Bool {
    switch UInt32(frame.type) {
    case NGHTTP2_HEADERS.rawValue:
      continuations = 0
      return true
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
    amidFields = false
    streams[frame.stream_id]?.isCounted = true
    return tookReset()
  }

  private func isFlooded(_ what: String) -> Bool {
    failure = HTTP2SessionFailure(.enhanceYourCalm, what)
    return false
  }

  func beganFields(on stream: Int32) {
    amidFields = true
    guard streams[stream] == nil else { return }
    streams[stream] = Stream()
    idleFrames.give(4)
  }

  func took(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, on stream: Int32) {
    guard let state = streams[stream], state.refusal == nil else { return }
    // [RFC 9113 §6.5.2] "the length of the name and value … plus an overhead of 32 octets for each field line"
    state.fieldBytes += name.count + value.count + 32
    // What begins with a colon stands for the request line of HTTP/1.1, which has no part in the number of fields.
    let isPseudo = name.first == UInt8(ascii: ":")
    state.fieldCount += isPseudo ? 0 : 1
    if isPseudo, value.count > message.startLineBytesMax {
      state.refusal = HTTPFailure(414, "The target is longer than \(message.startLineBytesMax) bytes.")
    } else if state.fieldBytes > message.headerBytesMax {
      state.refusal = HTTPFailure(431, "The header fields are longer than \(message.headerBytesMax) bytes.")
    } else if state.fieldCount > message.fieldsMax {
      state.refusal = HTTPFailure(431, "There are more than \(message.fieldsMax) fields.")
    } else {
      state.fields.append(HTTPField(String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
    }
  }

  func tookInvalidField(on stream: Int32) {
    guard let state = streams[stream], state.refusal == nil else { return }
    state.refusal = HTTPFailure(400, "A field name is not a token, or a field value holds a control character.")
  }

  func received(_ frame: nghttp2_frame) {
    let stream = frame.hd.stream_id
    switch UInt32(frame.hd.type) {
    case NGHTTP2_HEADERS.rawValue:
      amidFields = false
      guard let state = streams[stream] else { return }
      let (fields, isLast) = (state.fields, HTTP2Session.isLast(frame.hd))
      let section = state.hasFields ? HTTP2Section.trailers : .headers(bodyFollows: !isLast)
      state.fields = []
      (state.fieldBytes, state.fieldCount) = (0, 0)
      state.hasFields = true
      handler.received(fields: fields, on: stream, as: section, refusal: state.refusal)
      if isLast { end(stream) }
    case NGHTTP2_DATA.rawValue: if HTTP2Session.isLast(frame.hd) { end(stream) }
    case NGHTTP2_PING.rawValue where frame.hd.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0: sayGoodbye()
    default: break
    }
  }

  private static func isLast(_ frame: nghttp2_frame_hd) -> Bool {
    frame.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
  }

  private func end(_ stream: Int32) {
    guard let state = streams[stream] else { return }
    state.isEnded = true
    handler.ended(stream)
  }

  func took(body bytes: UnsafeBufferPointer<UInt8>, on stream: Int32) {
    guard let state = streams[stream] else {
      _ = nghttp2_session_consume_connection(handle, bytes.count)
      return
    }
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
    guard let state = streams[stream] else { return (0, NGHTTP2_DATA_FLAG_EOF.rawValue) }
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
    default: return
    }
    answerFrames &+= 1
    if HTTP2Session.isLast(frame.hd) { streams[stream]?.isAnswered = true }
  }

  /// A stream that nghttp2 broke off by itself, for a mistake that no frame showed alone, counts like the client's own
  /// (CVE-2025-8671).
  private func broke(_ stream: Int32, _ code: UInt32) {
    guard code != HTTP2ErrorCode.noError.rawValue, streams[stream]?.isCounted == false else { return }
    streams[stream]?.isCounted = true
    _ = tookReset()
  }

  func closed(_ stream: Int32) {
    guard let state = streams.removeValue(forKey: stream) else { return }
    // What the handler kept of its body counts no longer.
    if state.kept > 0 { _ = nghttp2_session_consume_connection(handle, state.kept) }
    handler.closed(stream)
  }
}
