import MeshBasics
import Testing

@testable import MeshTransport

@Suite struct DeadlineHeapTests {
  private final class Owner: DeadlineOwner {
    let number: Int
    var heapIndex: Int?
    init(_ number: Int) { self.number = number }
  }

  @Test func ownersComeOutInTheOrderOfTheirLastDeadlinesWhateverMovedOrLeft() {
    var random = SeededRandom(seed: 11)
    var heap = DeadlineHeap<Owner>()
    let owners = (0..<50).map(Owner.init)
    var expected: [Int: UInt64] = [:]
    for _ in 0..<2000 {
      let owner = owners[Int(random.next() % 50)]
      if random.next() % 4 == 0 {
        heap.remove(owner)
        expected[owner.number] = nil
      } else {
        let deadline = random.next() % 1000
        heap.set(owner, to: Instant(nanoseconds: deadline))
        expected[owner.number] = deadline
      }
      #expect(heap.count == expected.count)
      #expect(heap.first?.nanoseconds == expected.values.min())
    }
    #expect(heap.count > 10)
    var last: UInt64 = 0
    while let owner = heap.next(upTo: Instant(nanoseconds: 999)) {
      let deadline = expected.removeValue(forKey: owner.number) ?? .max
      #expect(deadline >= last && owner.heapIndex == nil)
      last = deadline
    }
    #expect(expected.isEmpty && heap.count == 0)
  }

  @Test func nothingComesOutBeforeItsTimeAndMovingADeadlineAddsNoEntry() {
    var heap = DeadlineHeap<Owner>()
    let owner = Owner(1)
    for deadline in [500, 100, 300] { heap.set(owner, to: Instant(nanoseconds: UInt64(deadline))) }
    #expect(heap.count == 1)
    #expect(heap.next(upTo: Instant(nanoseconds: 299)) == nil)
    #expect(heap.next(upTo: Instant(nanoseconds: 300)) === owner)
    #expect(heap.first == nil)
  }

  @Test func whoIsRemovedIsLetGo() {
    var heap = DeadlineHeap<Owner>()
    weak var left: Owner?
    do {
      let owner = Owner(1)
      left = owner
      heap.set(owner, to: .distantFuture)
      heap.remove(owner)
    }
    #expect(left == nil)
  }
}
