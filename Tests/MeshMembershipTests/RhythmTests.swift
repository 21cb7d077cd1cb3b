import MeshBasics
import MeshWire
import Testing

@testable import MeshMembership

/// What happens as time passes: how often a node wakes, and when it forgets.
struct RhythmTests {
  @Test func anIdleNodeWakesAFewTimesASecondAndItsDeadlineIsNeverInThePast() throws {
    var rig = try Rig()
    let end = rig.now + .seconds(60)
    var wakes = 0
    while let next = rig.room.nextDeadline, next <= end {
      rig.now = max(rig.now, next)
      rig.send(.deadlineReached)
      #expect(rig.room.nextDeadline ?? .origin > rig.now)
      wakes += 1
    }
    // A round a second, and now and then a refresh, a redrawn link, a try to heal.
    #expect((60...120).contains(wakes))
  }

  /// A rig at rest whose peer "b" pings it `age` before its next round, which has begun when this returns.
  private func rounds(after age: Duration, change: (inout Rig) throws -> Void = { _ in }) throws -> Rig {
    var rig = try Rig.connected("b", "c")
    try rig.run(.seconds(3), answering: ["b", "c"])
    try rig.pinged(by: "b", before: age)
    try change(&rig)
    try rig.reach(try #require(rig.room.timers[.round]))
    return rig
  }

  /// Of two that watch each other one asks: what it says in that is what an answer would.
  @Test func aPeerThatHasJustPingedIsSparedOursButForOneRoundInTen() throws {
    var rig = try Rig.connected("b")
    try rig.run(.seconds(3), answering: ["b"])
    var pings = 0
    for _ in 0..<100 {
      try rig.pinged(by: "b", before: .milliseconds(400))
      try rig.reach(try #require(rig.room.timers[.round]))
      let asked = rig.pings(to: "b").map(\.sequence)
      pings += asked.count
      try rig.answer("b", asked)
    }
    #expect(pings == 100 / (MembershipLimits.roundsSparedMax + 1))
    #expect(rig.room.marks.contains(.sparedAPing) && rig.status("b") == .alive)
  }

  @Test func aPingThatIsOlderThanHalfAnIntervalSparesNothing() throws {
    #expect(try rounds(after: .milliseconds(499)).pings(to: "b").isEmpty)
    #expect(try rounds(after: .milliseconds(500)).pings(to: "b").count == 1)
  }

  /// Sparing must not give a death more time.
  @Test func aSparedPeerThatFallsSilentIsAskedAfterTheLongestRoundSinceItsLastPing() throws {
    var rig = try rounds(after: .milliseconds(450))
    let silentAt = try #require(rig.room.timers[.spared(id("b"))])
    #expect(silentAt.since(try #require(rig.room.peers[id("b")]?.pingedAt)) == .milliseconds(1_100))
    try rig.reach(silentAt + .milliseconds(-1))
    #expect(rig.room.probes[try id("b")] == nil)
    try rig.reach(silentAt)
    #expect(rig.pings(to: "b").count == 1)
  }

  @Test func aSparedPeerThatPingsAgainIsSparedOn() throws {
    var rig = try rounds(after: .milliseconds(450))
    let silentAt = try #require(rig.room.timers[.spared(id("b"))])
    try rig.run(.milliseconds(500), answering: ["c"])
    try rig.hear("b", .ping(Ping()))
    #expect(rig.room.timers[.spared(try id("b"))].map { $0 > silentAt } == true)
  }

  @Test func aNodeThatIsNotWellSparesNobody() throws {
    #expect(try rounds(after: .milliseconds(100)) { $0.room.health.note(1) }.pings(to: "b").count == 1)
  }

  @Test func aPeerThatIsNotWellIsNotSpared() throws {
    for health in [UInt32(0), 1] {
      let rig = try rounds(after: .milliseconds(100)) { rig in
        var ack = Ack()
        (ack.health, ack.digest) = (health, rig.room.digest)
        try rig.hear("b", .ack(ack))
      }
      #expect(rig.pings(to: "b").count == Int(health))
    }
  }

  @Test func aSuspectAndAPeerOfUnknownRoundTripAreNeverSpared() throws {
    let suspecting = try rounds(after: .milliseconds(100)) { rig in
      try rig.hear("c", news(claim("b", 0, .suspect, accuser: "c")))
    }
    #expect(suspecting.room.probes[try id("b")] != nil)
    let unmeasured = try rounds(after: .milliseconds(100)) { rig in
      let b = try id("b")
      _ = rig.room.peers.modify(b) { $0.smoothedRoundTrip = nil }
    }
    #expect(unmeasured.pings(to: "b").count == 1)
  }

  /// Two that hold each other dead learn that they live from pings alone, when all that was said first got lost.
  @Test func theDeadArePingedWhileLinkedWithTheirOwnDeathInFront() throws {
    var rig = try Rig.connected("b", "c", "d")
    let b = try #require(NodeID("b"))
    rig.send(.peerDisconnected(b))
    try rig.bury("b", voices: ["c", "d"])
    #expect(rig.status("b") == .left)
    rig.send(.peerConnected(b, claim("b"), version: 2))
    #expect(rig.status("b") == .left)
    var told: [MemberRecord] = []
    for _ in 0..<160 {
      rig.advance(.milliseconds(50))
      for case .ping(let ping) in rig.messages(to: "b") { told.append(contentsOf: ping.news.prefix(1)) }
    }
    #expect(told.count >= 3)
    #expect(told.allSatisfy { $0.nodeID == "b" && $0.state == .dead })
    rig.send(.received(b, news(claim("b", 1))))
    #expect(rig.events == [.joined])
  }

  @Test func anEndIsForgottenAfterItsLifetimeAndNotBefore() throws {
    var rig = try Rig.connected("c", "d")
    try rig.hear("c", news(claim("b")))
    try rig.bury("b", voices: ["c", "d"])
    rig.now = rig.now + (MembershipLimits.tombstoneLifetime - .milliseconds(1))
    rig.send(.deadlineReached)
    #expect(rig.status("b") == .left)
    try rig.run(.seconds(10))
    #expect(rig.status("b") == nil)
  }

  @Test func anEndIsSharedInViewsForHalfItsLifetimeByThoseWhoSawIt() throws {
    var rig = try Rig.connected("b", "c", "d")
    let c = try #require(NodeID("c"))
    rig.send(.peerDisconnected(try #require(NodeID("b"))))
    try rig.bury("b", voices: ["c", "d"])
    try rig.bury("unseen", voices: ["c", "d"])
    func shared(after span: Duration) -> [String] {
      var copy = rig
      copy.now = copy.now + span
      var wish = View()
      wish.replyWanted = true
      copy.send(.received(c, .view(wish)))
      var names: [String] = []
      for case .view(let view) in copy.messages(to: "c") { names += view.records.map(\.nodeID) }
      return names
    }
    #expect(shared(after: MembershipLimits.tombstoneSharing - .milliseconds(1)).contains("b"))
    #expect(!shared(after: MembershipLimits.tombstoneSharing).contains("b"))
    #expect(!shared(after: .seconds(1)).contains("unseen"))
  }

  @Test func viewsAreCutIntoPagesThatLoseNothing() {
    let limit = MembershipLimits.recordsPerPageMax
    let small = (0...limit).map { claim("x\($0)", 0, .dead, accuser: "c") }
    let pages = Membership.pages(small, bytesMax: .max)
    #expect(pages.map(\.count) == [limit, 1])
    let size = small[0].encodedSize
    let bySize = Membership.pages(Array(small.prefix(10)), bytesMax: (size + 4) * 5)
    #expect(bySize.map(\.count) == [5, 5])
    #expect(Membership.pages(small, bytesMax: 1).count == small.count)
    #expect(Membership.pages([], bytesMax: 1).isEmpty)
  }

  @Test func theEstimateOfAClaimIsNeverTooSmall() {
    var record = claim(String(repeating: "n", count: NodeID.lengthMax), .max, epoch: .max)
    #expect(record.encoded().count <= record.encodedSize)
    record.metadata?.labels = (0..<64).map { Label(key: "k\($0)", value: String(repeating: "v", count: 200)) }
    record.metadata?.metadataVersion = -1
    record.metadata?.security.certificateExpiresAt = -1
    record.metadata?.security.mutualTLS = true
    record.metadata?.security.revocationChecked = true
    record.metadata?.security.tlsVersion = String(repeating: "t", count: 256)
    #expect(record.encoded().count <= record.encodedSize)
  }

  @Test func readersAreToldOfTimesOfHearingOnceAnInterval() throws {
    var rig = try Rig.connected("b")
    let b = try #require(NodeID("b"))
    rig.advance(.seconds(1))
    let before = rig.room.viewRevision
    for _ in 0..<100 {
      rig.now = rig.now + .milliseconds(1)
      rig.send(.received(b, .ack(Ack())))
    }
    #expect(rig.room.viewRevision <= before + 1)
  }

  @Test func aLabelOrARefutationIsNoReasonToWriteKnownPeersAgain() throws {
    var rig = try Rig.connected("b")
    let before = rig.room.knownPeers(atMost: 512)
    #expect(before.map(\.metadata?.endpoint) == ["b:17421"])
    var changed = claim("b", 3)
    changed.metadata?.metadataVersion = 2
    changed.metadata?.labels = [Label(key: "k", value: "v")]
    rig.send(.received(try #require(NodeID("b")), news(changed)))
    #expect(rig.room.views.last?.metadata.labels.count == 1)
    #expect(rig.room.knownPeers(atMost: 512) == before)
  }
}
