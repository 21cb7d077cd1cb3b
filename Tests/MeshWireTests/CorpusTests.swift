import MeshBasics
import MeshWire
import Testing

/// Every decoder, by the name of its corpus. Each returns for every input; a trap ends the test run.
private let decoders: [(corpus: String, decode: @Sendable ([UInt8]) -> Void)] = [
  ("mesh-message", { _ = try? MeshMessage.decode($0) }),
  ("member-record", { _ = try? MemberRecord.decode($0) }),
  (
    "ping",
    {
      _ = try? PingRequest.decode(Array($0.dropFirst()))
      _ = try? PingReply.decode(Array($0.dropFirst()))
    }
  ),
  (
    "json",
    {
      guard let value = try? JSONValue.parse($0) else { return }
      _ = try? MeshMessage.decode(json: value)
      _ = try? MemberRecord.decode(json: value)
      _ = try? PingReply.decode(json: value)
    }
  ),
]

@Test func noHostileInputOrMutationOfItTraps() throws {
  for (corpus, decode) in decoders {
    let seeds = try Fixtures.files("corpus/\(corpus)").map(\.bytes)
    #expect(seeds.count >= 5)
    seeds.forEach(decode)
    // Long seeds are for the limits; mutating them would only take long.
    let short = seeds.filter { (1...1024).contains($0.count) }
    var random = SeededRandom(seed: 17)
    for _ in 0..<10_000 {
      var bytes = short[Int(random.below(UInt64(short.count)))]
      for _ in 0...random.below(3) { mutate(&bytes, &random) }
      decode(bytes)
    }
  }
}

private func mutate(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
  let place = Int(random.below(UInt64(bytes.count)))
  switch random.below(4) {
  case 0 where place < bytes.count: bytes[place] = UInt8(truncatingIfNeeded: random.next())
  case 1 where place < bytes.count: bytes[place] ^= 1 << UInt8(random.below(8))
  case 2 where place < bytes.count: bytes.remove(at: place)
  default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
  }
}
