// Why connections end, in the words of `LinkEnd`.
import CNgtcp2
import MeshBasics

extension LinkLoop {
  /// The reason to report, and what to close with; nil when nothing is to be sent.
  func explain(_ failure: QUICFailure, on connection: LinkConnection) -> (LinkEnd, close: QUICClose?) {
    switch failure {
    case .handshakeTimedOut, .idleTimedOut: return (.timedOut, nil)
    case .unreachable(let code): return (.unreachable(systemMessage(code)), nil)
    case .notStarted: return (.protocolError("can't start TLS"), nil)
    case .dropped: return (.protocolError("the connection was dropped"), nil)
    case .closedByPeer(let close): return (explain(close, on: connection), nil)
    case .forgottenByPeer: return (.unreachable("the peer does not know this connection, as after a restart"), nil)
    case .broken(let code):
      let close = connection.quic.close(after: failure)
      guard let broken = connection.http?.failure else { return (explain(code, on: connection), close) }
      deliver(.observed(.messageRejected(peer: connection.quic.remote.description, reason: broken.text)))
      return (.protocolError(broken.text), close)
    }
  }

  private func explain(_ code: Int32, on connection: LinkConnection) -> LinkEnd {
    let quic = connection.quic
    if let reason = quic.trustRefusal {
      statistics.trustRefusals += 1
      tellRefusal(reason, on: connection)
      return .refused(reason: reason)
    }
    if let alert = quic.tlsAlert { return .protocolError("TLS: \(GnuTLS.alertName(alert)) (\(alert))") }
    return .protocolError(QUICConnection.message(code))
  }

  private func explain(_ close: QUICPeerClose, on connection: LinkConnection) -> LinkEnd {
    if let alert = close.tlsAlert {
      let said = "TLS alert \(alert): \(GnuTLS.alertName(alert))"
      guard TLSAlert.refusesCertificate(alert) else { return .protocolError("peer sent \(said)") }
      let reason = "peer refused our certificate: \(said)"
      statistics.trustRefusals += 1
      tellRefusal(reason, on: connection)
      return .refused(reason: reason)
    }
    let isOrderly = close.isApplication ? close.code == HTTP3ErrorCode.noError : close.code == 0
    if isOrderly { return .closed }
    let kind = close.isApplication ? "HTTP/3" : "QUIC"
    let reason = close.reason.isEmpty ? "" : ": \(close.reason)"
    return .protocolError("peer closed with \(kind) error 0x\(String(close.code, radix: 16))\(reason)")
  }

  /// Observes a refusal that no link tells of. Where there is a link, its end says so, and saying it here as well would
  /// make two records of one refusal.
  private func tellRefusal(_ reason: String, on connection: LinkConnection) {
    guard connection.conversation.link == nil else { return }
    let quic = connection.quic
    deliver(.observed(.trustRefused(peer: quic.remote.description, reason: reason, inbound: quic.isServer)))
  }
}
