// HTTP/3 on one QUIC connection (RFC 9114), on nghttp3. It knows requests, responses, bodies and trailers; what they
// mean is its handler's business. All calls come from the thread of its connection.
import CNghttp3
import CNgtcp2
import MeshBasics

/// What a session tells its owner. Called inside QUIC calls: the connection must not be flushed or closed from here.
protocol HTTP3Handler: AnyObject {
  /// The field section of a request or response is whole, or that of its trailers. `refusal` says why it can't be
  /// taken; its fields are then not all there.
  func received(fields: [HTTPField], on stream: Int64, areTrailers: Bool, refusal: HTTPFailure?)
  /// Some of the body came. `bytes` lives for the call. Gives the number of bytes that are done with; what is kept
  /// for later holds the peer back until `consumed` is told of it.
  func received(body bytes: UnsafeBufferPointer<UInt8>, on stream: Int64) -> Int
  /// The peer has sent all of the stream.
  func ended(_ stream: Int64)
  /// The peer takes no more of what we send on the stream.
  func refusedByReader(_ stream: Int64)
  /// What came on the stream is no message of HTTP, and it is broken off.
  func malformed(_ stream: Int64)
  /// A request of ours was broken off before the peer has looked at it, as it says (RFC 9114 §4.1.1). `closed` follows.
  func rejected(_ stream: Int64)
  /// The stream is gone, ended or broken off. `isWasted`: somebody broke it off before its answer had arrived.
  func closed(_ stream: Int64, isWasted: Bool)
}

extension HTTP3Handler {
  /// Servers make no requests.
  func rejected(_ stream: Int64) {}
}

/// What one session may cost.
struct HTTP3Limits: Equatable, Sendable {
  /// Requests that the peer may have open at once.
  var streamsMax: UInt64
  /// The most bytes of one field section, counted as RFC 9114 §4.2.2 does. Beyond it the connection is closed with
  /// `H3_EXCESSIVE_LOAD`: what is read and dropped costs time as well.
  var sectionBytesMax: Int
  /// What one message may cost; a request beyond it is refused.
  var message = HTTPLimits()
}

/// One HTTP/3 session.
final class HTTP3Session {
  private final class Stream {
    let body = OutgoingBody()
    var section = FieldSection()
    /// What the peer still sends of it is of no use.
    var isRefused = false
    /// Body bytes that the handler keeps.
    var kept = 0
  }

  private var handle: OpaquePointer?
  /// Lives at least as long as `handle`.
  private let memory: ConnectionMemory
  // Both hold this session, and outlive it.
  private unowned let connection: QUICConnection
  private unowned let handler: any HTTP3Handler
  private let limits: HTTP3Limits
  private var streams: [Int64: Stream] = [:]
  /// Requests whose first field section is not whole, by when their first byte came.
  private var unfinishedSections: [Int64: Instant] = [:]
  /// Grows when the peer acknowledges some of a body.
  private(set) var progress = 0
  /// The bytes that all streams hold in memory because the peer has not acknowledged them.
  private(set) var outstanding = 0
  private(set) var failure: StreamLayerFailure?
  private var peerUniStreams: [Int64: PeerUniStream] = [:]

  /// A session on `connection`, whose application keys are there. Nil when the peer allows too few streams, or memory
  /// fails.
  init?(on connection: QUICConnection, handler: any HTTP3Handler, limits: HTTP3Limits) {
    self.connection = connection
    self.limits = limits
    memory = connection.memory
    self.handler = handler
    var settings = nghttp3_settings()
    nghttp3_settings_default_versioned(Int32(NGHTTP3_SETTINGS_VERSION), &settings)
    settings.max_field_section_size = UInt64(min(limits.message.headerBytesMax, limits.sectionBytesMax))
    // No dynamic table: requests and answers have few fields, and tables would cost memory on every idle connection.
    settings.qpack_max_dtable_capacity = 0
    settings.qpack_encoder_max_dtable_capacity = 0
    settings.qpack_blocked_streams = 0
    let me = Unmanaged.passUnretained(self).toOpaque()
    let (callbacks, version) = (sessionCallbacks.pointer, Int32(NGHTTP3_CALLBACKS_VERSION))
    let status =
      connection.isServer
      ? nghttp3_conn_server_new_versioned(
        &handle, version, callbacks, Int32(NGHTTP3_SETTINGS_VERSION), &settings, memory.nghttp3, me)
      : nghttp3_conn_client_new_versioned(
        &handle, version, callbacks, Int32(NGHTTP3_SETTINGS_VERSION), &settings, memory.nghttp3, me)
    guard status == 0 else { return nil }
    if connection.isServer { nghttp3_conn_set_max_client_streams_bidi(handle, limits.streamsMax) }
    guard let control = connection.openStream(bidirectional: false),
      let encoder = connection.openStream(bidirectional: false),
      let decoder = connection.openStream(bidirectional: false),
      nghttp3_conn_bind_control_stream(handle, control) == 0,
      nghttp3_conn_bind_qpack_streams(handle, encoder, decoder) == 0
    else { return nil }
  }

