import Foundation
import MeshBasics
import Testing

@testable import MeshGossipV1

/// Seconds of virtual time in which a mesh must stay whole. Ten minutes are
/// `MESHKIT_MIXED_SECONDS=600 swift test -c release -Xswiftc -enable-testing --filter MixedMeshTests`.
private let watched =
  ProcessInfo.processInfo.environment["MESHKIT_MIXED_SECONDS"].flatMap { Int64($0) } ?? 12

/// Which of `count` members are MeshKit nodes, spread over the order of names.
private func spread(_ kit: Int, of count: Int) -> (Int) -> Bool { { $0 * kit / count != ($0 + 1) * kit / count } }

extension MixedMesh {
  /// Lets time pass until every bridge sees every v1 peer alive, and answers how long that took.
  fileprivate func converge(within span: Duration) throws -> Duration {
    let start = now
    while !notSeen.isEmpty, now.since(start) < span { try run(.milliseconds(100)) }
    return now.since(start)
  }

  fileprivate func events(of node: Int, since start: Instant) -> [Told] {
    told.filter { $0.guest == names[node].name && $0.at >= start }
  }

  /// How long after `start` the bridges told of `node` what `kind` says.
  fileprivate func delays(of kind: GuestEvent.Kind, about node: Int, since start: Instant) -> [Int64] {
    events(of: node, since: start).filter { $0.kind == kind }.map { $0.at.since(start).milliseconds }
  }
}

@Suite(.serialized) struct MixedMeshTests {
  @Test(arguments: [(20, UInt64(1)), (1, 1), (39, 1)])
  func aMixedMeshOf40ConvergesAndStaysWhole(kit: Int, seed: UInt64) throws {
    let mesh = try MixedMesh(40, seed: seed, isBridge: spread(kit, of: 40))
    #expect(mesh.bridges.count == kit && mesh.peers.count == 40 - kit)
    let span = try mesh.converge(within: .seconds(30))
    #expect(mesh.notSeen.isEmpty, "not whole after 30 s")
    let start = mesh.now
    try mesh.run(.seconds(watched))
    #expect(mesh.notSeen.isEmpty)
    #expect(mesh.falseAlarms(since: .origin).isEmpty, "\(mesh.falseAlarms(since: .origin).prefix(5))")
    let view = mesh.v1View(since: start + .seconds(min(10, watched / 2)))
    // A v1 peer knows everybody by the bridges, and sees MeshKit's nodes alive.
    #expect(view.known == 40)
    #expect(view.wrongResidents < 5)
    // Without bridges it is two thirds and more, by the test below.
    #expect(view.wrongPeers < (kit == 1 ? 30 : 1))
    report("\(kit) MeshKit nodes of 40, seed \(seed): whole after \(span.milliseconds) ms", view, mesh)
  }

  @Test(arguments: [16, 40])
  func withoutBridgesV1HoldsMostOfItsHealthyMembersForGone(count: Int) throws {
    let mesh = try MixedMesh(count) { _ in false }
    try mesh.run(.seconds(max(60, watched)))
    let view = mesh.v1View(since: .origin + .seconds(30))
    #expect(view.wrongPeers > 40)
    report("v1 alone, \(count)", view, mesh)
  }

