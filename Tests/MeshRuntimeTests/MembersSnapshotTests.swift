import Testing

@testable import MeshRuntime

struct MembersSnapshotTests {
  @Test func theLocalMemberComesFirstAndTheOthersByName() throws {
    let picture = picture(of: [try member("c"), try member("m", isLocal: true), try member("z"), try member("a")])
    #expect(names(picture) == ["m", "a", "c", "z"])
    #expect(picture.members.indices.map { picture.members[$0].nodeID.name } == ["m", "a", "c", "z"])
    for (place, one) in picture.members.enumerated() {
      #expect(picture.members.firstIndex(of: one.nodeID) == place && picture.members[one.nodeID] == one)
    }
    let stranger = try #require(NodeID("b"))
    #expect(picture.members.firstIndex(of: stranger) == nil && picture.members[stranger] == nil)
  }

  @Test func aPictureWithoutTheLocalMemberListsTheOthers() throws {
    let empty = picture(of: [])
    #expect(empty.members.isEmpty && empty.members.first == nil)
    let last = try member("b")
    let others = picture(of: [last, try member("a")])
    #expect(names(others) == ["a", "b"] && others.members.firstIndex(of: last.nodeID) == 1)
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func updatingFromChangesGivesWhatAFullPictureWouldShow(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var table = OrderedMap<NodeID, MemberView>()
    let local = try member("node-250", isLocal: true)
    var updated = picture(of: [local])
    for round in 0..<60 {
      var changes: [(NodeID, MemberView?)] = []
      for _ in 0..<random.below(40) {
        let name = "node-\(random.below(500))"
        guard let node = NodeID(name), node != local.nodeID else { continue }
        // Growing and shrinking in turns; a member that was never there may be forgotten too.
        let isForgotten = random.chance(round < 30 ? 1 : 8, in: 10)
        let change = isForgotten ? nil : try member(name, epoch: random.next())
        table[node] = change
        changes.append((node, change))
      }
      updated =
        updated.updated(
          with: changes, revision: UInt64(round), unixNanoseconds: Int64(round), published: .origin
        ).snapshot
      #expect(Array(updated.members) == [local] + table.values && updated.members.count == table.count + 1)
      #expect(updated.revision == UInt64(round) && updated.unixNanoseconds == Int64(round))
    }
  }

  @Test func anOlderPictureStaysAsItWas() throws {
    let before = picture(of: try (0..<300).map { try member("node-\($0)", isLocal: $0 == 7) })
    let listed = Array(before.members)
    let gone = try #require(NodeID("node-9"))
    let new = try member("new")
    let changed = try member("node-8", epoch: 99)
    let after = before.updated(
      with: [(gone, nil), (new.nodeID, new), (changed.nodeID, changed)], revision: 2, unixNanoseconds: 0,
      published: .origin
    ).snapshot
    #expect(Array(before.members) == listed && before.revision == 1)
    #expect(
      after.members[gone] == nil && after.members[new.nodeID] == new && after.members[changed.nodeID]?.epoch == 99)
    #expect(after.members.first?.nodeID.name == "node-7" && after.members.count == 300)
  }

  @Test func theLocalMemberIsReplacedAndStaysFirst() throws {
    let before = picture(of: [try member("a"), try member("b", isLocal: true)])
    let local = try member("b", epoch: 5, isLocal: true)
    let after = before.updated(
      with: [(local.nodeID, local)], revision: 2, unixNanoseconds: 0, published: .origin
    ).snapshot
    #expect(names(after) == ["b", "a"] && after.members.first?.epoch == 5)
    // Of several changes of one member, the last counts.
    let last = after.updated(
      with: [(local.nodeID, local), (local.nodeID, nil)], revision: 3, unixNanoseconds: 0, published: .origin
    ).snapshot
    #expect(names(last) == ["a"])
  }

  @Test func whenAMemberWasHeardAndHowFarItIsChangesNoContent() throws {
    let before = picture(of: [try member("a"), try member("b", isLocal: true)])
    func updated(_ picture: MembersSnapshot, _ member: MemberView?, revision: UInt64) throws -> MembersSnapshot {
      picture.updated(
        with: [(try #require(NodeID("a")), member)], revision: revision, unixNanoseconds: 0, published: .origin
      ).snapshot
    }
    let heard = try updated(before, try member("a", heard: .origin + .seconds(1)), revision: 2)
    #expect(heard.revision == 2 && heard.contentRevision == 1)
    let other = try updated(heard, try member("a", epoch: 2), revision: 3)
    #expect(other.contentRevision == 3)
    let gone = try updated(other, nil, revision: 4)
    #expect(gone.contentRevision == 4 && gone.members.count == 1)
    #expect(try updated(gone, nil, revision: 5).contentRevision == 4)
  }

  @Test func whatAPictureTellsAnewIsGivenWithIt() throws {
    let before = picture(of: [try member("a"), try member("b", isLocal: true)])
    let heard = try member("a", heard: .origin + .seconds(1))
    let moved = try member("b", epoch: 9, isLocal: true)
    let new = try member("c")
    let unknown = try #require(NodeID("x"))
    let content = before.updated(
      with: [(heard.nodeID, heard), (moved.nodeID, moved), (new.nodeID, new), (unknown, nil)], revision: 2,
      unixNanoseconds: 0, published: .origin
    ).content
    #expect(content.map(\.new) == [moved, new] && content.map { $0.old?.epoch } == [before.members.first?.epoch, nil])
  }

  private func names(_ picture: MembersSnapshot) -> [String] { picture.members.map(\.nodeID.name) }

  private func picture(of members: [MemberView]) -> MembersSnapshot {
    MembersSnapshot(members: members, revision: 1, unixNanoseconds: 0, published: .origin)
  }

  private func member(
    _ name: String, epoch: UInt64 = 1, heard: Instant? = nil, isLocal: Bool = false
  ) throws -> MemberView {
    MemberView(
      nodeID: try #require(NodeID(name)), status: .alive, isDead: false, epoch: epoch, incarnation: 0,
      metadata: NodeMetadata(), lastHeard: heard, roundTrip: nil, isLocal: isLocal)
  }
}
