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

  @Test func aGoodbyeToldByTwoIsBelievedOnceThePeerIsSilent() throws {
    var rig = try Rig.connected("b", "c", "d")
    rig.send(.peerDisconnected(try #require(b)))
    rig.send(.received(try #require(c), news(claim("b", 1, .left))))
    #expect(rig.events == [])
    try rig.hear("d", news(claim("b", 1, .left)))
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
    rig.send(.peerConnected(try #require(b), claim("b"), version: 2))
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
    room.handle(.peerConnected(c, claim("c", epoch: epoch), version: 2), now: now, into: &effects)
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
    var rig = try Rig.connected("teller-0", "teller-1", "c")
    try rig.fill((0..<MembershipLimits.membersMax - rig.room.views.count).map { claim("x\($0)") })
    try rig.hear("c", news((0..<100).map { claim("y\($0)") }))
    let limits = rig.observations.filter { if case .limitReached = $0 { true } else { false } }
    #expect(limits.count == 1)
    #expect(rig.room.views.count == MembershipLimits.membersMax && rig.status("x0") == .alive)
  }

  @Test func aFullTableForgetsTheOldestEndForANewcomerButNotForAnotherEnd() throws {
    var rig = try Rig.connected("c", "d", "teller-0", "teller-1")
    try rig.hear("c", news(claim("oldest"), claim("younger")))
    try rig.bury("oldest", voices: ["c", "d"])
    rig.now = rig.now + .milliseconds(10)
    try rig.bury("younger", voices: ["c", "d"])
    try rig.fill((0..<MembershipLimits.membersMax - rig.room.views.count).map { claim("x\($0)") })
    #expect(rig.room.views.count == MembershipLimits.membersMax && rig.status("oldest") == .left)
    try rig.hear("c", news(claim("unknown", 0, .dead, accuser: "c")))
    #expect(rig.status("oldest") == .left && rig.status("unknown") == nil)
    try rig.hear("c", news(claim("newcomer")))
    #expect(rig.room.views.count == MembershipLimits.membersMax)
    #expect(rig.status("newcomer") == .alive && rig.status("oldest") == nil && rig.status("younger") == .left)
  }

  @Test func newcomersThatOnePeerAloneTellsOfAreRationed() throws {
    var rig = try Rig.connected("c")
    let burst = MembershipLimits.joinsBurst
    for start in stride(from: 0, through: burst, by: 512) {
      try rig.hear("c", news((start..<min(start + 512, burst + 1)).map { claim("x\($0)") }))
    }
    #expect(rig.room.members.count == burst + 1 && rig.status("x\(burst)") == nil)
    rig.now = rig.now + .seconds(1)
    try rig.hear("c", news((0..<512).map { claim("y\($0)") }))
    #expect(rig.room.members.count == burst + 1 + MembershipLimits.joinsPerSecond)
  }

  @Test func aPeerThatComesBackHasNoMoreToSpendThanBefore() throws {
    let burst = MembershipLimits.accusationsBurst
    var rig = try Rig.connected("c", "d")
    let names = (0...burst).map { "n\($0)" }
    try rig.hear("d", news(names.map { claim($0) }))
    func accused() -> Int { rig.room.suspicions.count }
    try rig.hear("c", news(names.dropLast().map { claim($0, 0, .suspect, accuser: "c") }))
    #expect(accused() == burst)
    for _ in 0..<3 {
      rig.send(.peerDisconnected(try id("c")))
      try rig.connect("c")
      try rig.hear("c", news(names.map { claim($0, 0, .suspect, accuser: "c") }))
      #expect(accused() == burst)
    }
    // What fills up meanwhile is its own again, and then nothing is kept of it.
    rig.send(.peerDisconnected(try id("c")))
    #expect(rig.room.spentBudgets.keys == [try id("c")])
    try rig.run(.seconds(60), answering: ["d"])
    #expect(rig.room.spentBudgets.isEmpty)
  }

  @Test func keptBudgetsHaveTheirLimit() throws {
    var rig = try Rig()
    let most = MembershipLimits.spentBudgetsMax
    for index in 0...most {
      let name = "n\(index)"
      try rig.connect(name)
      try rig.hear(name, news(claim("x")))
      var spent = LinkBudget(now: rig.now)
      _ = spent.accusations.take(1, now: rig.now)
      _ = rig.room.peers.modify(try id(name)) { $0.budget = spent }
      rig.send(.peerDisconnected(try id(name)))
      #expect(rig.room.spentBudgets.count == min(index + 1, most))
    }
    // Those that have filled up make room.
    rig.now = rig.now + .milliseconds(100)
    rig.room.keepBudget(
      {
        var spent = LinkBudget(now: rig.now); _ = spent.joins.take(9, now: rig.now); return spent
      }(),
      of: try id("late"), now: rig.now)
    #expect(rig.room.spentBudgets.keys == [try id("late")])
  }

  /// Small steps of time add up.
  @Test func aBucketFillsAtItsRateHoweverOftenItIsAsked() {
    var now = Instant.origin + .seconds(100)
    var bucket = TokenBucket(perSecond: 32, burst: 256, now: now)
    #expect(bucket.take(256, now: now) && bucket.isFull(now: now) == false)
    var taken = 0
    for _ in 0..<1_000 {
      now = now + .milliseconds(3)
      if bucket.take(1, now: now) { taken += 1 }
    }
    #expect((95...96).contains(taken))
    #expect(bucket.isFull(now: now + .seconds(8)) && !bucket.isFull(now: now + .milliseconds(7_900)))
  }

  /// Conformance 44: views have a spacing and a budget.
  @Test func viewsAreRationed() throws {
    var rig = try Rig.connected("c")
    try rig.hear(
      "c",
      news(
        (0..<512).map { index in
          var record = claim("x\(index)")
          record.metadata?.labels = [Label(key: "k", value: String(repeating: "v", count: 4_096))]
          return record
        }))
    var wish = View()
    wish.replyWanted = true
    var bytes = 0
    for _ in 0..<200 {
      rig.now = rig.now + .milliseconds(50)
      try rig.hear("c", .view(wish))
      for case .view(let view) in rig.messages(to: "c") { bytes += view.records.reduce(0) { $0 + $1.encodedSize } }
    }
    let allowed = MembershipLimits.syncBytesBurst + 11 * MembershipLimits.syncBytesPerSecond
    #expect(bytes > 200_000 && bytes <= Int(allowed))
  }

  @Test func aChattyOwnerIsRelayedToAFewOnly() throws {
    let names = (0..<12).map { "n\($0)" }
    var rig = try Rig.connected("b")
    for name in names { try rig.connect(name) }
    try rig.run(.seconds(2), answering: names + ["b"])
    rig.now = rig.now + .milliseconds(20)
    var changed = claim("b")
    changed.metadata?.metadataVersion = 2
    changed.metadata?.role = "gateway"
    rig.send(.received(try #require(b), news(changed)))
    #expect((1...3).contains(names.count { rig.told($0).contains { $0.nodeID == "b" } }))
  }
}
