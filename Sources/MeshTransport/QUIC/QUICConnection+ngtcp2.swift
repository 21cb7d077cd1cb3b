// Every call into ngtcp2 on a connection (version 0.12.1; 1.x renames many of these, so they stay in this file and in
// QUICPacket.swift's stateless answers).
import CGnuTLS
import CNgtcp2
import MeshBasics

/// The datagram size we write: IPv6's minimum plus what path MTU discovery may find on Ethernet.
private let datagramBytesMax = 1452

extension QUICConnection {
  // MARK: Making and freeing

  /// Begins a handshake as a client. False when memory or GnuTLS fails.
  func startClient(_ credential: TLSCredential, serverName: String, parameters: QUICParameters, now: Instant) -> Bool {
    var (settings, transport) = defaults(parameters, now: now)
    var source = randomID()
    var destination = randomID()
    let me = Unmanaged.passUnretained(self).toOpaque()
    let status = withPath(local, remote) { path in
      ngtcp2_conn_client_new_versioned(
        &handle, &destination, &source, path, UInt32(NGTCP2_PROTO_VER_V1), Int32(NGTCP2_CALLBACKS_VERSION),
        clientCallbacks.pointer, Int32(NGTCP2_SETTINGS_VERSION), &settings, Int32(NGTCP2_TRANSPORT_PARAMS_VERSION),
        &transport, memory.ngtcp2, me)
    }
    guard status == 0 else { return false }
    if let key = ConnectionKey(source) { add(key) }
    return startTLS(credential, serverName: serverName)
  }

  /// Begins a handshake as a server, on a client's first packet. `retried` is the id of the client's very first packet
  /// when this one came with a valid Retry token. False when memory or GnuTLS fails.
  func startServer(
    _ credential: TLSCredential, header: ngtcp2_pkt_hd, retried: ngtcp2_cid?, parameters: QUICParameters, now: Instant
  ) -> Bool {
    var (settings, transport) = defaults(parameters, now: now)
    var header = header
    var source = randomID()
    transport.initial_max_streams_bidi = parameters.streamsMax
    transport.original_dcid = retried ?? header.dcid
    if retried != nil {
      transport.retry_scid = header.dcid
      transport.retry_scid_present = 1
      settings.token = header.token
    }
    transport.stateless_reset_token_present = 1
    withUnsafeMutableBytes(of: &transport.stateless_reset_token) { token in
      _ = ngtcp2_crypto_generate_stateless_reset_token(
        token.baseAddress?.assumingMemoryBound(to: UInt8.self), resetSecret, resetSecret.count, &source)
    }
    let me = Unmanaged.passUnretained(self).toOpaque()
    let status = withPath(local, remote) { path in
      ngtcp2_conn_server_new_versioned(
        &handle, &header.scid, &source, path, header.version, Int32(NGTCP2_CALLBACKS_VERSION),
        serverCallbacks.pointer, Int32(NGTCP2_SETTINGS_VERSION), &settings, Int32(NGTCP2_TRANSPORT_PARAMS_VERSION),
        &transport, memory.ngtcp2, me)
    }
    guard status == 0 else { return false }
    admitsStrangers = !parameters.requiresClientCertificate
    // A client repeats its first packets under the id it chose itself.
    for id in [header.dcid, source] {
      if let key = ConnectionKey(id) { add(key) }
    }
    return startTLS(credential, serverName: nil)
  }

  private func startTLS(_ credential: TLSCredential, serverName: String?) -> Bool {
    let session = TLSSession(
      isServer: isServer, credential: credential, serverName: serverName, requiresCertificate: !admitsStrangers
    ) { raw in
      guard let raw, let pointer = gnutls_session_get_ptr(raw) else { return GNUTLS_E_CERTIFICATE_ERROR }
      let reference = pointer.assumingMemoryBound(to: ngtcp2_crypto_conn_ref.self)
      guard let connection = connection(reference.pointee.user_data) else { return GNUTLS_E_CERTIFICATE_ERROR }
      return connection.judge(TLSSession.peerChain(of: raw)) ? 0 : GNUTLS_E_CERTIFICATE_ERROR
    }
    guard let session else { return false }
    tls = session
    ngtcp2_path_storage_zero(pathStorage)
    let configured =
      isServer
      ? ngtcp2_crypto_gnutls_configure_server_session(session.handle)
      : ngtcp2_crypto_gnutls_configure_client_session(session.handle)
    guard configured == 0 else { return false }
    reference.initialize(
      to: ngtcp2_crypto_conn_ref(
        get_conn: { reference in connection(reference?.pointee.user_data)?.handle },
        user_data: Unmanaged.passUnretained(self).toOpaque()))
    gnutls_session_set_ptr(session.handle, reference)
    ngtcp2_conn_set_tls_native_handle(handle, UnsafeMutableRawPointer(session.handle))
    return true
  }

