import MeshBasics

/// Text of a peer as it may stand in logs and on terminals: at most 200 bytes, and no control characters.
func peerText(_ bytes: some Collection<UInt8>) -> String {
  let text = String(decoding: bytes.prefix(200), as: UTF8.self)
  var shown = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    switch scalar.properties.generalCategory {
    // Also what turns the direction of writing, or starts a new line.
    case .control, .format, .lineSeparator, .paragraphSeparator: shown.append("?")
    default: shown.append(scalar)
    }
  }
  return String(shown)
}

/// A peer for a log: the first name of its certificate, where one was shown, and its address.
func peerText(_ identity: PeerIdentity?, at remote: SocketAddress) -> String {
  guard let names = identity?.nodeNames, let first = names.first else { return remote.description }
  return "\(first)\(names.count > 1 ? " and \(names.count - 1) more" : "") at \(remote)"
}
