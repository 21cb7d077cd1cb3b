// Randomness for secrets. The rooms' SeededRandom is for everything that must replay.

/// Random bytes from the system, for secrets. Safe from any thread and after `fork`.
public enum Entropy {
  /// `count` bytes from the kernel's generator (`getrandom`); none when `count` isn't positive.
  public static func bytes(_ count: Int) -> [UInt8] {
    guard count > 0 else { return [] }
    var generator = SystemRandomNumberGenerator()
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    for _ in 0..<count { bytes.append(UInt8(truncatingIfNeeded: generator.next())) }
    return bytes
  }
}