  /// Frees the C objects. The connection's ids stay routed until its owner drops them.
  func release() {
    if let handle { ngtcp2_conn_del(handle) }
    handle = nil
    tls = nil
    streams = nil
    host = nil
    onReady = { false }
    onTrusted = {}
  }

  /// Frees the TLS session of a connection whose handshake is complete, and which needs no more of it: ngtcp2 has the
  /// keys.
  func releaseTLS() {
    if let handle { ngtcp2_conn_set_tls_native_handle(handle, nil) }
    tls = nil
  }

  private func defaults(
    _ parameters: QUICParameters, now: Instant
  ) -> (ngtcp2_settings, ngtcp2_transport_params) {
    var settings = ngtcp2_settings()
    ngtcp2_settings_default_versioned(Int32(NGTCP2_SETTINGS_VERSION), &settings)
    settings.initial_ts = now.nanoseconds
    settings.cc_algo = NGTCP2_CC_ALGO_CUBIC
    // RFC 9002's 333 ms would make one lost first packet cost a second; mesh links are shorter.
    settings.initial_rtt = 100 * UInt64(NGTCP2_MILLISECONDS)
    settings.handshake_timeout = UInt64(clamping: parameters.handshakeTimeout.nanoseconds)
    settings.max_tx_udp_payload_size = datagramBytesMax
    var transport = ngtcp2_transport_params()
    ngtcp2_transport_params_default_versioned(Int32(NGTCP2_TRANSPORT_PARAMS_VERSION), &transport)
    transport.initial_max_data = parameters.connectionWindow
    transport.initial_max_stream_data_bidi_local = parameters.streamWindow
    transport.initial_max_stream_data_bidi_remote = parameters.streamWindow
    transport.initial_max_stream_data_uni = 16 * 1024
    transport.initial_max_streams_bidi = 0
    transport.initial_max_streams_uni = 3
    transport.max_idle_timeout = UInt64(clamping: parameters.idleTimeout.nanoseconds)
    transport.max_udp_payload_size = UInt64(UDPSocket.datagramBytesMax)
    transport.active_connection_id_limit = 2
    return (settings, transport)
  }

  // MARK: In and out

  /// Takes in one datagram. Nil when all is well.
  func read(_ datagram: ReceivedDatagram, now: Instant) -> QUICFailure? {
    guard let handle else { return .dropped }
    var info = ngtcp2_pkt_info(ecn: UInt32(datagram.ecn))
    // A dialed connection has one path, and ngtcp2 drops what seems to come over another one.
    let end = isServer ? datagram.local ?? local : local
    let status = withPath(end, datagram.remote) { path in
      ngtcp2_conn_read_pkt_versioned(
        handle, path, Int32(NGTCP2_PKT_INFO_VERSION), &info, datagram.bytes.baseAddress, datagram.bytes.count,
        now.nanoseconds)
    }
    return failure(of: status)
  }

  /// Sends all that may be sent now. Nil when all is well.
  func flush(now: Instant) -> QUICFailure? {
    guard let handle else { return .dropped }
    return withUnsafeTemporaryAllocation(byteCount: datagramBytesMax, alignment: 16) { buffer in
      let quantum = ngtcp2_conn_get_send_quantum(handle)
      var sent = 0
      var result: QUICFailure?
      while sent < quantum {
        switch writeOne(into: buffer, handle, now: now) {
        case .nothing: return nil
        case .datagram(let count): sent += count
        case .failed(let failure): result = failure
        }
        if result != nil { return result }
      }
      quantumEnds(now: now)
      return nil
    }
  }

