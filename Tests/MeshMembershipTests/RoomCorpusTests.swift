import Foundation
import MeshBasics
import Testing

/// The seeds that the fuzzer starts from, and random sequences, with all invariants checked after each input.
struct RoomCorpusTests {
  @Test func theCorpusAndItsMutationsBreakNothing() throws {
    InvariantPolicy.trapsOnViolation = true
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures/corpus/room-sequence")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(names.count >= 6)
    var random = SeededRandom(seed: 5)
    for name in names {
      let bytes = [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
      #expect(brokenRoomSequence(bytes) == nil, "\(name)")
      for _ in 0..<10 where !bytes.isEmpty {
        var mutated = bytes
        for _ in 0...random.below(4) {
          mutated[Int(random.below(UInt64(mutated.count)))] = UInt8(truncatingIfNeeded: random.next())
        }
        #expect(brokenRoomSequence(mutated) == nil, "\(name): \(mutated)")
      }
    }
  }

  @Test func randomInputsBreakNothing() throws {
    InvariantPolicy.trapsOnViolation = true
    var random = SeededRandom(seed: 42)
    for _ in 0..<60 {
      let bytes = (0..<600).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      #expect(brokenRoomSequence(bytes) == nil, "\(bytes)")
    }
  }
}
