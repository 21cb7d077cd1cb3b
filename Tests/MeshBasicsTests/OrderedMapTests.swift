import Testing

@testable import MeshBasics

struct BasicsTests {
  @Test func aMapIteratesInTheOrderOfItsKeys() {
    var map = OrderedMap<Int, String>()
    for key in [3, 1, 2] { map[key] = "\(key)" }
    map[2] = nil
    #expect(map.keys == [1, 3])
    let removed = map.removeValue(forKey: 3)
    #expect(removed == "3")
    #expect(map.count == 1)
  }

  @Test func aRingRefusesOneMoreThanItsCapacity() {
    var ring = BoundedRing<Int>(capacity: 2)
    let taken = [1, 2, 3].map { ring.append($0) }
    #expect(taken == [true, true, false])
    let first = ring.popFirst()
    let isTaken = ring.append(3)
    #expect(first == 1 && isTaken && ring.elements == [2, 3])
  }

  @Test func aRingTakesMemoryAsItFillsAndKeepsItsOrderWhenItGrows() {
    var ring = BoundedRing<Int>(capacity: 100)
    #expect(ring.allocated == 0 && ring.capacity == 100 && !ring.isFull && ring.first == nil)
    // So that the oldest element is not at the front when the places double.
    for number in 0..<16 { _ = ring.append(number) }
    for _ in 0..<10 { _ = ring.popFirst() }
    for number in 16..<26 { _ = ring.append(number) }
    #expect(ring.allocated == 16 && ring.elements == Array(10..<26))
    for number in 26..<110 { _ = ring.append(number) }
    let isRefused = !ring.append(110)
    #expect(isRefused && ring.isFull && ring.allocated == 100 && ring.elements == Array(10..<110))
    let drained = (10..<110).map { _ in ring.popFirst() }
    #expect(drained == Array(10..<110) && ring.isEmpty && ring.popFirst() == nil)
  }

  @Test func timeSaturatesInsteadOfTrapping() {
    #expect(Instant.distantFuture + .seconds(1) == .distantFuture)
    #expect(Instant.origin + .seconds(-1) == .origin)
    #expect(Duration.seconds(.max) + .seconds(1) == Duration(nanoseconds: .max))
    #expect(Duration.seconds(1).divided(by: 0) == .seconds(1))
  }

  @Test func endpointsAreReadStrictly() {
    #expect(Endpoint(parsing: "[::1]:17421")?.host == "::1")
    #expect(Endpoint(parsing: "https://host:1/path")?.port == 1)
    for text in ["host", "host:0", "host:65536", ":1", "::1:1", "a b:1"] { #expect(Endpoint(parsing: text) == nil) }
  }

  @Test func oneSeedGivesOneSequence() {
    var first = SeededRandom(seed: 9)
    var second = SeededRandom(seed: 9)
    let numbers = (0..<100).map { _ in first.next() }
    let again = (0..<100).map { _ in second.next() }
    let none = first.below(0)
    #expect(numbers == again && none == 0)
  }

  @Test func namesAndPlacesHaveLimits() {
    #expect(NodeID(String(repeating: "a", count: NodeID.lengthMax)) != nil)
    #expect(NodeID(String(repeating: "a", count: NodeID.lengthMax + 1)) == nil)
    #expect(NodeID("..") == nil && NodeID("") == nil && NodeID("a/b") == nil)
  }
}
