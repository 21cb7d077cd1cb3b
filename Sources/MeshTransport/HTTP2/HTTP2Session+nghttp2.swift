// The callbacks of nghttp2, and how its sessions are made.
import CNghttp2

extension HTTP2Session {
  /// A session with these limits, whose callbacks find their `HTTP2Session` at `user`. Nil when memory fails.
  static func makeHandle(
    _ streams: StreamLimits, _ limits: HTTP2Limits, isClient: Bool, _ user: UnsafeMutableRawPointer
  ) -> OpaquePointer? {
    var option: OpaquePointer?
    guard let callbacks = sessionCallbacks.pointer, nghttp2_option_new(&option) == 0, let option else { return nil }
    defer { nghttp2_option_del(option) }
    // Windows are given back when a body was taken, not when it came in.
    nghttp2_option_set_no_auto_window_update(option, 1)
    nghttp2_option_set_no_closed_streams(option, 1)
    // Answers to SETTINGS and PING that wait for a client that doesn't read. A burst brings no more than it may.
    nghttp2_option_set_max_outbound_ack(option, limits.idleFramesBurst)
    // Unknown types of frames are ignored, and their number is told only for those that are asked for.
    for type in UInt8(10)...255 { nghttp2_option_set_user_recv_extension_type(option, type) }
    // nghttp2 has these two limits as well, since Debian's 1.52.0-1+deb12u2. Ours come first and say why; theirs stand
    // behind them, by a clock of their own.
    nghttp2_option_set_stream_reset_rate_limit(
      option, UInt64(clamping: streams.resetsBurst) &+ 1000, UInt64(clamping: streams.resetsPerSecond) &* 2)
    nghttp2_option_set_max_continuations(option, limits.continuationsMax + 1)
    var made: OpaquePointer?
    let make = isClient ? nghttp2_session_client_new2 : nghttp2_session_server_new2
    return make(&made, callbacks, user, option) == 0 ? made : nil
  }

  /// What nghttp2 says of `code`.
  static func text(of code: Int32) -> String {
    nghttp2_strerror(code).map { String(cString: $0) } ?? "error \(code)"
  }
}

private struct CallbackTable: @unchecked Sendable {
  // Sendable although it holds a pointer: it is written once, before anyone reads it.
  let pointer: OpaquePointer?

  init() {
    var made: OpaquePointer?
    pointer = nghttp2_session_callbacks_new(&made) == 0 ? made : nil
    if let pointer { register(in: pointer) }
  }
}

private let sessionCallbacks = CallbackTable()

private func session(_ user: UnsafeMutableRawPointer?) -> HTTP2Session? {
  user.map { Unmanaged<HTTP2Session>.fromOpaque($0).takeUnretainedValue() }
}

private func status(_ isGood: Bool?) -> Int32 { isGood == true ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }

let readAnswer: nghttp2_data_source_read_callback = { _, stream, buffer, length, flags, _, user in
  guard let session = session(user), let flags else { return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
  let part = session.read(into: UnsafeMutableBufferPointer(start: buffer, count: length), on: stream)
  flags.pointee |= part.flags
  return part.count
}

private func register(in table: OpaquePointer) {
  nghttp2_session_callbacks_set_on_begin_frame_callback(table) { _, header, user in
    status(header.flatMap { session(user)?.began($0.pointee) })
  }
  nghttp2_session_callbacks_set_on_begin_headers_callback(table) { _, frame, user in
    if let frame { session(user)?.beganFields(on: frame.pointee.hd.stream_id) }
    return 0
  }
  nghttp2_session_callbacks_set_on_header_callback(table) { _, frame, name, nameCount, value, valueCount, _, user in
    guard let frame else { return 0 }
    session(user)?.took(
      UnsafeBufferPointer(start: name, count: nameCount), UnsafeBufferPointer(start: value, count: valueCount),
      on: frame.pointee.hd.stream_id)
    return 0
  }
  nghttp2_session_callbacks_set_on_invalid_header_callback(table) { _, frame, _, _, _, _, _, user in
    if let frame { session(user)?.tookInvalidField(on: frame.pointee.hd.stream_id) }
    return 0
  }
  nghttp2_session_callbacks_set_on_frame_recv_callback(table) { _, frame, user in
    if let frame { session(user)?.received(frame.pointee) }
    return 0
  }
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(table) { _, frame, _, user in
    status(frame.flatMap { session(user)?.tookInvalid($0.pointee.hd) })
  }
  nghttp2_session_callbacks_set_unpack_extension_callback(table) { _, _, _, _ in NGHTTP2_ERR_CANCEL.rawValue }
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table) { _, _, stream, bytes, count, user in
    session(user)?.took(body: UnsafeBufferPointer(start: bytes, count: count), on: stream)
    return 0
  }
  nghttp2_session_callbacks_set_on_frame_send_callback(table) { _, frame, user in
    if let frame { session(user)?.sent(frame.pointee) }
    return 0
  }
  nghttp2_session_callbacks_set_on_stream_close_callback(table) { _, stream, code, user in
    session(user)?.closed(stream, code)
    return 0
  }
}
