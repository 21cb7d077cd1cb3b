/// Why bytes are not a message: names the field and what is allowed, never the bytes themselves, so that it can be
/// logged and sent back.
public struct WireError: Error, Equatable, Sendable, CustomStringConvertible {
  /// `field.inner: reason` for messages, `line 1, column 2: reason` for JSON text.
  public let description: String

  /// The error that says `description`.
  public init(_ description: String) { self.description = description }
}