  deinit { if let handle { nghttp3_conn_del(handle) } }

  // MARK: Sending

  /// Opens a stream with a request whose body follows by `send`. Nil when the peer allows no more streams.
  func submitRequest(_ fields: [HTTPField]) -> Int64? {
    guard let stream = connection.openStream(bidirectional: true) else { return nil }
    streams[stream] = Stream()
    var reader = nghttp3_data_reader(read_data: readBody)
    let status = withFields(fields) { nghttp3_conn_submit_request(handle, stream, $0, $1, &reader, nil) }
    return status == 0 ? stream : nil
  }

  /// Says `100 Continue` on `stream`.
  func submitContinue(on stream: Int64) {
    _ = withFields([HTTPField(":status", "100")]) { nghttp3_conn_submit_info(handle, stream, $0, $1) }
  }

  /// Answers `stream`. Unless `isWhole`, the body follows by `send`, and `finish` ends it.
  func submitResponse(_ fields: FieldBlock, on stream: Int64, isWhole: Bool) -> Bool {
    guard streams[stream] != nil else { return false }
    var (fields, reader) = (fields, nghttp3_data_reader(read_data: readBody))
    return fields.withPairs(HTTP3Session.pair) { pairs, count in
      isWhole
        ? nghttp3_conn_submit_response(handle, stream, pairs, count, nil)
        : nghttp3_conn_submit_response(handle, stream, pairs, count, &reader)
    } == 0
  }

  /// [RFC 9218 §10] Without this the stream of the lowest number is sent alone for as long as it has something.
  func shareTurns(on stream: Int64) {
    var priority = nghttp3_pri()
    guard nghttp3_conn_get_stream_priority(handle, &priority, stream) == 0 else { return }
    priority.inc = 1
    _ = nghttp3_conn_set_stream_priority(handle, stream, &priority)
  }

  /// What still comes on `stream` is of no use: the peer is asked to stop (RFC 9114 §4.1.1).
  func dropRest(of stream: Int64) {
    streams[stream]?.isRefused = true
    connection.stopReading(stream: stream, code: HTTP3ErrorCode.noError)
  }

  /// Says that no further requests will be taken, and refuses those that come nonetheless (RFC 9114 §5.2).
  func drain() { _ = nghttp3_conn_shutdown(handle) }

  /// Appends to the body of a stream. Returns the bytes that the stream now holds in memory; nil when it is gone.
  func send(_ prefix: [UInt8], _ bytes: [UInt8], on stream: Int64) -> Int? {
    guard let state = streams[stream], !state.body.isFinished else { return nil }
    state.body.append(prefix, bytes)
    outstanding += prefix.count + bytes.count
    _ = nghttp3_conn_resume_stream(handle, stream)
    return state.body.outstanding
  }

  /// Ends the body of a stream, with trailers unless `trailers` is empty.
  func finish(_ stream: Int64, trailers: [HTTPField] = []) {
    guard let state = streams[stream], !state.body.isFinished else { return }
    state.body.isFinished = true
    state.body.trailers = trailers
    _ = nghttp3_conn_resume_stream(handle, stream)
  }

  /// Breaks a request of ours off: its answer is of no use any more.
  func cancel(_ stream: Int64) {
    connection.stopReading(stream: stream, code: HTTP3ErrorCode.requestCancelled)
    connection.stopWriting(stream: stream, code: HTTP3ErrorCode.requestCancelled)
  }

  /// The bytes of a stream that the peer has not acknowledged; nil when it is gone.
  func waiting(on stream: Int64) -> Int? { streams[stream]?.body.outstanding }

  /// Since when the oldest field section that is not whole is on its way; nil when there is none.
  var oldestUnfinishedSection: Instant? { unfinishedSections.values.min() }

