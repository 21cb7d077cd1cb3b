// HTTP/2 on one connection (RFC 9113), on nghttp2: the server's side, and the client's for links of the mesh. It knows
// requests, answers, bodies and trailers, and what a peer may cost; what they mean is its handler's business. No IO and
// no clock: bytes in, bytes out, the time with the bytes. Its callbacks note what has to happen and end nothing
// themselves.
import CNghttp2
import MeshBasics

/// What a session tells its owner. Called inside `receive` and `fill`: the session may be answered from here, but not
/// fed.
protocol HTTP2Handler: AnyObject {
  /// The field section of a request or an answer is whole, or that of its trailers. `refusal` says why it can't be
  /// taken; its fields are then not all there.
  func received(fields: [HTTPField], on stream: Int32, as section: HTTP2Section, refusal: HTTPFailure?)
  /// Some of the body came. `bytes` lives for the call. Gives the number of bytes that are done with; what is kept
  /// holds the client back until `consumed` is told of it.
  func received(body bytes: UnsafeBufferPointer<UInt8>, on stream: Int32) -> Int
  /// The client has sent all of the stream.
  func ended(_ stream: Int32)
  /// So many bytes of an answer's body went out: its producer may make as many more.
  func took(_ count: Int, on stream: Int32)
  /// A request of ours was broken off before the peer has looked at it, as it says (RFC 9113 §8.7). `closed` follows.
  func rejected(_ stream: Int32)
  /// The stream is gone, ended or broken off, and with it so many bytes of an answer's body that did not go out.
  func closed(_ stream: Int32, unsent: Int)
}

extension HTTP2Handler {
  /// Servers make no requests.
  func rejected(_ stream: Int32) {}
}

/// Which fields of a message came.
enum HTTP2Section {
  case headers(bodyFollows: Bool)
  case trailers
}

/// One HTTP/2 session.
///
/// *Limits*: the client's by `HTTPLimits`, `StreamLimits` and `HTTP2Limits`. `fill` makes no more bytes than it is
/// asked for, so that answers wait with their producer, and the client's windows hold them there.
final class HTTP2Session {
  /// What a client of HTTP/2 says first, also to ask for it without TLS (RFC 9113 §3.4).
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  final class Stream {
    var section = FieldSection()
    /// The request's own fields are there; the next section is its trailers.
    var hasFields = false
    /// The client has sent all.
    var isEnded = false
    /// The answer went out whole, or is a refusal: what still comes is of no use.
    var isAnswered = false
    /// This side has lost interest: its end is nobody's mistake.
    var isWithdrawn = false
    /// Its end was counted among those that the client broke off.
    var isCounted = false
    /// Body bytes that came after that.
    var late = 0
    /// Body bytes that the handler keeps.
    var kept = 0
    var answer = OutgoingChunks()
    var trailers: [HTTPField] = []
  }

  var handle: OpaquePointer?
  // Holds this session, and outlives it.
  unowned let handler: any HTTP2Handler
  let message: HTTPLimits
  let limits: HTTP2Limits
  var streams: [Int32: Stream] = [:]
  /// The stream that was asked for last: callbacks come several times in a row for one.
  var latest: (id: Int32, state: Stream)?
  var idleFrames: FrameBudget
  var resets: FrameBudget
  var continuations = 0
  /// The greatest number of a stream that the client has used.
  var lastStream: Int32 = 0
  /// A field section has begun and is not whole.
  var isAmidFields = false
  var now = Instant.origin
  private var isDraining = false
  /// The client was told of the end, and not yet which request was the last.
  private var isNoticeOut = false
  /// Memory failed while sending.
  private var isBroken = false
  /// Why the client is sent away; the session then says so and reads nothing more.
  var failure: HTTP2SessionFailure?
  private var isFailureSaid = false
  /// What the client did wrong, until somebody asks.
  var complaints: [String] = []
  /// Counts the frames of answers that went out.
  var answerFrames = 0