  /// Asks ngtcp2 to pace what is still to be sent. Where nothing is, its pace would only wake the thread once more.
  private func quantumEnds(now: Instant) {
    // During the handshake this would pace the second flight by the initial RTT guess, 25 ms even on loopback.
    if isHandshakeComplete, let handle { ngtcp2_conn_update_pkt_tx_time(handle, now.nanoseconds) }
  }

  private enum Written { case nothing, datagram(Int), failed(QUICFailure) }

  /// Fills one datagram out of as many streams as fit, and sends it.
  private func writeOne(into buffer: UnsafeMutableRawBufferPointer, _ handle: OpaquePointer, now: Instant) -> Written {
    let start = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
    var info = ngtcp2_pkt_info()
    return withUnsafeTemporaryAllocation(of: ngtcp2_vec.self, capacity: 16) { vectors in
      guard let base = vectors.baseAddress else { return .nothing }
      while true {
        var next: (stream: Int64, count: Int, finished: Bool) = (-1, 0, false)
        if let streams, ngtcp2_conn_get_max_data_left(handle) > 0 {
          guard let write = streams.nextWrite(base, capacity: vectors.count) else {
            return .failed(.broken(NGTCP2_ERR_INTERNAL))
          }
          next = write
        }
        var taken: ngtcp2_ssize = -1
        let flags =
          UInt32(NGTCP2_WRITE_STREAM_FLAG_MORE) | (next.finished ? UInt32(NGTCP2_WRITE_STREAM_FLAG_FIN) : 0)
        let count = ngtcp2_conn_writev_stream_versioned(
          handle, &pathStorage.pointee.path, Int32(NGTCP2_PKT_INFO_VERSION), &info, start, buffer.count, &taken, flags,
          next.stream, base, next.count, now.nanoseconds)
        if count < 0 {
          switch Int32(count) {
          case NGTCP2_ERR_STREAM_DATA_BLOCKED: streams?.blocked(on: next.stream)
          case NGTCP2_ERR_STREAM_SHUT_WR: streams?.shutForWriting(next.stream)
          case NGTCP2_ERR_WRITE_MORE: streams?.wrote(Int(taken), on: next.stream)
          default: return .failed(failure(of: Int32(count)) ?? .dropped)
          }
          continue
        }
        if taken >= 0 { streams?.wrote(Int(taken), on: next.stream) }
        if count == 0 { return .nothing }
        return send(UnsafeRawBufferPointer(rebasing: buffer[0..<Int(count)]), ecn: info.ecn)
      }
    }
  }

  private func send(_ bytes: UnsafeRawBufferPointer, ecn: UInt32) -> Written {
    let path = pathStorage.pointee.path
    let from = path.local.addr.flatMap { SocketAddress($0) } ?? local
    let to = path.remote.addr.flatMap { SocketAddress($0) } ?? remote
    lastPath = (from, to)
    // Whether an unreachable peer ends the connection is the owner's decision; QUIC's timers would only be slower.
    if case .unreachable(let code) = host?.transmit(bytes, from: from, to: to, ecn: UInt8(truncatingIfNeeded: ecn)) {
      unreachable = code
    } else {
      unreachable = nil
    }
    return .datagram(bytes.count)
  }

  /// When `handleExpiry` has to be called next.
  var expiry: Instant {
    guard let handle else { return .distantFuture }
    return Instant(nanoseconds: ngtcp2_conn_get_expiry(handle))
  }

  /// Lets ngtcp2 act on its timers. Nil when all is well.
  func handleExpiry(now: Instant) -> QUICFailure? {
    guard let handle else { return .dropped }
    return failure(of: ngtcp2_conn_handle_expiry(handle, now.nanoseconds))
  }

  /// Keeps the connection from going idle by a PING after this long without a packet.
  func keepAlive(every span: Duration) {
    if let handle { ngtcp2_conn_set_keep_alive_timeout(handle, UInt64(clamping: span.nanoseconds)) }
  }

  /// How long both ends remember a closed connection (RFC 9000 §10.2: three times the PTO).
  var closingPeriod: Duration {
    guard let handle else { return .zero }
    return Duration(nanoseconds: Int64(clamping: ngtcp2_conn_get_pto(handle))).multiplied(by: 3)
  }

