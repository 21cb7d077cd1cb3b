import Foundation
import MeshBasics
import Testing

/// The seeds that the fuzzer starts from, each a story that was worth telling.
struct EngineCorpusTests {
  @Test func theCorpusAndItsMutationsBreakNothing() throws {
    InvariantPolicy.trapsOnViolation = true
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures/corpus/engine-sequence")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(names.count >= 6)
    var random = SeededRandom(seed: 5)
    for name in names {
      let bytes = [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
      #expect(brokenEngineSequence(bytes) == nil, "\(name)")
      for _ in 0..<20 where !bytes.isEmpty {
        var mutated = bytes
        for _ in 0...random.below(4) {
          mutated[Int(random.below(UInt64(mutated.count)))] = UInt8(truncatingIfNeeded: random.next())
        }
        #expect(brokenEngineSequence(mutated) == nil, "\(name): \(mutated)")
      }
    }
  }
}
