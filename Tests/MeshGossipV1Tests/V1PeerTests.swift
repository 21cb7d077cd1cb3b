import Testing

@testable import MeshGossipV1

// The model that the mixed mesh is held against does what contracts: gossip §3 to §6 say of v1.

private func peer() -> V1Peer { V1Peer(0, of: 4, seeds: [], skew: 0, now: 0, seed: 1) }
private let plain = PeerMetadata()

@Test(arguments: [
  (1, 0, 3), (4, 0, 3), (5, 0, 4), (8, 0, 5), (16, 0, 6), (32, 0, 8), (64, 0, 9), (100, 0, 10), (200, 0, 12),
  (1_000, 0, 15), (5_000, 0, 16), (8, 2, 7), (32, 8, 10), (32, 16, 12), (100, 20, 12),
])
func theModelsFanoutIsThatOfTheContract(members: Int, notAlive: Int, fanout: Int) {
  #expect(v1Fanout(members: members, notAlive: notAlive) == fanout)
}

@Test func theModelMergesAsV1Does() {
  let model = peer()
  model.observe(1, .alive, 100, plain, now: 500)
  #expect(model.table[1]?.lastSeen == 100 && model.table[1]?.status == .alive)
  model.observe(1, .suspect, 50, plain, now: 500)
  #expect(model.table[1]?.lastSeen == 50 && model.table[1]?.status == .suspect, "older values overwrite newer ones")
  model.observe(1, .left, nil, plain, now: 500)
  #expect(model.table[1]?.lastSeen == 500 && model.table[1]?.status == .left)
  model.observe(1, .suspect, 60, plain, now: 500)
  #expect(model.table[1]?.status == .alive, "a suspicion raises the dead")
  model.observe(1, .alive, 60, PeerMetadata(version: 0), now: 500)
  #expect(model.table[1]?.metadata == plain)
  model.observe(1, .alive, 60, PeerMetadata(version: 1, isMarked: true), now: 500)
  #expect(model.table[1]?.metadata.isMarked == true, "an equal version counts")
}

@Test func theModelKeepsItselfAliveAndTakesMetadataOfItself() {
  let model = peer()
  model.observe(0, .left, 7, PeerMetadata(version: 9), now: 500)
  #expect(model.table[0] == PeerEntry(metadata: PeerMetadata(version: 9), lastSeen: 500, status: .alive))
}

@Test func theModelTakesTheSendersOwnEntryAfterTheMessage() {
  let model = peer()
  let news = PeerNews(sender: 1, metadata: plain, members: [(1, .alive, 3, plain), (2, .suspect, 4, plain)])
  model.merge(news, now: 900)
  #expect(model.table[1]?.lastSeen == 3 && model.table[2]?.status == .suspect)
}

@Test func theModelSweepsAsV1Does() {
  let model = peer()
  for (subject, age) in [(1, V1Peer.suspicion), (2, V1Peer.suspicion + 1), (3, V1Peer.leave)] {
    model.observe(subject, .alive, 1_000_000_000 - age, plain, now: 0)
  }
  model.sweep(now: 1_000_000_000)
  #expect(model.table.map { $0?.status } == [.alive, .alive, .suspect, .left])
  model.table[3]?.lastSeen = 1_000_000_000 - V1Peer.suspicion - 1
  model.sweep(now: 1_000_000_000)
  #expect(model.table[3]?.status == .suspect, "from left back to suspect")
  model.table[3]?.lastSeen = 1_000_000_000
  model.sweep(now: 1_000_000_000)
  #expect(model.table[3]?.status == .suspect, "never back to alive")
}

@Test func theModelTellsTheFirst32WithItselfFirst() {
  let model = V1Peer(39, of: 40, seeds: [], skew: 0, now: 0, seed: 1)
  for subject in 0..<39 { model.observe(subject, .alive, 1, plain, now: 1) }
  #expect(model.news().members.map(\.node) == [39] + (0..<31))
}
