// Randomness for secrets. The rooms' SeededRandom is for everything that must replay.
import Glibc

/// Random bytes from the system, for secrets. Safe from any thread and after `fork`.
public enum Entropy {
  /// What the kernel gives in one call without being interrupted (getentropy(3)).
  private static let stride = 256

  /// `count` bytes from the kernel's generator; none when `count` isn't positive.
  public static func bytes(_ count: Int) -> [UInt8] {
    guard count > 0 else { return [] }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let part = UnsafeMutableRawBufferPointer(
          rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...].prefix(stride))
        if getentropy(part.baseAddress, part.count) != 0 { fillSlowly(part) }
        filled += part.count
      }
    }
  }

  /// Where a sandbox forbids the call, Swift's own generator asks another door of the kernel.
  private static func fillSlowly(_ buffer: UnsafeMutableRawBufferPointer) {
    var generator = SystemRandomNumberGenerator()
    for index in buffer.indices { buffer[index] = UInt8(truncatingIfNeeded: generator.next()) }
  }
}
