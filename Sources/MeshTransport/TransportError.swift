import Glibc

/// What the transport can't do, naming the address or the limit. Never holds secrets.
public struct TransportError: Error, Equatable, Sendable, CustomStringConvertible {
  /// One sentence for people.
  public let description: String
  /// The address is taken by another process (EADDRINUSE).
  public let addressInUse: Bool
  /// The time given was over before the thing was done.
  public let timedOut: Bool

  /// An error that reads `description`.
  public init(_ description: String, addressInUse: Bool = false, timedOut: Bool = false) {
    self.description = description
    self.addressInUse = addressInUse
    self.timedOut = timedOut
  }
}

/// What the system says of `code` (an `errno`), for error texts.
func systemMessage(_ code: Int32) -> String {
  var text = [CChar](repeating: 0, count: 128)
  _ = strerror_r(code, &text, text.count)
  let said = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  return said.isEmpty ? "error \(code)" : said
}
