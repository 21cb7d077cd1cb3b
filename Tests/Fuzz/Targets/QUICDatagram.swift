@testable import MeshTransport

/// What the listener does with a datagram of an unknown connection before it keeps anything of it.
func fuzzQUICDatagram(_ bytes: [UInt8]) {
  bytes.withUnsafeBufferPointer { datagram in
    switch QUICPacket.kind(of: datagram) {
    case .invalid: break
    case .unknownVersion(let header): _ = QUICPacket.versionNegotiation(for: header)
    case .connection:
      if let header = QUICPacket.clientInitial(datagram) { _ = QUICPacket.hasRetryToken(header) }
      // [RFC 9000 §10.3.3] A reset must be smaller than what it answers, or two listeners could loop.
      let reset = QUICPacket.statelessReset(answering: datagram, secret: [1, 2, 3])
      if !reset.isEmpty && reset.count >= bytes.count {
        found("a reset of \(reset.count) bytes answers \(bytes.count)")
      }
    }
  }
}