  /// The CONNECTION_CLOSE packet for `close`; empty when none can be written any more.
  func closePacket(_ close: QUICClose, now: Instant) -> [UInt8] {
    guard let handle else { return [] }
    var error = ngtcp2_connection_close_error()
    switch close {
    case .application(let code): ngtcp2_connection_close_error_set_application_error(&error, code, nil, 0)
    case .transport(let code): ngtcp2_connection_close_error_set_transport_error(&error, code, nil, 0)
    case .failure(let status):
      let alert = ngtcp2_conn_get_tls_alert(handle)
      if status == NGTCP2_ERR_CRYPTO || alert != 0 {
        ngtcp2_connection_close_error_set_transport_error_tls_alert(&error, alert, nil, 0)
      } else {
        ngtcp2_connection_close_error_set_transport_error_liberr(&error, status, nil, 0)
      }
    }
    return [UInt8](unsafeUninitializedCapacity: datagramBytesMax) { buffer, count in
      var info = ngtcp2_pkt_info()
      let written = ngtcp2_conn_write_connection_close_versioned(
        handle, &pathStorage.pointee.path, Int32(NGTCP2_PKT_INFO_VERSION), &info, buffer.baseAddress, buffer.count,
        &error, now.nanoseconds)
      count = max(0, Int(written))
    }
  }

  // MARK: Streams

  /// Opens a stream of ours; nil when the peer allows no more.
  func openStream(bidirectional: Bool) -> Int64? {
    var stream: Int64 = -1
    let status =
      bidirectional
      ? ngtcp2_conn_open_bidi_stream(handle, &stream, nil) : ngtcp2_conn_open_uni_stream(handle, &stream, nil)
    return status == 0 ? stream : nil
  }

  /// Tells the peer to stop sending.
  func stopReading(stream: Int64, code: UInt64) { _ = ngtcp2_conn_shutdown_stream_read(handle, stream, code) }
  /// Resets our direction.
  func stopWriting(stream: Int64, code: UInt64) { _ = ngtcp2_conn_shutdown_stream_write(handle, stream, code) }

  /// Gives flow control back for bytes that were consumed.
  func consumed(_ count: Int, on stream: Int64) {
    guard let handle, count > 0 else { return }
    ngtcp2_conn_extend_max_stream_offset(handle, stream, UInt64(count))
    ngtcp2_conn_extend_max_offset(handle, UInt64(count))
  }

  /// Gives flow control of the connection back for bytes of a stream that is gone.
  func consumedOfConnection(_ count: Int) {
    if let handle, count > 0 { ngtcp2_conn_extend_max_offset(handle, UInt64(count)) }
  }

  // MARK: What ngtcp2 says

  private func failure(of status: Int32) -> QUICFailure? {
    switch status {
    case 0: return nil
    case NGTCP2_ERR_DRAINING: return isForgottenByPeer ? .forgottenByPeer : .closedByPeer(peerClose())
    case NGTCP2_ERR_CLOSING, NGTCP2_ERR_DROP_CONN: return .dropped
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT: return .handshakeTimedOut
    case NGTCP2_ERR_IDLE_CLOSE: return .idleTimedOut
    // A Retry at this point would mean that the token we accepted was none; nothing to say to that.
    case NGTCP2_ERR_RETRY: return .dropped
    default: return .broken(status)
    }
  }

  private func peerClose() -> QUICPeerClose {
    var error = ngtcp2_connection_close_error()
    ngtcp2_conn_get_connection_close_error(handle, &error)
    let reason = error.reason.map { peerText(UnsafeBufferPointer(start: $0, count: error.reasonlen)) }
    return QUICPeerClose(
      isApplication: error.type == NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION, code: error.error_code,
      reason: reason ?? "")
  }

  /// The alert of a failed handshake, when we sent one.
  var tlsAlert: UInt8? { handle.map { ngtcp2_conn_get_tls_alert($0) }.flatMap { $0 == 0 ? nil : $0 } }

  /// What ngtcp2 says of `status`.
  static func message(_ status: Int32) -> String {
    ngtcp2_strerror(status).map { String(cString: $0) } ?? "error \(status)"
  }
}