  /// Whether a stream is open whose fields came, or whose answer is on its way.
  var hasStreams: Bool { !streams.isEmpty }

  private func withFields(_ fields: [HTTPField], _ body: (UnsafePointer<nghttp3_nv>?, Int) -> Int32) -> Int32 {
    var fields = FieldBlock(fields)
    return fields.withPairs(HTTP3Session.pair, body)
  }

  private static func pair(
    _ name: UnsafeMutablePointer<UInt8>, _ nameCount: Int, _ value: UnsafeMutablePointer<UInt8>, _ valueCount: Int
  ) -> nghttp3_nv {
    nghttp3_nv(name: name, value: value, namelen: nameCount, valuelen: valueCount, flags: UInt8(NGHTTP3_NV_FLAG_NONE))
  }

  // MARK: What nghttp3 asks and tells

  fileprivate func fill(_ vectors: UnsafeMutablePointer<nghttp3_vec>, _ capacity: Int, _ stream: Int64) -> (Int, UInt32)
  {
    guard let body = streams[stream]?.body else { return (0, UInt32(NGHTTP3_DATA_FLAG_EOF)) }
    var count = 0
    while count < capacity, let chunk = body.next() {
      vectors[count] = nghttp3_vec(base: chunk.baseAddress, len: chunk.count)
      count += 1
    }
    guard body.isFinished, body.isDrained else {
      return (count == 0 ? Int(NGHTTP3_ERR_WOULDBLOCK) : count, 0)
    }
    guard !body.trailers.isEmpty else { return (count, UInt32(NGHTTP3_DATA_FLAG_EOF)) }
    _ = withFields(body.trailers) { nghttp3_conn_submit_trailers(handle, stream, $0, $1) }
    return (count, UInt32(NGHTTP3_DATA_FLAG_EOF) | UInt32(NGHTTP3_DATA_FLAG_NO_END_STREAM))
  }

  fileprivate func began(_ stream: Int64) { if streams[stream] == nil { streams[stream] = Stream() } }

  /// False when the section is over its limit.
  fileprivate func took(_ name: nghttp3_vec, _ value: nghttp3_vec, on stream: Int64) -> Bool {
    guard let state = streams[stream] else { return true }
    func bytes(_ vector: nghttp3_vec) -> UnsafeBufferPointer<UInt8> { .init(start: vector.base, count: vector.len) }
    state.section.take(bytes(name), bytes(value), limits.message)
    guard state.section.bytes > limits.sectionBytesMax else { return true }
    failure = StreamLayerFailure(
      code: HTTP3ErrorCode.excessiveLoad,
      text: "a header section is over the limit of \(limits.sectionBytesMax) bytes")
    return false
  }

  fileprivate func tookSection(_ stream: Int64, areTrailers: Bool) {
    guard let state = streams[stream] else { return }
    let (fields, refusal) = (state.section.takeAll(), state.section.refusal)
    unfinishedSections[stream] = nil
    handler.received(fields: fields, on: stream, areTrailers: areTrailers, refusal: refusal)
  }

  fileprivate func took(body bytes: UnsafeBufferPointer<UInt8>, on stream: Int64) {
    guard let state = streams[stream] else { return connection.consumed(bytes.count, on: stream) }
    state.kept += bytes.count
    consumed(handler.received(body: bytes, on: stream), on: stream)
  }

  /// Lets the peer send so many bytes more on `stream`: they were kept, and are done with now.
  func consumed(_ count: Int, on stream: Int64) {
    guard let state = streams[stream] else { return }
    let count = min(max(0, count), state.kept)
    state.kept -= count
    connection.consumed(count, on: stream)
  }

  /// Bytes that nghttp3 held, which no handler has seen.
  fileprivate func deferredConsume(_ count: Int, on stream: Int64) { connection.consumed(count, on: stream) }

  fileprivate func ended(_ stream: Int64) { handler.ended(stream) }
  fileprivate func acknowledgedBody(_ count: Int, on stream: Int64) {
    progress &+= count
    guard let body = streams[stream]?.body else { return }
    outstanding -= body.outstanding
    body.acknowledge(count)
    outstanding += body.outstanding
  }
  fileprivate func mustStopSending(_ stream: Int64, _ code: UInt64) {
    connection.stopReading(stream: stream, code: code)
  }
  fileprivate func mustReset(_ stream: Int64, _ code: UInt64) {
    if code == HTTP3ErrorCode.messageError { handler.malformed(stream) }
    connection.stopWriting(stream: stream, code: code)
  }

