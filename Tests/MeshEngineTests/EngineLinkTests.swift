import MeshBasics
import MeshMembership
import MeshWire
import Testing

@testable import MeshEngine

/// Links to peers that fail, refuse, move or lie, and what is tried again when.
struct EngineLinkTests {
  @Test func aRefusedDialIsReportedOnceWithItsReason() throws {
    var rig = try Rig()
    rig.send(.linkClosed(.dialed(1), .refused(reason: "expired")))
    #expect(rig.observations == [.trustRefused(peer: "seed:1", reason: "expired", inbound: false)])
    rig = try Rig()
    rig.send(.linkClosed(.dialed(1), .unreachable("refused")))
    #expect(rig.observations.count == 1)
    guard case .dialFailed("seed:1", _, _) = rig.observations.first else {
      Issue.record("no record of the failed dial")
      return
    }
  }

  @Test func aSeedThatLiesAboutBeingThisNodeIsRefusedAndNotForgotten() throws {
    var rig = try Rig()
    rig.send(.linkOpened(.dialed(1), peer("liar")))
    rig.send(.received(.dialed(1), hello("m", epoch: 1_000)))
    #expect(rig.closes(.dialed(1)))
    #expect(rig.observations.contains { if case .trustRefused = $0 { true } else { false } })
    rig.advance(.seconds(10))
    #expect(rig.dials.count == 1)
  }

  @Test func readersSeeWhatCarriesALinkAndWhenThatChanges() throws {
    var rig = try Rig { $0.seeds = [] }
    let node = try #require(NodeID("b"))
    rig.establish(.accepted(1), "b", transport: "http2")
    _ = rig.engine.takeChanges()
    var revision = rig.engine.viewRevision
    #expect(rig.engine.member(node)?.linkTransport == "http2" && rig.engine.member(node)?.speaksHTTP3 == false)
    // The peer dials anew over UDP, and this node closes the older link.
    rig.establish(.accepted(2), "b")
    #expect(rig.engine.member(node)?.linkTransport == "http3" && rig.engine.takeChanges().contains(node))
    #expect(rig.engine.viewRevision > revision)
    rig.send(.linkClosed(.accepted(1), .closed))
    _ = rig.engine.takeChanges()
    revision = rig.engine.viewRevision
    rig.send(.linkClosed(.accepted(2), .unreachable("gone")))
    #expect(rig.engine.member(node)?.linkTransport == nil && rig.engine.takeChanges() == [node])
    #expect(rig.engine.viewRevision > revision)
    let local = rig.engine.members.first { $0.isLocal }
    #expect(local?.linkTransport == nil && local?.speaksHTTP3 == true)
  }

  @Test func aDeadSeedIsTriedForEver() throws {
    var rig = try Rig()
    rig.send(.linkClosed(.dialed(1), .unreachable("refused")))
    let end = rig.now + .seconds(3_600)
    var dials = 0
    var wakes = 0
    while let next = rig.engine.nextDeadline, next <= end {
      rig.now = max(rig.now, next)
      rig.send(.deadlineReached)
      wakes += 1
      for link in rig.dials {
        dials += 1
        rig.send(.linkClosed(link, .unreachable("refused")))
      }
      #expect(try #require(rig.engine.nextDeadline) > rig.now)
    }
    #expect((100...200).contains(dials))
    #expect(wakes < 6 * 3_600)
  }

  @Test func aNodeWithoutSeedsWakesAFewTimesASecondAndWaitsToBeFound() throws {
    var rig = try Rig { $0.seeds = [] }
    #expect(rig.dials.isEmpty)
    var wakes = 0
    let end = rig.now + .seconds(60)
    while let next = rig.engine.nextDeadline, next <= end {
      rig.now = max(rig.now, next)
      rig.send(.deadlineReached)
      wakes += 1
    }
    #expect(wakes < 400)
    rig.establish(.accepted(1), "b")
    #expect(rig.engine.members.count == 2)
  }

  @Test func aMemberThatMovesAllTheTimeIsDialedOnceAnInterval() throws {
    var rig = try Rig { $0.seeds = [] }
    rig.establish(.accepted(1), "b")
    var dials = 0
    for version in 1...1_000 {
      var record = MemberRecord()
      record.nodeID = "z"
      record.epoch = 5
      record.metadata = NodeMetadata()
      record.metadata?.metadataVersion = Int64(version)
      record.metadata?.endpoint = "victim-\(version):1"
      var news = News()
      news.records = [record]
      rig.now = rig.now + .milliseconds(10)
      rig.send(.received(.accepted(1), MeshMessage.news(news)))
      let dialed = rig.dials
      dials += dialed.count
      for link in dialed { rig.send(.linkClosed(link, .unreachable("refused"))) }
    }
    #expect((1...12).contains(dials))
  }

