/// A hash over a whole run, a word at a time. Two runs of one seed must give the same.
struct TraceHash {
  private(set) var value: UInt64 = 0x9E37_79B9_7F4A_7C15

  mutating func combine(_ word: UInt64) {
    let mixed = (value ^ word) &* 0xBF58_476D_1CE4_E5B9
    value = mixed ^ (mixed >> 29)
  }

  mutating func combine(_ number: Int) { combine(UInt64(truncatingIfNeeded: number)) }

  /// A hash of bytes, eight at a time.
  static func of(_ bytes: [UInt8]) -> UInt64 {
    var hash = TraceHash()
    bytes.withUnsafeBytes { raw in
      var offset = 0
      while offset &+ 8 <= raw.count {
        hash.combine(raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        offset &+= 8
      }
      var rest: UInt64 = UInt64(truncatingIfNeeded: raw.count)
      while offset < raw.count {
        rest = (rest << 8) | UInt64(raw[offset])
        offset &+= 1
      }
      hash.combine(rest)
    }
    return hash.value
  }
}

/// A number that follows from the run's seed and two others, for what must not depend on the order of events.
func derived(_ seed: UInt64, _ first: Int, _ second: Int = 0) -> UInt64 {
  var hash = TraceHash()
  hash.combine(seed)
  hash.combine(first)
  hash.combine(second)
  return hash.value
}
