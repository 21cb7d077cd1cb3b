import MeshSecurity

/// Lease ids from the system's entropy, some hundred at a time: a call to the kernel for each would cost more than the
/// lease.
struct LeaseIDs {
  private static let stock = 512
  private var bytes: [UInt8] = []
  private var used = 0

  /// Another one, never 0.
  mutating func next() -> UInt64 {
    while true {
      if used == bytes.count {
        bytes = Entropy.bytes(LeaseIDs.stock * 8)
        used = 0
      }
      var id: UInt64 = 0
      for byte in bytes[used..<used + 8] { id = id << 8 | UInt64(byte) }
      used += 8
      if id != 0 { return id }
    }
  }
}