// MARK: Callbacks

/// A table of callbacks at a fixed address; ngtcp2 copies it.
private struct CallbackTable: @unchecked Sendable {
  // Sendable although it holds a pointer: it is written once, before anyone reads it.
  let pointer: UnsafePointer<ngtcp2_callbacks>

  init(isServer: Bool) {
    let memory = UnsafeMutablePointer<ngtcp2_callbacks>.allocate(capacity: 1)
    memory.initialize(to: makeCallbacks(isServer: isServer))
    pointer = UnsafePointer(memory)
  }
}

private let clientCallbacks = CallbackTable(isServer: false)
private let serverCallbacks = CallbackTable(isServer: true)

private func connection(_ userData: UnsafeMutableRawPointer?) -> QUICConnection? {
  userData.map { Unmanaged<QUICConnection>.fromOpaque($0).takeUnretainedValue() }
}

private func makeCallbacks(isServer: Bool) -> ngtcp2_callbacks {
  var table = ngtcp2_callbacks()
  if isServer {
    table.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb
    table.recv_tx_key = { _, level, user in applicationKeysCame(level, user) }
  } else {
    table.client_initial = ngtcp2_crypto_client_initial_cb
    table.recv_retry = ngtcp2_crypto_recv_retry_cb
    table.recv_rx_key = { _, level, user in applicationKeysCame(level, user) }
  }
  table.recv_crypto_data = { handle, level, offset, bytes, count, user in
    // After the handshake only tickets may come, which are not wanted. Anything else must not reach TLS: GnuTLS would
    // act on its key update, for which ngtcp2 ends the process, and which QUIC forbids (RFC 9001 §6).
    guard let connection = connection(user) else { return 0 }
    if level == NGTCP2_CRYPTO_LEVEL_APPLICATION, connection.isServer {
      ngtcp2_conn_set_tls_alert(handle, TLSAlert.unexpectedMessage)
      return NGTCP2_ERR_CRYPTO
    }
    // What repeats the handshake is of no use either, and its session may be freed already.
    if level == NGTCP2_CRYPTO_LEVEL_APPLICATION || connection.isHandshakeComplete || connection.tls == nil { return 0 }
    return ngtcp2_crypto_recv_crypto_data_cb(handle, level, offset, bytes, count, user)
  }
  table.encrypt = ngtcp2_crypto_encrypt_cb
  table.decrypt = ngtcp2_crypto_decrypt_cb
  table.hp_mask = ngtcp2_crypto_hp_mask_cb
  table.update_key = ngtcp2_crypto_update_key_cb
  table.delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb
  table.delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb
  table.get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb
  table.version_negotiation = ngtcp2_crypto_version_negotiation_cb
  table.rand = { bytes, count, _ in _ = gnutls_rnd(GNUTLS_RND_RANDOM, bytes, count) }
  table.recv_stateless_reset = { _, _, user in
    connection(user)?.isForgottenByPeer = true
    return 0
  }
  addConnectionIDs(to: &table)
  addStreams(to: &table)
  table.handshake_completed = { _, user in
    guard let connection = connection(user) else { return 0 }
    connection.isHandshakeComplete = true
    connection.onTrusted()
    return 0
  }
  return table
}

private func applicationKeysCame(_ level: ngtcp2_crypto_level, _ user: UnsafeMutableRawPointer?) -> Int32 {
  guard level == NGTCP2_CRYPTO_LEVEL_APPLICATION, let connection = connection(user) else { return 0 }
  return connection.onReady() ? 0 : NGTCP2_ERR_CALLBACK_FAILURE
}

private func addConnectionIDs(to table: inout ngtcp2_callbacks) {
  table.get_new_connection_id = { _, id, token, length, user in
    guard let id, let connection = connection(user), length == ConnectionKey.ownLength else {
      return NGTCP2_ERR_CALLBACK_FAILURE
    }
    id.pointee = randomID()
    let status = ngtcp2_crypto_generate_stateless_reset_token(
      token, connection.resetSecret, connection.resetSecret.count, id)
    guard status == 0, let key = ConnectionKey(id.pointee) else { return NGTCP2_ERR_CALLBACK_FAILURE }
    connection.add(key)
    return 0
  }
  table.remove_connection_id = { _, id, user in
    if let id, let key = ConnectionKey(id.pointee) { connection(user)?.drop(key) }
    return 0
  }
}

