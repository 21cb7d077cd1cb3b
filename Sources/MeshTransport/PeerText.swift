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
