import Glibc
import MeshBasics
import MeshSecurity
import Testing

@testable import MeshTransport

@Suite(.serialized) struct LinkCostTests {
  @Test func aRequestItsAnswerAndTheLastAcknowledgementAreThreeDatagrams() throws {
    let mesh = try TestMesh()
    let (one, two) = try (TestNode(mesh.security("node-a")), TestNode(mesh.security("node-b")))
    let link = try link(one, to: two)
    // A busy machine may need more for some, so the best of many counts; without the pause none is that good.
    var least = Int64.max
    for number in 1...30 where least > 3 {
      usleep(60_000)
      let before = one.statistic("datagramsSent") + two.statistic("datagramsSent")
      one.post(.send(link.dialed, [1]))
      _ = try two.waitMessages(number, on: link.accepted)
      two.post(.send(link.accepted, [2]))
      _ = try one.waitMessages(number, on: link.dialed)
      usleep(60_000)
      least = min(least, one.statistic("datagramsSent") + two.statistic("datagramsSent") - before)
    }
    #expect(least == 3)
    try one.stop()
    try two.stop()
  }

  @Test(arguments: [0, 1, 15, 3983, 3999, 4000, 4001, 8216, 100_000])
  func memoryIsZeroedWhereAskedAlignedAndKeptWhenItGrowsOrShrinks(_ count: Int) throws {
    let zeroed = try #require(ConnectionMemory.allocate(count, of: 1))
    #expect(Int(bitPattern: zeroed) % 16 == 0)
    #expect(UnsafeRawBufferPointer(start: zeroed, count: count).allSatisfy { $0 == 0 })
    for index in 0..<count {
      zeroed.storeBytes(of: UInt8(truncatingIfNeeded: index), toByteOffset: index, as: UInt8.self)
    }
    var memory = zeroed
    for size in [count + 5000, count / 2, count + 1] {
      memory = try #require(ConnectionMemory.reallocate(memory, size))
      let kept = UnsafeRawBufferPointer(start: memory, count: min(count / 2, size))
      #expect(kept.enumerated().allSatisfy { $0.element == UInt8(truncatingIfNeeded: $0.offset) })
    }
    ConnectionMemory.free(memory)
    ConnectionMemory.free(nil)
  }

  @Test func memoryThatNobodyHasIsRefused() {
    #expect(ConnectionMemory.allocate(.max) == nil && ConnectionMemory.allocate(.max, of: 2) == nil)
    #expect(ConnectionMemory.allocate(.max - 64) == nil)
    let memory = ConnectionMemory.reallocate(nil, 10)
    #expect(memory != nil)
    ConnectionMemory.free(memory)
  }
}
