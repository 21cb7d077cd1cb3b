import Testing

@testable import MeshBasics

struct DeadlineQueueTests {
  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func itGivesTheEarliestDeadlineAsASortedListWould(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var queue = DeadlineQueue<Int>()
    var model: [(at: UInt64, key: Int)] = []
    for _ in 0..<6_000 {
      let key = Int(random.below(150))
      // Few different instants, so that many are equal.
      let instant = random.below(200)
      switch random.below(10) {
      case 0: setting(key, nil)
      case 1: taking(instant)
      default: setting(key, instant)
      }
      #expect(queue.next?.nanoseconds == model.first?.at && queue.count == model.count)
      #expect(queue.heap.count <= 2 * queue.count)
    }
    while !model.isEmpty { taking(.max) }
    #expect(queue.isEmpty && queue.next == nil)

    func setting(_ key: Int, _ instant: UInt64?) {
      queue.set(key, at: instant.map(Instant.init(nanoseconds:)))
      model.removeAll { $0.key == key }
      if let instant { model.append((instant, key)) }
      model.sort { ($0.at, $0.key) < ($1.at, $1.key) }
      #expect(queue[key]?.nanoseconds == instant)
    }

    func taking(_ now: UInt64) {
      let due = model.first { $0.at <= now }?.key
      if due != nil { model.removeFirst() }
      let taken = queue.popDue(Instant(nanoseconds: now))
      #expect(taken == due)
    }
  }

  @Test func equalDeadlinesComeInTheOrderOfTheirKeys() {
    var queue = DeadlineQueue<String>()
    for key in ["c", "a", "d", "b"] { queue.set(key, at: .origin) }
    let taken = (0..<4).map { _ in queue.popDue(.origin) }
    #expect(taken == ["a", "b", "c", "d"])
  }

  @Test func aDeadlineIsDueAtItsInstantAndNotBefore() {
    var queue = DeadlineQueue<String>()
    queue.set("a", at: Instant(nanoseconds: 10))
    let taken = [9, 10, .max].map { queue.popDue(Instant(nanoseconds: $0)) }
    #expect(taken == [nil, "a", nil])
  }

  @Test func aDeadlineThatComesBackIsMetOnce() {
    var queue = DeadlineQueue<String>()
    queue.set("a", at: Instant(nanoseconds: 10))
    queue.set("b", at: Instant(nanoseconds: 1))
    queue.set("a", at: Instant(nanoseconds: 20))
    queue.set("a", at: Instant(nanoseconds: 10))
    let taken = (0..<3).map { _ in queue.popDue(.distantFuture) }
    #expect(taken == ["b", "a", nil])
  }

  @Test func withdrawingAllLeavesNothing() {
    var queue = DeadlineQueue<Int>()
    for key in 0..<100 { queue.set(key, at: Instant(nanoseconds: UInt64(key))) }
    queue.removeAll()
    #expect(queue.next == nil && queue.count == 0)
    queue.set(1, at: .origin)
    #expect(queue.next == .origin)
  }
}

struct SampleTests {
  @Test(arguments: [(0, 5), (3, 5), (5, 5), (9, 5), (4, 0), (-1, 5), (12, 1_000_000)])
  func aSampleHasDifferentNumbersBelowItsBound(count: Int, bound: Int) {
    var random = SeededRandom(seed: 3)
    let sample = random.sample(count, below: bound)
    #expect(sample.count == min(max(0, count), bound) && Set(sample).count == sample.count)
    #expect(sample.allSatisfy { (0..<bound).contains($0) })
  }

  @Test func everyNumberIsDrawnAboutAsOftenAtEachPlace() {
    var random = SeededRandom(seed: 4)
    var counts = Array(repeating: Array(repeating: 0, count: 6), count: 3)
    for _ in 0..<6_000 {
      for (place, number) in random.sample(3, below: 6).enumerated() { counts[place][number] += 1 }
    }
    #expect(counts.allSatisfy { $0.allSatisfy { (850...1_150).contains($0) } })
  }
}