private func addStreams(to table: inout ngtcp2_callbacks) {
  table.recv_stream_data = { _, flags, stream, _, bytes, count, user, _ in
    guard let connection = connection(user), let streams = connection.streams else { return 0 }
    connection.signs &+= 1
    let finished = flags & UInt32(NGTCP2_STREAM_DATA_FLAG_FIN) != 0
    let data = UnsafeBufferPointer(start: bytes, count: count)
    guard let consumed = streams.received(data, finished: finished, on: stream) else {
      return NGTCP2_ERR_CALLBACK_FAILURE
    }
    connection.consumed(consumed, on: stream)
    return 0
  }
  table.acked_stream_data_offset = { _, stream, _, count, user, _ in
    guard let connection = connection(user) else { return 0 }
    connection.signs &+= 1
    return connection.streams?.acknowledged(count, on: stream) == false ? NGTCP2_ERR_CALLBACK_FAILURE : 0
  }
  table.stream_close = { handle, flags, stream, code, user, _ in
    guard let connection = connection(user) else { return 0 }
    let hasCode = flags & UInt32(NGTCP2_STREAM_CLOSE_FLAG_APP_ERROR_CODE_SET) != 0
    let code = hasCode ? code : HTTP3ErrorCode.noError
    if connection.streams?.streamClosed(stream, errorCode: code) == false { return NGTCP2_ERR_CALLBACK_FAILURE }
    // Client-initiated bidirectional streams have numbers that end in 00 (RFC 9000 §2.1).
    if connection.isServer, stream & 3 == 0 { ngtcp2_conn_extend_max_streams_bidi(handle, 1) }
    return 0
  }
  table.stream_reset = { _, stream, _, code, user, _ in
    guard let connection = connection(user) else { return 0 }
    connection.signs &+= 1
    return connection.streams?.streamReset(stream, errorCode: code) == false ? NGTCP2_ERR_CALLBACK_FAILURE : 0
  }
  table.stream_stop_sending = { _, stream, _, user, _ in
    connection(user)?.streams?.streamStopped(stream)
    return 0
  }
  table.extend_max_stream_data = { _, stream, _, user, _ in
    connection(user)?.streams?.mayWriteMore(on: stream)
    return 0
  }
  table.extend_max_remote_streams_bidi = { _, streams, user in
    connection(user)?.streams?.peerMayOpen(streams)
    return 0
  }
}

// MARK: Small conversions

/// A connection id of ours: random, of the length that `ConnectionKey.ownLength` says.
func randomID() -> ngtcp2_cid {
  var id = ngtcp2_cid()
  id.datalen = ConnectionKey.ownLength
  withUnsafeMutableBytes(of: &id.data) { _ = gnutls_rnd(GNUTLS_RND_RANDOM, $0.baseAddress, ConnectionKey.ownLength) }
  return id
}

extension ConnectionKey {
  /// The key of ngtcp2's form of an id.
  init?(_ id: ngtcp2_cid) {
    guard id.datalen <= Int(NGTCP2_MAX_CIDLEN) else { return nil }
    let key = withUnsafeBytes(of: id.data) { ConnectionKey(UnsafeRawBufferPointer(rebasing: $0[0..<id.datalen])) }
    guard let key else { return nil }
    self = key
  }
}

/// Hands `body` the path between two addresses; it lives for the call.
func withPath<R>(_ local: SocketAddress, _ remote: SocketAddress, _ body: (UnsafePointer<ngtcp2_path>) -> R) -> R {
  local.withSockaddr { localName, localLength in
    remote.withSockaddr { remoteName, remoteLength in
      let path = ngtcp2_path(
        local: ngtcp2_addr(addr: UnsafeMutablePointer(mutating: localName), addrlen: localLength),
        remote: ngtcp2_addr(addr: UnsafeMutablePointer(mutating: remoteName), addrlen: remoteLength), user_data: nil)
      return withUnsafePointer(to: path, body)
    }
  }
}
