import CNghttp2

/// HTTP/2's error codes that we send or act on (RFC 9113 §7).
enum HTTP2ErrorCode: UInt32 {
  case noError = 0
  case protocolError = 1
  case refusedStream = 7
  case cancel = 8
  case enhanceYourCalm = 11
}

/// Why a client was sent away.
struct HTTP2SessionFailure: Equatable {
  let code: HTTP2ErrorCode
  /// What it did, in our words.
  let text: String

  init(_ code: HTTP2ErrorCode, _ text: String) {
    self.code = code
    self.text = text
  }
}
