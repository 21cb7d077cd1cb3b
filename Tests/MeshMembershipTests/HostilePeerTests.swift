import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// What an authenticated peer that means harm may not achieve. In each, "c" is the peer and "b" its victim.
struct HostilePeerTests {
  private let b = NodeID("b")
  private let c = NodeID("c")

  @Test func aGoodbyeToldByOthersDoesNotEndAPeerThatWeHear() throws {
    var rig = try Rig.connected("b", "c")
    let b = try #require(b)
    let c = try #require(c)
    rig.send(.received(c, news(claim("b", 1, .left))))
    #expect(rig.events == [] && rig.status("b") == .alive)
    rig.send(.received(b, news(claim("b", 1, .left))))
    #expect(rig.events == [.left])
  }

  @Test func aGoodbyeToldByOthersIsBelievedOnceThePeerIsSilent() throws {
    var rig = try Rig.connected("b", "c")
    rig.send(.peerDisconnected(try #require(b)))
    rig.send(.received(try #require(c), news(claim("b", 1, .left))))
    #expect(rig.events == [.left])
  }

  @Test func afterAPauseOfOursADeathToldByOthersIsStillOnlyASuspicion() throws {
    var rig = try Rig.connected("b", "c")
    rig.now = rig.now + .seconds(60)
    rig.send(.received(try #require(c), news(claim("b", 0, .dead, accuser: "c"))))
    #expect(rig.events == [.suspect])
  }

  @Test func theOwnersWordReplacesMetadataThatOthersMadeUp() throws {
    var rig = try Rig.connected("c")
    var forged = claim("b")
    forged.metadata?.role = "forged"
    rig.send(.received(try #require(c), news(forged)))
    #expect(rig.room.views.last { $0.nodeID == b }?.metadata.role == "forged")
    rig.send(.peerConnected(try #require(b), claim("b")))
    #expect(rig.room.views.last { $0.nodeID == b }?.metadata.role == "worker")
    #expect(rig.events == [.updated])
  }

  @Test func aNewVersionOfTheSameMetadataIsTakenWithoutAnEvent() throws {
    var rig = try Rig.connected("b")
    var again = claim("b")
    again.metadata?.metadataVersion = 2
    rig.send(.received(try #require(b), news(again)))
    #expect(rig.events == [])
    #expect(rig.room.views.last?.metadata.metadataVersion == 2)
  }

  @Test func aClaimOfAKnownEpochIsAnsweredEvenIfOurClockWentBack() throws {
    InvariantPolicy.trapsOnViolation = true
    var room = Membership(
      configuration: MembershipConfiguration(nodeID: try #require(NodeID("m")), metadata: NodeMetadata()), seed: 7)
    var effects = MembershipEffects()
    let now = Instant.origin + .seconds(1)
    let epoch: UInt64 = 1_800_000_000_000
    room.handle(.started(epoch: epoch, unixMilliseconds: 0), now: now, into: &effects)
    let c = try #require(c)
    room.handle(.peerConnected(c, claim("c", epoch: epoch)), now: now, into: &effects)
    room.handle(.received(c, news(claim("m", 0, .suspect, epoch: epoch, accuser: "c"))), now: now, into: &effects)
    #expect(room.localRecord.incarnation == 1)
  }

  @Test func thousandsOfBadClaimsGiveOneRecordAMessage() throws {
    var rig = try Rig.connected("c")
    var many = MeshWire.News()
    many.records = (0..<512).map { claim("x\($0)", epoch: .max) }
    rig.send(.received(try #require(c), .news(many)))
    let rejected = rig.observations.filter { if case .messageRejected = $0 { true } else { false } }
    #expect(rejected.count == 1)
    #expect(rig.room.statistics.first { $0.name == "claimsRejected" }?.value == 512)
  }

  @Test func aFullTableSaysSoOnceAMessageAndForgetsNobodyAlive() throws {
    var rig = try Rig.connected("c")
    let c = try #require(c)
    for page in 0..<9 {
      var many = MeshWire.News()
      many.records = (0..<512).map { claim("x\(page)-\($0)") }
      rig.send(.received(c, .news(many)))
    }
    let limits = rig.observations.filter { if case .limitReached = $0 { true } else { false } }
    #expect(limits.count == 1)
    #expect(rig.room.views.count == MembershipLimits.membersMax && rig.status("x0-0") == .alive)
  }

  @Test func aFullTableForgetsTheOldestEndForANewcomerButNotForAnotherEnd() throws {
    var rig = try Rig.connected("c")
    let c = try #require(c)
    rig.send(.received(c, news(claim("oldest", 0, .dead, accuser: "c"))))
    rig.now = rig.now + .milliseconds(10)
    for page in 0..<8 {
      var many = MeshWire.News()
      many.records = (0..<512).map { claim("x\(page)-\($0)", 0, .dead, accuser: "c") }
      rig.send(.received(c, .news(many)))
    }
    #expect(rig.room.views.count == MembershipLimits.membersMax && rig.status("oldest") == .left)
    rig.send(.received(c, news(claim("newcomer"))))
    #expect(rig.room.views.count == MembershipLimits.membersMax)
    #expect(rig.status("newcomer") == .alive && rig.status("oldest") == nil)
  }

  @Test func eachPageOfAViewBuysTimeWithoutAnother() throws {
    var rig = try Rig.connected("c")
    let c = try #require(c)
    var many = MeshWire.News()
    many.records = (0..<512).map { index in
      var record = claim("x\(index)")
      record.metadata?.labels = [Label(key: "k", value: String(repeating: "v", count: 4_096))]
      return record
    }
    rig.send(.received(c, .news(many)))
    var wish = View()
    wish.replyWanted = true
    func views() -> Int { rig.messages(to: "c").count { if case .view = $0 { true } else { false } } }
    rig.now = rig.now + .seconds(1)
    rig.send(.received(c, .view(wish)))
    let pages = views()
    #expect(pages > 10)
    rig.now = rig.now + (MembershipLimits.viewSpacing.multiplied(by: Int64(pages)) - .milliseconds(1))
    rig.send(.received(c, .view(wish)))
    #expect(views() == 0)
    rig.now = rig.now + .milliseconds(1)
    rig.send(.received(c, .view(wish)))
    #expect(views() == pages)
  }

  @Test func aChattyOwnerIsRelayedToAFewOnly() throws {
    let names = (0..<12).map { "n\($0)" }
    var rig = try Rig.connected("b")
    for name in names { rig.send(.peerConnected(try #require(NodeID(name)), claim(name))) }
    var changed = claim("b")
    changed.metadata?.metadataVersion = 2
    changed.metadata?.role = "gateway"
    rig.send(.received(try #require(b), news(changed)))
    #expect(names.count { !rig.messages(to: $0).isEmpty } == 3)
  }
}
