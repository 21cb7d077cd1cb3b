/// Why the store can't read or write: names the path and the cause.
public struct StoreError: Error, Equatable, Sendable, CustomStringConvertible {
  /// One sentence for people.
  public let description: String

  /// An error with this description.
  public init(_ description: String) { self.description = description }
}
