import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// What becomes of an operator's word in a mesh: seen everywhere in one dissemination time where the member is lost,
/// and refuted where it lives.
struct RemovalTests {
  private let subject = "n05"
  /// The time in which a claim has gone round twenty-six nodes with links of 3 ms.
  private let dissemination = Duration.milliseconds(100)

  private func formed() throws -> TestMesh {
    var mesh = try TestMesh(26)
    try mesh.run(.seconds(6))
    #expect(mesh.isWhole)
    mesh.events = []
    return mesh
  }

  private func others(_ mesh: TestMesh) -> Int { mesh.names.count - 1 }

  /// Its host is cut off; all suspect it, and would wait for the longest silence.
  @Test func aSuspectIsGoneEverywhereInOneDisseminationTime() throws {
    var mesh = try formed()
    mesh.silent = [subject]
    try mesh.run(.milliseconds(3_300))
    #expect(mesh.seeing(subject, .suspect).count == others(mesh))
    try mesh.give("n17", .memberRemoved(id(subject)))
    try mesh.run(dissemination)
    #expect(mesh.seeing(subject, .left).count == others(mesh))
    #expect(mesh.broken.isEmpty, "\(mesh.broken)")
  }

  /// Some hold it for dead already, the others don't know yet.
  @Test func anEndThatNotAllBelieveIsToldAgain() throws {
    var mesh = try formed()
    mesh.silent = [subject]
    try mesh.run(.milliseconds(3_300))
    try mesh.give("n17", .memberRemoved(id(subject)))
    // All that it said got lost.
    mesh.parcels.removeAll()
    try mesh.give("n17", .memberRemoved(id(subject)))
    try mesh.run(dissemination)
    #expect(mesh.seeing(subject, .left).count == others(mesh))
  }

  @Test func whoSaidGoodbyeStaysGone() throws {
    var mesh = try formed()
    try mesh.give(subject, .leaveRequested)
    try mesh.run(dissemination)
    mesh.nodes.removeValue(forKey: subject)
    #expect(mesh.seeing(subject, .left).count == others(mesh))
    mesh.events = []
    try mesh.give("n17", .memberRemoved(id(subject)))
    try mesh.run(.seconds(1))
    #expect(mesh.events.allSatisfy { $0.member != subject } && mesh.nodes["n00"]?.view(subject)?.isDead == false)
  }

  /// The node that was asked takes it back within some round trips; nobody else has believed it.
  @Test func aHealthyMemberAnswersAndIsNotRemoved() throws {
    var mesh = try formed()
    try mesh.give("n17", .memberRemoved(id(subject)))
    try mesh.run(.seconds(1))
    let seen = mesh.events.filter { $0.member == subject && $0.kind != .suspect && $0.kind != .recovered }
    #expect(seen.map(\.observer) == ["n17", "n17"] && seen.map(\.kind) == [.left, .joined])
    #expect(mesh.isWhole && mesh.broken.isEmpty, "\(mesh.broken)")
  }

  /// The word of a removal counts no more than others for one who has no reason of its own, or a fresh one only.
  @Test func aRemovalIsBelievedAnIntervalAfterAFailedProbe() throws {
    for isEarly in [true, false] {
      var rig = try Rig.connected("b", "c", "d", "e")
      try rig.run(.milliseconds(400), answering: ["b", "c", "d", "e"])
      for _ in 0..<300 where rig.status("b") == .alive { try rig.run(.milliseconds(10), answering: ["c", "d", "e"]) }
      let confirmedAt = try #require(rig.suspicion("b")?.confirmedAt)
      let interval = rig.room.configuration.interval
      try rig.run((confirmedAt + interval).since(rig.now) - .milliseconds(isEarly ? 1 : 0), answering: ["c", "d", "e"])
      var word = claim("b", 0, .dead, accuser: "c")
      word.removed = true
      try rig.hear("c", news(word))
      #expect(rig.status("b") == (isEarly ? .suspect : .left))
      #expect(rig.room.record(of: try id("b"))?.removed == !isEarly)
    }
  }
}