  /// A session that has received nothing yet. Nil when memory fails.
  init?(
    message: HTTPLimits, streams: StreamLimits, limits: HTTP2Limits, handler: any HTTP2Handler, isClient: Bool = false
  ) {
    self.handler = handler
    self.message = message
    self.limits = limits
    idleFrames = FrameBudget(burst: limits.idleFramesBurst, perSecond: limits.idleFramesPerSecond)
    resets = FrameBudget(burst: streams.resetsBurst, perSecond: streams.resetsPerSecond)
    handle = HTTP2Session.makeHandle(streams, limits, isClient: isClient, Unmanaged.passUnretained(self).toOpaque())
    var settings = [
      nghttp2_settings_entry(
        settings_id: Int32(bitPattern: NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
        value: UInt32(clamping: streams.streamsMax)),
      nghttp2_settings_entry(
        settings_id: Int32(bitPattern: NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
        value: UInt32(clamping: message.headerBytesMax)),
      // The old tree of priorities is work for us and of use to nobody.
      nghttp2_settings_entry(
        settings_id: Int32(bitPattern: NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES.rawValue), value: 1),
    ]
    if isClient {
      // [RFC 9113 §8.4] No server is to push anything.
      settings.append(
        nghttp2_settings_entry(settings_id: Int32(bitPattern: NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0))
    }
    guard let handle,
      nghttp2_submit_settings(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), settings, settings.count) == 0
    else { return nil }
  }

  deinit { if let handle { nghttp2_session_del(handle) } }

  /// What is known of a stream; nil when it is gone.
  func state(of stream: Int32) -> Stream? {
    if let latest, latest.id == stream { return latest.state }
    guard let state = streams[stream] else { return nil }
    latest = (stream, state)
    return state
  }

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

  /// Whether bytes of the client are still of use.
  var wantsInput: Bool { handle.map { failure == nil && nghttp2_session_want_read($0) != 0 } ?? false }

  // MARK: Requests and answers

  /// Opens a stream with a request whose body follows by `send`; clients only. Nil when it can't.
  func submitRequest(_ fields: [HTTPField]) -> Int32? {
    var provider = nghttp2_data_provider(source: nghttp2_data_source(), read_callback: readAnswer)
    let stream = withFields(fields) { nghttp2_submit_request(handle, nil, $0, $1, &provider, nil) }
    guard stream > 0 else { return nil }
    streams[stream] = Stream()
    return stream
  }

  /// Says `100 Continue` on `stream`.
  func submitContinue(on stream: Int32) {
    _ = withFields([HTTPField(":status", "100")]) {
      nghttp2_submit_headers(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, nil, $0, $1, nil)
    }
  }

  /// Answers `stream`. Unless `isWhole`, the body follows by `send`, and `finish` ends it.
  func submitResponse(_ fields: FieldBlock, on stream: Int32, isWhole: Bool) -> Bool {
    guard state(of: stream) != nil else { return false }
    var (fields, provider) = (fields, nghttp2_data_provider(source: nghttp2_data_source(), read_callback: readAnswer))
    return fields.withPairs(HTTP2Session.pair) { pairs, count in
      isWhole
        ? nghttp2_submit_response(handle, stream, pairs, count, nil)
        : nghttp2_submit_response(handle, stream, pairs, count, &provider)
    } == 0
  }

  /// nghttp2 gives all streams of one weight their turns anyhow.
  func shareTurns(on stream: Int32) {}

  /// Appends to the body of an answer. Returns the bytes of it that wait here; nil when the stream is gone.
  func send(_ bytes: [UInt8], on stream: Int32) -> Int? {
    guard let state = state(of: stream), !state.answer.isFinished else { return nil }
    state.answer.append(bytes)
    _ = nghttp2_session_resume_data(handle, stream)
    return state.answer.count
  }

  /// The bytes of an answer's body that wait here; nil when the stream is gone.
  func waiting(on stream: Int32) -> Int? { state(of: stream)?.answer.count }

  /// Ends the body of an answer, with trailers unless `trailers` is empty.
  func finish(_ stream: Int32, trailers: [HTTPField] = []) {
    guard let state = state(of: stream), !state.answer.isFinished else { return }
    state.answer.isFinished = true
    state.trailers = trailers
    _ = nghttp2_session_resume_data(handle, stream)
  }

  /// What still comes on `stream` is of no use: its answer is a refusal.
  func dropRest(of stream: Int32) { state(of: stream)?.isAnswered = true }

  /// What the client did wrong since this was asked last.
  func takeComplaints() -> [String] {
    defer { complaints = [] }
    return complaints
  }

  /// Breaks `stream` off.
  func reset(_ stream: Int32, _ code: HTTP2ErrorCode) {
    _ = nghttp2_submit_rst_stream(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, code.rawValue)
  }

  /// Breaks off a request of ours: nobody waits for the answer any more.
  func withdraw(_ stream: Int32) {
    state(of: stream)?.isWithdrawn = true
    reset(stream, .cancel)
  }

  /// Lets the client send so many bytes more: they were kept, and are done with now.
  func consumed(_ count: Int, on stream: Int32) {
    guard let state = state(of: stream) else { return }
    let count = min(max(0, count), state.kept)
    state.kept -= count
    _ = nghttp2_session_consume_stream(handle, stream, count)
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

  /// Ends the session; what is on its way may still go out.
  func end() { sendAway(HTTP2SessionFailure(.noError, "the end")) }

  /// Bytes of bodies that wait here, over all streams.
  var waiting: Int { streams.values.reduce(0) { $0 + $1.answer.count } }

  /// Sends the client away at once; what is on its way to it may still go out.
  func sendAway(_ reason: HTTP2SessionFailure) {
    failure = failure ?? reason
    sayFailure()
  }

  /// Names the last request that counts, if the notice is out and it wasn't named yet.
  func sayGoodbye() {
    guard isNoticeOut else { return }
    isNoticeOut = false
    _ = nghttp2_submit_goaway(
      handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), nghttp2_session_get_last_proc_stream_id(handle),
      HTTP2ErrorCode.noError.rawValue, nil, 0)
  }

  func withFields(_ fields: [HTTPField], _ body: (UnsafePointer<nghttp2_nv>?, Int) -> Int32) -> Int32 {
    var fields = FieldBlock(fields)
    return fields.withPairs(HTTP2Session.pair, body)
  }

  private static func pair(
    _ name: UnsafeMutablePointer<UInt8>, _ nameCount: Int, _ value: UnsafeMutablePointer<UInt8>, _ valueCount: Int
  ) -> nghttp2_nv {
    nghttp2_nv(
      name: name, value: value, namelen: nameCount, valuelen: valueCount, flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue))
  }
}
