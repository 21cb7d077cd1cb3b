import MeshBasics
import Testing

@testable import MeshTransport

@Suite struct PeerUniStreamTests {
  /// What is passed of `bytes` when they come in pieces of `step`.
  private func passed(_ bytes: [UInt8], step: Int = .max) throws -> [UInt8] {
    var stream = PeerUniStream()
    var passed: [UInt8] = []
    var start = 0
    while start < bytes.count {
      let end = min(bytes.count, start + min(step, bytes.count))
      passed += try bytes[start..<end].withUnsafeBufferPointer { try stream.take($0) }
      start = end
    }
    return passed
  }

  private let opening: [UInt8] = [0x00, 0x04, 0x00]
  /// PRIORITY_UPDATE of the element 0: "u=1".
  private let priorityUpdate: [UInt8] = [0x80, 0x0F, 0x07, 0x00, 0x04, 0x00, 0x75, 0x3D, 0x31]

  @Test(arguments: [1, 2, 3, 5, .max]) func framesThatAreOnlyHintsAreDroppedHoweverTheyAreCut(_ step: Int) throws {
    let goaway: [UInt8] = [0x07, 0x01, 0x00]
    // A frame of a reserved type with a length of two bytes.
    let grease: [UInt8] = [0x21, 0x40, 0x02, 0x09, 0x09]
    let bytes = opening + priorityUpdate + goaway + grease + [0x0D, 0x01, 0x05] + priorityUpdate
    #expect(try passed(bytes, step: step) == opening + goaway + [0x0D, 0x01, 0x05])
  }

  @Test(arguments: [1, .max]) func otherStreamsAndFramesThatAreNotAllowedPassAsTheyAre(_ step: Int) throws {
    for bytes: [UInt8] in [
      [0x02, 0xF0, 0x07], [0x03, 1, 2, 3], [0x40, 0x54, 9, 9], opening + [0x00, 0x02, 1, 2] + [0x08, 0x00],
    ] { #expect(try passed(bytes, step: step) == bytes) }
  }

  @Test(arguments: [1, 2, 3, 5, .max]) func aFrameThatIsOneNumberIsNothingElse(_ step: Int) throws {
    for type: UInt8 in [0x03, 0x07, 0x0D] {
      // What follows the number would be the next frame to nghttp3: a PRIORITY_UPDATE that is cut.
      for wrong: [UInt8] in [[0x08, 0x00] + priorityUpdate.prefix(6), [0x02, 0x00, 0x00], [0x01, 0x40], [0x00]] {
        #expect(throws: StreamLayerFailure.self) { try passed(opening + [type] + wrong, step: step) }
      }
      for right: [UInt8] in [
        [0x01, 0x3F], [0x02, 0x40, 0x00], [0x04, 0x80, 0, 0, 0], [0x08, 0xC0, 0, 0, 0, 0, 0, 0, 0],
      ] {
        #expect(try passed(opening + [type] + right, step: step) == opening + [type] + right)
      }
    }
  }

  @Test func aControlStreamBeginsWithSettings() {
    #expect(throws: StreamLayerFailure.self) { try passed([0x00] + priorityUpdate) }
    #expect(throws: StreamLayerFailure.self) { try passed([0x00, 0x21, 0x00]) }
  }

  @Test func controlAndTablesMustStay() throws {
    for (type, isCritical) in [(UInt8(0), true), (2, true), (3, true), (1, false), (0x21, false)] {
      var stream = PeerUniStream()
      _ = try [type].withUnsafeBufferPointer { try stream.take($0) }
      #expect(stream.isCritical == isCritical)
    }
  }
}
