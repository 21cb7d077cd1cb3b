import MeshSecurity

/// Lease ids that nobody can guess: SipHash-2-4 (Aumasson and Bernstein, 2012) of a count under a key from the system's
/// entropy, since asking the kernel for each would cost as much as half a lease. The key is another one now and then.
struct LeaseIDs {
  private static let idsOfAKey: UInt64 = 1 << 20
  private var key: (UInt64, UInt64) = (0, 0)
  private var count: UInt64 = 0

  /// Another one, never 0.
  mutating func next() -> UInt64 {
    while true {
      if count % LeaseIDs.idsOfAKey == 0 { key = LeaseIDs.newKey() }
      count &+= 1
      let id = hash(count)
      if id != 0 { return id }
    }
  }

  private static func newKey() -> (UInt64, UInt64) {
    Entropy.bytes(16).withUnsafeBytes {
      ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }
  }

  private func hash(_ number: UInt64) -> UInt64 {
    var (a, b) = (key.0 ^ 0x736F_6D65_7073_6575, key.1 ^ 0x646F_7261_6E64_6F6D)
    var (c, d) = (key.0 ^ 0x6C79_6765_6E65_7261, key.1 ^ 0x7465_6462_7974_6573)
    func round() {
      a &+= b
      c &+= d
      b = (b << 13 | b >> 51) ^ a
      d = (d << 16 | d >> 48) ^ c
      a = a << 32 | a >> 32
      c &+= b
      a &+= d
      b = (b << 17 | b >> 47) ^ c
      d = (d << 21 | d >> 43) ^ a
      c = c << 32 | c >> 32
    }
    func absorb(_ block: UInt64) {
      d ^= block
      round()
      round()
      a ^= block
    }
    // The number, and then the end of a message of eight bytes.
    absorb(number)
    absorb(8 << 56)
    c ^= 0xFF
    for _ in 0..<4 { round() }
    return a ^ b ^ c ^ d
  }
}
