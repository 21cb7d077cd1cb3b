/// TLS alerts that mean something to us (RFC 8446 §6.2).
enum TLSAlert {
  static let unexpectedMessage: UInt8 = 10
  static let certificateRequired: UInt8 = 116

  /// Whether the alert says that the certificate was refused: bad, unsupported, revoked, expired, unknown, unknown CA,
  /// access denied, or none given.
  static func refusesCertificate(_ alert: UInt8) -> Bool {
    (42...46).contains(alert) || alert == 48 || alert == 49 || alert == certificateRequired
  }
}