  /// Whether `status` of nghttp3 is good; remembers what is wrong otherwise.
  private func succeeded(_ status: Int) -> Bool {
    guard status < 0 else { return true }
    if failure == nil {
      let code = Int32(clamping: status)
      let isTooLarge = code == NGHTTP3_ERR_QPACK_HEADER_TOO_LARGE
      failure = StreamLayerFailure(
        code: isTooLarge ? HTTP3ErrorCode.excessiveLoad : nghttp3_err_infer_quic_app_error_code(code),
        text: "HTTP/3: " + (nghttp3_strerror(code).map { String(cString: $0) } ?? "error \(code)"))
    }
    return false
  }
}

extension HTTP3Session: QUICStreamLayer {
  func received(_ bytes: UnsafeBufferPointer<UInt8>, finished: Bool, on stream: Int64) -> Int? {
    if HTTP3Session.isRequest(stream), connection.isServer, streams[stream] == nil, unfinishedSections[stream] == nil {
      unfinishedSections[stream] = MonotonicClock.now()
    }
    if HTTP3Session.isUnidirectional(stream) { return receivedUni(bytes, finished: finished, on: stream) }
    let consumed = nghttp3_conn_read_stream(handle, stream, bytes.baseAddress, bytes.count, finished ? 1 : 0)
    return succeeded(consumed) ? consumed : nil
  }

  private func receivedUni(_ bytes: UnsafeBufferPointer<UInt8>, finished: Bool, on stream: Int64) -> Int? {
    do throws(StreamLayerFailure) {
      let passed = try peerUniStreams[stream, default: PeerUniStream()].take(bytes)
      if finished, peerUniStreams[stream]?.isCritical == true { throw HTTP3Session.criticalStreamEnded }
      guard !passed.isEmpty || finished else { return bytes.count }
      let consumed = passed.withUnsafeBufferPointer {
        nghttp3_conn_read_stream(handle, stream, $0.baseAddress, $0.count, finished ? 1 : 0)
      }
      return succeeded(consumed) ? consumed + bytes.count - passed.count : nil
    } catch {
      failure = failure ?? error
      return nil
    }
  }

  func acknowledged(_ count: UInt64, on stream: Int64) -> Bool {
    succeeded(Int(nghttp3_conn_add_ack_offset(handle, stream, count)))
  }

  func streamClosed(_ stream: Int64, errorCode: UInt64) -> Bool {
    let status = nghttp3_conn_close_stream(handle, stream, errorCode)
    peerUniStreams[stream] = nil
    let isUnfinished = unfinishedSections.removeValue(forKey: stream) != nil
    let state = streams.removeValue(forKey: stream)
    outstanding -= state?.body.outstanding ?? 0
    // What the handler kept holds the other streams back no longer.
    connection.consumedOfConnection(state?.kept ?? 0)
    if state != nil || HTTP3Session.isRequest(stream) {
      // What we broke off ourselves, for its sender's mistake, was of no use either (CVE-2025-8671).
      let isBroken = errorCode != HTTP3ErrorCode.noError && state?.isRefused != true
      handler.closed(stream, isWasted: isBroken || isUnfinished || state.map { $0.body.outstanding > 0 } ?? false)
    }
    // A stream that nghttp3 never saw a byte of is unknown to it, and to us.
    return status == NGHTTP3_ERR_STREAM_NOT_FOUND || succeeded(Int(status))
  }

  func streamReset(_ stream: Int64, errorCode: UInt64) -> Bool {
    if peerUniStreams[stream]?.isCritical == true {
      failure = failure ?? HTTP3Session.criticalStreamEnded
      return false
    }
    _ = nghttp3_conn_shutdown_stream_read(handle, stream)
    // Who was asked to stop still waits for the answer.
    guard !HTTP3Session.isUnidirectional(stream), streams[stream]?.isRefused != true else { return true }
    if errorCode == HTTP3ErrorCode.requestRejected { handler.rejected(stream) }
    // A request or an answer that is broken off has no other half; what we still had to say is not waited for.
    connection.stopWriting(stream: stream, code: HTTP3ErrorCode.requestCancelled)
    return true
  }

  /// Client-initiated bidirectional streams have numbers that end in 00 (RFC 9000 §2.1).
  private static func isRequest(_ stream: Int64) -> Bool { stream & 3 == 0 }

