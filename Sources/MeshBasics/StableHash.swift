/// A 64-bit hash that is the same in every process and on every machine: FNV-1a with a final avalanche (the finalizer
/// of splitmix64). For digests, rings and traces; it doesn't resist an attacker who chooses the input.
public struct StableHash: Sendable {
  @usableFromInline var state: UInt64 = 0xCBF2_9CE4_8422_2325

  /// A hash of nothing yet.
  @inlinable public init() {}

  /// Mixes one byte in.
  @inlinable public mutating func combine(byte: UInt8) { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }

  /// Mixes bytes in.
  @inlinable public mutating func combine(_ bytes: some Sequence<UInt8>) { for byte in bytes { combine(byte: byte) } }

  /// Mixes a string and its length in, so that neighbours can't run together.
  @inlinable public mutating func combine(_ text: String) {
    combine(UInt64(text.utf8.count))
    combine(text.utf8)
  }

  /// Mixes a number in, little end first.
  @inlinable public mutating func combine(_ number: UInt64) {
    var rest = number
    for _ in 0..<8 {
      combine(byte: UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  /// The hash of all that was mixed in.
  @inlinable public var value: UInt64 {
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
