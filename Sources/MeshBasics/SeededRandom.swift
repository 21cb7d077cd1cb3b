/// A small deterministic generator: xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64.
///
/// Rooms draw all their randomness from one of these, so that a seed replays a run bit for bit. It is not for secrets;
/// those come from the shell's entropy.
public struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: (UInt64, UInt64, UInt64, UInt64)

  /// A generator whose whole sequence follows from `seed`.
  public init(seed: UInt64) {
    var mixer = seed
    func next() -> UInt64 {
      mixer &+= 0x9E37_79B9_7F4A_7C15
      var z = mixer
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    state = (next(), next(), next(), next())
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    let product = state.1 &* 5
    let result = ((product << 7) | (product >> 57)) &* 9
    let shifted = state.1 << 17
    state.2 ^= state.0
    state.3 ^= state.1
    state.1 ^= state.2
    state.0 ^= state.3
    state.2 ^= shifted
    state.3 = (state.3 << 45) | (state.3 >> 19)
    return result
  }

  /// A number from 0 up to and without `bound`; 0 when `bound` is 0.
  public mutating func below(_ bound: UInt64) -> UInt64 {
    bound == 0 ? 0 : next().multipliedFullWidth(by: bound).high
  }

  /// True with a chance of `parts` in `whole`.
  public mutating func chance(_ parts: UInt64, in whole: UInt64) -> Bool { below(whole) < parts }

  /// A length of time within `percent` per cent on either side of `span`, for timers that must not beat in step.
  public mutating func jittered(_ span: Duration, percent: Int64) -> Duration {
    let reach = span.divided(by: 100).multiplied(by: percent)
    guard reach > .zero else { return span }
    let width = UInt64(reach.multiplied(by: 2).nanoseconds)
    return span - reach + Duration(nanoseconds: Int64(clamping: below(width)))
  }

  /// `count` different numbers from 0 up to and without `bound`, in random order; all of them when `count` is larger.
  /// Costs what it draws, however large the bound is: it is the head of a shuffle that only notes what it moved.
  public mutating func sample(_ count: Int, below bound: Int) -> [Int] {
    let length = min(max(0, count), max(0, bound))
    var moved = ChunkedMap<Int, Int>()
    return (0..<length).map { place in
      let drawn = place &+ Int(clamping: below(UInt64(clamping: bound &- place)))
      let number = moved[drawn] ?? drawn
      moved[drawn] = moved[place] ?? place
      return number
    }
  }
}
