import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// Who watches whom.
struct RingTests {
  private let names = (0..<60).map { "node-\($0)" }

  private func table(_ names: [String]) throws -> ChunkedMap<NodeID, Member> {
    var table = ChunkedMap<NodeID, Member>()
    for name in names {
      let node = try id(name)
      table[node] = Member(
        node, version: Version(epoch: 1, incarnation: 0, state: .alive), metadata: Shared(NodeMetadata()),
        evidence: .origin)
    }
    return table
  }

  private func rings(of name: String, among names: [String], count: Int = 3) throws -> Rings {
    var rings = Rings(local: try id(name), count: count)
    rings.rebuild(from: try table(names.filter { $0 != name }))
    return rings
  }

  @Test func everyMemberHasOneSuccessorAndOnePredecessorOnEachRing() throws {
    let all = try names.map { (try id($0), try rings(of: $0, among: names)) }
    for ring in 0..<3 {
      let watched = all.compactMap { $0.1.successors[ring]?.node }.sorted()
      #expect(watched == all.map(\.0).sorted())
      for (node, rings) in all {
        let next = try #require(rings.successors[ring]?.node)
        #expect(all.first { $0.0 == next }?.1.predecessors[ring]?.node == node)
      }
    }
  }

  @Test func eachRingIsOneCircleOverAll() throws {
    let all = try names.map { (try id($0), try rings(of: $0, among: names)) }
    for ring in 0..<3 {
      var node = all[0].0
      var steps = 0
      repeat {
        node = try #require(all.first { $0.0 == node }?.1.successors[ring]?.node)
        steps += 1
      } while node != all[0].0 && steps <= names.count
      #expect(steps == names.count)
    }
  }

  @Test func theOrderOfJoiningMakesNoDifference() throws {
    var random = SeededRandom(seed: 3)
    let built = try rings(of: "node-0", among: names)
    for _ in 0..<5 {
      var grown = Rings(local: try id("node-0"), count: 3)
      for name in names.dropFirst().shuffled(using: &random) {
        let node = try id(name)
        _ = grown.insert(node, key: Rings.key(of: node))
      }
      #expect(grown == built)
    }
  }

  @Test func theObserversOfAMemberAreThoseWhoWatchIt() throws {
    let table = try table(names)
    let outsider = Rings(local: try id("outsider"), count: 3)
    for name in names {
      let node = try id(name)
      let watchers = try names.filter { try rings(of: $0, among: names).watched.contains(node) }
      let observers = outsider.observers(of: node, key: Rings.key(of: node), among: table)
      #expect(observers.map(\.name).sorted() == watchers.sorted())
    }
  }

  /// Conformance 16: two nodes watch each other on every ring.
  @Test func ofTwoEachWatchesTheOtherOnce() throws {
    let rings = try rings(of: "a", among: ["a", "b"])
    #expect(rings.successors.compactMap { $0?.node.name } == ["b", "b", "b"])
    #expect(rings.watched.map(\.name) == ["b"] && rings.neighbours.map(\.name) == ["b"])
    #expect(try self.rings(of: "a", among: ["a"]).neighbours.isEmpty)
  }

  @Test func theNumberOfRingsHasItsLimits() throws {
    let node = try id("a")
    #expect(Rings(local: node, count: 0).successors.count == 1)
    #expect(Rings(local: node, count: MembershipLimits.ringsMax).successors.count == MembershipLimits.ringsMax)
    #expect(Rings(local: node, count: MembershipLimits.ringsMax + 1).successors.count == MembershipLimits.ringsMax)
  }

  @Test func theSuspectedKeepTheirPlacesAndTheDeadAreClosedOver() throws {
    var rig = try Rig.connected("c", "d")
    try rig.hear("c", news(names.map { claim($0) }))
    let before = rig.room.rings
    let neighbour = try #require(before.neighbours.first { $0.name.hasPrefix("node") })
    try rig.hear("c", news(claim(neighbour.name, 0, .suspect, accuser: "c")))
    #expect(rig.status(neighbour.name) == .suspect && rig.room.rings == before)
    try rig.bury(neighbour.name, voices: ["c", "d"])
    #expect(!rig.room.rings.isNeighbour(neighbour))
    let others = (names + ["c", "d", "m"]).filter { $0 != neighbour.name }
    #expect(rig.room.rings == (try rings(of: "m", among: others)))
    try rig.hear("c", news(claim(neighbour.name, 1)))
    #expect(rig.room.rings == before)
  }

  @Test func aChangeOfNeighboursIsAChangeOfTheTopology() throws {
    var rig = try Rig.connected("c", "d")
    let before = rig.room.topologyRevision
    try rig.hear("c", news(names.map { claim($0) }))
    #expect(rig.room.topologyRevision > before)
    let grown = rig.room.topologyRevision
    try rig.hear("c", news(names.map { claim($0) }))
    #expect(rig.room.topologyRevision == grown)
  }
}
