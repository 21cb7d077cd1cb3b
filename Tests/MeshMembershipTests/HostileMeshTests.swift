import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// One authenticated peer that lies to all, for a long time: it must not make a healthy member look gone to the others.
struct HostileMeshTests {
  private let victim = "n05"

  private func formed(_ count: Int = 26) throws -> TestMesh {
    var mesh = try TestMesh(count)
    try mesh.run(.seconds(6))
    #expect(mesh.isWhole)
    mesh.events = []
    return mesh
  }

  /// Lets "evil" say something to everyone but its victim, every 200 ms for some seconds.
  private func attack(_ mesh: inout TestMesh, seconds: Int = 5, _ lie: (TestMesh, Int) -> [MemberRecord]) throws {
    for round in 0..<seconds * 5 {
      let records = lie(mesh, round)
      for name in mesh.names where name != victim { try mesh.say(news(records), to: name) }
      try mesh.run(.milliseconds(200))
    }
  }

  private func version(_ mesh: TestMesh) -> (epoch: UInt64, incarnation: UInt32) {
    let record = mesh.nodes[victim]?.room.localRecord
    return (record?.epoch ?? 0, record?.incarnation ?? 0)
  }

  private func lost(_ mesh: TestMesh) -> [String] {
    mesh.events.filter { $0.kind == .left && $0.member != TestMesh.evil }.map { "\($0.observer) lost \($0.member)" }
  }

  @Test func aMeshFormsAndLosesOnlyWhoCrashes() throws {
    var mesh = try formed()
    try mesh.crash(victim)
    try mesh.run(.seconds(8))
    #expect(mesh.seeing(victim, .left).count == mesh.names.count - 1)
    #expect(lost(mesh).allSatisfy { $0.hasSuffix(victim) } && mesh.broken.isEmpty, "\(mesh.broken)")
  }

  @Test func accusationsDoNotEndAHealthyMember() throws {
    for state in [MemberState.suspect, .dead, .left] {
      var mesh = try formed()
      try attack(&mesh) { mesh, _ in
        let (epoch, incarnation) = version(mesh)
        return [claim(victim, incarnation, state, epoch: epoch, accuser: state == .left ? "" : TestMesh.evil)]
      }
      try mesh.run(.seconds(3))
      #expect(lost(mesh).isEmpty && mesh.isWhole && mesh.broken.isEmpty, "\(state)")
    }
  }

  @Test func accusationsInOthersNamesDoNotEither() throws {
    var mesh = try formed()
    try attack(&mesh) { mesh, round in
      let (epoch, incarnation) = version(mesh)
      var lie = claim(victim, incarnation, .dead, epoch: epoch, accuser: "n\(10 + round % 10)")
      lie.accusers = ["n20", "n21", "n22"]
      lie.refused = true
      return [lie]
    }
    try mesh.run(.seconds(3))
    #expect(lost(mesh).isEmpty && mesh.isWhole && mesh.broken.isEmpty)
  }

  /// It tells of a restart that never was, at a place where nobody listens, and then of the death of that life.
  @Test func endpointsThatPointElsewhereDoNotMakeADeathCredible() throws {
    for isRestart in [false, true] {
      var mesh = try formed()
      try attack(&mesh) { mesh, _ in
        let (epoch, incarnation) = version(mesh)
        var lie = claim(victim, incarnation, epoch: epoch + (isRestart ? 1 : 0))
        lie.metadata?.endpoint = "nowhere:1"
        lie.metadata?.metadataVersion = (mesh.nodes[victim]?.room.localRecord.metadata?.metadataVersion ?? 0) + 1
        let end = claim(victim, incarnation, .dead, epoch: lie.epoch, accuser: TestMesh.evil)
        return [lie, end]
      }
      try mesh.run(.seconds(3))
      #expect(lost(mesh).isEmpty, "\(isRestart) \(lost(mesh).prefix(5))")
      #expect(mesh.isWhole && mesh.broken.isEmpty, "\(mesh.broken.prefix(3))")
      #expect(mesh.nodes["n00"]?.view(victim)?.metadata.endpoint == "\(victim):17421")
    }
  }

  @Test func replayedOldClaimsChangeNothing() throws {
    var mesh = try formed()
    let old = try #require(mesh.nodes[victim]?.room.localRecord)
    mesh.nodes[victim]?.room.local.metadataEpoch = old.epoch
    try mesh.give(victim, .labelsSet([Label(key: "k", value: "v")]))
    try mesh.run(.seconds(1))
    mesh.events = []
    try attack(&mesh, seconds: 2) { _, _ in
      [old, claim(victim, epoch: 1), claim(victim, 0, .dead, epoch: 1, accuser: "x")]
    }
    #expect(mesh.events.isEmpty && mesh.isWhole)
    #expect(mesh.nodes["n00"]?.view(victim)?.metadata.labels.count == 1)
  }

  @Test func absurdNumbersAreNotTakenFromOthers() throws {
    var mesh = try formed(10)
    let before = version(mesh)
    try attack(&mesh, seconds: 1) { _, _ in
      var version = claim(victim, epoch: before.epoch)
      version.metadata?.metadataVersion = .max
      return [claim(victim, epoch: .max), claim(victim, .max, .suspect, epoch: before.epoch, accuser: "x"), version]
    }
    #expect(version(mesh) == before && mesh.isWhole && mesh.events.isEmpty)
  }

  @Test func floodsOfStrangersStopAtTheTablesLimit() throws {
    var mesh = try formed(4)
    for page in 0..<18 {
      try mesh.say(news((0..<512).map { claim("stranger-\(page)-\($0)", epoch: 1_000) }), to: "n00")
    }
    let count = mesh.nodes["n00"]?.room.views.count ?? 0
    #expect((MembershipLimits.joinsBurst...MembershipLimits.joinsBurst + 5).contains(count) && mesh.broken.isEmpty)
    #expect(["n01", "n02", "n03"].allSatisfy { mesh.nodes["n00"]?.status($0) == .alive })
  }
}