  @Test func v1PeersThatDieAreSeenAsLeftInV1sTimes() throws {
    let mesh = try MixedMesh(20, isBridge: spread(5, of: 20))
    _ = try mesh.converge(within: .seconds(30))
    try mesh.run(.seconds(5))
    let victims = mesh.peers.keys.sorted().suffix(3)
    let start = mesh.now
    for (index, node) in victims.enumerated() { mesh.kill(node, silent: index > 0) }
    try mesh.run(.seconds(17))
    for node in victims {
      let (suspect, left) = (
        mesh.delays(of: .suspect, about: node, since: start),
        mesh.delays(of: .left(graceful: false), about: node, since: start)
      )
      #expect(suspect.count == 5 && suspect.allSatisfy { (2_500...6_000).contains($0) }, "\(suspect)")
      #expect(left.count == 5 && left.allSatisfy { (8_500...12_000).contains($0) }, "\(left)")
    }
    // And nobody hears of them again, whatever v1 peers tell each other.
    let later = mesh.now
    try mesh.run(.seconds(30))
    for node in victims { #expect(mesh.events(of: node, since: later).isEmpty) }
    #expect(mesh.falseAlarms(since: .origin).isEmpty && mesh.notSeen.isEmpty)
    // v1 peers are told as well.
    let wrong = mesh.living.compactMap { mesh.peers[$0] }.flatMap { peer in
      victims.filter { peer.table[$0]?.status == .alive }
    }
    #expect(wrong.count <= 2, "seen alive by v1 peers \(wrong.count) times")
  }

  @Test(arguments: [20, -20])
  func aV1PeerWhoseClockIsWrongIsNoMatterForMeshKit(seconds: Int64) throws {
    let mesh = try MixedMesh(20, skews: [4: .seconds(seconds)], isBridge: spread(5, of: 20))
    #expect(mesh.peers[4]?.skew == seconds * 10_000_000)
    _ = try mesh.converge(within: .seconds(30))
    try mesh.run(.seconds(watched))
    #expect(mesh.notSeen.isEmpty)
    #expect(mesh.falseAlarms(since: .origin).isEmpty)
    let start = mesh.now
    mesh.kill(4)
    mesh.kill(2)
    try mesh.run(.seconds(17))
    for node in [2, 4] {
      #expect(mesh.delays(of: .left(graceful: false), about: node, since: start).count == 5, "its death is seen too")
    }
  }

  @Test func aMeshKitNodeThatDiesIsToldToV1PeersAndIsNoGuestOfAnybody() throws {
    let mesh = try MixedMesh(20, isBridge: spread(5, of: 20))
    _ = try mesh.converge(within: .seconds(30))
    let node = try #require(mesh.bridges.keys.min())
    mesh.kill(node)
    try mesh.run(.seconds(40))
    let alive = mesh.peers.values.filter { $0.table[node]?.status == .alive }.count
    #expect(alive <= 1, "\(alive) of \(mesh.peers.count) v1 peers still see it alive")
    #expect(mesh.told.allSatisfy { $0.guest != mesh.names[node].name })
  }

  @Test func aFleetMigratesNodeByNodeAndNobodyIsTakenForGone() throws {
    let mesh = try MixedMesh(12) { _ in false }
    try mesh.run(.seconds(10))
    for node in 0..<12 {
      mesh.migrate(node)
      try mesh.run(.seconds(8))
      #expect(mesh.notSeen.isEmpty, "after \(node + 1) nodes")
    }
    #expect(mesh.peers.isEmpty && mesh.bridges.count == 12)
    for event in mesh.told {
      switch event.kind {
      case .joined, .migrated: break
      case .updated, .suspect, .recovered, .left, .forgotten: Issue.record("\(event)")
      }
    }
    #expect(mesh.bridges.values.allSatisfy { $0.guestViews.isEmpty })
  }

  @Test func aV1PeerThatComesBackIsSeenAgain() throws {
    let mesh = try MixedMesh(20, isBridge: spread(5, of: 20))
    _ = try mesh.converge(within: .seconds(30))
    let node = try #require(mesh.peers.keys.max())
    mesh.kill(node)
    try mesh.run(.seconds(20))
    #expect(mesh.told.contains { $0.guest == mesh.names[node].name && $0.kind == .left(graceful: false) })
    mesh.revive(node)
    _ = try mesh.converge(within: .seconds(70))
    #expect(mesh.notSeen.isEmpty)
  }

  private func report(
    _ what: String, _ view: (known: Double, wrongPeers: Double, wrongResidents: Double), _ mesh: MixedMesh
  ) {
    guard watched >= 60 else { return }
    func text(_ number: Double) -> String { String(format: "%.1f", number) }
    print(
      "\(what); a v1 peer knows \(text(view.known)), sees \(text(view.wrongPeers)) % of healthy v1 peers and "
        + "\(text(view.wrongResidents)) % of MeshKit nodes not alive; \(mesh.posts) posts of bridges in "
        + "\(mesh.now.since(.origin).milliseconds / 1_000) s")
  }
}
