import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// What others say for a member that was accused or had ended: believed at once, but not for ever.
struct VouchingTests {
  private let victim = "n05"

  /// Knows "b" from others; linked to "c", "d" and "e", whose words count.
  private func knowing() throws -> Rig {
    var rig = try Rig.connected("c", "d", "e")
    try rig.run(.milliseconds(200), answering: ["c", "d", "e"])
    try rig.hear("c", news(claim("b")))
    return rig
  }

  /// "b" was said to live after its first death, and has died again.
  private func doubting() throws -> Rig {
    var rig = try knowing()
    try rig.bury("b", voices: ["c", "d"])
    try rig.hear("e", news(claim("b", 1)))
    #expect(rig.events == [.joined])
    try rig.bury("b", 1, voices: ["c", "d"])
    #expect(rig.status("b") == .left)
    return rig
  }

  @Test func aRefutationIsBelievedOnOneVoice() throws {
    var rig = try knowing()
    try rig.hear("c", news(claim("b", 0, .suspect, accuser: "c")))
    try rig.hear("d", news(claim("b", 1)))
    #expect(rig.events == [.recovered])
  }

  @Test func whoDiedThoughOthersVouchedForItNeedsTwoVoices() throws {
    var rig = try doubting()
    for _ in 0..<3 { try rig.hear("e", news(claim("b", 9))) }
    #expect(rig.status("b") == .left && rig.room.links.temporary.keys.map(\.name) == ["b"])
    // Of two claims the lesser is taken.
    try rig.hear("d", news(claim("b", 2)))
    #expect(rig.status("b") == .alive && rig.view("b")?.incarnation == 2)
  }

  @Test func aRestartIsDoubtedAsWell() throws {
    var rig = try doubting()
    try rig.hear("e", news(claim("b", epoch: 600)))
    #expect(rig.status("b") == .left)
    try rig.hear("c", news(claim("b", epoch: 600)))
    #expect(rig.status("b") == .alive && rig.view("b")?.epoch == 600)
  }

  @Test func itsOwnWordEndsAllDoubt() throws {
    var rig = try doubting()
    try rig.connect("b", claim("b", 2))
    #expect(rig.status("b") == .alive && rig.room.vouchings.isEmpty)
    rig.send(.peerDisconnected(try id("b")))
    try rig.bury("b", 2, voices: ["c", "d"])
    try rig.hear("e", news(claim("b", 3)))
    #expect(rig.status("b") == .alive)
  }

  @Test func aVoiceTooYoungToCountDoesNotCount() throws {
    var rig = try doubting()
    try rig.connect("young")
    try rig.hear("e", news(claim("b", 2)))
    try rig.hear("young", news(claim("b", 2)))
    #expect(rig.status("b") == .left)
  }

  @Test func whereNobodyElseIsLinkedOneVoiceHasToDo() throws {
    var rig = try doubting()
    for name in ["c", "d"] { rig.send(.peerDisconnected(try id(name))) }
    try rig.hear("e", news(claim("b", 2)))
    #expect(rig.status("b") == .alive)
  }

  @Test func whatOthersSayOfItsLifeIsRationed() throws {
    var rig = try knowing()
    try rig.hear("c", news(claim("b", 0, .suspect, accuser: "c")))
    let burst = UInt32(MembershipLimits.vouchingsBurst)
    for incarnation in 1...burst + 1 { try rig.hear("e", news(claim("b", incarnation))) }
    #expect(rig.view("b")?.incarnation == burst)
    rig.now = rig.now + .seconds(1)
    for incarnation in burst + 1...burst + 9 { try rig.hear("e", news(claim("b", incarnation))) }
    #expect(rig.view("b")?.incarnation == burst + UInt32(MembershipLimits.vouchingsPerSecond))
  }

  @Test func aMemberThatStandsForLongIsVouchedForNoMore() throws {
    var rig = try knowing()
    try rig.hear("c", news(claim("b", 0, .suspect, accuser: "c")))
    try rig.hear("d", news(claim("b", 1)))
    #expect(rig.room.vouchings.count == 1)
    // Signs of its life come some other way, or its observers would ask about it and accuse it.
    for _ in 0..<32 {
      let now = rig.now
      _ = rig.room.members.modify(try id("b")) { $0.evidence = now }
      try rig.run(.seconds(1), answering: ["c", "d", "e"])
    }
    #expect(rig.room.vouchings.isEmpty)
  }

  /// Others' word puts off the death that this node would declare, for six times the longest silence.
  @Test func aSuspectOfThisNodesOwnDiesInTheEndWhateverOthersSay() throws {
    var rig = try Rig.connected("b", "c", "d")
    try rig.run(.milliseconds(400), answering: ["b", "c", "d"])
    var incarnation: UInt32 = 0
    let start = rig.now
    while rig.status("b") != .left, rig.now.since(start) < .seconds(60) {
      try rig.run(.milliseconds(100), answering: ["c", "d"])
      guard rig.status("b") == .suspect else { continue }
      incarnation += 1
      try rig.hear("c", news(claim("b", incarnation)))
    }
    let span = rig.now.since(start)
    #expect(span > .seconds(25) && span < .seconds(36), "\(span)")
    #expect(incarnation > 3)
  }

  /// It says the whole time, to all, that the one that has crashed lives.
  @Test func aDeadMemberIsNotKeptListedByOnePeer() throws {
    for isRestart in [false, true] {
      var mesh = try TestMesh(12)
      try mesh.run(.seconds(6))
      #expect(mesh.isWhole)
      try mesh.crash(victim)
      var isGone: [Bool] = []
      for _ in 0..<300 {
        let known = mesh.nodes.values.compactMap { $0.member(victim)?.version }.max()
        let version = try #require(known)
        let (epoch, incarnation) = isRestart ? (version.epoch + 1, 0) : (version.epoch, version.incarnation + 1)
        for name in mesh.names where name != victim {
          try mesh.say(news(claim(victim, incarnation, epoch: epoch)), to: name)
        }
        try mesh.run(.milliseconds(150))
        isGone.append(mesh.seeing(victim, .left).count == mesh.names.count - 1)
      }
      // Not for the first time only: once it is gone everywhere it stays so.
      let first = try #require(isGone.lastIndex(of: false))
      #expect(first < 260, "\(isRestart) \(first)")
      #expect(mesh.broken.isEmpty, "\(mesh.broken.prefix(3))")
    }
  }

  /// One that lives is accused by it all the time, and its refutations still come round.
  @Test func aHealthyMemberIsNotDoubtedIntoDeath() throws {
    var mesh = try TestMesh(26)
    try mesh.run(.seconds(6))
    mesh.events = []
    for _ in 0..<300 {
      let known = try #require(mesh.nodes[victim]?.room.localRecord)
      for name in mesh.names where name != victim {
        try mesh.say(
          news(claim(victim, known.incarnation, .suspect, epoch: known.epoch, accuser: TestMesh.evil)), to: name)
      }
      try mesh.run(.milliseconds(40))
    }
    try mesh.run(.seconds(4))
    #expect(!mesh.events.contains { $0.kind == .left } && mesh.isWhole && mesh.broken.isEmpty)
  }
}