  private static let criticalStreamEnded = StreamLayerFailure(
    code: HTTP3ErrorCode.closedCriticalStream, text: "HTTP/3: a stream that must stay has ended")

  /// Streams of one direction have numbers whose second bit is set.
  private static func isUnidirectional(_ stream: Int64) -> Bool { stream & 2 != 0 }

  func streamStopped(_ stream: Int64) { _ = nghttp3_conn_shutdown_stream_read(handle, stream) }
  func mayWriteMore(on stream: Int64) { _ = nghttp3_conn_unblock_stream(handle, stream) }
  func peerMayOpen(_ streams: UInt64) { nghttp3_conn_set_max_client_streams_bidi(handle, streams) }

  func nextWrite(
    _ vectors: UnsafeMutablePointer<ngtcp2_vec>, capacity: Int
  ) -> (stream: Int64, count: Int, finished: Bool)? {
    var stream: Int64 = -1
    var finished: Int32 = 0
    let count = vectors.withMemoryRebound(to: nghttp3_vec.self, capacity: capacity) {
      nghttp3_conn_writev_stream(handle, &stream, &finished, $0, capacity)
    }
    return succeeded(count) ? (stream, count, finished != 0) : nil
  }

  func wrote(_ count: Int, on stream: Int64) { _ = nghttp3_conn_add_write_offset(handle, stream, count) }
  func blocked(on stream: Int64) { nghttp3_conn_block_stream(handle, stream) }
  func shutForWriting(_ stream: Int64) {
    nghttp3_conn_shutdown_stream_write(handle, stream)
    handler.refusedByReader(stream)
  }
}

// MARK: Callbacks

private struct CallbackTable: @unchecked Sendable {
  // Sendable although it holds a pointer: it is written once, before anyone reads it.
  let pointer: UnsafePointer<nghttp3_callbacks>

  init() {
    let memory = UnsafeMutablePointer<nghttp3_callbacks>.allocate(capacity: 1)
    memory.initialize(to: makeCallbacks())
    pointer = UnsafePointer(memory)
  }
}

private let sessionCallbacks = CallbackTable()

private func session(_ userData: UnsafeMutableRawPointer?) -> HTTP3Session? {
  userData.map { Unmanaged<HTTP3Session>.fromOpaque($0).takeUnretainedValue() }
}

private let readBody: nghttp3_read_data_callback = { _, stream, vectors, capacity, flags, user, _ in
  guard let session = session(user), let vectors, let flags else { return Int(NGHTTP3_ERR_CALLBACK_FAILURE) }
  let (count, filled) = session.fill(vectors, capacity, stream)
  flags.pointee |= filled
  return count
}

private func makeCallbacks() -> nghttp3_callbacks {
  var table = nghttp3_callbacks()
  table.begin_headers = { _, stream, user, _ in
    session(user)?.began(stream)
    return 0
  }
  table.begin_trailers = table.begin_headers
  table.recv_header = { _, stream, _, name, value, _, user, _ in
    let (name, value) = (nghttp3_rcbuf_get_buf(name), nghttp3_rcbuf_get_buf(value))
    return session(user)?.took(name, value, on: stream) == false ? NGHTTP3_ERR_CALLBACK_FAILURE : 0
  }
  table.recv_trailer = table.recv_header
  table.end_headers = { _, stream, _, user, _ in
    session(user)?.tookSection(stream, areTrailers: false)
    return 0
  }
  table.end_trailers = { _, stream, _, user, _ in
    session(user)?.tookSection(stream, areTrailers: true)
    return 0
  }
  table.recv_data = { _, stream, bytes, count, user, _ in
    session(user)?.took(body: UnsafeBufferPointer(start: bytes, count: count), on: stream)
    return 0
  }
  table.deferred_consume = { _, stream, count, user, _ in
    session(user)?.deferredConsume(count, on: stream)
    return 0
  }
  table.end_stream = { _, stream, user, _ in
    session(user)?.ended(stream)
    return 0
  }
  table.acked_stream_data = { _, stream, count, user, _ in
    session(user)?.acknowledgedBody(Int(count), on: stream)
    return 0
  }
  table.stop_sending = { _, stream, code, user, _ in
    session(user)?.mustStopSending(stream, code)
    return 0
  }
  table.reset_stream = { _, stream, code, user, _ in
    session(user)?.mustReset(stream, code)
    return 0
  }
  return table
}
