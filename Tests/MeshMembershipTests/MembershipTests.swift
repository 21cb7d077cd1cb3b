import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

struct MembershipTests {
  @Test func aPeerThatConnectsJoinsOnce() throws {
    var rig = try Rig()
    let b = try #require(NodeID("b"))
    rig.send(.peerConnected(b, claim("b"), version: 2))
    #expect(rig.events == [.joined])
    rig.send(.received(b, news(claim("b"))))
    #expect(rig.events == [])
    #expect(rig.status("b") == .alive)
  }

  @Test func aSilentPeerIsSuspectedAndThenDeclaredDead() throws {
    var rig = try Rig.connected("b")
    var seen: [MembershipEvent.Kind] = []
    for _ in 0..<200 {
      rig.advance(.milliseconds(50))
      seen += rig.events
    }
    #expect(seen == [.suspect, .left])
    #expect(rig.room.views.last?.isDead == true)
  }

  @Test func aSuspicionEndsByGreaterIncarnationOnly() throws {
    var rig = try Rig.connected("b", "c")
    let c = try #require(NodeID("c"))
    rig.send(.received(c, news(claim("b", 0, .suspect, accuser: "c"))))
    #expect(rig.events == [.suspect])
    rig.send(.received(c, news(claim("b", 0))))
    #expect(rig.events == [])
    rig.send(.received(c, news(claim("b", 1))))
    #expect(rig.events == [.recovered])
  }

  @Test func theDeadStayDeadAtTheSameVersionAndTheSenderIsCorrected() throws {
    var rig = try Rig.connected("c", "d")
    let c = try #require(NodeID("c"))
    rig.send(.received(c, news(claim("b"))))
    try rig.bury("b", voices: ["c", "d"])
    #expect(rig.events == [.left])
    rig.send(.received(c, news(claim("b"))))
    #expect(rig.status("b") == .left)
    #expect(rig.effects.list.contains { if case .send(let to, .news) = $0 { to == [c] } else { false } })
    rig.send(.received(c, news(claim("b", 1))))
    #expect(rig.events == [.joined])
  }

  @Test func anAccusationOfThisNodeIsRefutedAboveIt() throws {
    var rig = try Rig.connected("b")
    rig.send(.received(try #require(NodeID("b")), news(claim("m", 4, .suspect, epoch: 1_000, accuser: "b"))))
    #expect(rig.room.localRecord.incarnation == 5)
    #expect(rig.room.localRecord.state == .alive)
  }

  @Test func aGreaterEpochOfThisNodeIsAdoptedOnlyWhenDurable() throws {
    var rig = try Rig.connected("b")
    rig.send(.received(try #require(NodeID("b")), news(claim("m", 0, .alive, epoch: 2_000))))
    #expect(rig.effects.list.contains(.raiseEpoch(2_001)))
    #expect(rig.room.localRecord.epoch == 1_000)
    rig.send(.epochRaised(2_001))
    #expect(rig.room.localRecord.epoch == 2_001)
  }

  @Test func aRestartReplacesTheOldLifeAtOnce() throws {
    var rig = try Rig.connected("b")
    rig.send(.peerConnected(try #require(NodeID("b")), claim("b", epoch: 600), version: 2))
    #expect(rig.events == [.updated])
    #expect(rig.room.views.last?.epoch == 600)
  }

  @Test func aDeathToldAboutALivelyPeerIsOnlyASuspicion() throws {
    var rig = try Rig.connected("b", "c")
    rig.send(.received(try #require(NodeID("c")), news(claim("b", 0, .dead, accuser: "c"))))
    #expect(rig.status("b") == .suspect)
  }

  @Test func metadataIsAdoptedOnlyWhenNewer() throws {
    var rig = try Rig.connected("c")
    try rig.hear("c", news(claim("b")))
    var changed = claim("b")
    changed.metadata?.role = "gateway"
    try rig.hear("c", news(changed))
    #expect(rig.events == [])
    changed.metadata?.metadataVersion = 2
    try rig.hear("c", news(changed))
    #expect(rig.events == [.updated])
  }

  /// Who can be asked itself is asked, whatever others tell of it.
  @Test func whatOthersTellOfALinkedMemberIsAHintToAskIt() throws {
    var rig = try Rig.connected("b", "c")
    var changed = claim("b", 3)
    changed.metadata?.metadataVersion = 2
    changed.metadata?.role = "gateway"
    try rig.hear("c", news(changed))
    #expect(rig.events == [] && rig.view("b")?.incarnation == 0)
    guard case .syncDelta(let question)? = rig.messages(to: "b").first else {
      Issue.record("the member wasn't asked")
      return
    }
    #expect(question.wanted == ["b"])
    var answer = SyncDelta()
    answer.records = [changed]
    try rig.hear("b", .syncDelta(answer))
    #expect(rig.events == [.updated] && rig.view("b")?.incarnation == 3)
  }

  @Test func theTableTakesItsLimitAndNotOneMore() throws {
    var rig = try Rig.connected("b", "teller-0", "teller-1")
    let b = try #require(NodeID("b"))
    let room = MembershipLimits.membersMax - rig.room.views.count
    try rig.fill((0..<room).map { claim("x\($0)") })
    #expect(rig.room.views.count == MembershipLimits.membersMax)
    rig.send(.received(b, news(claim("one-more"))))
    #expect(rig.room.views.count == MembershipLimits.membersMax)
    #expect(rig.effects.list.contains { if case .observe(.limitReached) = $0 { true } else { false } })
  }

  @Test func aLeaveEndsWhenThePeersHaveAnswered() throws {
    var rig = try Rig.connected("b")
    let b = try #require(NodeID("b"))
    rig.send(.leaveRequested)
    let sequences = rig.effects.list.compactMap { effect -> UInt64? in
      if case .send(_, .ping(let ping)) = effect { ping.sequence } else { nil }
    }
    var ack = Ack()
    ack.sequence = try #require(sequences.last)
    rig.send(.received(b, .ack(ack)))
    #expect(rig.effects.list.contains(.leaveFinished))
    #expect(rig.room.localRecord.state == .left)
  }

  @Test func aLeaveWithoutAnswersEndsInTime() throws {
    var rig = try Rig.connected("b")
    rig.send(.leaveRequested)
    #expect(!rig.effects.list.contains(.leaveFinished))
    rig.advance(.seconds(2))
    #expect(rig.effects.list.contains(.leaveFinished))
  }
}
