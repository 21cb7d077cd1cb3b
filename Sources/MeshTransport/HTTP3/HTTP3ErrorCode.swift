/// HTTP/3's error codes that we send or act on (RFC 9114 §8.1).
enum HTTP3ErrorCode {
  static let noError: UInt64 = 0x100
  static let generalProtocolError: UInt64 = 0x101
  static let closedCriticalStream: UInt64 = 0x104
  static let frameError: UInt64 = 0x106
  static let excessiveLoad: UInt64 = 0x107
  static let missingSettings: UInt64 = 0x10a
  static let messageError: UInt64 = 0x10e
  static let requestRejected: UInt64 = 0x10b
  static let requestCancelled: UInt64 = 0x10c
}
