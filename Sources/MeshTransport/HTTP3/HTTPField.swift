/// One header or trailer field; names are lower-case on HTTP/3.
struct HTTPField: Equatable {
  var name: String
  var value: String

  init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

extension [HTTPField] {
  /// The value of the first field named `name`.
  subscript(name: String) -> String? { first { $0.name == name }?.value }
}

/// HTTP/3's error codes that we send (RFC 9114 §8.1).
enum HTTP3ErrorCode {
  static let noError: UInt64 = 0x100
  static let generalProtocolError: UInt64 = 0x101
  static let excessiveLoad: UInt64 = 0x107
  static let requestCancelled: UInt64 = 0x10c
}
