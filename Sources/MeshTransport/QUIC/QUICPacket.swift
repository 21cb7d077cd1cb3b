// What a listener answers without a connection: version negotiation, Retry, stateless reset (RFC 9000 §6, §8.1.2,
// §10.3). Together with QUICConnection+ngtcp2.swift this is all that calls ngtcp2.
import CGnuTLS
import CNgtcp2
import MeshBasics

/// Stateless handling of packets that belong to no connection.
enum QUICPacket {
  /// What the first bytes of a datagram say.
  enum Kind {
    case invalid
    /// A version that we don't speak; the answer is a Version Negotiation packet.
    case unknownVersion(ngtcp2_version_cid)
    /// For the connection with this id; `hasLongHeader` tells handshake packets from later ones.
    case connection(ConnectionKey, hasLongHeader: Bool)
  }

  /// Reads the part of a packet that no key protects.
  static func kind(of bytes: UnsafeBufferPointer<UInt8>) -> Kind {
    // ngtcp2 asserts that a datagram isn't empty, and anyone can send an empty one.
    guard !bytes.isEmpty else { return .invalid }
    var header = ngtcp2_version_cid()
    let status = ngtcp2_pkt_decode_version_cid(&header, bytes.baseAddress, bytes.count, ConnectionKey.ownLength)
    if status == NGTCP2_ERR_VERSION_NEGOTIATION { return .unknownVersion(header) }
    // ngtcp2 knows drafts as well, which we don't speak. Version 0 is a server's own Version Negotiation.
    if status == 0, header.version != 0, header.version != UInt32(NGTCP2_PROTO_VER_V1) {
      // [RFC 9000 §6.1] "A server MAY limit the number of Version Negotiation packets it sends"; and none to datagrams
      // that are too small to begin a connection (§14.1).
      return bytes.count >= 1_200 ? .unknownVersion(header) : .invalid
    }
    guard status == 0, let first = bytes.first,
      let key = ConnectionKey(UnsafeRawBufferPointer(start: header.dcid, count: header.dcidlen))
    else { return .invalid }
    return .connection(key, hasLongHeader: first & 0x80 != 0)
  }

  /// The header of a client's first packet; nil when `bytes` is none.
  static func clientInitial(_ bytes: UnsafeBufferPointer<UInt8>) -> ngtcp2_pkt_hd? {
    var header = ngtcp2_pkt_hd()
    return ngtcp2_accept(&header, bytes.baseAddress, bytes.count) == 0 ? header : nil
  }

  /// The packet that offers QUIC version 1 to a client of another version.
  static func versionNegotiation(for header: ngtcp2_version_cid) -> [UInt8] {
    // Two ids of 255 bytes at most, their lengths, and the rest.
    [UInt8](unsafeUninitializedCapacity: 640) { buffer, count in
      var versions = [UInt32(NGTCP2_PROTO_VER_V1)]
      var random: UInt8 = 0
      _ = gnutls_rnd(GNUTLS_RND_NONCE, &random, 1)
      let written = ngtcp2_pkt_write_version_negotiation(
        buffer.baseAddress, buffer.count, random, header.scid, header.scidlen, header.dcid, header.dcidlen, &versions, 1
      )
      count = max(0, Int(written))
    }
  }

  /// A Retry packet, which makes a client prove its address before we keep anything of it.
  static func retry(for header: ngtcp2_pkt_hd, from remote: SocketAddress, secret: [UInt8], now: Instant) -> [UInt8] {
    var header = header
    var id = randomID()
    var token = [UInt8](repeating: 0, count: 256)
    let length = remote.withSockaddr { name, nameLength in
      ngtcp2_crypto_generate_retry_token(
        &token, secret, secret.count, header.version, name, nameLength, &id, &header.dcid, now.nanoseconds)
    }
    guard length > 0 else { return [] }
    return [UInt8](unsafeUninitializedCapacity: 1200) { buffer, count in
      let written = ngtcp2_crypto_write_retry(
        buffer.baseAddress, buffer.count, header.version, &header.scid, &id, &header.dcid, token, Int(length))
      count = max(0, Int(written))
    }
  }

  /// The id of the client's very first packet, out of a valid Retry token; nil when the token is not ours, for another
  /// address, or older than ten seconds.
  static func retried(
    _ header: ngtcp2_pkt_hd, from remote: SocketAddress, secret: [UInt8], now: Instant
  ) -> ngtcp2_cid? {
    var header = header
    var original = ngtcp2_cid()
    guard header.token.len > 0, header.token.base.pointee == UInt8(NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY) else { return nil }
    let status = remote.withSockaddr { name, nameLength in
      ngtcp2_crypto_verify_retry_token(
        &original, header.token.base, header.token.len, secret, secret.count, header.version, name, nameLength,
        &header.dcid, 10 * UInt64(NGTCP2_SECONDS), now.nanoseconds)
    }
    return status == 0 ? original : nil
  }

  /// Whether the packet carries a Retry token, valid or not.
  static func hasRetryToken(_ header: ngtcp2_pkt_hd) -> Bool {
    header.token.len > 0 && header.token.base.pointee == UInt8(NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY)
  }

  /// Tells a peer that we know nothing of its connection. Shorter than the packet that it answers, so that two such
  /// hosts don't answer each other for ever; empty when that packet is too short to answer.
  static func statelessReset(answering bytes: UnsafeBufferPointer<UInt8>, secret: [UInt8]) -> [UInt8] {
    let length = min(bytes.count &- 1, 43)
    guard length >= 21, bytes.count > ConnectionKey.ownLength else { return [] }
    var id = ngtcp2_cid()
    id.datalen = ConnectionKey.ownLength
    withUnsafeMutableBytes(of: &id.data) {
      $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[1...ConnectionKey.ownLength]))
    }
    var token = [UInt8](repeating: 0, count: Int(NGTCP2_STATELESS_RESET_TOKENLEN))
    guard ngtcp2_crypto_generate_stateless_reset_token(&token, secret, secret.count, &id) == 0 else { return [] }
    var random = [UInt8](repeating: 0, count: length &- token.count)
    _ = gnutls_rnd(GNUTLS_RND_NONCE, &random, random.count)
    return [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
      let written = ngtcp2_pkt_write_stateless_reset(buffer.baseAddress, buffer.count, token, random, random.count)
      count = max(0, Int(written))
    }
  }
}
