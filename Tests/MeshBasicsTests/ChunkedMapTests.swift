import Testing

@testable import MeshBasics

struct ChunkedMapTests {
  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func itDoesWhatAnOrderedMapDoes(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var model = OrderedMap<Int, UInt64>()
    var map = ChunkedMap<Int, UInt64>()
    // Grows to hundreds of entries, shrinks to none and grows again: chunks are split and merged everywhere.
    for step in 0..<12_000 {
      let key = Int(random.below(700))
      let value = random.next()
      let isGrowing = (step / 3_000) % 2 == 0
      switch random.below(10) {
      case 0:
        let results = (map.modify(key, increased), model.modify(key, increased))
        #expect(results.0 == results.1)
      case 1...6:
        let value = isGrowing ? value : nil
        map[key] = value
        model[key] = value
      case 7:
        let results = (map.removeValue(forKey: key), model.removeValue(forKey: key))
        #expect(results.0 == results.1)
      default: expectSameAnswers(map, model, about: key)
      }
      if step % 250 == 0 { expectSameEntries(map, model) }
    }
    for key in model.keys {
      let results = (map.removeValue(forKey: key), model.removeValue(forKey: key))
      #expect(results.0 == results.1 && map.count == model.count)
    }
    #expect(map.isEmpty && map.first { _ in true } == nil)
  }

  private func increased(_ value: inout UInt64) -> UInt64 {
    value &+= 1
    return value
  }

  private func expectSameAnswers(_ map: ChunkedMap<Int, UInt64>, _ model: OrderedMap<Int, UInt64>, about key: Int) {
    #expect(map[key] == model[key])
    #expect(map.count == model.count && map.isEmpty == model.isEmpty)
    #expect(map.rank(of: key) == model.keys.count { $0 < key })
    #expect(map.element(after: key)?.key == model.keys.first { $0 > key } ?? model.keys.first)
  }

  private func expectSameEntries(_ map: ChunkedMap<Int, UInt64>, _ model: OrderedMap<Int, UInt64>) {
    #expect(Array(map.keys) == model.keys && Array(map.values) == model.values)
    #expect(map.map(\.0) == model.keys && map.map(\.1) == model.values)
    #expect((0..<map.count).map { map.element(at: $0)?.key } == model.keys)
    #expect((0..<map.count).map { map.element(at: $0)?.value } == model.values)
    #expect(map.keys.indices.map { map.keys[$0] } == model.keys && map.keys.last == model.keys.last)
    #expect(map.values.indices.map { map.values[$0] } == model.values && map.values.first == model.values.first)
    #expect(map.element(at: -1) == nil && map.element(at: map.count) == nil)
  }

  @Test(arguments: [0, 1, 63, 64, 65, 128, 129, 5_000])
  func itHoldsAnyNumberFilledInOrderBackwardsOrAtRandom(count: Int) {
    var random = SeededRandom(seed: 1)
    let ascending = Array(0..<count)
    for keys in [ascending, ascending.reversed(), ascending.shuffled(using: &random)] {
      var map = ChunkedMap<Int, Int>()
      for key in keys { map[key] = -key }
      #expect(map.count == count && map.keys.count == count && map.values.count == count)
      #expect(map.elementsEqual(ascending) { $0.0 == $1 && $0.1 == -$1 })
      for key in keys { #expect(map.rank(of: key) == key && map.element(at: key)?.key == key) }
      let removed = keys.reversed().map { map.removeValue(forKey: $0) }
      #expect(removed == keys.reversed().map { -$0 })
      #expect(map.isEmpty)
    }
  }

  @Test func aCopyStaysAsItWasWhenTheOtherChanges() {
    var map = filled(1_000)
    let copy = map
    map[500] = "changed"
    map[1_000] = "new"
    map[0] = nil
    _ = map.modify(700) { $0 += "!" }
    #expect(copy == filled(1_000))
    #expect(map[500] == "changed" && map[700] == "700!" && map[0] == nil && map.count == 1_000)
    map.removeAll()
    #expect(map.isEmpty && copy.count == 1_000)
  }

  @Test func aChangeOfACopyCopiesNoMoreThanOneChunk() {
    var map = ChunkedMap<Int, Part>()
    for key in 0..<640 { map[key] = Part(key) }
    let before = map
    _ = map.modify(320) { $0 = Part(-1) }
    let replaced = zip(before.values, map.values).filter { $0 !== $1 }
    #expect(replaced.count == 1)
    #expect(map.chunksShared(with: before) == 9)
  }

  @Test func aValueIsChangedInPlaceWhenNobodySharesIt() {
    var map = ChunkedMap<Int, [Int]>()
    // No literal: optimized code keeps those in memory that nobody may change.
    for key in 0..<200 { map[key] = Array(repeating: key, count: 3) }
    let before = map.modify(100) { list in list.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) } }
    let after = map.modify(100) { list in
      list[0] = 9
      return list.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
    }
    #expect(before == after && map[100] == [9, 100, 100])
  }

  @Test func aValueIsReadWhereItIs() {
    var map = ChunkedMap<Int, [Int]>()
    for key in 0..<200 { map[key] = [key] }
    #expect(map.read(100) { $0.first } == 100)
    #expect(map.read(200) { $0.first } == nil)
  }

  @Test func anIterationSeesTheMapAsItWasWhenItBegan() {
    var map = filled(300)
    var seen = 0
    for (key, _) in map {
      map[key] = nil
      seen += 1
    }
    #expect(seen == 300 && map.isEmpty)
  }

  @Test func equalityIgnoresHowTheEntriesCameIn() {
    let ascending = filled(500)
    var backwards = ChunkedMap<Int, String>()
    for key in (0..<500).reversed() { backwards[key] = "\(key)" }
    #expect(ascending == backwards)
    backwards[7] = "other"
    #expect(ascending != backwards)
    backwards[7] = nil
    #expect(ascending != backwards)
  }

  @Test func theSuccessorOfTheLastKeyIsTheFirst() {
    #expect(ChunkedMap<Int, Int>().element(after: 1) == nil)
    let map = filled(130)
    #expect(map.element(after: 129)?.key == 0 && map.element(after: 1_000)?.key == 0)
    #expect(map.element(after: -5)?.key == 0 && map.element(after: 63)?.key == 64)
  }

  @Test(arguments: [0, 1, 2, 3] as [Int])
  func itNeverHoldsMuchMoreRoomThanItNeeds(order: Int) {
    var random = SeededRandom(seed: 5)
    var keys = Array(0..<5_000)
    if order == 1 { keys.reverse() }
    if order >= 2 { keys.shuffle(using: &random) }
    var map = ChunkedMap<Int, Int>()
    for key in keys { map[key] = key }
    if order == 3 { for key in keys.prefix(2_500) { map[key] = nil } }
    #expect(map.room <= map.count * 3 / 2)
  }

  private func filled(_ count: Int) -> ChunkedMap<Int, String> {
    var map = ChunkedMap<Int, String>()
    for key in 0..<count { map[key] = "\(key)" }
    return map
  }
}

private final class Part: Sendable {
  let number: Int
  init(_ number: Int) { self.number = number }
}

extension ChunkedMap {
  /// How many entries its arrays have room for.
  fileprivate var room: Int { chunks.reduce(0) { $0 + $1.keys.capacity } }

  /// How many chunks are the same memory in both.
  fileprivate func chunksShared(with other: ChunkedMap) -> Int {
    zip(chunks, other.chunks).filter { address($0.0.values) == address($0.1.values) }.count
  }

  private func address(_ values: [Value]) -> UInt {
    values.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
  }
}