  @Test func aLeaveEndsInTimeWhenNoPeerAnswers() throws {
    var rig = try Rig()
    rig.establish(.accepted(1), "b")
    rig.send(.command(CommandToken(rawValue: 1), .leave))
    #expect(!rig.effects.list.contains(.stopped))
    rig.now = try #require(rig.engine.nextDeadline)
    while !rig.effects.list.contains(.stopped), rig.now < .origin + .seconds(10) {
      rig.send(.deadlineReached)
      rig.now = max(rig.now, rig.engine.nextDeadline ?? .distantFuture)
    }
    #expect(rig.effects.list.contains(.complete(CommandToken(rawValue: 1), .done)))
    #expect(rig.effects.list.last == .stopped)
  }

  /// The peer has this node's hello and takes it for a member: without a goodbye it would see a crash.
  @Test func aLeaveWaitsForAHelloThatIsOnItsWay() throws {
    var rig = try Rig()
    rig.send(.linkOpened(.accepted(1), peer("b")))
    rig.send(.command(CommandToken(rawValue: 1), .leave))
    #expect(!rig.effects.list.contains(.stopped))
    rig.send(.received(.accepted(1), hello("b")))
    let news = rig.sends(.accepted(1)).compactMap { if case .news(let news) = $0 { news.records } else { nil } }
    #expect(news.joined().contains { $0.nodeID == "m" && $0.state == .left })
    #expect(!rig.effects.list.contains(.stopped))
  }

  @Test func aLeaveWaitsTwoSecondsForAHelloThatNeverComes() throws {
    var rig = try Rig()
    rig.send(.linkOpened(.accepted(1), peer("b")))
    rig.send(.command(CommandToken(rawValue: 1), .leave))
    rig.advance(.milliseconds(1_999))
    #expect(!rig.effects.list.contains(.stopped))
    #expect(rig.engine.nextDeadline == rig.now + .milliseconds(1))
    rig.advance(.milliseconds(1))
    #expect(rig.effects.list.contains(.complete(CommandToken(rawValue: 1), .done)))
    #expect(rig.effects.list.last == .stopped)
  }

  @Test func knownPeersAreWrittenWhenOneComesAndNotWhenItOnlyChanges() throws {
    var rig = try Rig()
    var writes = 0
    func look(_ rig: Rig) -> [SyncToken] {
      rig.effects.list.compactMap { if case .persist(let token, .knownPeers) = $0 { token } else { nil } }
    }
    rig.establish(.accepted(1), "b")
    for token in look(rig) {
      writes += 1
      rig.send(.stored(token))
    }
    for incarnation in 1...10 {
      rig.now = rig.now + .seconds(2)
      var record = MemberRecord()
      record.nodeID = "b"
      record.epoch = 500
      record.incarnation = UInt32(incarnation)
      var news = News()
      news.records = [record]
      rig.send(.received(.accepted(1), MeshMessage.news(news)))
      writes += look(rig).count
    }
    #expect(writes == 1)
  }

  /// The smaller name keeps its own of two links made at once; what the other brought was a word of the peer all the
  /// same.
  @Test func theHelloOnALinkThatIsNotKeptIsASignOfLife() throws {
    var rig = try Rig("a")
    rig.establish(.dialed(1), "z")
    let node = try #require(NodeID("z"))
    for _ in 0..<10 { rig.advance(.milliseconds(20)) }
    #expect(try #require(rig.engine.member(node)?.lastHeard) < rig.now)
    rig.establish(.accepted(1), "z")
    #expect(rig.closes(.accepted(1)) && rig.engine.member(node)?.lastHeard == rig.now)
  }

  /// Both dial at once; whatever order the four hellos come in, one and the same link is left.
  @Test func bothSidesKeepTheSameLinkInEveryOrder() throws {
    for smallerSeesItsOwnFirst in [true, false] {
      for greaterSeesItsOwnFirst in [true, false] {
        var smaller = try Rig("a")
        var greater = try Rig("z")
        // Each side's dialed link is the other's accepted one.
        let own = [LinkID.dialed(1), .accepted(1)]
        for link in smallerSeesItsOwnFirst ? own : own.reversed() { smaller.establish(link, "z") }
        let closed = [LinkID.dialed(1), .accepted(1)].filter { smaller.engine.links[$0] == nil }
        #expect(closed == [.accepted(1)])
        for link in greaterSeesItsOwnFirst ? own : own.reversed() { greater.establish(link, "a") }
        greater.send(.linkClosed(.dialed(1), .closed))
        #expect(greater.engine.sessions.values.map(\.links) == [[.accepted(1)]])
        #expect(greater.engine.sessions.values.map(\.current) == [.accepted(1)])
      }
    }
  }
}
