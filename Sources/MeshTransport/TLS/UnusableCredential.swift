import MeshBasics

/// Remembers for a while which credential TLS couldn't use: not each client is to cost that again, nor a log record.
struct UnusableCredential {
  static let patience = Duration.seconds(10)
  private var generation: UInt64?
  private var until = Instant.origin

  /// Whether this generation came to nothing a moment ago.
  func isTried(_ generation: UInt64, _ now: Instant) -> Bool { self.generation == generation && now < until }

  /// This generation came to nothing.
  mutating func note(_ generation: UInt64, _ now: Instant) {
    self.generation = generation
    until = now + UnusableCredential.patience
  }
}
